//! The fault tests see faults: encoders that spoil the stream unnoticed turn their verdict red.

use crate::scene::{BUILTIN, FFMPEG, Proof, Scene, alone_command, sabotaged, setup};
use radio_proof::{FRAME_BYTES, offline};

/// Frames before the fault.
const SOUND_FRAMES: usize = 160;

/// What a tower with this encoder has sent.
#[track_caller]
fn on_air(name: &str, setup: radio_proof::tower::Setup, ticks: u64) -> Proof {
    let mut scene = Scene::open(&format!("harness-{name}"), setup, 0);
    scene.note("nothing is done to it");
    scene.witness.wait_ticks(ticks);
    scene.close()
}

#[track_caller]
fn assert_red_from(proof: &mut Proof, from: usize, to: usize) {
    let verdict = proof.judged_against(&proof.evidence.pcm.bytes.clone());
    assert!(verdict.fault(proof.evidence.frames_owed()).is_some(), "the verdict must be red");
    let first = verdict.different.first().map(|mismatch| mismatch.number as usize);
    assert!(first.is_some_and(|first| (from..=to).contains(&first)), "frame {from} was spoiled, {first:?} was found");
}

#[test]
fn a_sound_stream_is_green_and_each_fault_in_it_turns_it_red() {
    let mut proof = on_air("sound", setup(BUILTIN), 150);
    proof.assert_nothing_shows();
    let spoil = |proof: &mut Proof, spoil: &dyn Fn(&mut Vec<u8>)| {
        let sound = proof.evidence.all.bytes.clone();
        spoil(&mut proof.evidence.all.bytes);
        assert_red_from(proof, SOUND_FRAMES, SOUND_FRAMES + 1);
        proof.evidence.all.bytes = sound;
    };
    let at = SOUND_FRAMES * FRAME_BYTES;
    spoil(&mut proof, &|bytes| bytes[at + 100] ^= 1);
    spoil(&mut proof, &|bytes| drop(bytes.drain(at..at + FRAME_BYTES)));
    spoil(&mut proof, &|bytes| {
        let frame = bytes[at..at + FRAME_BYTES].to_vec();
        drop(bytes.splice(at..at, frame));
    });
    // All of it one frame too early or too late: the serial is off by one.
    let sound = proof.evidence.all.bytes.clone();
    proof.evidence.all.bytes.drain(..FRAME_BYTES);
    assert_red_from(&mut proof, 0, SOUND_FRAMES);
    proof.evidence.all.bytes = [&sound[..FRAME_BYTES], &sound].concat();
    assert_red_from(&mut proof, 0, SOUND_FRAMES);
}

#[test]
fn an_encoder_that_flips_a_bit_turns_it_red() {
    let setup = sabotaged(FFMPEG, None, &format!("flip {SOUND_FRAMES}"));
    assert_red_from(&mut on_air("flip", setup, 120), SOUND_FRAMES, SOUND_FRAMES);
}

#[test]
fn an_encoder_that_discards_a_frame_turns_it_red() {
    let setup = sabotaged(FFMPEG, None, &format!("drop {SOUND_FRAMES}"));
    assert_red_from(&mut on_air("drop", setup, 120), SOUND_FRAMES, SOUND_FRAMES + 1);
}

#[test]
fn an_encoder_that_repeats_a_frame_turns_it_red() {
    let setup = sabotaged(FFMPEG, None, &format!("repeat {SOUND_FRAMES}"));
    assert_red_from(&mut on_air("repeat", setup, 120), SOUND_FRAMES + 1, SOUND_FRAMES + 2);
}

#[test]
fn an_encoder_with_a_bit_reservoir_turns_it_red() {
    let line = format!("ffmpeg {}", offline::ffmpeg_arguments(128, "-reservoir 1"));
    let setup = alone_command(setup(BUILTIN), &line.split_whitespace().collect::<Vec<_>>());
    let mut proof = on_air("reservoir", setup, 60);
    let verdict = proof.judged_against(&proof.evidence.pcm.bytes.clone());
    assert!(verdict.fault(proof.evidence.frames_owed()).is_some(), "the verdict must be red");
}
