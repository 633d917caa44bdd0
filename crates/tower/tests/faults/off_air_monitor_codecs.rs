//! The tower hears every output as its listeners do, whatever the codec: each second is compared with the programme, and what
//! is wrong is an alarm of each output (SPEC API-2, SIG-4).

use crate::scene::{PATIENCE, saboteur};
use radio_proof::alarm::wait_until;
use radio_proof::material;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const OUTPUTS: [&str; 4] = [
    "{ mount = \"/cd\", codec = \"mp3\", sample_rate_hz = 44100, encoder = \"ffmpeg\" }",
    "{ mount = \"/aac\", codec = \"aac\", encoder = \"ffmpeg\" }",
    "{ mount = \"/opus\", codec = \"opus\", bitrate_kbps = 96, encoder = \"ffmpeg\" }",
    "{ mount = \"/one\", codec = \"opus\", channels = 1, bitrate_kbps = 64, encoder = \"ffmpeg\" }",
];
/// Beside its own time an alarm takes the playout delay, one or two windows of comparison, and what a busy machine adds:
/// the ear gives way to all else, and three towers with four encoders each run side by side here.
const LIMIT: Duration = Duration::from_secs(90);

fn setup() -> Setup {
    let setup = Setup::new(env!("CARGO_BIN_EXE_tower")).line("station.when_full = \"wait\"");
    setup.line(&format!("output = [{}]", OUTPUTS.join(", ")))
}

/// A tower whose encoders all go wrong as a file says; and the file.
fn with_lying_encoders() -> (Tower, PathBuf) {
    let setup = setup();
    let during = setup.path("fault");
    let lies = format!("exec {} --while {} told -- ffmpeg \"$@\"", saboteur().display(), during.display());
    let script = setup.script("ffmpeg", &format!("#!/bin/sh\n{lies}\n"));
    let setup = setup.line(&format!("encoder.ffmpeg = {script:?}"));
    let quick = ["alarm.silence_ms = 2000", "alarm.differs_ms = 2000", "alarm.clear_ms = 1500"];
    (quick.into_iter().fold(setup, Setup::line).start(), during)
}

fn outputs(tower: &Tower) -> Vec<Value> {
    tower.status()["outputs"].as_array().cloned().unwrap_or_default()
}

fn alarms(tower: &Tower, name: &str) -> usize {
    let status = tower.status();
    status["alarms"].as_array().map_or(0, |alarms| alarms.iter().filter(|alarm| alarm["alarm"] == name).count())
}

/// Each output is heard, is the programme, and as loud.
fn wait_well(tower: &Tower) {
    wait_until("all outputs to be heard as they should be", LIMIT, || {
        let is_well = |output: &Value| {
            let heard = &output["heard"];
            heard["likeness"].as_f64() > Some(0.9) && heard["louder_db"].as_f64().is_some_and(|db| db.abs() < 1.0)
        };
        let loudness = |of: &Value| of["short_term_lufs"].as_f64();
        let status = tower.status();
        let programme = loudness(&status["programme"]);
        let is_as_loud = |output: &Value| {
            loudness(&output["loudness"]).zip(programme).is_some_and(|(one, other)| (one - other).abs() < 3.0)
        };
        let outputs = outputs(tower);
        outputs.len() == OUTPUTS.len()
            && outputs.iter().all(|output| is_well(output) && is_as_loud(output))
            && tower.status()["alarms"].as_array().is_some_and(Vec::is_empty)
    });
}

/// Music on air, and all well.
fn on_air() -> (Tower, PathBuf, Station) {
    let (tower, during) = with_lying_encoders();
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 40, 20)), manner);
    tower.wait_source("station", PATIENCE);
    wait_well(&tower);
    for output in outputs(&tower) {
        println!("{}: {}", output["mount"], output["heard"]);
    }
    (tower, during, station)
}

#[track_caller]
fn prove(tower: &Tower, during: &Path, fault: &str, alarm: &str) {
    // In one piece, or half a word might be read.
    std::fs::write(during.with_extension("new"), fault).expect("a temporary file");
    std::fs::rename(during.with_extension("new"), during).expect("our own file");
    wait_until(&format!("an alarm of each output ({alarm})"), LIMIT, || alarms(tower, alarm) == OUTPUTS.len());
    std::fs::remove_file(during).expect("it was there");
    wait_until("the alarms to be over", LIMIT, || alarms(tower, alarm) == 0);
    wait_well(tower);
}

#[test]
fn silence_and_a_level_that_drops_by_20_db_are_found_in_every_codec() {
    let (tower, during, _station) = on_air();
    prove(&tower, &during, "hush", "silence");
    prove(&tower, &during, "quiet", "differs");
    let told = tower.events("alarm");
    let advice = |event: &Value| event["advice"].as_str().unwrap_or_default().to_owned();
    let quieter = told.iter().filter(|(_, event)| advice(event).contains("20 dB quieter than the programme")).count();
    assert_eq!(quieter, OUTPUTS.len(), "{told:?}");
}

#[test]
fn sound_at_the_wrong_speed_is_found_in_every_codec() {
    let (tower, during, _station) = on_air();
    prove(&tower, &during, "slow-motion", "differs");
}

#[test]
fn good_encoders_raise_no_alarm_whatever_is_on_air() {
    let tower = setup().start();
    // Music, level steps, silence and speech.
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::programme(0)), Manner::default());
    tower.wait_source("station", PATIENCE);
    let _sent = station.finish();
    let heard_through = tower.status()["tick"].as_u64().expect("a number") + 42;
    wait_until("all of it to be heard", LIMIT, || {
        outputs(&tower).iter().all(|output| output["heard"]["frame"].as_u64() > Some(heard_through))
    });
    for output in outputs(&tower) {
        println!("{}: {}", output["mount"], output["heard"]);
        assert_eq!(output["heard"]["damaged_frames"], 0);
    }
    // On a busy machine the monitor may rightly say that it was held up; that is not about an encoder.
    let mut told = tower.events("alarm");
    told.retain(|(_, event)| event["alarm"] != "deaf");
    assert_eq!(told, []);
}
