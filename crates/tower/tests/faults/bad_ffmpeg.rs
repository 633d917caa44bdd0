//! An ffmpeg that cannot work: its waits, FAILED if it dies, and a stream at its exact rate all the while (SPEC ENC-7,
//! ENC-10, ENC-11, ENC-13).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::process;
use radio_proof::tower::Tower;
use radio_proof::{clock, frames};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FRAME_BYTES: usize = 384;

/// Longest wait for what is to be.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits between restarts after deaths, shorter than the defaults so that the test ends.
const BACKOFF_MS: [u64; 5] = [300, 500, 700, 900, 1100];

/// Waits between attempts after processes that hung.
const HUNG_WAITS_MS: [u64; 3] = [1000, 2000, 4000];

/// The first process and two replacements at once.
const STARTS_AT_ONCE: usize = 3;

/// A tower whose ffmpeg is `behaviour`, and the file in which each start leaves its time.
fn start(behaviour: &str) -> (Tower, PathBuf) {
    let setup = common::setup();
    let starts = setup.path("starts");
    let script = format!("#!/bin/sh\ndate +%s%3N >> {}\n{behaviour}\n", starts.display());
    let fake = setup.script("fake-ffmpeg", &script);
    let setup = setup
        .line(&format!("encoder.ffmpeg = {:?}", fake.display().to_string()))
        .line(&format!("encoder.backoff_ms = {BACKOFF_MS:?}"))
        .line("encoder.stall_threshold_ms = 1000")
        .line(r#"output = [{ encoder = "ffmpeg", stand_in = false }]"#);
    (setup.start(), starts)
}

/// When it was started, in milliseconds.
fn started(starts: &Path) -> Vec<u64> {
    let text = fs::read_to_string(starts).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Waits between starts, of which the last are at least these.
#[track_caller]
fn assert_waits(times: &[u64], least_ms: &[u64]) {
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits[waits.len() - least_ms.len()..].iter().zip(least_ms) {
        assert!(wait >= least, "a wait of {wait} ms where {least} are due: {waits:?}");
    }
}

/// Runs a tower whose ffmpeg does this until it is as `is_so` says; then nothing spins, and the
/// stream is silence at its exact rate.
#[track_caller]
fn prove(behaviour: &str, is_so: impl Fn(&Tower, &[u64]) -> bool, starts_more: usize) -> (Tower, Vec<u64>) {
    let (tower, starts) = start(behaviour);
    let listener = tower.listen("/stream");
    let first = listener.first_frame();
    wait_for("what is to be", PATIENCE, || is_so(&tower, &started(&starts)).then_some(()));
    let times = started(&starts);

    let (cpu_before, span) = (process::cpu_time(tower.pid()), Duration::from_secs(6));
    let ticks = tower.sightings("/outputs/0/frame", span);
    let cpu = (process::cpu_time(tower.pid()) - cpu_before).as_secs_f64() / span.as_secs_f64();
    assert!(cpu < 0.15, "{:.1} % of a core (status requests included)", cpu * 100.0);
    let restarted = started(&starts).len();
    assert!(restarted <= times.len() + starts_more, "{restarted} starts, {} of them before", times.len());
    assert_eq!(tower.get("/healthz").head.status(), 503);
    clock::assert_exact_rate("released frames", &ticks, span - Duration::from_secs(1));

    let recording = listener.stop();
    assert!(recording.end.is_none(), "{:?}", recording.end);
    assert!(frames::strict(&recording.bytes).len() > 200);
    clock::assert_exact_rate("frames", &recording.frame_arrivals(first, FRAME_BYTES), span);
    assert!(tower.status()["outputs"][0]["silent_frames"].as_u64() > Some(200), "silence is counted");
    (tower, times)
}

/// One that dies ends FAILED: nothing is started any more.
#[track_caller]
fn fails(behaviour: &str) {
    let (tower, times) = prove(behaviour, |tower, _| tower.encoder_state() == "FAILED", 0);
    assert_eq!(times.len(), STARTS_AT_ONCE + BACKOFF_MS.len(), "starts before FAILED: {times:?}");
    assert_waits(&times, &BACKOFF_MS);
    assert_eq!(process::children(tower.pid()), [0u32; 0], "no encoder is left");
}

/// One that hangs is tried again and again, and never FAILED; an alarm tells of it.
#[track_caller]
fn hangs(behaviour: &str) {
    let enough = STARTS_AT_ONCE + HUNG_WAITS_MS.len();
    let (tower, times) = prove(behaviour, |_, times| times.len() >= enough, 1);
    let encoder = &tower.status()["outputs"][0]["encoder"];
    // Where the machine was too busy for a moment, the next one is tried sooner.
    if encoder["shortages"] == 0 {
        assert_waits(&times[..enough], &HUNG_WAITS_MS);
    }
    assert_eq!((&encoder["state"], &encoder["consecutive_failures"]), (&"RESTARTING".into(), &0.into()), "{encoder}");
    assert!(encoder["given_up"].as_u64() > Some(1) && encoder["given_up"] == encoder["deaths"], "{encoder}");
    let alarms = tower.events("alarm");
    let says = |event: &Value| event["advice"].as_str().is_some_and(|advice| advice.contains("RESTARTING"));
    let is_told = alarms.iter().any(|(_, event)| event["alarm"] == "encoder_failed" && says(event));
    assert!(is_told, "{alarms:?}");
}

#[test]
fn an_ffmpeg_that_exits_at_once_ends_in_failed_at_the_exact_rate() {
    fails("exit 1");
}

#[test]
fn an_ffmpeg_that_prints_garbage_ends_in_failed_at_the_exact_rate() {
    fails("exec yes 'this is no frame of anything'");
}

#[test]
fn an_ffmpeg_that_hangs_at_start_is_tried_again_at_the_exact_rate() {
    hangs("exec sleep 1000");
}

#[test]
fn an_ffmpeg_that_reads_all_and_says_nothing_is_tried_again_at_the_exact_rate() {
    hangs("cat > /dev/null; exit 1");
}

#[test]
fn an_ffmpeg_that_closes_its_output_ends_in_failed_at_the_exact_rate() {
    fails("exec cat > /dev/null");
}
