//! Encoders that stand still, and whose replacement does as well (SPEC ENC-7, ENC-8).

use crate::scene::{BUILTIN, FFMPEG, Scene, setup};
use radio_proof::process::{self, signal};
use rustix::process::Signal;
use std::time::Duration;

#[track_caller]
fn stands_still_for_ten_seconds(encoder: &str, first: usize) {
    let mut scene = Scene::open(&format!("standstill-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(100);
    let stopped = scene.strike(Signal::STOP);
    scene.wait_recovered(&[stopped]);
    scene.witness.wait_ticks(10_000 / 24);
    // It may be gone by then, and should be.
    let was_there = signal(stopped, Signal::CONT);
    scene.note(if was_there { "goes on, if it is allowed to" } else { "was put down long ago" });
    scene.witness.wait_ticks(60);
    assert!(!process::alive(stopped), "a process that stood still for 10 s is still there");
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_that_stands_still_for_ten_seconds_is_not_heard() {
    stands_still_for_ten_seconds(BUILTIN, 1);
}

#[test]
fn an_ffmpeg_that_stands_still_for_ten_seconds_is_not_heard() {
    stands_still_for_ten_seconds(FFMPEG, 3);
}

/// The suspect goes on while its replacement is at work: both deliver the same frames.
#[track_caller]
fn comes_back(encoder: &str, first: usize) {
    let mut scene = Scene::open(&format!("comes-back-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(100);
    for pause_ms in [160, 200, 250, 300, 400] {
        let (pid, _) = scene.delivering();
        scene.strike(Signal::STOP);
        std::thread::sleep(Duration::from_millis(pause_ms));
        let was_there = signal(pid, Signal::CONT);
        scene.note(&format!("{pid} goes on after {pause_ms} ms: {was_there}"));
        scene.witness.wait_ticks(40);
    }
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_that_comes_back_beside_its_replacement_repeats_nothing() {
    comes_back(BUILTIN, 0);
}

#[test]
fn an_ffmpeg_that_comes_back_beside_its_replacement_repeats_nothing() {
    comes_back(FFMPEG, 2);
}

/// The encoder stands still, and so do the first processes that are to replace it.
#[track_caller]
fn replacements_stand_still(encoder: &str, replacements: usize, first: usize) {
    let mut scene = Scene::open(&format!("{replacements}-more-still-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(100);
    let known = scene.processes();
    let stopped = scene.strike(Signal::STOP);
    let mut gone = scene.strike_newcomers(&known, replacements, Signal::STOP);
    gone.push(stopped);
    scene.wait_recovered(&gone);
    scene.witness.wait_ticks(150);
    assert!(!gone.iter().any(|&pid| process::alive(pid)), "one of {gone:?} is still there");
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_whose_replacement_stands_still_too_is_not_heard() {
    replacements_stand_still(BUILTIN, 1, 0);
}

#[test]
fn an_ffmpeg_whose_replacement_stands_still_too_is_not_heard() {
    replacements_stand_still(FFMPEG, 1, 1);
}

#[test]
fn an_ffmpeg_whose_replacement_and_stand_in_stand_still_too_is_not_heard() {
    replacements_stand_still(FFMPEG, 2, 3);
}
