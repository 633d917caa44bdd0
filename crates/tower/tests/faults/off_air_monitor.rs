//! The tower hears what listeners hear: whatever is wrong with its sound is an alarm within its time, and no alarm any
//! more when the fault has ended (SPEC API-2).

use crate::scene::{PATIENCE, alone_command, saboteur, setup};
use radio_proof::alarm::{full_length, wait_for, wait_until};
use radio_proof::material;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Alarms of these towers are quick.
const RAISE_MS: u64 = 2000;
const CLEAR_MS: u64 = 1500;
/// Beside its own time an alarm takes the playout delay, one or two windows of comparison, and what a busy machine adds.
const SLACK: Duration = Duration::from_secs(6);

/// The same where the machine is not busy, as at full length.
fn slack(name: &str) -> Duration {
    // Sounds are compared a second at a time, and the first second that is wrong throughout may end two seconds later.
    let windows = Duration::from_secs(if name == "differs" { 2 } else { 0 });
    if full_length() { Duration::from_secs(2) + windows } else { SLACK }
}

const FULL: &str = "{alarm=\"NAME\",mount=\"/stream\",severity=\"SEVERITY\"}";

fn quick(setup: Setup) -> Setup {
    setup
        .line(&format!("alarm.silence_ms = {RAISE_MS}"))
        .line(&format!("alarm.differs_ms = {RAISE_MS}"))
        .line(&format!("alarm.clear_ms = {CLEAR_MS}"))
}

/// A tower whose encoder goes wrong in this way while a file exists, with music on air; and the file.
fn with_lying_encoder(fault: &str) -> (Tower, Station, PathBuf) {
    let setup = quick(setup("builtin"));
    let during = setup.path("fault");
    let command = format!(
        "{} --while {} {fault} -- {} encode --bitrate 128",
        saboteur().display(),
        during.display(),
        env!("CARGO_BIN_EXE_tower")
    );
    let tower = alone_command(setup, &command.split(' ').collect::<Vec<_>>()).start();
    let station = music(&tower);
    wait_well(&tower);
    (tower, station, during)
}

fn music(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 40, 20)), manner);
    tower.wait_source("station", PATIENCE);
    station
}

/// Waits until sound has been compared, and nothing is wrong with it.
fn wait_well(tower: &Tower) {
    wait_until("music that is heard as it should be", PATIENCE, || {
        let status = tower.status();
        let heard = &status["outputs"][0]["heard"];
        heard["likeness"].as_f64() > Some(0.9) && status["alarms"].as_array().is_some_and(Vec::is_empty)
    });
    wait_until("health", PATIENCE, || tower.get("/healthz").head.status() == 200);
}

fn raised(tower: &Tower, name: &str) -> Option<Value> {
    let status = tower.status();
    status["alarms"].as_array()?.iter().find(|alarm| alarm["alarm"] == name).cloned()
}

fn metric(tower: &Tower, name: &str, severity: &str) -> Option<String> {
    let sample = format!("tower_alarm{} ", FULL.replace("NAME", name).replace("SEVERITY", severity));
    tower.get("/metrics").text().lines().find_map(|line| Some(line.strip_prefix(&sample)?.to_owned()))
}

/// What `begin` does is heard as the alarm `name` in time, everywhere it is shown; what `end` does ends it.
#[track_caller]
fn prove(tower: &Tower, name: &str, severity: &str, raise_ms: u64, begin: impl FnOnce(), end: impl FnOnce()) -> String {
    assert_eq!(metric(tower, name, severity).as_deref(), Some("0"));
    let since = Instant::now();
    begin();
    let alarm = wait_for(name, Duration::from_millis(raise_ms) + slack(name), || raised(tower, name));
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(raise_ms), "{name} after {took:?} already");
    println!("{name}: raised after {took:?} where {raise_ms} ms are configured: {}", alarm["text"]);
    assert_eq!((&alarm["severity"], &alarm["mount"]), (&severity.into(), &"/stream".into()));
    let text = alarm["text"].as_str().expect("a sentence").to_owned();
    let is_told = |event: &Value| event["alarm"] == name && event["mount"] == "/stream";
    assert!(tower.events("alarm").iter().any(|(_, event)| is_told(event)), "{}", tower.status());
    assert_eq!(metric(tower, name, severity).as_deref(), Some("1"));
    let health = tower.get("/healthz");
    let (status, place) = if severity == "failing" { (503, "reasons") } else { (200, "warnings") };
    assert_eq!(health.head.status(), status, "{}", health.text());
    assert!(health.json()[place].to_string().contains(&text[..40]), "{}", health.text());

    end();
    let since = Instant::now();
    wait_until("the alarm to be over", Duration::from_millis(CLEAR_MS) + SLACK, || raised(tower, name).is_none());
    println!("{name}: over after {:?} where {CLEAR_MS} ms are configured", since.elapsed());
    assert!(tower.events("alarm_over").iter().any(|(_, event)| event["alarm"] == name), "{}", tower.status());
    wait_well(tower);
    text
}

fn begin(during: &PathBuf) {
    std::fs::write(during, "").expect("a temporary file");
}

fn end(during: &PathBuf) {
    std::fs::remove_file(during).expect("it was there");
}

#[test]
fn digital_silence_from_a_connected_station_is_found_and_the_station_is_named() {
    let tower = quick(setup("builtin")).start();
    // One after the other: of two that are connected the earlier one is heard.
    let station = RefCell::new(Some(music(&tower)));
    wait_well(&tower);
    let begin = || {
        drop(station.take());
        let manner = Manner { looped: true, ..Manner::default() };
        station.replace(Some(Station::start(&tower.pcm_socket(), Arc::new(vec![0; 192_000]), manner)));
    };
    let end = || {
        drop(station.take());
        station.replace(Some(music(&tower)));
    };
    let text = prove(&tower, "silence", "failing", RAISE_MS, begin, end);
    assert!(text.contains("connected and sends silence"), "{text}");
    assert!(
        tower.events("alarm").iter().all(|(_, event)| event["alarm"] != "differs"),
        "what is sent is the programme"
    );
}

#[test]
fn valid_frames_of_silence_are_found_and_the_encoder_is_named() {
    let (tower, _station, during) = with_lying_encoder("mute");
    let text = prove(&tower, "silence", "failing", RAISE_MS, || begin(&during), || end(&during));
    assert!(text.contains("the encoder is at fault"), "{text}");
}

#[test]
fn a_level_that_drops_by_20_db_is_found() {
    let (tower, _station, during) = with_lying_encoder("quiet");
    let text = prove(&tower, "differs", "failing", RAISE_MS, || begin(&during), || end(&during));
    assert!(text.contains("20 dB quieter than the programme"), "{text}");
}

#[test]
fn sound_at_the_wrong_speed_is_found() {
    let (tower, _station, during) = with_lying_encoder("slow-motion");
    let text = prove(&tower, "differs", "failing", RAISE_MS, || begin(&during), || end(&during));
    assert!(text.contains("another sound, speed or order"), "{text}");
}

#[test]
fn a_single_corrupted_frame_is_found() {
    let (tower, _station, during) = with_lying_encoder("corrupt");
    prove(&tower, "damaged_frames", "warning", 0, || begin(&during), || ());
    assert!(!during.exists(), "it was one frame");
}

/// A tower of AAC and Opus, whose encoders garble one frame when a file says so; and the file.
fn with_garbling_encoders() -> (Tower, Station, PathBuf) {
    let outputs = r#"output = [{ mount = "/aac", codec = "aac", encoder = "ffmpeg" },
        { mount = "/opus", codec = "opus", bitrate_kbps = 96, encoder = "ffmpeg" }]"#;
    let setup = quick(setup("builtin")).line(outputs);
    let during = setup.path("fault");
    let command = format!("{} --while {} told -- ffmpeg", saboteur().display(), during.display());
    let script = setup.script("ffmpeg", &format!("#!/bin/sh\nexec {command} \"$@\"\n"));
    let tower = setup.line(&format!("encoder.ffmpeg = {script:?}")).start();
    let station = music(&tower);
    wait_well(&tower);
    (tower, station, during)
}

/// One frame is garbled, of the encoder whose command has this word.
fn garble(during: &PathBuf, word: &str) {
    // In one piece, or half a word might be read.
    std::fs::write(during.with_extension("new"), format!("garble {word}")).expect("a temporary file");
    std::fs::rename(during.with_extension("new"), during).expect("our own file");
    wait_until("a frame to be garbled", PATIENCE, || !during.exists());
}

#[test]
fn a_corrupted_frame_of_aac_is_found_and_a_page_of_opus_is_never_sent() {
    let (tower, _station, during) = with_garbling_encoders();
    let output = |index: usize| tower.status()["outputs"][index].clone();
    let is_found = |attempt| {
        garble(&during, "aac");
        let until = tower.status()["tick"].as_u64().expect("a number") + 100;
        wait_until("it to be heard", PATIENCE, || output(0)["heard"]["frame"].as_u64() > Some(until));
        println!("attempt {attempt}: {}", output(0)["heard"]);
        output(0)["heard"]["damaged_frames"] != 0
    };
    // What is not heard, because the machine is too busy, is not found.
    assert!((0..3).any(is_found), "no damage is found");
    let told = tower.events("alarm");
    let is_it = |event: &Value| event["alarm"] == "damaged_frames" && event["mount"] == "/aac";
    assert!(told.iter().any(|(_, event)| is_it(event)), "{told:?}");

    garble(&during, "96k");
    wait_until("another encoder", PATIENCE, || output(1)["encoder"]["deaths"] == 1);
    assert_eq!(output(1)["encoder"]["last_death"], "output is not frames of its codec");
    tower.wait_encoder("RUNNING", PATIENCE);
    let until = tower.status()["tick"].as_u64().expect("a number") + 100;
    wait_until("all of it to be heard", PATIENCE, || output(1)["heard"]["frame"].as_u64() > Some(until));
    assert_eq!(output(1)["heard"]["damaged_frames"], 0, "listeners hear nothing of it");
}

#[test]
fn what_it_hears_is_loudness_and_costs_next_to_nothing() {
    let tower = quick(setup("builtin")).start();
    let _station = music(&tower);
    wait_well(&tower);
    wait_until("loudness", PATIENCE, || {
        let status = tower.status();
        let lufs = |of: &Value| of["short_term_lufs"].as_f64().filter(|lufs| (-40.0..0.0).contains(lufs));
        let (sent, programme) = (lufs(&status["outputs"][0]["loudness"]), lufs(&status["programme"]));
        sent.zip(programme).is_some_and(|(sent, programme)| (sent - programme).abs() < 3.0)
    });
    let cpu_s = |tower: &Tower| -> f64 {
        let text = tower.get("/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix("tower_ear_cpu_seconds_total "));
        value.and_then(|value| value.parse().ok()).expect("a figure")
    };
    let (before, since) = (cpu_s(&tower), Instant::now());
    std::thread::sleep(Duration::from_secs(5));
    let share = (cpu_s(&tower) - before) / since.elapsed().as_secs_f64();
    println!("listening to itself takes {:.2} % of a core", share * 100.0);
    // Built without optimisation it may be several times dearer than it is on air.
    assert!(share < 0.05, "{:.2} % of a core", share * 100.0);
}

#[test]
fn good_encoders_of_every_bitrate_raise_no_alarm_even_when_one_is_killed() {
    let outputs =
        r#"output = [{ mount = "/a" }, { mount = "/b", bitrate_kbps = 32 }, { mount = "/c", encoder = "ffmpeg" }]"#;
    let tower = setup("builtin").line(outputs).start();
    // Music, level steps, silence and speech.
    let programme = Arc::new(material::programme(0));
    let station = Station::start(&tower.pcm_socket(), programme, Manner::default());
    tower.wait_source("station", PATIENCE);
    std::thread::sleep(Duration::from_secs(2));
    let killed = tower.status()["outputs"][2]["encoder"]["pid"].as_u64().expect("ffmpeg runs");
    assert!(signal(u32::try_from(killed).expect("a pid"), Signal::KILL));
    let _sent = station.finish();
    // To the end of the last window.
    let heard_through = tower.status()["tick"].as_u64().expect("a number") + 42;
    wait_until("all of it to be heard", PATIENCE, || {
        tower.status()["outputs"]
            .as_array()
            .expect("outputs")
            .iter()
            .all(|output| output["heard"]["frame"].as_u64() > Some(heard_through))
    });
    let status = tower.status();
    for output in status["outputs"].as_array().expect("outputs") {
        assert_eq!((&output["heard"]["damaged_frames"], &output["heard"]["unheard_frames"]), (&0.into(), &0.into()));
    }
    assert_eq!(tower.events("alarm"), [], "{status}");
}
