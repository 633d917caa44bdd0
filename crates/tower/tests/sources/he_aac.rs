//! HE-AAC has its upper half, as a source and in files: FFmpeg decodes it (SPEC IN-7, FALL-8).

use crate::external_decoders::{PATIENCE, Source, setup};
use radio_proof::material::HE_AAC;
use radio_proof::measure;
use std::process::{Command, Stdio};

/// How far the level of the tone may be off.
const LEVEL_TOLERANCE_DB: f64 = 1.0;

/// The left channel, at 48 kHz, has the tone of the core at its level, and what SBR alone has above it.
#[track_caller]
fn assert_whole(name: &str, left: &[f64]) {
    let level = measure::tone_dbfs(left, 46.0 * 44_100.0 / 2048.0);
    assert!((level + 12.04).abs() < LEVEL_TOLERANCE_DB, "{name}: {level:.2} dBFS");
    let window = &left[..4096];
    let steps = (0..180).map(|step| 12_000.0 + f64::from(step) * 48_000.0 / 4096.0);
    let power: f64 = steps.map(|hz| 10f64.powf(measure::tone_dbfs(window, hz) / 10.0)).sum();
    // Without SBR there is nothing above 11 kHz but what the window lets through of the tone below.
    assert!(10.0 * power.log10() > -40.0, "{name}: {:.1} dBFS above 12 kHz", 10.0 * power.log10());
}

#[test]
fn he_aac_of_a_source_has_its_upper_half() {
    let tower = setup().start();
    let path = tower.path("he.aac");
    std::fs::write(&path, HE_AAC.repeat(100)).expect("a temporary file");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-i"]).arg(path).args(["-c", "copy", "-f", "adts"]);
    command.args(["-content_type", "audio/aacp", &format!("icecast://source:hackme@{}/live", tower.address)]);
    let _source = Source(command.stdin(Stdio::null()).spawn().expect("ffmpeg is there"));
    tower.wait_source("dj", PATIENCE);
    let monitor = tower.monitor(None);
    let from = monitor.next_serial() + 20;
    monitor.wait_serial(from + 40, PATIENCE);
    assert_whole("the source", &monitor.stop().left_from(from, 40));
}

#[test]
fn he_aac_in_a_file_has_its_upper_half_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("he.aac"), HE_AAC.repeat(20)).expect("a temporary file");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path("he.aac")).args(["-c", "copy"]).arg(path("he.m4a"));
    assert!(command.status().expect("ffmpeg is there").success());
    for name in ["he.aac", "he.m4a"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tower")).arg("decode").arg(path(name)).output().expect("it runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let left = output.stdout.chunks_exact(8).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]).into());
        let left: Vec<f64> = left.collect();
        // 240 frames of 2048 samples at 44.1 kHz.
        let samples = 240 * 2048 * 480 / 441;
        assert!(left.len().abs_diff(samples) < 5 * 2230, "{name}: {} samples of {samples}", left.len());
        assert_whole(name, &left[96_000..144_000]);
    }
}
