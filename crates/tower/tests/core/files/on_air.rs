//! Files as programme, as fallback and through `tower feed`: bit for bit on air (SPEC FALL-1, FALL-3, CFG-4).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::monitor::MonitorPcm;
use radio_proof::tower::Setup;
use radio_proof::{TICK_BYTES, frames, material, measure, numbered, offline};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Writes noise of whole ticks as a WAV file into the directory of `setup`.
fn wav(setup: &Setup, name: &str, seed: u64, ticks: usize) -> (PathBuf, Vec<u8>) {
    let pcm = material::noise(seed, ticks);
    let path = setup.path(name);
    std::fs::write(&path, material::wav(&pcm)).expect("a temporary file");
    (path, pcm)
}

/// `parts` follow each other on air without a sample between them, from tick `from` of the first on; gives its serial.
#[track_caller]
fn assert_in_sequence(pcm: &MonitorPcm, parts: &[&[u8]], from: usize) -> u64 {
    let all = parts.concat();
    let serial = pcm.serial_of_fed(&all, from);
    let ticks = (all.len() / TICK_BYTES).min((pcm.first_serial + pcm.ticks() as u64 - serial) as usize);
    assert_eq!(pcm.first_difference(serial, &all, from..ticks), None, "tick of {}", all.len() / TICK_BYTES);
    serial
}

#[test]
fn a_folder_is_the_programme_file_after_file_for_ever_without_a_gap() {
    let setup = common::setup();
    std::fs::create_dir(setup.path("music")).expect("a temporary directory");
    let (_, one) = wav(&setup, "music/1.wav", 41, 100);
    let (_, two) = wav(&setup, "music/2.wav", 42, 80);
    let folder = setup.path("music").display().to_string();
    let tower = setup.line(&format!("play.paths = [{folder:?}]")).start();
    let monitor = tower.monitor(Some(0));
    let listener = tower.listen("/stream?burst=30");
    tower.wait_source("play", Duration::from_secs(10));
    let last = monitor.next_serial() + 420;
    monitor.wait_serial(last, Duration::from_secs(20));
    let first = listener.first_frame();
    let (pcm, recording) = (monitor.stop(), listener.stop());
    assert_in_sequence(&pcm, &[&one, &two, &one, &two], 2);

    let reference = offline::ffmpeg_encode(&pcm.bytes, 128);
    let mut reference = frames::strict(&reference);
    reference.truncate(pcm.ticks() - 2);
    numbered::assert_identical(first, &frames::strict(&recording.bytes), &reference, 350);
}

#[test]
fn a_fallback_file_follows_the_grace_and_loops_without_a_gap() {
    let setup = common::setup();
    let (path, jingle) = wav(&setup, "jingle.wav", 43, 70);
    let tower = setup.line(&format!("fallback.paths = [{:?}]", path.display().to_string())).start();
    tower.wait_source("file", Duration::from_secs(10));
    let monitor = tower.monitor(Some(0));
    monitor.wait_serial(500, Duration::from_secs(20));
    assert_in_sequence(&monitor.stop(), &[&jingle, &jingle, &jingle], 5);
}

#[test]
fn a_healthy_file_of_any_format_is_named_in_the_log_once_and_nothing_else_is_said_of_it() {
    const FORMATS: [(&str, &[&str]); 12] = [
        ("a.wav", &[]),
        ("b.flac", &[]),
        ("c.mp3", &["-b:a", "128k"]),
        ("d.mp3", &["-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0", "-write_id3v1", "1"]),
        ("e.ogg", &["-c:a", "libvorbis"]),
        ("f.opus", &["-c:a", "libopus"]),
        ("g.m4a", &["-c:a", "aac"]),
        ("h.aac", &["-c:a", "aac"]),
        ("i.aiff", &[]),
        ("j.wma", &["-c:a", "wmav2"]),
        ("k.mka", &["-c:a", "flac"]),
        ("l.wv", &["-c:a", "wavpack"]),
    ];
    let setup = common::setup();
    std::fs::create_dir(setup.path("music")).expect("a temporary directory");
    let pcm = measure::to_stereo_s16(&measure::sine(440.0, 0.3, 0.0, 48_000));
    let source = setup.path("source.wav");
    std::fs::write(&source, material::wav(&pcm)).expect("a temporary file");
    for (name, options) in FORMATS {
        let tags = ["-metadata", "title=A Song", "-metadata", "artist=A Band", "-metadata", "album=An Album"];
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(&source)
            .args(options)
            .args(tags)
            .arg(setup.path("music").join(name))
            .status();
        assert!(made.expect("ffmpeg: apt-get install ffmpeg").success(), "{name}");
    }
    let folder = setup.path("music").display().to_string();
    let tower = setup.line(&format!("play.paths = [{folder:?}]")).start();
    let lines_of = |log: &str, name: &str| log.lines().filter(|line| line.contains(name)).count();
    wait_until("the second round", Duration::from_secs(60), || lines_of(&tower.stderr(), "a.wav") == 2);
    let log = tower.stderr();
    let first_round: Vec<&str> = log.lines().take_while(|line| lines_of(line, "a.wav") == 0).collect();
    let round = log.lines().skip(first_round.len()).take_while(|line| !line.contains("l.wv")).count() + 1;
    for (name, _) in FORMATS {
        let lines = log.lines().skip(first_round.len()).take(round).filter(|line| line.contains(name));
        let said: Vec<&str> = lines.collect();
        assert!(matches!(said[..], [line] if line.contains("playing")), "{name}: {said:#?}");
    }
    let complaints = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let of_files: Vec<&str> = complaints.filter(|line| line.contains("play") || line.contains(&folder)).collect();
    assert!(of_files.is_empty(), "{of_files:#?}");
}

#[test]
fn tower_feed_puts_a_file_on_air_bit_for_bit() {
    let setup = common::setup();
    let (path, fed) = wav(&setup, "programme.wav", 44, 200);
    let tower = setup.start();
    tower.wait_source("tone", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    let output = Command::new(env!("CARGO_BIN_EXE_tower"))
        .args(["feed", "--socket"])
        .args([tower.pcm_socket(), path])
        .stdin(Stdio::null())
        .output()
        .expect("the program just built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = monitor.next_serial() + 60;
    monitor.wait_serial(last, Duration::from_secs(10));
    let pcm = monitor.stop();
    let serial = pcm.serial_of_fed(&fed, 20);
    assert_eq!(pcm.first_difference(serial, &fed, 1..199), None, "tick of the fed file");
}

#[test]
fn tower_status_and_config_answer_for_a_running_tower() {
    let tower = common::setup().start();
    let config = tower.path("tower.toml");
    let run = |command: &str, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tower"))
            .args([command, "--config"])
            .arg(&config)
            .args(more)
            .output()
            .expect("the program just built");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tower {command}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(run("status", &["--json"]).contains(tower.status()["epoch"].as_str().expect("an epoch")));
    assert!(run("config", &[]).contains("tower.toml"), "where each value came from");
}
