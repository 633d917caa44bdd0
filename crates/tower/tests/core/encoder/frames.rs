//! Ticks in, numbered frames out, and whose the frame buffer is (SPEC ENC-1 to ENC-4).

use super::rig::{LAG_TICKS, PATIENCE, Rig, alone_on_air, config, reference, tick};
use radio_config::EncoderKind;
use radio_encoder::{EncoderManager, State};
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get, Push};
use std::sync::Arc;
use std::time::Instant;

#[test]
fn the_builtin_encoder_delivers_what_lame_makes_of_the_same_pcm() {
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    rig.run_to(600, &reference(602));
    let status = rig.manager.status();
    assert_eq!((status.state, status.restarts, status.mismatches, status.ticks_lost), (State::Running, 0, 0, 0));
}

#[test]
fn ffmpeg_delivers_the_same_bytes() {
    // Without ffmpeg this fails, and it should: `apt-get install ffmpeg`.
    let mut rig = Rig::start(alone_on_air(EncoderKind::Ffmpeg));
    rig.run_to(600, &reference(602));
    let status = rig.manager.status();
    assert_eq!((status.state, status.restarts, status.mismatches, status.ticks_lost), (State::Running, 0, 0, 0));
}

#[test]
fn a_burst_of_past_ticks_comes_out_whole() {
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    rig.push(190);
    let reference = reference(192);
    for frame in &reference[..185] {
        assert!(rig.take() == *frame);
    }
}

#[test]
fn the_frame_buffer_is_created_with_200_frames_or_as_configured() {
    let manager = EncoderManager::new(config(EncoderKind::Builtin), None).unwrap();
    assert_eq!(manager.frame_buffer().capacity(), 200);
    let mut configured = config(EncoderKind::Builtin);
    configured.buffer_frames = 64;
    assert_eq!(EncoderManager::new(configured, None).unwrap().frame_buffer().capacity(), 64);
}

#[test]
fn a_frame_buffer_passed_in_is_the_very_one_that_is_filled() {
    let frames = Arc::new(FrameRingBuffer::new(77, 384));
    let mut rig = Rig::start_with(config(EncoderKind::Builtin), Some(Arc::clone(&frames)));
    assert!(Arc::ptr_eq(&frames, rig.manager.frame_buffer()));
    rig.run_to(20, &reference(22));
    assert_eq!(frames.read_position(), 20);
    assert!(frames.newest() >= Some(19));
}

#[test]
fn buffer_and_history_are_kept_when_the_manager_stops_and_starts_again() {
    let reference = reference(302);
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    rig.run_to(100, &reference);
    let frames = Arc::clone(rig.manager.frame_buffer());
    let count = frames.count();
    rig.manager.stop();
    assert_eq!(rig.manager.status().state, State::Stopped);
    assert!(frames.count() >= count, "what was there stays, and what was on its way has come");
    rig.feed = rig.manager.start(|_| ()).unwrap();
    assert!(Arc::ptr_eq(&frames, rig.manager.frame_buffer()));
    rig.run_to(300, &reference);
    assert_eq!(rig.manager.status().mismatches, 0);
}

#[test]
fn a_slot_is_written_once_by_whoever_comes_first() {
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    let frames = Arc::clone(rig.manager.frame_buffer());
    assert_eq!(frames.push(3, &[7; 384]), Push::Filled);
    rig.push(10);
    // Taking the frame that is there already would make the encoder's late instead of a duplicate.
    wait_for_frame(&frames, 6);
    let reference = reference(12);
    for (n, frame) in reference[..6].iter().enumerate() {
        assert!(rig.take() == if n == 3 { vec![7; 384] } else { frame.clone() }, "frame {n}");
    }
    let status = rig.manager.status();
    assert_eq!((status.duplicates, status.mismatches), (1, 1));
}

fn wait_for_frame(frames: &FrameRingBuffer, n: u64) {
    let deadline = Instant::now() + PATIENCE;
    while frames.newest() < Some(n) {
        assert!(Instant::now() < deadline, "frame {n} did not come");
        std::thread::yield_now();
    }
}

#[test]
fn a_buffer_that_nobody_reads_drops_its_oldest_frames_and_counts_them() {
    let mut small = config(EncoderKind::Builtin);
    small.buffer_frames = 32;
    let mut rig = Rig::start(small);
    rig.push(102);
    let frames = Arc::clone(rig.manager.frame_buffer());
    wait_for_frame(&frames, 99);
    assert_eq!((frames.count(), frames.dropped_count()), (32, 68 + frames.newest().unwrap() - 99));
    assert_eq!(rig.manager.get_frame(0, &mut FrameBuf::new()), Get::Dropped);
}

#[test]
fn a_disabled_encoder_has_no_process_and_takes_ticks_all_the_same() {
    let mut disabled = config(EncoderKind::Builtin);
    disabled.enabled = false;
    let mut rig = Rig::start(disabled);
    (0..2000).for_each(|serial| rig.feed.push(serial, &tick(serial)));
    let status = rig.manager.status();
    assert_eq!((status.state, status.pid, status.frames, status.ticks_lost), (State::Stopped, None, 0, 0));
    assert!(rig.changes.try_recv().is_err());
    assert!(rig.manager.frame_buffer().newest().is_none());
}

#[test]
fn the_status_says_what_operators_ask() {
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    rig.run_to(10, &reference(10 + LAG_TICKS));
    let json = serde_json::to_value(rig.manager.status()).unwrap();
    assert_eq!((json["state"].as_str(), json["kind"].as_str()), (Some("RUNNING"), Some("builtin")));
    assert_eq!((json["guarantee"].as_str(), json["restarts"].as_u64()), (Some("exact"), Some(0)));
    assert!(json["pid"].as_u64().is_some() && json["last_replay"].is_null());
}

#[test]
fn what_cannot_be_encoded_is_refused_with_a_remedy() {
    let refusal = |change: fn(&mut radio_encoder::EncoderConfig)| {
        let mut config = config(EncoderKind::Builtin);
        change(&mut config);
        EncoderManager::new(config, None).err().unwrap().to_string()
    };
    assert!(refusal(|c| c.format.bitrate_kbps = 100).contains("choose one of [32"));
    assert!(refusal(|c| c.main.command.clear()).contains("give an executable"));
    assert!(refusal(|c| c.buffer_frames = 0).contains("at least 1"));
}
