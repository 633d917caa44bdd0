//! The song on air is skipped, and what is next is told (SPEC SONG-4).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::tower::Tower;
use radio_proof::{changes, material, measure};
use radio_signal::units::TICK_MS;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// From the action in the journal to the first frame of the next song.
const SKIP_MS_MAX: u64 = 500;

fn song(path: &Path, hz: f64) {
    let pcm = measure::to_stereo_s16(&measure::sine(hz, 0.3, 0.0, 48_000 * 60));
    std::fs::write(path, material::wav(&pcm)).expect("a temporary file");
}

fn playing(tower: &Tower) -> String {
    tower.get("/api/now-playing").json()["title"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_song_is_skipped_within_half_a_second_and_what_is_no_playlist_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    (1..=3).for_each(|n| song(&folder.path().join(format!("{n}.wav")), 200.0 * f64::from(n)));
    let tower = common::setup().line(&format!("play.paths = [{:?}]", folder.path())).start();
    wait_until("the first song", LIMIT, || playing(&tower) == "1");
    let now = wait_for("the next song", LIMIT, || {
        let now = tower.get("/api/now-playing").json();
        now["remaining_ms"].is_u64().then_some(now)
    });
    assert_eq!(now["next"], "2");
    assert!((40_000..=60_000).contains(&now["remaining_ms"].as_u64().expect("a time")), "{now}");

    let answer = tower.send_as_admin("POST", "/api/skip", "");
    assert_eq!(answer.head.status(), 202, "{}", answer.text());
    assert_eq!((&answer.json()["skipped"], &answer.json()["next"]), (&"1".into(), &"2".into()));
    wait_until("the second song", LIMIT, || playing(&tower) == "2");
    let (asked, _) = tower.events("action").pop().expect("the action is in the journal");
    let heard = tower.get("/api/now-playing").json()["serial"].as_u64().expect("a serial");
    let took_ms = heard.saturating_sub(asked) * TICK_MS;
    assert!(took_ms <= SKIP_MS_MAX, "skipped after {took_ms} ms");

    // And by the command line, to the last one and to the next round.
    for (skipped, next) in [("2", "3"), ("3", "1")] {
        let said = wait_for("the command", LIMIT, || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
            let output = command.arg("skip").arg("--config").arg(tower.path("tower.toml")).output().expect("it runs");
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        });
        assert_eq!(said, format!("{skipped} is skipped; {next} follows\n"));
        wait_until("the next song", LIMIT, || playing(&tower) == next);
    }
    let status = tower.status();
    let players: Vec<&str> =
        status["players"].as_array().expect("a list").iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(players, ["play"], "what was replaced is gone");

    tower.send_as_admin("PUT", "/api/fallback/forced", "{\"forced\": true}");
    tower.wait_source("tone", LIMIT);
    let refused = tower.send_as_admin("POST", "/api/skip", "");
    assert_eq!(refused.head.status(), 409);
    assert!(refused.text().contains("tone is on air, which is no playlist"), "{}", refused.text());
}

#[test]
fn a_song_of_the_fallback_is_skipped_without_a_click_and_the_tone_is_not_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    (1..=3).for_each(|n| song(&folder.path().join(format!("{n}.wav")), 200.0 * f64::from(n)));
    let tower = common::setup().line(&format!("fallback.paths = [{:?}]", folder.path())).start();
    tower.wait_source("file", LIMIT);
    wait_until("the first song", LIMIT, || playing(&tower) == "1");
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.first_serial + 45, LIMIT);
    for (skipped, next) in [("1", "2"), ("2", "3"), ("3", "1")] {
        let answer = tower.send_as_admin("POST", "/api/skip", "");
        assert_eq!(answer.head.status(), 202, "{}", answer.text());
        assert_eq!((&answer.json()["skipped"], &answer.json()["next"]), (&skipped.into(), &next.into()));
        wait_until("the next song", LIMIT, || playing(&tower) == next);
        monitor.wait_serial(monitor.next_serial() + 45, LIMIT);
    }
    let pcm = monitor.stop();
    let on_air = changes::on_air(&tower);
    assert_eq!(on_air.last().map(|(_, name)| name.as_str()), Some("fallback file"), "{on_air:?}");
    let left = pcm.left_from(pcm.first_serial, pcm.ticks());
    assert!(measure::tone_dbfs(&left, 440.0) < -60.0, "the tone is heard");
    // The song of 600 Hz bends hardest by itself.
    let steady = measure::second_difference_max(&measure::sine(600.0, 0.3, 0.0, 48_000));
    let bend = measure::second_difference_max(&left) / steady;
    assert!(bend <= changes::CLICK_MAX, "it bends {bend:.2} times as hard as the songs");
    let quiet = left.chunks_exact(480).filter(|part| measure::rms_dbfs(part) < -40.0).count();
    assert_eq!(quiet, 0, "{quiet} times 10 ms of silence");
    let status = tower.status();
    let players: Vec<&str> =
        status["players"].as_array().expect("a list").iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(players, ["fallback"], "what was replaced is gone");
}
