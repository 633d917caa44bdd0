//! What a listener decodes is what was on air, as well as the encoder can say it (SPEC SIG-4, ENC-9, API-5).

use crate::common;
use radio_proof::alarm::full_length;
use radio_proof::station::{Manner, Station};
use radio_proof::{TICK_BYTES, TICK_SAMPLES, frames, material, measure, mp3, numbered, offline};
use std::sync::Arc;
use std::time::Duration;

/// Ticks of PCM that an encoder needs beyond a frame's own.
const LOOKAHEAD_TICKS: usize = 2;

/// Feeds `programme`, listens and monitors from the first tick on; compares bytes, PCM and noise.
#[track_caller]
fn prove(output: &str, programme: Vec<u8>, block_bytes: usize) {
    let tower = common::setup().line(output).start();
    let monitor = tower.monitor(Some(0));
    assert_eq!(monitor.first_serial, 0, "the monitor's minute reaches back to the start");
    let listener = tower.listen("/stream?burst=30");
    let first = listener.first_frame();
    assert_eq!(listener.head.number("x-tower-serial"), first);

    let programme = Arc::new(programme);
    let station =
        Station::start(&tower.pcm_socket(), Arc::clone(&programme), Manner { block_bytes, ..Manner::default() });
    let fed_ticks = station.finish() as usize / TICK_BYTES;
    // The end of the programme must have passed buffer and playout delay.
    let last = monitor.next_serial() + 120;
    monitor.wait_serial(last, Duration::from_secs(20));
    let pcm = monitor.stop();
    let recording = listener.stop();
    assert!(recording.end.is_none(), "{:?}", recording.end);

    // The monitor is what was fed, from the end of the opening ramp to the look-ahead before the closing one.
    let serial = pcm.serial_of_fed(&programme, 20);
    assert_eq!(pcm.first_difference(serial, &programme, 1..fed_ticks - 1), None, "tick of the fed programme");

    // The stream is an uninterrupted encode of the monitor's PCM, byte for byte, from the first frame to the last.
    let received = frames::strict(&recording.bytes);
    let reference = offline::ffmpeg_encode(&pcm.bytes, 128);
    let mut reference = frames::strict(&reference);
    reference.truncate(pcm.ticks() - LOOKAHEAD_TICKS);
    numbered::assert_identical(first, &received, &reference, fed_ticks);

    // And so it sounds: as far from the monitor's PCM as an offline encode begun elsewhere is.
    let from = serial as usize + 20;
    let ticks = fed_ticks - 40;
    let original = &measure::left_s16(&pcm.bytes)[from * TICK_SAMPLES..(from + ticks) * TICK_SAMPLES];
    let heard = mp3::decode_left(&received.concat());
    let heard = &heard[mp3::place_of_tick(first, from as u64)..][..original.len()];
    let elsewhere = from - 15;
    let offline = mp3::decode_left(&offline::ffmpeg_encode(&pcm.bytes[elsewhere * TICK_BYTES..], 128));
    let offline = &offline[mp3::place_of_tick(elsewhere as u64, from as u64)..][..original.len()];
    let (heard_db, offline_db) = (measure::snr_db(original, heard), measure::snr_db(original, offline));
    assert!((heard_db - offline_db).abs() < 0.1, "{heard_db:.2} dB at the listener, {offline_db:.2} dB offline");
    assert!(heard_db > 8.0, "{heard_db:.2} dB is not this programme");
}

const BUILTIN: &str = r#"output = [{ encoder = "builtin" }]"#;
const FFMPEG: &str = r#"output = [{ encoder = "ffmpeg" }]"#;

fn length() -> u32 {
    if full_length() { 48 } else { 20 }
}

#[test]
fn music_through_the_builtin_encoder_is_an_uninterrupted_encode_of_what_was_fed() {
    prove(BUILTIN, material::music(0, 20, length()), 4096);
}

#[test]
fn music_through_ffmpeg_is_an_uninterrupted_encode_of_what_was_fed() {
    prove(FFMPEG, material::music(1, 20, length()), 4608);
}

#[test]
fn speech_is_an_uninterrupted_encode_of_what_was_fed() {
    let mut speech = material::speech();
    speech.truncate(length() as usize * 192_000);
    prove(BUILTIN, speech, 4096);
}

#[test]
fn the_builtin_encoder_and_ffmpeg_give_the_same_bytes_offline() {
    let music = material::music(2, 30, 10);
    let ours = offline::tower_encode(env!("CARGO_BIN_EXE_tower").as_ref(), &music, 128);
    let theirs = offline::ffmpeg_encode(&music, 128);
    let (ours, theirs) = (frames::strict(&ours), frames::strict(&theirs));
    let whole = music.len() / TICK_BYTES - LOOKAHEAD_TICKS;
    assert!(ours.len() >= whole);
    numbered::assert_identical(0, &ours[..whole], &theirs[..whole], whole);
}
