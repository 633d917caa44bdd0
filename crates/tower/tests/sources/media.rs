//! Folders that come late, go and come back, and rounds that go on after a restart (SPEC FALL-3,
//! FALL-4).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, measure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Twice the period in which a tower looks again, and a round of tests on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

fn song(path: &Path, seconds: usize) {
    let pcm = measure::to_stereo_s16(&measure::sine(500.0, 0.3, 0.0, 48_000 * seconds));
    fs::write(path, material::wav(&pcm)).expect("a temporary file");
}

fn alarm(tower: &Tower) -> Option<Value> {
    let status = tower.status();
    status["alarms"].as_array()?.iter().find(|alarm| alarm["alarm"] == "media_missing").cloned()
}

fn playing(tower: &Tower) -> String {
    tower.get("/api/now-playing").json()["title"].as_str().unwrap_or_default().to_owned()
}

fn with_folder(folder: &Path) -> Setup {
    common::setup().line(&format!("play.paths = [{folder:?}]")).line("alarm.clear_ms = 1000")
}

#[test]
fn a_folder_that_comes_late_goes_and_comes_back_is_played_while_it_is_there() {
    let disk = tempfile::tempdir().expect("a folder");
    let (folder, away) = (disk.path().join("music"), disk.path().join("away"));
    let tower = with_folder(&folder).start();
    let told = wait_for("the missing folder", LIMIT, || {
        let said = fs::read_to_string(tower.path("stdout")).ok()?;
        said.lines().find(|line| line.starts_with("Missing: ")).map(str::to_owned)
    });
    let shown = folder.display().to_string();
    assert!(told.contains(&format!("{shown} (`play.paths`): No such file or directory")), "{told}");
    tower.wait_source("tone", LIMIT);
    let alarm_text = wait_for("the alarm", LIMIT, || alarm(&tower))["text"].clone();
    assert!(
        alarm_text.as_str().is_some_and(|text| text.contains(&shown) && text.contains("tower reload")),
        "{alarm_text}"
    );
    let health = tower.get("/healthz");
    assert!(health.head.status() == 200 && !health.text().contains(&shown), "{}", health.text());

    fs::create_dir(&folder).expect("a folder");
    song(&folder.join("1.wav"), 2);
    tower.wait_source("play", LIMIT);
    wait_until("the alarm to be over", LIMIT, || alarm(&tower).is_none());

    fs::rename(&folder, &away).expect("our own folder");
    tower.wait_source("tone", LIMIT);
    wait_for("the alarm again", LIMIT, || alarm(&tower));
    fs::rename(&away, &folder).expect("our own folder");
    tower.wait_source("play", LIMIT);
    let log = tower.stderr();
    assert!(log.matches("cannot open").count() <= 5, "a folder that is gone costs a few lines: {log}");
}

#[test]
fn what_comes_late_joins_the_round_that_is_played() {
    let disk = tempfile::tempdir().expect("a folder");
    let (there, late) = (disk.path().join("there"), disk.path().join("late"));
    fs::create_dir(&there).expect("a folder");
    // The folder on which a disk will be mounted.
    fs::create_dir(&late).expect("a folder");
    (1..=9).for_each(|n| song(&there.join(format!("{n}.wav")), 4));
    let tower =
        common::setup().line(&format!("play.paths = [{there:?}, {late:?}]")).line("play.shuffle = false").start();
    wait_until("the first song", LIMIT, || playing(&tower) == "1");
    assert!(wait_for("the alarm", LIMIT, || alarm(&tower))["text"].to_string().contains("is its disk mounted?"));
    song(&late.join("late.wav"), 4);
    // 9 songs of 4 s are the round; the next one would begin with the first again.
    wait_until("the last song", LIMIT * 2, || playing(&tower) == "9");
    wait_until("what has come", LIMIT, || playing(&tower) != "9");
    assert_eq!(playing(&tower), "late");
}

#[test]
fn after_a_restart_the_round_goes_on_with_the_song_that_was_on_air() {
    let disk = tempfile::tempdir().expect("a folder");
    let (folder, state) = (disk.path().join("music"), disk.path().join("state"));
    fs::create_dir(&folder).expect("a folder");
    (0..30).for_each(|n| song(&folder.join(format!("{n:02}.wav")), 3));
    let start = || {
        let setup = with_folder(&folder).line("play.shuffle = true");
        setup.line(&format!("server.state_dir = {state:?}")).start()
    };
    let heard = |tower: &Tower| -> Vec<String> {
        let songs = tower.get("/api/history").json()["songs"].clone();
        let title = |song: &Value| song["title"].as_str().unwrap_or_default().to_owned();
        songs.as_array().expect("a list").iter().rev().map(title).collect()
    };
    let mut first = start();
    wait_until("three songs", LIMIT, || heard(&first).len() >= 3);
    let before = heard(&first);
    first.terminate();
    let second = start();
    wait_until("three more", LIMIT, || heard(&second).len() >= 3);
    let after = heard(&second);
    // What was on air begins again, or what had been decoded behind it: it ends within the buffer's
    // 5 s.
    let last = before.last().expect("three songs");
    assert!(!before[..before.len() - 1].iter().any(|song| after.contains(song)), "{before:?}, then {after:?}");
    assert!(after.iter().take(1).any(|song| song == last) || !after.contains(last), "{before:?}, then {after:?}");
    drop(second);

    // A damaged file costs the place and nothing else.
    let kept = state.join("round-play.json");
    assert!(fs::read_to_string(&kept).expect("the place").contains("\"version\": 1"));
    fs::write(&kept, b"\0\0{").expect("a file");
    let third = start();
    wait_until("a song", LIMIT, || !heard(&third).is_empty());
    assert!(third.stderr().contains("the place in the round is lost"), "{}", third.stderr());
}

#[test]
fn album_year_and_cover_of_a_file_travel_with_its_title() {
    let disk = tempfile::tempdir().expect("a folder");
    let path = disk.path().join("song.wav");
    song(&path, 20);
    let picture = [&[0xFF, 0xD8, 0xFF, 0xE0][..], &[7; 100]].concat();
    let frame = |id: &[u8], content: &[u8]| {
        let bytes = u32::try_from(content.len()).expect("a short one").to_be_bytes();
        [id, &bytes, &[0, 0], content].concat()
    };
    let frames = [
        frame(b"TIT2", b"\0Song"),
        frame(b"TPE1", b"\0Band"),
        frame(b"TALB", b"\0Album"),
        frame(b"TPUB", b"\0Label"),
        frame(b"TSRC", b"\0GBAYE0601498"),
        frame(b"TYER", b"\x001999"),
        frame(b"APIC", &[b"\0image/jpeg\0\x03\0", &picture[..]].concat()),
    ]
    .concat();
    let size = u32::try_from(frames.len()).expect("a short one");
    let synchsafe = [21, 14, 7, 0].map(|shift| (size >> shift & 127) as u8);
    let tag = [b"ID3\x03\0\0", &synchsafe[..], &frames].concat();
    let chunk = [b"id3 ", &u32::try_from(tag.len()).expect("a short one").to_le_bytes()[..], &tag].concat();
    let wav = [fs::read(&path).expect("the song"), chunk].concat();
    fs::write(&path, wav).expect("a file");
    let tower = with_folder(&path).start();
    let now = wait_for("the title", LIMIT, || {
        let now = tower.get("/api/now-playing").json();
        (now["label"] == "Band - Song").then_some(now)
    });
    let wanted = [("album", "Album"), ("record_label", "Label"), ("isrc", "GBAYE0601498")];
    wanted.iter().for_each(|(field, text)| assert_eq!(now[field], *text, "{now}"));
    assert_eq!((now["year"].as_u64(), now["duration_s"].as_f64()), (Some(1999), Some(20.0)), "{now}");
    let cover = tower.get(now["cover"].as_str().expect("an address"));
    assert_eq!((cover.head.status(), cover.head.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(cover.body, picture);
    assert_eq!(tower.get("/api/cover?id=0").head.status(), 404);

    let put = r#"{"artist": "A", "title": "T", "album": "B", "year": 2001, "cover": "http://x/c.png"}"#;
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", put).head.status(), 202);
    let now = wait_for("the other title", LIMIT, || {
        let now = tower.get("/api/now-playing").json();
        (now["title"] == "T").then_some(now)
    });
    assert_eq!((&now["album"], &now["year"], &now["cover"]), (&"B".into(), &2001.into(), &"http://x/c.png".into()));
    assert!(now["isrc"].is_null(), "nothing is left of the file's: {now}");
}
