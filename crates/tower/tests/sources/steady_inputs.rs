//! Inputs with long crossfades, silence gates and gains, on air: FFmpeg as a DJ, and raw PCM in
//! lumps (SPEC ROUTER-1, ROUTER-5 to ROUTER-7).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::changes::on_air;
use radio_proof::http::{basic_auth, send};
use radio_proof::measure;
use radio_proof::monitor::Monitor;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{TICK_BYTES, TICK_SAMPLES};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const BYTES_PER_MS: usize = 192;
const STUDIO_HZ: f64 = 312.5;

/// Stereo PCM of a sine at -12 dBFS.
fn sine(ticks: usize) -> Vec<u8> {
    measure::to_stereo_s16(&measure::sine(STUDIO_HZ, 0.25, 0.0, ticks * TICK_SAMPLES))
}

fn studio(socket: &Path, lump_ms: usize) -> Station {
    let manner = Manner { block_bytes: lump_ms * BYTES_PER_MS, looped: true, ..Manner::default() };
    Station::start(socket, Arc::new(sine(400)), manner)
}

fn input(socket: &Path, more: &str) -> String {
    format!("input = [{{ name = \"studio\", kind = \"pcm_unix\", socket = {socket:?}, {more} }}]")
}

fn dj(more: &str) -> String {
    format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"hackme\", {more} }}]")
}

/// FFmpeg as a DJ; ended when dropped.
struct Ffmpeg(Child);

impl Ffmpeg {
    fn start(tower: &Tower, sound: &str, more: &[&str]) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-re", "-f", "lavfi", "-i", sound, "-ac", "2", "-b:a", "128k"]).args(more);
        command.args(["-content_type", "audio/mpeg", "-f", "mp3"]);
        command.arg(format!("icecast://source:hackme@{}/live", tower.address)).stdin(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("cannot run ffmpeg ({error}): apt-get install ffmpeg")))
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn hear(monitor: &Monitor, ticks: u64) {
    monitor.wait_serial(monitor.next_serial() + ticks, PATIENCE);
}

/// What came on air, one after the other, since the tone did first.
fn order(tower: &Tower) -> Vec<String> {
    let names = on_air(tower).into_iter().map(|(_, name)| name);
    names.skip_while(|name| name != "tone").collect()
}

#[test]
fn pcm_in_lumps_of_4_to_400_ms_stays_on_air_without_a_break_with_a_fade_of_half_a_second() {
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let tower = setup.line("router.grace_ms = 0").line(&input(&socket, "fade_ms = 500, preroll_ticks = 20")).start();
    tower.wait_source("tone", PATIENCE);
    let monitor = tower.monitor(None);
    let lumps_ms = [4, 24, 96, 250, 400];
    for lump_ms in lumps_ms {
        let station = studio(&socket, lump_ms);
        tower.wait_source("studio", PATIENCE);
        hear(&monitor, 150);
        drop(station);
        tower.wait_source("tone", PATIENCE);
    }
    let wanted = [&["tone"][..], &lumps_ms.map(|_| ["studio", "tone"]).concat()].concat();
    assert_eq!(order(&tower), wanted, "{:?}", tower.events("on_air"));
}

#[test]
fn pcm_in_lumps_longer_than_the_preroll_runs_dry_once_and_is_told_the_preroll_that_it_has_from_then_on() {
    let tower = common::setup().line("router.grace_ms = 0").line("station.preroll_ticks = 5").start();
    tower.wait_source("tone", PATIENCE);
    let monitor = tower.monitor(None);
    // Not ahead of time by anything but its lumps.
    let manner = Manner { block_bytes: 400 * BYTES_PER_MS, lead: Duration::ZERO, looped: true };
    let station = Station::start(&tower.pcm_socket(), Arc::new(sine(400)), manner);
    tower.wait_source("station", PATIENCE);
    hear(&monitor, 300);
    drop(station);
    tower.wait_source("tone", PATIENCE);
    let told = tower.events("on_air");
    assert_eq!(order(&tower), ["tone", "station", "tone", "station", "tone"], "{told:?}");
    let raised: Vec<u64> = told.iter().filter_map(|(_, event)| event["raised_preroll_ticks"].as_u64()).collect();
    assert!(matches!(raised[..], [18..=26]), "a lump has 17 ticks: {told:?}");
}

#[test]
fn ffmpeg_as_a_dj_stays_on_air_without_a_break_whatever_the_fade() {
    for fade_ms in [500, 10_000] {
        let tower = common::setup().line("router.grace_ms = 0").line(&dj(&format!("fade_ms = {fade_ms}"))).start();
        tower.wait_source("tone", PATIENCE);
        let monitor = tower.monitor(None);
        let ffmpeg = Ffmpeg::start(&tower, "sine=frequency=300:sample_rate=48000", &[]);
        tower.wait_source("dj", PATIENCE);
        hear(&monitor, 200);
        drop(ffmpeg);
        tower.wait_source("tone", PATIENCE);
        let told = tower.events("on_air");
        assert_eq!(order(&tower), ["tone", "dj", "tone"], "with {fade_ms} ms: {told:?}");
        let is_shortened = told.last().is_some_and(|(_, event)| event["shortened_fade_ms"].is_u64());
        assert!(is_shortened || fade_ms < 10_000, "its buffer holds less than 10 s: {told:?}");
    }
}

#[test]
fn the_clock_of_a_program_that_is_further_off_than_can_be_corrected_is_told_with_its_offset() {
    // Samples of 48 kHz that come at another rate.
    let start = |rate_hz: u32| {
        let tower = common::setup().line(&dj("preroll_ticks = 20")).start();
        let program = Ffmpeg::start(&tower, &format!("sine=500:sample_rate={rate_hz}"), &["-af", "asetrate=48000"]);
        tower.wait_source("dj", PATIENCE);
        (tower, program)
    };
    let programs = [(start(49_440), "fast"), (start(46_560), "slow")];
    for ((tower, _program), direction) in &programs {
        let told = wait_for("a warning", 3 * PATIENCE, || {
            let log = tower.stderr();
            let (_, rest) = log.split_once("the clock of the source is ")?;
            let (percent, rest) = rest.split_once(" % ")?;
            rest.starts_with(direction).then(|| percent.parse::<f64>().ok())?
        });
        assert!((told - 3.0).abs() < 0.3, "{told} % {direction}");
    }
}

#[test]
fn an_input_that_leaves_with_a_longer_fade_than_that_of_its_follower_is_one_change() {
    let follow = |tower: &Tower, name: &str, start: &dyn Fn() -> Box<dyn std::any::Any>| {
        let manner = Manner { looped: true, ..Manner::default() };
        let _station = Station::start(&tower.pcm_socket(), Arc::new(sine(400)), manner);
        tower.wait_source("station", PATIENCE);
        let monitor = tower.monitor(None);
        let leaver = start();
        tower.wait_source(name, PATIENCE);
        hear(&monitor, 80);
        drop(leaver);
        tower.wait_source("station", PATIENCE);
        hear(&monitor, 60);
        let names: Vec<String> = on_air(tower).into_iter().map(|(_, name)| name).collect();
        assert!(names.ends_with(&["station", name, "station"].map(String::from)), "{:?}", tower.events("on_air"));
        assert_eq!(names.iter().filter(|on_air| **on_air == name).count(), 1, "{:?}", tower.events("on_air"));
    };
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let tower = setup.line(&input(&socket, "fade_ms = 500, priority = 40")).start();
    follow(&tower, "studio", &|| Box::new(studio(&socket, 24)));
    let tower = common::setup().line(&dj("fade_ms = 500, priority = 40")).start();
    follow(&tower, "dj", &|| Box::new(Ffmpeg::start(&tower, "sine=frequency=300:sample_rate=48000", &[])));
}

#[test]
fn a_source_that_ends_behind_its_gate_is_not_heard_again() {
    let play = |tower: &Tower, name: &str, start: &dyn Fn() -> Box<dyn std::any::Any>| {
        tower.wait_source("tone", PATIENCE);
        let monitor = tower.monitor(None);
        let source = start();
        tower.wait_source(name, PATIENCE);
        tower.wait_source("tone", PATIENCE);
        hear(&monitor, 30);
        drop(source);
        hear(&monitor, 80);
        assert_eq!(order(tower), ["tone", name, "tone"], "{:?}", tower.events("on_air"));
        let pcm = monitor.stop();
        let gone = on_air(tower).last().map(|(tick, _)| *tick).expect("a change");
        let silent = pcm.find(gone + 2, |tick| tick.iter().all(|&byte| byte == 0));
        assert_eq!(silent, None, "no dead air");
    };
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let gate = "silence_gate_ms = 960";
    let tower = setup.line("router.grace_ms = 0").line(&input(&socket, gate)).start();
    let sound = Arc::new([sine(80), vec![0; 600 * TICK_BYTES]].concat());
    play(&tower, "studio", &|| Box::new(Station::start(&socket, Arc::clone(&sound), Manner::default())));
    let tower = common::setup().line("router.grace_ms = 0").line(&dj(gate)).start();
    let sound = "aevalsrc='0.25*sin(2*PI*300*t)*lt(t,2)':s=48000";
    play(&tower, "dj", &|| Box::new(Ffmpeg::start(&tower, sound, &[])));
}

#[test]
fn sound_that_is_sent_ahead_is_heard_to_its_end_though_silence_is_behind_it() {
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let input = input(&socket, "silence_gate_ms = 480, when_full = \"wait\"");
    let tower = setup.line("router.grace_ms = 0").line(&input).start();
    tower.wait_source("tone", PATIENCE);
    let monitor = tower.monitor(None);
    let mut stream = UnixStream::connect(&socket).expect("the studio's socket");
    // As fast as it is taken: all of it fits into the buffer of 500 ticks.
    stream.write_all(&[sine(200), vec![0; 100 * TICK_BYTES]].concat()).expect("the tower reads");
    tower.wait_source("studio", PATIENCE);
    wait_until("the tone again", PATIENCE, || order(&tower).last().is_some_and(|name| name == "tone"));
    hear(&monitor, 60);
    let pcm = monitor.stop();
    let changes = on_air(&tower);
    let [.., (came, _), (went, _)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(went - came, 200 + 20, "its sound, and the silence that its gate allows");
    let level = |tick| measure::tone_dbfs(&pcm.left_from(tick, 10), STUDIO_HZ);
    let lowest = (0..19).map(|part| level(came + 5 + 10 * part)).fold(f64::MAX, f64::min);
    assert!((lowest + 12.0).abs() < 0.1, "{lowest} dBFS");
}

#[test]
fn a_new_gain_is_heard_within_a_tick_of_the_reload() {
    let setup = common::setup();
    let socket = setup.path("studio.sock");
    let line = |gain: &str| input(&socket, &format!("when_full = \"wait\", gain_db = {gain}"));
    let tower = setup.line(&line("0.0")).start();
    // Sent ahead: 12 s wait in its buffer.
    let manner = Manner { lead: Duration::from_secs(60), looped: true, ..Manner::default() };
    let _station = Station::start(&socket, Arc::new(sine(400)), manner);
    tower.wait_source("studio", PATIENCE);
    let count = || {
        tower.status()["inputs"].as_array()?.iter().find(|input| input["name"] == "studio")?["producers"][0]["count"]
            .as_u64()
    };
    wait_until("a full buffer", PATIENCE, || count().is_some_and(|ticks| ticks > 450));
    let monitor = tower.monitor(None);
    hear(&monitor, 40);
    let path = tower.path("tower.toml");
    let text = std::fs::read_to_string(&path).expect("the tower's configuration");
    std::fs::write(&path, text.replace("gain_db = 0.0", "gain_db = -12.0")).expect("the tower's configuration");
    let tick = || tower.status()["tick"].as_u64().expect("a tick");
    let before = tick();
    let answer = send(tower.address, "POST", "/admin/reload", &basic_auth("admin", ADMIN_PASSWORD), b"");
    assert_eq!(answer.expect("an answer").head.status(), 200);
    let after = tick();
    hear(&monitor, 40);
    let pcm = monitor.stop();
    let level = |tick: u64| measure::rms_dbfs(&pcm.left_from(tick, 1));
    let steady = level(before - 5);
    // The tick of the change is a ramp, and its level lies between those of before and after.
    let changed = (before - 1..after + 40).find(|&tick| level(tick) < steady - 0.5).expect("it is heard");
    println!("asked at tick {before}, answered at {after}, heard at {changed}");
    assert!((before..=after + 1).contains(&changed), "asked at {before}, answered at {after}, heard at {changed}");
    assert!((level(changed + 1) - steady + 12.0).abs() < 0.2, "and with the next tick it is what it says");
}
