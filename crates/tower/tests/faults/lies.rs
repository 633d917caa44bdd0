//! Encoders that close their pipes, send garbage or another format, or trickle: what they have sent before is on air,
//! what they send then is not (SPEC ENC-7, ENC-8, ENC-9, MPEG).

use crate::scene::{BUILTIN, FFMPEG, PATIENCE, SOUND_FRAMES, Scene, charge, sabotaged};
use radio_proof::alarm::wait_until;
use radio_proof::process;
use rustix::process::Signal;

/// The process that has come so far first goes wrong, and is replaced.
#[track_caller]
fn goes_wrong(encoder: &str, fault: &str, first: usize) {
    let setup = sabotaged(encoder, Some(1), &format!("{fault} {SOUND_FRAMES}"));
    let mut scene = Scene::open(&format!("lies-{fault}-{encoder}"), setup, first);
    let (liar, _) = scene.delivering();
    wait_until("the liar to be put down", PATIENCE, || !scene.processes().contains(&liar));
    scene.note(&format!("{liar} was put down; it had gone wrong at its frame {SOUND_FRAMES}"));
    scene.wait_recovered(&[liar]);
    scene.witness.wait_ticks(60);
    assert!(!process::alive(liar), "{liar} is still there");
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    let (deaths, suspicions) = (proof.evidence.encoder("deaths"), proof.evidence.encoder("suspicions"));
    assert!(deaths + suspicions >= 1, "{}", proof.evidence.summary());
}

/// Something harmless comes among the frames: whether its sender is replaced or not, nothing shows.
#[track_caller]
fn says_more_than_asked(encoder: &str, fault: &str, at_frame: u64, first: usize) {
    let setup = sabotaged(encoder, None, &format!("{fault} {at_frame}"));
    let mut scene = Scene::open(&format!("more-{fault}-{encoder}"), setup, first);
    scene.witness.wait_ticks(SOUND_FRAMES);
    let killed = scene.strike(Signal::KILL);
    scene.wait_recovered(&[killed]);
    scene.witness.wait_ticks(60);
    scene.close().assert_nothing_shows();
}

/// The encoder is killed; the first two that replace it die while they are fed the history.
#[track_caller]
fn dies_in_replay(encoder: &str, first: usize) {
    let setup = sabotaged(encoder, Some(0), "die 100");
    let mut scene = Scene::open(&format!("dies-in-replay-{encoder}"), setup, first);
    scene.witness.wait_ticks(SOUND_FRAMES);
    scene.wait_compared();
    charge(&scene.tower.path("charges"), 2);
    let killed = scene.strike(Signal::KILL);
    scene.wait_deaths(3);
    scene.wait_recovered(&[killed]);
    scene.witness.wait_ticks(60);
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_that_closes_its_output_is_not_heard() {
    goes_wrong(BUILTIN, "close-stdout", 0);
}

#[test]
fn an_ffmpeg_that_closes_its_output_is_not_heard() {
    goes_wrong(FFMPEG, "close-stdout", 1);
}

#[test]
fn a_builtin_encoder_that_closes_its_input_is_not_heard() {
    goes_wrong(BUILTIN, "close-stdin", 2);
}

#[test]
fn an_ffmpeg_that_closes_its_input_is_not_heard() {
    goes_wrong(FFMPEG, "close-stdin", 3);
}

#[test]
fn a_builtin_encoder_that_dies_within_a_frame_is_not_heard() {
    goes_wrong(BUILTIN, "half-frame", 1);
}

#[test]
fn an_ffmpeg_that_dies_within_a_frame_is_not_heard() {
    goes_wrong(FFMPEG, "half-frame", 0);
}

#[test]
fn a_builtin_encoder_that_sends_garbage_between_frames_is_not_heard() {
    goes_wrong(BUILTIN, "garbage-between", 3);
}

#[test]
fn an_ffmpeg_that_sends_garbage_between_frames_is_not_heard() {
    goes_wrong(FFMPEG, "garbage-between", 2);
}

#[test]
fn a_builtin_encoder_that_sends_garbage_within_a_frame_is_not_heard() {
    goes_wrong(BUILTIN, "garbage-inside", 0);
}

#[test]
fn an_ffmpeg_that_sends_garbage_within_a_frame_is_not_heard() {
    goes_wrong(FFMPEG, "garbage-inside", 1);
}

#[test]
fn a_builtin_encoder_that_changes_its_bitrate_is_not_heard() {
    goes_wrong(BUILTIN, "wrong-bitrate", 1);
}

#[test]
fn an_ffmpeg_that_changes_its_bitrate_is_not_heard() {
    goes_wrong(FFMPEG, "wrong-bitrate", 3);
}

#[test]
fn a_builtin_encoder_that_changes_its_sample_rate_is_not_heard() {
    goes_wrong(BUILTIN, "wrong-rate", 2);
}

#[test]
fn an_ffmpeg_that_changes_its_sample_rate_is_not_heard() {
    goes_wrong(FFMPEG, "wrong-rate", 0);
}

#[test]
fn a_builtin_encoder_that_falls_behind_is_not_heard() {
    goes_wrong(BUILTIN, "slow", 3);
}

#[test]
fn an_ffmpeg_that_falls_behind_is_not_heard() {
    goes_wrong(FFMPEG, "slow", 1);
}

#[test]
fn a_tag_in_the_stream_of_a_builtin_encoder_is_not_heard() {
    says_more_than_asked(BUILTIN, "id3v2", SOUND_FRAMES, 0);
}

#[test]
fn a_tag_in_the_stream_of_an_ffmpeg_is_not_heard() {
    says_more_than_asked(FFMPEG, "id3v2", SOUND_FRAMES, 3);
}

#[test]
fn an_info_frame_before_those_of_a_builtin_encoder_is_not_heard() {
    says_more_than_asked(BUILTIN, "xing", 0, 1);
}

#[test]
fn an_info_frame_before_those_of_an_ffmpeg_is_not_heard() {
    says_more_than_asked(FFMPEG, "xing", 0, 2);
}

#[test]
fn builtin_encoders_that_die_in_their_replay_are_not_heard() {
    dies_in_replay(BUILTIN, 3);
}

#[test]
fn ffmpegs_that_die_in_their_replay_are_not_heard() {
    dies_in_replay(FFMPEG, 0);
}
