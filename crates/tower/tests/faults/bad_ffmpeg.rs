//! An ffmpeg that cannot work: backoff, FAILED, and a stream at its exact rate all the while (SPEC ENC-7, ENC-10, ENC-11).

use crate::common;
use radio_proof::process;
use radio_proof::{clock, frames};
use std::fs;
use std::time::Duration;

const FRAME_BYTES: usize = 384;

/// Waits between restarts, shorter than the defaults so that the test ends.
const BACKOFF_MS: [u64; 5] = [300, 500, 700, 900, 1100];

/// The first process, two replacements at once, then one after each wait.
const STARTS: usize = 1 + 2 + BACKOFF_MS.len();

/// Runs a tower whose ffmpeg is `behaviour`, until it is FAILED.
#[track_caller]
fn prove(behaviour: &str) {
    let setup = common::setup();
    let starts = setup.path("starts");
    // Each start leaves its time, in milliseconds.
    let script = format!("#!/bin/sh\ndate +%s%3N >> {}\n{behaviour}\n", starts.display());
    let fake = setup.script("fake-ffmpeg", &script);
    let tower = setup
        .line(&format!("encoder.ffmpeg = {:?}", fake.display().to_string()))
        .line(&format!("encoder.backoff_ms = {BACKOFF_MS:?}"))
        .line("encoder.stall_threshold_ms = 1000")
        .line(r#"output = [{ encoder = "ffmpeg", stand_in = false }]"#)
        .start();
    let listener = tower.listen("/stream");
    let first = listener.first_frame();
    tower.wait_encoder("FAILED", Duration::from_secs(30));

    let times: Vec<u64> =
        fs::read_to_string(&starts).expect("it was started").lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(times.len(), STARTS, "starts before FAILED: {times:?}");
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits[waits.len() - BACKOFF_MS.len()..].iter().zip(BACKOFF_MS) {
        assert!(*wait >= least, "a wait of {wait} ms where {least} are due: {waits:?}");
    }

    // FAILED: nothing is started any more, nothing spins, and the stream is silence at its exact rate.
    let (cpu_before, span) = (process::cpu_time(tower.pid()), Duration::from_secs(6));
    let ticks = tower.sightings("/outputs/0/frame", span);
    let cpu = (process::cpu_time(tower.pid()) - cpu_before).as_secs_f64() / span.as_secs_f64();
    assert!(cpu < 0.15, "{:.1} % of a core while FAILED (status requests included)", cpu * 100.0);
    let restarted = fs::read_to_string(&starts).expect("still there").lines().count();
    assert_eq!(restarted, times.len(), "no start while FAILED");
    assert_eq!(process::children(tower.pid()), [0u32; 0], "no encoder is left");
    assert_eq!(tower.get("/healthz").head.status(), 503);
    clock::assert_exact_rate("released frames", &ticks, span - Duration::from_secs(1));

    let recording = listener.stop();
    assert!(recording.end.is_none(), "{:?}", recording.end);
    assert!(frames::strict(&recording.bytes).len() > 200);
    clock::assert_exact_rate("frames", &recording.frame_arrivals(first, FRAME_BYTES), span);
    assert!(tower.status()["outputs"][0]["silent_frames"].as_u64() > Some(200), "silence is counted");
}

#[test]
fn an_ffmpeg_that_exits_at_once_ends_in_failed_at_the_exact_rate() {
    prove("exit 1");
}

#[test]
fn an_ffmpeg_that_hangs_at_start_ends_in_failed_at_the_exact_rate() {
    prove("exec sleep 1000");
}

#[test]
fn an_ffmpeg_that_prints_garbage_ends_in_failed_at_the_exact_rate() {
    prove("exec yes 'this is no frame of anything'");
}

#[test]
fn an_ffmpeg_that_reads_all_and_says_nothing_ends_in_failed_at_the_exact_rate() {
    prove("exec cat > /dev/null");
}
