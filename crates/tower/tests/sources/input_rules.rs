//! What is said of one input alone holds for it alone, on air: its place among the others, its grace, its crossfade, its
//! gate (SPEC ROUTER-1, ROUTER-4, ROUTER-6, ROUTER-7).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::changes::{self, on_air};
use radio_proof::http::{basic_auth, send};
use radio_proof::measure;
use radio_proof::monitor::Monitor;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Stereo PCM of a sine at -12 dBFS, ten seconds long.
fn sine(hz: f64) -> Arc<Vec<u8>> {
    let sample = |n: usize| (8231.0 * (n as f64 * hz * std::f64::consts::TAU / 48_000.0).sin()).round() as i16;
    let samples = (0..480_000).map(sample);
    Arc::new(samples.flat_map(|sample| [sample.to_le_bytes(), sample.to_le_bytes()].concat()).collect())
}

fn play(socket: &Path, hz: f64) -> Station {
    Station::start(socket, sine(hz), Manner { looped: true, ..Manner::default() })
}

fn hear(monitor: &Monitor, ticks: u64) {
    monitor.wait_serial(monitor.next_serial() + ticks, PATIENCE);
}

/// Writes the inputs anew, and has the tower read them.
#[track_caller]
fn reload(tower: &Tower, line: &str) {
    let path = tower.path("tower.toml");
    let before = std::fs::read_to_string(&path).expect("the tower's configuration");
    let kept: Vec<&str> = before.lines().map(|old| if old.starts_with("input = ") { line } else { old }).collect();
    std::fs::write(&path, kept.join("\n") + "\n").expect("the tower's configuration");
    let answer = send(tower.address, "POST", "/admin/reload", &basic_auth("admin", ADMIN_PASSWORD), b"");
    let answer = answer.expect("an answer");
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
}

#[test]
fn a_socket_of_its_own_has_its_own_priority_grace_and_crossfade_and_they_change_on_air() {
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let line = |priority: u32| {
        format!(
            "input = [{{ name = \"studio\", kind = \"pcm_unix\", socket = {socket:?}, priority = {priority}, \
             grace_ms = 480, fade_ms = 240 }}]"
        )
    };
    let tower = setup.line("station.priority = 50").line(&line(40)).start();
    let _station = play(&tower.pcm_socket(), 200.0);
    tower.wait_source("station", PATIENCE);
    let monitor = tower.monitor(None);
    let studio = play(&socket, 300.0);
    let level = |of: &str| {
        let inputs = tower.status()["inputs"].clone();
        let input = inputs.as_array()?.iter().find(|input| input["name"] == of)?.clone();
        input["producers"][0]["peak_dbfs"].as_f64()
    };
    wait_until("the studio's level, though it is not on air", PATIENCE, || level("studio").is_some());
    let heard = level("studio").expect("a level");
    assert!((heard + 12.0).abs() < 0.1, "{heard} dBFS");
    hear(&monitor, 40);
    reload(&tower, &line(60));
    tower.wait_source("studio", PATIENCE);
    hear(&monitor, 60);
    drop(studio);
    tower.wait_source("station", PATIENCE);
    hear(&monitor, 40);
    reload(&tower, "input = []");
    assert!(!socket.exists(), "the file goes with the input");

    let (pcm, changes) = (monitor.stop(), on_air(&tower));
    let names: Vec<&str> = changes.iter().map(|(_, name)| name.as_str()).collect();
    assert!(names.ends_with(&["station", "studio", "silence", "station"]), "{names:?}");
    let at = |index: usize| changes[changes.len() - 4 + index].0;
    assert_eq!(at(3) - at(2), 480 / 24, "its own grace, in ticks");
    // A crossfade of ten ticks: in its middle both are heard, each at half its power.
    let [before, middle, after] = [at(1) - 6, at(1) + 4, at(1) + 12];
    let tone = |tick, hz| measure::tone_dbfs(&pcm.left_from(tick, 2), hz);
    assert!((tone(before, 200.0) + 12.0).abs() < 0.3 && tone(before, 300.0) < -40.0);
    for hz in [200.0, 300.0] {
        assert!((tone(middle, hz) + 15.0).abs() < 2.5, "{hz} Hz at {:.1} dBFS", tone(middle, hz));
    }
    assert!((tone(after, 300.0) + 12.0).abs() < 0.3 && tone(after, 200.0) < -40.0);
}

/// A source that goes silent after four seconds for so many, and then sounds again; ended when dropped.
struct SilentForAWhile(Child);

impl SilentForAWhile {
    fn start(tower: &Tower, seconds: u32) -> Self {
        // It goes and comes in a fifth of a second, or its own beginning would be a click.
        let (middle, half) = (4.0 + f64::from(seconds) / 2.0, f64::from(seconds) / 2.0);
        let sound =
            format!("aevalsrc='0.25*sin(2*PI*300*t)*clip(5*(abs(t-{middle})-{half}),0,1)':s=48000,afade=duration=0.2");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-re", "-f", "lavfi", "-i", &sound, "-ac", "2", "-b:a", "128k"]);
        command.args(["-content_type", "audio/mpeg", "-f", "mp3"]);
        command.arg(format!("icecast://source:hackme@{}/live", tower.address)).stdin(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("cannot run ffmpeg ({error}): apt-get install ffmpeg")))
    }
}

impl Drop for SilentForAWhile {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn a_dj_who_stays_connected_and_sends_silence_makes_way_and_is_back_with_his_sound() {
    let input =
        "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\", silence_gate_ms = 960, priority = 70 }]";
    let tower = common::setup().line(input).start();
    let _station = play(&tower.pcm_socket(), 200.0);
    tower.wait_source("station", PATIENCE);
    let monitor = tower.monitor(None);
    let from = monitor.next_serial() + 20;
    hear(&monitor, 30);
    let _dj = SilentForAWhile::start(&tower, 5);
    tower.wait_source("dj", PATIENCE);
    let id = tower.status()["inputs"][1]["source"]["connected"]["id"].clone();
    tower.wait_source("station", PATIENCE);
    assert_eq!(tower.status()["inputs"][1]["producers"][0]["silent"], true);
    tower.wait_source("dj", PATIENCE);
    assert_eq!(tower.status()["inputs"][1]["source"]["connected"]["id"], id, "one connection for all of it");
    let changes = on_air(&tower);
    let names: Vec<&str> = changes.iter().map(|(_, name)| name.as_str()).collect();
    assert!(names.ends_with(&["station", "dj", "station", "dj"]), "no grace, no fallback: {names:?}");
    assert!(changes::assert_without_click(&tower, &monitor, from) >= 3);
}
