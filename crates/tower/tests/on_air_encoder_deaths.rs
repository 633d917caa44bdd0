//! The encoder is killed or stands still; the stream does not (SPEC ENC-5, ENC-6, ENC-7, ENC-11, LIS-5).

mod common;

use radio_proof::alarm::{self, seconds};
use radio_proof::listener::Recording;
use radio_proof::process::{self, signal};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{TICK_BYTES, clock, frames, material, numbered, offline};
use rustix::process::Signal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const FRAME_BYTES: usize = 384;
const BYTES_PER_SECOND: f64 = 16_000.0;

/// Send period of the default mount, and what SPEC LIS-5 adds to it.
const GAP_MAX: Duration = Duration::from_millis(504 + 150);

/// Longest hold before silence takes a slot (`encoder.hold_max_ms`).
const HOLD_MAX: Duration = Duration::from_millis(1000);

/// Frames until a restarted encoder's bytes are those of an uninterrupted one (SPEC ENC-9: none takes 200).
const CONVERGED_FRAMES: usize = 200;

/// These tests measure gaps: one at a time, so that they measure the tower and not each other.
static QUIET: Mutex<()> = Mutex::new(());

/// No listener was cut, starved beyond the hold, or flooded.
#[track_caller]
fn assert_within_bounds(recording: &Recording, connected: Instant, burst: Duration) {
    assert!(recording.end.is_none(), "the listener was cut: {:?}", recording.end);
    let gap = recording.longest_gap(connected);
    assert!(gap <= GAP_MAX + HOLD_MAX, "{gap:?} without a byte");
    let period = Duration::from_millis(504);
    let ahead_max = ((burst + HOLD_MAX + period).as_secs_f64() * BYTES_PER_SECOND) as i64 + FRAME_BYTES as i64;
    let ahead = recording.most_ahead_bytes(connected, BYTES_PER_SECOND);
    assert!(ahead <= ahead_max, "{ahead} bytes ahead of real time, {ahead_max} are allowed");
}

/// Takes the encoder down with `blow` while music plays; proves what listeners and status show.
#[track_caller]
fn prove(output: &str, blow: Signal, settle: Duration) {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let tower = common::setup().line(output).start();
    tower.wait_encoder("RUNNING", Duration::from_secs(10));
    let monitor = tower.monitor(Some(0));
    let music = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 40, 20)), music);
    tower.wait_source("station", Duration::from_secs(10));
    let listener = tower.listen("/stream");
    let (first, connected) = (listener.first_frame(), listener.connected);
    listener.wait_bytes(80_000, Duration::from_secs(10));

    let victim = tower.encoder_pid().expect("a running encoder has a pid");
    let restarts = restarts(&tower);
    assert!(signal(victim, blow), "the encoder is there");
    tower.wait_encoder("RESTARTING", Duration::from_secs(5));
    tower.wait_encoder("RUNNING", Duration::from_secs(15));
    assert!(restarts < self::restarts(&tower), "the restart is counted");
    assert_ne!(tower.encoder_pid(), Some(victim));
    alarm::wait_for("the old encoder to be gone", Duration::from_secs(5), || (!process::alive(victim)).then_some(()));
    let told = tower.events("encoder");
    assert!(!told.is_empty(), "the restart is an event: {}", tower.status()["events"]);

    // Long enough that the new encoder's bytes must be those of one that was never interrupted.
    let after = listener.received() + 16_000 * settle.as_secs() as usize;
    listener.wait_bytes(after, settle * 3);
    let buffer = tower.status()["outputs"][0]["buffer"].clone();
    assert_eq!(buffer["capacity"], 200, "the buffer is kept: {buffer}");
    let pcm = monitor.stop();
    let recording = listener.stop();
    assert!(station.stop() > 0);

    assert_within_bounds(&recording, connected, Duration::from_secs(2));
    let received = frames::strict(&recording.bytes);
    let reference = offline::ffmpeg_encode(&pcm.bytes, 128);
    let mut reference = frames::strict(&reference);
    reference.truncate(pcm.bytes.len() / TICK_BYTES - 2);
    // On the same numbers as before: neither the hold nor the silence shifted anything.
    let settled = received.len() - 50;
    numbered::assert_identical(first + settled as u64, &received[settled..], &reference, 40);
    let wrong = numbered::mismatches(first, &received, &reference);
    let longest = HOLD_MAX.as_millis() as usize / 24 + CONVERGED_FRAMES + 2000 / 24;
    assert!(wrong.len() <= longest, "{} frames differ from an uninterrupted encode", wrong.len());
    clock::assert_exact_rate("frames", &recording.frame_arrivals(first, FRAME_BYTES), settle);
}

#[track_caller]
fn restarts(tower: &Tower) -> u64 {
    let status = tower.status();
    status["outputs"][0]["encoder"]["restarts"].as_u64().unwrap_or_else(|| panic!("no restarts in {status}"))
}

#[test]
fn a_killed_builtin_encoder_is_replaced_and_no_listener_is_cut_or_flooded() {
    prove(r#"output = [{ encoder = "builtin" }]"#, Signal::KILL, seconds(9, 60));
}

#[test]
fn a_killed_ffmpeg_is_replaced_and_no_listener_is_cut_or_flooded() {
    prove(r#"output = [{ encoder = "ffmpeg" }]"#, Signal::KILL, seconds(9, 60));
}

#[test]
fn an_encoder_that_stands_still_is_given_up_and_replaced() {
    prove(r#"output = [{ encoder = "builtin" }]"#, Signal::STOP, seconds(9, 60));
}
