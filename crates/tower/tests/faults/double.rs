//! Failures on top of each other: killed during replay, killed with its replacement (SPEC ENC-8, ENC-9, ENC-10).

use crate::scene::{BUILTIN, FFMPEG, Scene, setup};
use radio_proof::process::signal;
use rustix::process::Signal;

/// The encoder is killed, and each of the first two that are to replace it as soon as it exists.
#[track_caller]
fn killed_during_replay(encoder: &str, first: usize) {
    let mut scene = Scene::open(&format!("during-replay-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(220);
    for replacements in [1, 2] {
        let known = scene.processes();
        let mut gone = vec![scene.strike(Signal::KILL)];
        gone.extend(scene.strike_newcomers(&known, replacements, Signal::KILL));
        scene.wait_recovered(&gone);
        scene.witness.wait_ticks(80);
    }
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    assert!(proof.evidence.encoder("deaths") >= 5, "{}", proof.evidence.summary());
}

#[test]
fn a_builtin_encoder_killed_during_replay_is_not_heard() {
    killed_during_replay(BUILTIN, 1);
}

#[test]
fn an_ffmpeg_killed_during_replay_is_not_heard() {
    killed_during_replay(FFMPEG, 2);
}

/// The encoder stands still; when its replacement is there, both are killed at once, with whatever else is.
#[track_caller]
fn both_killed_at_once(encoder: &str, first: usize) {
    let mut scene = Scene::open(&format!("both-killed-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(220);
    let known = scene.processes();
    let stopped = scene.strike(Signal::STOP);
    let newcomer = scene.strike_newcomers(&known, 1, Signal::STOP);
    let all = scene.processes();
    let killed = all.iter().filter(|&&pid| signal(pid, Signal::KILL)).count();
    scene.note(&format!("{killed} processes killed at once: {all:?}"));
    assert!(all.contains(&newcomer[0]));
    scene.wait_recovered(&[all, newcomer, vec![stopped]].concat());
    scene.witness.wait_ticks(80);
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_killed_together_with_its_replacement_is_not_heard() {
    both_killed_at_once(BUILTIN, 3);
}

#[test]
fn an_ffmpeg_killed_together_with_its_replacement_is_not_heard() {
    both_killed_at_once(FFMPEG, 0);
}
