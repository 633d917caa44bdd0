//! The decoder processes of players: killed, hung, and given files that kill them (SPEC FALL-7).

use crate::common;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes, material, measure};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// 5.5 kB of Ogg Vorbis whose headers ask for 16 GB.
const VAST_CODEBOOKS: &[u8] = include_bytes!("vast-codebooks.bin");
/// Ticks without a change, by which the sound is judged.
const STEADY_TICKS: usize = 40;

/// A minute of a tone, in which every sample that is missing can be seen.
fn tone(frequency_hz: f64, seconds: usize) -> Vec<u8> {
    let samples = measure::sine(frequency_hz, 0.3, 0.0, 48_000 * seconds);
    material::wav(&measure::to_stereo_s16(&samples))
}

fn player(tower: &Tower) -> serde_json::Value {
    tower.status()["players"][0].clone()
}

#[track_caller]
fn decoder_pid(tower: &Tower, before: Option<u64>) -> u64 {
    let other = || player(tower)["decoder_pid"].as_u64().filter(|pid| Some(*pid) != before);
    alarm::wait_for("a decoder", PATIENCE, other)
}

pub(super) fn kill(signal: &str, pid: u64) {
    let killed = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill is there");
    assert!(killed.success());
}

fn with_folder(setup: Setup, files: &[(&str, &[u8])]) -> Tower {
    let folder = setup.path("music");
    std::fs::create_dir(&folder).expect("a temporary folder");
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).expect("a temporary file"));
    setup.line(&format!("play.paths = [{:?}]", folder.display().to_string())).start()
}

#[test]
fn a_decoder_that_is_killed_or_stopped_is_replaced_while_its_file_is_heard_without_a_gap() {
    // Another is there: the song that was played goes on all the same.
    let files: [(&str, &[u8]); 2] = [("1 tone.wav", &tone(300.0, 120)), ("2 other.wav", &tone(1000.0, 4))];
    let tower = with_folder(common::setup(), &files);
    tower.wait_source("play", PATIENCE);
    let mut pid = decoder_pid(&tower, None);
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.first_serial + 240, PATIENCE);
    for signal in ["-KILL", "-KILL", "-STOP", "-KILL", "-TERM", "-STOP"] {
        kill(signal, pid);
        pid = decoder_pid(&tower, Some(pid));
        // The buffer of 4.8 s is full again before the next one.
        monitor.wait_serial(monitor.next_serial() + 120, PATIENCE);
        let player = player(&tower);
        assert!(player["playing"]["file"].as_str().is_some_and(|file| file.ends_with("tone.wav")), "{player}");
    }
    assert!(player(&tower)["decoders_replaced"].as_u64() >= Some(6));
    assert_eq!(changes::on_air(&tower).last().map(|(_, name)| name.as_str()), Some("play"));
    let pcm = monitor.stop();
    let steady = measure::second_difference_max(&pcm.left_from(pcm.first_serial, STEADY_TICKS));
    let all = pcm.left_from(pcm.first_serial, pcm.ticks());
    let bend = measure::second_difference_max(&all) / steady;
    assert!(bend <= changes::CLICK_MAX, "it bends {bend:.2} times as hard as in the first second");
    let quiet = all.chunks_exact(480).filter(|part| measure::rms_dbfs(part) < -40.0).count();
    assert!(quiet <= 6 * 2, "{quiet} times 10 ms without sound in six seams");
}

#[test]
fn a_file_that_kills_its_decoder_is_named_left_out_and_costs_the_tower_no_memory() {
    let files: [(&str, &[u8]); 3] =
        [("1.wav", &tone(300.0, 4)), ("2-vast.ogg", VAST_CODEBOOKS), ("3.wav", &tone(1000.0, 4))];
    let tower = with_folder(common::setup(), &files);
    tower.wait_source("play", PATIENCE);
    let peak_kb = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", tower.pid())).expect("it lives");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).map(str::to_owned).expect("its peak");
        line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let before_kb = peak_kb();
    let raised = || {
        let status = tower.status();
        let alarms = status["alarms"].as_array().expect("a list").clone();
        alarms.into_iter().find(|alarm| alarm["alarm"] == "decoder_killed")
    };
    let alarm = alarm::wait_for("the alarm", PATIENCE, raised);
    let text = alarm["text"].as_str().expect("a sentence");
    assert!(text.starts_with("a file has killed the decoder") && text.contains("2-vast.ogg"), "{text}");
    assert!(!tower.get("/status").json()["alarms"].to_string().contains("2-vast.ogg"), "its name is not for everybody");
    let monitor = tower.monitor(None);
    let from = monitor.next_serial();
    // A whole round and more, so that each file has had its turn again.
    monitor.wait_serial(from + 9 * 42, PATIENCE);
    let pcm = monitor.stop();
    for frequency_hz in [300.0, 1000.0] {
        let all = pcm.left_from(pcm.first_serial, pcm.ticks());
        let heard = all.chunks_exact(4800).filter(|part| measure::tone_dbfs(part, frequency_hz) > -20.0).count();
        assert!(heard >= 20, "{frequency_hz} Hz was heard for {heard} tenths of a second");
    }
    assert_eq!(player(&tower)["decoders_replaced"], 1, "it was tried once");
    assert!(peak_kb() - before_kb < 5 * 1024, "{} kB", peak_kb() - before_kb);
    assert_eq!(tower.get("/healthz").head.status(), 200);
}
