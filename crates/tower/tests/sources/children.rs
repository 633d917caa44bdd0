//! What encoder and decoder processes get of the tower: no secret, and no better place than the
//! tower when memory runs out (SPEC ENC-5, OPS-3).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The environment of a process.
fn environment(pid: u64) -> BTreeMap<String, String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).expect("a process of ours");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split('\0').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

fn oom_score(pid: u64) -> i64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("a process of ours");
    text.trim().parse().expect("a number")
}

/// The encoders, and the decoder of the source.
fn children(tower: &Tower) -> Vec<u64> {
    let decoder = || tower.status()["inputs"][1]["source"]["connected"]["decoder_pid"].as_u64();
    let decoder = wait_for("a decoder", PATIENCE, decoder);
    let status = tower.status();
    let encoders = status["outputs"].as_array().expect("outputs").iter();
    encoders.map(|output| output["encoder"]["pid"].as_u64().expect("an encoder")).chain([decoder]).collect()
}

#[test]
fn no_child_gets_a_secret_and_each_is_killed_before_the_tower() {
    let tower = common::setup()
        .line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]")
        .line("output = [{}, { mount = \"/second\", encoder = \"ffmpeg\" }]")
        .line("encoder.environment = [\"STATION_PLUGINS\"]")
        .variable("TOWER_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .variable("UPLINK_TOKEN", "c0ffee")
        .variable("CREDENTIALS_DIRECTORY", "/run/credentials")
        .variable("STATION_PLUGINS", "/opt/plugins")
        .variable("LANG", "C.UTF-8")
        .start();
    let coding = ["-c:a", "libopus", "-f", "ogg", "-content_type", "audio/ogg"];
    let _source = crate::program::ffmpeg(&tower, 440, &coding, "hackme");
    tower.wait_source("dj", PATIENCE);
    let children = children(&tower);
    assert_eq!(children.len(), 3);
    for (child, has_plugins) in children.into_iter().zip([false, true, false]) {
        let environment = environment(child);
        for secret in ["TOWER_ADMIN_PASSWORD", "UPLINK_TOKEN", "CREDENTIALS_DIRECTORY"] {
            assert!(!environment.contains_key(secret), "{environment:?}");
        }
        assert!(!environment.values().any(|value| value == ADMIN_PASSWORD || value == "c0ffee"), "{environment:?}");
        assert_eq!(environment.get("LANG").map(String::as_str), Some("C.UTF-8"), "{environment:?}");
        assert_eq!(environment.get("PATH"), std::env::var("PATH").ok().as_ref(), "{environment:?}");
        assert_eq!(environment.contains_key("STATION_PLUGINS"), has_plugins, "{environment:?}");
        assert_eq!(oom_score(child), (oom_score(tower.pid().into()) + 500).min(1000));
    }
}

#[test]
fn a_secret_of_the_tower_is_refused_as_a_childs_variable() {
    let refusal = common::setup().line("encoder.environment = [\"TOWER_ADMIN_PASSWORD\"]").refused();
    assert!(refusal.stderr.contains("encoder.environment") && refusal.stderr.contains("secret"), "{}", refusal.stderr);
}

#[test]
fn the_unit_goes_on_when_a_child_is_killed_for_its_memory() {
    let unit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/radio-tower.service");
    let unit = std::fs::read_to_string(unit).expect("the unit");
    assert!(unit.lines().any(|line| line == "OOMPolicy=continue"), "{unit}");
}
