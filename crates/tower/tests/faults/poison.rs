//! PCM that crashes encoders: it is found, becomes silence, and only it (SPEC ENC-10).

use crate::scene::{BUILTIN, FFMPEG, PATIENCE, Scene, sabotaged};
use radio_proof::alarm::wait_for;
use radio_proof::{TICK_BYTES, material};

/// What `examples/saboteur.rs` cannot bear.
const POISON: [i16; 8] = [0x1234, -0x1235, 0x2345, -0x2346, 0x3456, -0x3457, 0x4567, -0x4568];

/// Frames of music in which a short replay may not yet be forgotten (docs/measured.md: 31).
const SETTLING_FRAMES_MAX: u64 = 31;

/// Where in the programme it is: in the middle of a tick.
const POISON_TICK: usize = 150;

/// The four materials with the poison in one tick of the first.
fn poisoned_programme() -> Vec<u8> {
    let mut programme = material::programme(0);
    let at = POISON_TICK * TICK_BYTES + TICK_BYTES / 2;
    let poison: Vec<u8> = POISON.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    programme[at..at + poison.len()].copy_from_slice(&poison);
    programme
}

#[test]
fn one_tick_that_kills_every_encoder_becomes_silence_and_nothing_else_does() {
    let setup = sabotaged(BUILTIN, None, "poison");
    let mut scene = Scene::open_with("poison-builtin", setup, poisoned_programme());
    wait_for("the poison to be found", PATIENCE, || scene.encoder("poisoned_ticks").get(0).map(drop));
    scene.note("the poison is found");
    let (pid, _) = scene.delivering();
    let deaths = scene.encoder("deaths");
    scene.witness.wait_ticks(250);
    assert_eq!(scene.encoder("deaths"), deaths, "it is over");
    assert_eq!(scene.delivering().0, pid, "by one process");

    let mut proof = scene.close();
    // That the tower heard the hole may be another alarm.
    let mut alarms = proof.tower.events("alarm");
    alarms.retain(|(_, event)| event["what"] == "poison");
    assert_eq!(alarms.len(), 1, "one alarm says so: {}", proof.evidence.status["events"]);
    let pcm = &proof.evidence.pcm;
    let serial = pcm.serial_of_fed(&proof.evidence.programme, POISON_TICK) as usize + POISON_TICK;
    proof.report.note(format_args!("the poison was tick {serial}"));
    let found = &proof.evidence.status["outputs"][0]["encoder"]["poisoned_ticks"];
    assert_eq!(*found, serde_json::json!([serial]), "the poison, and nothing else");
    let mut healed = pcm.bytes.clone();
    healed[serial * TICK_BYTES..(serial + 1) * TICK_BYTES].fill(0);
    // The stream is that of an uninterrupted encoder that was fed zeros in the poison's place, but for a few frames of a
    // short replay there: no time is left for a long one.
    let verdict = proof.judged_against(&healed);
    assert!(verdict.broken.is_none() && verdict.compared >= proof.evidence.frames_owed());
    let around = serial as u64 - 4..=serial as u64 + SETTLING_FRAMES_MAX;
    let elsewhere = verdict.different.iter().find(|one| !around.contains(&one.number));
    assert_eq!(elsewhere, None, "of the frames that differ, this one is not at the poison's place");
    assert_eq!((verdict.missing, verdict.repeated), (0, 0));
    let silent = proof.evidence.output("silent_frames");
    assert!(silent <= 10, "{silent} frames of silence while the poison was looked for");
    proof.evidence.assert_both_heard_the_same();
    proof.evidence.assert_fed();
    proof.evidence.assert_within_bounds();
}

#[test]
fn poison_that_the_stand_in_can_bear_leaves_no_hole() {
    let setup = sabotaged(FFMPEG, None, "poison");
    let mut scene = Scene::open_with("poison-ffmpeg", setup, poisoned_programme());
    scene.wait_deaths(3);
    scene.wait_carried_by(FFMPEG);
    scene.witness.wait_ticks(250);
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    assert!(proof.evidence.encoder("deaths") < 20, "{}", proof.evidence.summary());
}
