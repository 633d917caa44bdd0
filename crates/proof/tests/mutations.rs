//! The judge is judged: each way in which a stream can be wrong turns the verdict, and the sound stream does not.

use radio_proof::judge::{Verdict, judge};
use radio_proof::{FRAME_BYTES, TICK_BYTES, frames, material, offline};

/// Number of the first frame that the listener of this test has.
const FIRST: u64 = 150;

/// An uninterrupted encode of the four materials, and where the listener came in.
fn scene() -> (Vec<u8>, Vec<u8>) {
    let pcm = material::programme(0);
    let mut reference = offline::ffmpeg_encode(&pcm, 128);
    reference.truncate((pcm.len() / TICK_BYTES - 3) * FRAME_BYTES);
    let stream = reference[FIRST as usize * FRAME_BYTES..].to_vec();
    (reference, stream)
}

/// The verdict on a stream that `mutate` has spoiled.
fn verdict(first: u64, mutate: impl FnOnce(&mut Vec<u8>)) -> Verdict {
    let (reference, mut stream) = scene();
    mutate(&mut stream);
    judge(first, &stream, &frames::strict(&reference))
}

/// Where the stream's frame `index` begins.
const fn at(index: usize) -> usize {
    index * FRAME_BYTES
}

#[track_caller]
fn assert_red(verdict: &Verdict, missing: usize, repeated: usize, altered: usize) {
    let fault = verdict.fault(600).expect("the verdict must be red");
    let found = (verdict.missing, verdict.repeated, verdict.altered);
    assert_eq!(found, (missing, repeated, altered), "missing, repeated, altered: {fault}");
}

#[test]
fn the_sound_stream_passes() {
    let verdict = verdict(FIRST, |_| {});
    assert_eq!(verdict.fault(640), None);
    assert_eq!(verdict.identical(), verdict.compared);
}

#[test]
fn a_serial_that_is_one_too_high_turns_it_red() {
    assert_red(&verdict(FIRST + 1, |_| {}), 0, 1, 0);
}

#[test]
fn a_serial_that_is_one_too_low_turns_it_red() {
    assert_red(&verdict(FIRST - 1, |_| {}), 1, 0, 0);
}

#[test]
fn one_repeated_frame_turns_it_red() {
    let verdict = verdict(FIRST, |stream| {
        let frame = stream[at(20)..at(21)].to_vec();
        stream.splice(at(21)..at(21), frame);
    });
    assert_red(&verdict, 0, 1, 0);
    assert_eq!(verdict.different[0].number, FIRST + 21);
}

#[test]
fn one_discarded_frame_turns_it_red() {
    let verdict = verdict(FIRST, |stream| drop(stream.drain(at(20)..at(21))));
    assert_red(&verdict, 1, 0, 0);
    assert_eq!(verdict.different[0].number, FIRST + 20);
}

#[test]
fn one_frame_discarded_in_silence_turns_it_red_when_sound_returns() {
    // Silence is on air from tick 400 to 600; there, one frame is like another.
    let verdict = verdict(FIRST, |stream| drop(stream.drain(at(350)..at(351))));
    assert!(verdict.fault(600).is_some());
    assert!((598..610).contains(&verdict.different[0].number), "{:?}", verdict.different[0]);
}

#[test]
fn one_flipped_bit_turns_it_red() {
    let verdict = verdict(FIRST, |stream| stream[at(333) + 200] ^= 0x04);
    assert_red(&verdict, 0, 0, 1);
    assert_eq!((verdict.different[0].number, verdict.different[0].differing_bytes), (FIRST + 333, 1));
}

#[test]
fn a_frame_of_silence_in_a_frames_place_turns_it_red() {
    let (reference, _) = scene();
    let silence = &reference[at(500)..at(501)];
    let verdict = verdict(FIRST, |stream| stream[at(20)..at(21)].copy_from_slice(silence));
    assert_red(&verdict, 0, 0, 1);
}

#[test]
fn the_bit_reservoir_turns_it_red() {
    let (reference, _) = scene();
    let with_reservoir = offline::ffmpeg_encode_with(&material::programme(0), 128, "");
    let verdict = judge(0, &with_reservoir, &frames::strict(&reference));
    assert!(verdict.broken.is_some_and(|fault| fault.contains("reservoir")));
}

#[test]
fn one_missing_byte_turns_it_red() {
    let verdict = verdict(FIRST, |stream| drop(stream.drain(at(20) + 7..at(20) + 8)));
    assert!(verdict.fault(10).is_some_and(|fault| fault.contains("broken")));
}

#[test]
fn too_little_is_no_proof() {
    let verdict = verdict(FIRST, |stream| stream.truncate(at(300)));
    assert_eq!(verdict.fault(300), None);
    assert!(verdict.fault(301).is_some_and(|fault| fault.contains("only 300")));
}
