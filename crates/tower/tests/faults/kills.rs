//! Encoders killed at random instants while they deliver: not one byte of the stream shows it (SPEC ENC-9, LIS-5).

use crate::scene::{BUILTIN, FFMPEG, Scene, alone, setup};
use radio_proof::alarm::{full_length, seconds};
use radio_proof::chance::Chance;
use radio_proof::{FRAME_BYTES, clock};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Kills, and the time over which they are spread: 100 in three minutes at full length.
fn enough(kills: usize, since: Instant) -> bool {
    kills >= if full_length() { 100 } else { 12 } && since.elapsed() >= seconds(22, 180)
}

#[track_caller]
fn killed_at_random_instants(encoder: &str) {
    // In a minute there is room for both; where the time of each replay counts there is not.
    let _alone = full_length().then(alone);
    let mut chance = Chance::from_time();
    let mut scene = Scene::open(&format!("kills-{encoder}"), setup(encoder), 0);
    scene.report.note(format_args!("RADIO_SEED={}", chance.seed()));
    scene.delivering();

    let (mut killed, started) = (Vec::new(), Instant::now());
    while !enough(killed.len(), started) {
        std::thread::sleep(chance.between(Duration::from_millis(300), Duration::from_millis(3200)));
        killed.push(scene.strike(Signal::KILL));
    }
    scene.wait_recovered(&killed);
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    let arrivals = proof.evidence.ordinary.frame_arrivals(proof.evidence.ordinary_first, FRAME_BYTES);
    clock::assert_exact_rate("frames", &arrivals, seconds(22, 180));
    // On a crowded machine a replay may take longer than the playout delay; that is counted, and in the report.
    let holds = proof.evidence.output("holds");
    assert!(holds == 0 || proof.evidence.machine.was_crowded(), "frames were held: {}", proof.evidence.summary());
    assert_eq!(proof.evidence.encoder("deaths"), killed.len() as u64, "{}", proof.evidence.summary());
    killed.sort_unstable();
    killed.dedup();
    assert_eq!(proof.evidence.encoder("deaths"), killed.len() as u64, "each kill was of another process");
}

#[test]
fn a_builtin_encoder_killed_at_random_instants_is_not_heard() {
    killed_at_random_instants(BUILTIN);
}

#[test]
fn an_ffmpeg_killed_at_random_instants_is_not_heard() {
    killed_at_random_instants(FFMPEG);
}
