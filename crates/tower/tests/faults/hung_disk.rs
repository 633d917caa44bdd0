//! A disk that never answers (SPEC FALL-7): its input is absent, the fallback plays from memory or
//! another disk, and all is well when it answers. Processes that wait for it cannot be killed.

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::hung_disk::HungDisk;
use radio_proof::process;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{frames, material, measure};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// What a player has in hand, the silence before the fallback, and as much again for a busy machine.
const AWAY_MAX: Duration = Duration::from_secs(12);

fn songs(folder: &Path, hz: f64) {
    for n in 1..=3 {
        let pcm = measure::to_stereo_s16(&measure::sine(hz, 0.3, 0.0, 48_000 * 20));
        fs::write(folder.join(format!("{n}.wav")), material::wav(&pcm)).expect("a temporary file");
    }
}

fn setup(play: &Path, fallback: &Path) -> Setup {
    common::setup()
        .line(&format!("play.paths = [{play:?}]"))
        .line(&format!("fallback.paths = [{fallback:?}]"))
        .line("router.grace_ms = 240")
}

fn on_air(tower: &Tower) -> String {
    tower.status()["on_air"]["source"].as_str().unwrap_or_default().to_owned()
}

/// Decoder processes that wait for a disk.
fn stuck(tower: &Tower) -> usize {
    let is_stuck = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('D'))
    };
    process::children(tower.pid()).iter().filter(|pid| is_stuck(pid)).count()
}

#[test]
fn while_no_disk_answers_the_fallback_plays_from_memory_and_the_songs_go_on_when_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (play, fallback) = (folder.path().join("play"), folder.path().join("fallback"));
    [&play, &fallback].into_iter().for_each(|path| fs::create_dir(path).expect("a folder"));
    songs(&play, 500.0);
    songs(&fallback, 900.0);
    let disks = [HungDisk::of(&play), HungDisk::of(&fallback)];
    let tower = setup(disks[0].path(), disks[1].path()).start();
    // Dropped before the tower, whose end waits for its threads.
    let disks = disks;
    tower.wait_source("play", LIMIT);
    let listener = tower.listen("/stream");
    listener.wait_bytes(20_000, LIMIT);
    let begin = Instant::now();
    let first = disks[1].path().join("1.wav").display().to_string();
    wait_until("the fallback to be ready", LIMIT, || tower.status().to_string().contains(&first));

    disks.iter().for_each(HungDisk::hang);
    wait_until("the fallback", AWAY_MAX, || on_air(&tower).contains("fallback"));
    let until = Instant::now() + Duration::from_secs(25);
    while Instant::now() < until {
        assert!(on_air(&tower).contains("fallback"), "longer than one of its songs");
        assert!(stuck(&tower) <= 4, "two of each player");
        assert_eq!(tower.get("/livez").head.status(), 200);
        std::thread::sleep(Duration::from_millis(500));
    }
    let status = tower.status().to_string();
    assert!(status.contains("waiting for the disk"), "it says why: {status}");
    let alarms = tower.events("alarm");
    assert!(!alarms.iter().any(|(_, event)| event["alarm"] == "decoder_killed"), "no file is at fault: {alarms:?}");

    disks.iter().for_each(HungDisk::answer);
    tower.wait_source("play", LIMIT);
    wait_until("no process to be stuck", LIMIT, || stuck(&tower) == 0);
    let recording = listener.stop();
    assert!(recording.end.is_none(), "{:?}", recording.end);
    assert!(frames::strict(&recording.bytes).len() > 150);
    let gap = recording.longest_gap(begin);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}

#[test]
fn a_tower_whose_disk_does_not_answer_is_on_air_and_plays_when_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (play, fallback) = (folder.path().join("play"), folder.path().join("fallback"));
    [&play, &fallback].into_iter().for_each(|path| fs::create_dir(path).expect("a folder"));
    songs(&play, 500.0);
    songs(&fallback, 900.0);
    let disk = HungDisk::of(&play);
    disk.hang();
    let tower = setup(disk.path(), &fallback).start();
    let disk = disk;
    wait_until("the fallback", AWAY_MAX, || on_air(&tower).contains("fallback"));
    disk.answer();
    tower.wait_source("play", LIMIT);
}
