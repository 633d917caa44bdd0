//! `/metrics` tells the truth, in a form that Prometheus' own tools accept (SPEC API-2).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::material;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use rustix::process::Signal;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Each sample with its labels, as it is written.
fn samples(text: &str) -> HashMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
    };
    lines.map(sample).collect()
}

#[track_caller]
fn scrape(tower: &Tower) -> HashMap<String, f64> {
    let answer = tower.get("/metrics");
    assert_eq!(answer.head.status(), 200);
    assert_eq!(answer.head.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    samples(&answer.text())
}

#[track_caller]
fn promtool(arguments: &[&str], input: &[u8]) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: apt-get install prometheus");
    child.stdin.take().expect("piped").write_all(input).expect("promtool reads");
    let output = child.wait_with_output().expect("our own child");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn figures_rise_with_what_happens_and_promtool_finds_no_fault_in_them() {
    let tower = common::setup().line("play.paths = [\"/nonexistent\"]").start();
    tower.wait_encoder("RUNNING", LIMIT);
    tower.wait_source("tone", LIMIT);
    let before = scrape(&tower);
    assert_eq!(before["tower_encoder_state{mount=\"/stream\",state=\"RUNNING\"}"], 1.0);
    assert_eq!(before["tower_encoder_state{mount=\"/stream\",state=\"FAILED\"}"], 0.0);
    assert_eq!(before["tower_on_air_source{source=\"tone\"}"], 1.0);
    assert_eq!(before["tower_on_air_source{source=\"station\"}"], 0.0);
    assert_eq!(before["tower_on_air_source{source=\"play\"}"], 0.0);
    assert_eq!(before["tower_listeners{mount=\"/stream\"}"], 0.0);

    let listener = tower.listen("/stream");
    listener.wait_bytes(40_000, LIMIT);
    assert!(signal(tower.encoder_pid().expect("it runs"), Signal::KILL));
    let deaths = "tower_encoder_deaths_total{mount=\"/stream\"}";
    wait_until("the death to be counted", LIMIT, || scrape(&tower)[deaths] == before[deaths] + 1.0);
    tower.wait_encoder("RUNNING", LIMIT);
    let after = wait_for("the replay to be counted", LIMIT, || {
        let after = scrape(&tower);
        (after["tower_encoder_replays_total{mount=\"/stream\"}"] == 1.0).then_some(after)
    });
    let status = tower.status();
    let starts = &status["outputs"][0]["encoder"]["starts"];
    assert_eq!(Some(after["tower_encoder_starts_total{mount=\"/stream\"}"]), starts.as_f64(), "{status}");
    assert_eq!(after["tower_listeners{mount=\"/stream\"}"], 1.0);
    assert_eq!(after["tower_listeners_admitted_total"], 1.0);
    for rising in ["tower_ticks_total", "tower_uptime_seconds", "tower_sent_bytes_total", "tower_sends_total"] {
        assert!(after[rising] > before[rising], "{rising}: {} then {}", before[rising], after[rising]);
    }
    let frames = "tower_output_frames_total{mount=\"/stream\"}";
    assert!(after[frames] > before[frames]);
    let (ticks, all) = (after["tower_ticks_total"], after["tower_tick_lateness_seconds_count"]);
    assert!(all > 0.0 && all <= ticks, "{all} of {ticks} ticks were timed");
    assert_eq!(after["tower_tick_lateness_seconds_bucket{le=\"+Inf\"}"], all);
    assert_eq!(after["tower_arrival_to_send_seconds_count{mount=\"/stream\"}"], 0.0, "nothing has arrived");

    // What arrives is sent after its wait in the buffer, up to its 100 ticks, the playout delay of 504 ms, and half of the
    // send period of 504 ms; and after up to a second of holding.
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    let after = wait_for("what arrives to be measured", LIMIT, || {
        let after = scrape(&tower);
        (after["tower_arrival_to_send_seconds_count{mount=\"/stream\"}"] >= 10.0).then_some(after)
    });
    drop(station);
    let of = |name: &str| after[&format!("tower_arrival_to_send_seconds_{name}{{mount=\"/stream\"}}")];
    let mean_s = of("sum") / of("count");
    assert!((0.756..=0.756 + 2.4 + 1.0).contains(&mean_s), "{mean_s} s");
    let within =
        |seconds: &str| after[&format!("tower_arrival_to_send_seconds_bucket{{mount=\"/stream\",le=\"{seconds}\"}}")];
    assert_eq!((within("0.75"), within("5")), (0.0, of("count")), "each of them");

    // One listener, counted once a second, and hardly behind.
    let lag = |name: &str| after[&format!("tower_listener_lag_seconds_{name}")];
    let bucket = |le: &str| lag(&format!("bucket{{mount=\"/stream\",le=\"{le}\"}}"));
    let looks = lag("count{mount=\"/stream\"}");
    let uptime_s = after["tower_uptime_seconds"];
    assert!((2.0..=uptime_s + 1.0).contains(&looks), "{looks} looks in {uptime_s} s");
    let bounds = ["0.504", "1.008", "2.016", "4.992", "10.008", "30", "+Inf"];
    assert!(bounds.windows(2).all(|pair| bucket(pair[0]) <= bucket(pair[1])), "each bound holds those below it");
    assert_eq!((bucket("10.008"), bucket("+Inf")), (looks, looks));
    assert!((0.0..5.0).contains(&(lag("sum{mount=\"/stream\"}") / looks)));
    assert_eq!(lag("count{mount=\"/admin/monitor\"}"), 0.0, "nobody listens to it");

    drop(listener.stop());
    wait_until("the listener to be gone", LIMIT, || {
        scrape(&tower)["tower_listeners_left_total{reason=\"hung_up\"}"] == 1.0
    });
    promtool(&["check", "metrics"], &tower.get("/metrics").body);
}

#[test]
fn the_names_of_mounts_and_counters_alone_decide_how_long_the_answer_is() {
    let tower = common::setup().start();
    tower.wait_source("tone", LIMIT);
    let before = scrape(&tower).len();
    let listeners: Vec<_> = (0..20).map(|_| tower.listen("/stream")).collect();
    for _ in 0..3 {
        drop(std::os::unix::net::UnixStream::connect(tower.pcm_socket()).expect("the socket is open"));
    }
    wait_until("the listeners to be counted", LIMIT, || scrape(&tower)["tower_listeners{mount=\"/stream\"}"] == 20.0);
    assert_eq!(scrape(&tower).len(), before);
    drop(listeners);
}
