//! A replay without one equal frame is an alarm where the bytes are promised, and is counted
//! everywhere (SPEC ENC-9).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{material, offline};
use rustix::process::Signal;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A tower whose encoder has other settings each time it is started, and says `replay` of itself.
fn start(replay: &str) -> (Tower, Station) {
    let setup = common::setup().line("station.when_full = \"wait\"");
    let [first, later] =
        ["", "-compression_level 7"].map(|other| offline::ffmpeg_arguments(128, &format!("-reservoir 0 {other}")));
    let script =
        format!("#!/bin/sh\nif mkdir \"$0.started\" 2>/dev/null; then exec ffmpeg {first}; fi\nexec ffmpeg {later}\n");
    let script = setup.script("encoder", &script);
    let output = format!(
        "output = [{{ mount = \"/stream\", encoder = \"command\", command = [{script:?}], replay = {replay:?}, \
         stand_in = false }}]"
    );
    // Nothing but the kill may end a process, and it is to have time for the longest replay.
    let patient =
        ["suspicion_ms = 20_000", "first_frame_ms = 20_000", "stall_threshold_ms = 20_000", "hold_max_ms = 4000"];
    let tower = patient.iter().fold(setup.line(&output), |setup, line| setup.line(&format!("encoder.{line}"))).start();
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    tower.wait_source("station", PATIENCE);
    (tower, station)
}

/// Kills the encoder once there is music for the whole of a replay, and waits until its replacement
/// has replayed.
fn kill_and_replay(tower: &Tower) {
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.next_serial() + 260, PATIENCE);
    let (pid, _) = wait_for("an encoder that delivers", PATIENCE, || tower.delivering());
    assert!(signal(pid, Signal::KILL));
    wait_until("a replay", PATIENCE, || tower.status()["outputs"][0]["encoder"]["replays"] == 1);
    let _pcm = monitor.stop();
}

fn unmatched_in_metrics(tower: &Tower) -> String {
    let text = tower.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("tower_encoder_replays_unmatched_total{"));
    line.expect("it is a metric").to_owned()
}

#[test]
fn a_replay_without_one_equal_frame_breaks_the_promise_of_an_exact_encoder_and_is_an_alarm() {
    let (tower, _station) = start("exact");
    kill_and_replay(&tower);
    let alarm = wait_for("an alarm", PATIENCE, || {
        tower.events("alarm").into_iter().map(|(_, event)| event).find(|event| event["what"] == "replay_unmatched")
    });
    assert_eq!(alarm["mount"], "/stream", "{alarm}");
    let encoder = tower.status()["outputs"][0]["encoder"].clone();
    let replay = &encoder["last_replay"];
    assert_eq!(
        (&encoder["replays_unmatched"], &replay["equal"], &replay["proved"]),
        (&1.into(), &0.into(), &false.into())
    );
    assert_eq!(unmatched_in_metrics(&tower), "tower_encoder_replays_unmatched_total{mount=\"/stream\"} 1");
}

#[test]
fn of_an_encoder_that_promises_no_bytes_such_a_replay_is_counted_and_no_alarm() {
    let (tower, _station) = start("approx");
    kill_and_replay(&tower);
    assert_eq!(unmatched_in_metrics(&tower), "tower_encoder_replays_unmatched_total{mount=\"/stream\"} 1");
    let alarms = tower.events("alarm");
    assert!(!alarms.iter().any(|(_, event)| event["what"] == "replay_unmatched"), "{alarms:?}");
}
