//! Encoders that do not agree: joined all the same, nothing missing, and hardly heard (SPEC ENC-3, ENC-4, ENC-8).

use crate::scene::{FFMPEG, Scene, setup};
use radio_proof::measure::left_s16;
use radio_proof::{TICK_BYTES, TICK_SAMPLES, frames, mp3, offline};
use rustix::process::Signal;

/// An ffmpeg of another quality: sound, and never the bytes of the built-in encoder.
const OTHER: &str = "-reservoir 0 -compression_level 7";

/// Length of the pieces in which noise is compared: 34 ms.
const PIECE_SAMPLES: usize = 1632;

/// How much noisier than the noisier of the two a hand-over may be.
const EXCESS_DB_MAX: f64 = 3.0;

/// Power of `heard` less `original`, piece by piece.
fn noise(original: &[f64], heard: &[f64]) -> Vec<f64> {
    let power = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    original.chunks_exact(PIECE_SAMPLES).zip(heard.chunks_exact(PIECE_SAMPLES)).map(power).collect()
}

#[test]
fn an_ffmpeg_that_does_not_agree_with_its_stand_in_is_joined_without_a_gap() {
    let setup = setup(FFMPEG).line("encoder.backoff_ms = [500]");
    let line = offline::ffmpeg_arguments(128, OTHER);
    let script = setup.script("ffmpeg", &format!("#!/bin/sh\nexec ffmpeg {line}\n"));
    let mut scene = Scene::open("disagree", setup.line(&format!("encoder.ffmpeg = {script:?}")), 0);
    scene.wait_carried_by(FFMPEG);
    for _ in 0..4 {
        scene.witness.wait_ticks(100);
        let killed = scene.strike(Signal::KILL);
        scene.wait_recovered(&[killed]);
        scene.wait_carried_by(FFMPEG);
    }
    let mut proof = scene.close();
    let (evidence, report) = (&proof.evidence, &mut proof.report);
    assert_eq!(evidence.status["outputs"][0]["encoder"]["agreement"], "approx");
    evidence.assert_both_heard_the_same();
    evidence.assert_fed();
    evidence.assert_within_bounds();
    assert_eq!(evidence.output("silent_frames"), 0);

    // 0 missing: as many frames as ticks, and each is one encoder's or the other's of that very number.
    let pcm = &evidence.pcm.bytes;
    let (main, stand_in) = (offline::ffmpeg_encode_with(pcm, 128, OTHER), offline::ffmpeg_encode(pcm, 128));
    let received = frames::strict(&evidence.all.bytes);
    assert!(received.len() >= evidence.frames_owed(), "{} frames", received.len());
    let whole = received.len().min(pcm.len() / TICK_BYTES - 3);
    let (mains, stand_ins) = (frames::strict(&main), frames::strict(&stand_in));
    let by = |n: usize| match received[n] {
        frame if frame == mains[n] && frame == stand_ins[n] => 'b',
        frame if frame == mains[n] => 'm',
        frame if frame == stand_ins[n] => 's',
        _ => '?',
    };
    let who: String = (0..whole).map(by).collect();
    report.note(format_args!("main, stand-in, both, unknown: {who}"));
    let unknown = who.matches('?').count();
    assert!(unknown <= 50, "{unknown} frames are neither encoder's");
    assert!(who.contains('s') && who.ends_with(['m', 'b']), "the stand-in was heard, and the main encoder is again");

    // Noise against what was on air: never more than 3 dB above the noisier of the two.
    let decode = |frames: &[&[u8]]| mp3::decode_left(&frames[..whole].concat())[mp3::place_of_tick(0, 0)..].to_vec();
    let original = &left_s16(pcm)[..(whole - 1) * TICK_SAMPLES];
    let [heard, main, stand_in] = [&received, &mains, &stand_ins].map(|frames| noise(original, &decode(frames)));
    let quiet = PIECE_SAMPLES as f64 * 1e-9;
    let excess_db = |n: usize| 10.0 * (heard[n] / main[n].max(stand_in[n]).max(quiet)).log10();
    let loudest = (0..heard.len()).map(|n| (excess_db(n), n)).max_by(|a, b| a.0.total_cmp(&b.0)).expect("pieces");
    report.note(format_args!("most noise above the noisier encoder: {:.2} dB, at {} ms", loudest.0, loudest.1 * 34));
    assert!(loudest.0 <= EXCESS_DB_MAX, "{:.2} dB above the noisier encoder at {} ms", loudest.0, loudest.1 * 34);
}

#[test]
fn the_debian_ffmpeg_agrees_with_the_builtin_encoder_byte_for_byte() {
    let mut scene = Scene::open("agree", setup(FFMPEG), 3);
    scene.wait_carried_by(FFMPEG);
    let killed = scene.strike(Signal::KILL);
    scene.wait_recovered(&[killed]);
    scene.wait_carried_by(FFMPEG);
    // Enough to be compared, however soon that was.
    scene.witness.wait_ticks(100);
    let mut proof = scene.close();
    assert!(proof.evidence.encoder("stand_in_starts") >= 1, "{}", proof.evidence.summary());
    assert_eq!(proof.evidence.status["outputs"][0]["encoder"]["agreement"], "exact");
    assert_eq!(proof.evidence.encoder("mismatches"), 0);
    proof.assert_nothing_shows();
}
