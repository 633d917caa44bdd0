//! Encoders that cannot be started: the built-in one carries the programme, there and back (SPEC ENC-4, ENC-11).

use crate::scene::{BUILTIN, FFMPEG, SOUND_FRAMES, Scene, sabotaged, setup};
use radio_proof::tower::Setup;
use rustix::process::Signal;
use std::fs;

/// Attempts that follow each other soon, and do not end.
fn patient(setup: Setup) -> Setup {
    setup.line("encoder.backoff_ms = [500]").line("encoder.max_restarts = 1000")
}

/// A tower whose ffmpeg is a script that does `instead` as long as the file `broken` exists.
fn breakable(instead: &str) -> Setup {
    let setup = patient(setup(FFMPEG));
    let broken = setup.path("broken");
    let script = format!("#!/bin/sh\n[ -e {} ] && {instead}\nexec ffmpeg \"$@\"\n", broken.display());
    let script = setup.script("ffmpeg", &script);
    setup.line(&format!("encoder.ffmpeg = {script:?}"))
}

/// ffmpeg is killed while `breaks` holds, the stand-in carries the programme, and when it is mended ffmpeg does again.
#[track_caller]
fn there_and_back(name: &str, setup: Setup, first: usize, breaks: impl Fn(&Scene), mend: impl Fn(&Scene)) {
    let mut scene = Scene::open(name, setup, first);
    scene.wait_carried_by(FFMPEG);
    scene.witness.wait_ticks(60);
    breaks(&scene);
    scene.strike(Signal::KILL);
    scene.wait_carried_by(BUILTIN);
    scene.witness.wait_ticks(170);
    assert_eq!(scene.encoder("carried_by"), BUILTIN, "it still does");
    mend(&scene);
    scene.wait_carried_by(FFMPEG);
    scene.witness.wait_ticks(60);
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    assert_eq!(proof.evidence.status["outputs"][0]["encoder"]["agreement"], "exact");
    assert!(proof.evidence.encoder("stand_in_starts") >= 1, "{}", proof.evidence.summary());
}

fn make_broken(scene: &Scene) {
    fs::write(scene.tower.path("broken"), "").expect("a temporary file");
}

fn mend(scene: &Scene) {
    fs::remove_file(scene.tower.path("broken")).expect("it was broken");
}

#[test]
fn while_ffmpeg_exits_at_every_start_the_builtin_encoder_carries_the_programme() {
    there_and_back("exits-at-start", breakable("exit 1"), 0, make_broken, mend);
}

#[test]
fn while_ffmpeg_hangs_at_every_start_the_builtin_encoder_carries_the_programme() {
    there_and_back("hangs-at-start", breakable("exec sleep 1000"), 1, make_broken, mend);
}

#[test]
fn while_ffmpeg_is_missing_the_builtin_encoder_carries_the_programme() {
    let setup = patient(setup(FFMPEG));
    let script = setup.script("ffmpeg", "#!/bin/sh\nexec ffmpeg \"$@\"\n");
    let setup = setup.line(&format!("encoder.ffmpeg = {script:?}"));
    let (here, away) = (script.clone(), script.with_extension("away"));
    let (back_here, back_away) = (here.clone(), away.clone());
    there_and_back(
        "missing",
        setup,
        2,
        move |_| fs::rename(&here, &away).expect("it was there"),
        move |_| fs::rename(&back_away, &back_here).expect("it was moved away"),
    );
}

#[test]
fn ffmpegs_that_eat_memory_die_of_their_limit_and_the_programme_goes_on() {
    let setup =
        patient(sabotaged(FFMPEG, Some(3), &format!("eat-memory {SOUND_FRAMES}"))).line("encoder.memory_mib_max = 400");
    let mut scene = Scene::open("memory", setup, 3);
    scene.wait_deaths(3);
    scene.wait_carried_by(FFMPEG);
    scene.witness.wait_ticks(60);
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    let poisoned = &proof.evidence.status["outputs"][0]["encoder"]["poisoned_ticks"];
    assert_eq!(*poisoned, serde_json::json!([]), "a memory limit is no poison");
}

#[test]
fn a_builtin_encoder_that_eats_memory_dies_of_its_limit_and_is_not_heard() {
    let setup = sabotaged(BUILTIN, Some(1), &format!("eat-memory {SOUND_FRAMES}")).line("encoder.memory_mib_max = 256");
    let mut scene = Scene::open("memory-builtin", setup, 0);
    let (eater, _) = scene.delivering();
    scene.wait_deaths(1);
    scene.wait_recovered(&[eater]);
    scene.witness.wait_ticks(60);
    scene.close().assert_nothing_shows();
}

#[test]
fn a_tower_whose_ffmpeg_is_broken_from_the_start_is_on_air_from_frame_0() {
    let setup = breakable("exit 1");
    fs::write(setup.path("broken"), "").expect("a temporary file");
    let mut scene = Scene::open("broken-from-the-start", setup, 1);
    scene.wait_carried_by(BUILTIN);
    scene.witness.wait_ticks(150);
    mend(&scene);
    scene.wait_carried_by(FFMPEG);
    scene.witness.wait_ticks(60);
    scene.close().assert_nothing_shows();
}

#[test]
fn a_builtin_encoder_is_replaced_though_the_towers_file_was_removed() {
    let setup = setup(BUILTIN);
    let copy = setup.path("tower");
    fs::copy(env!("CARGO_BIN_EXE_tower"), &copy).expect("a temporary file");
    let mut scene = Scene::open("removed-builtin", setup.executable(copy.clone()), 2);
    scene.witness.wait_ticks(220);
    fs::remove_file(&copy).expect("our own copy");
    let killed = scene.strike(Signal::KILL);
    scene.wait_recovered(&[killed]);
    scene.witness.wait_ticks(60);
    scene.close().assert_nothing_shows();
}
