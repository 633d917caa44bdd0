//! Titles: between the frames they belong to, in every spelling, and never at the cost of a byte (SPEC LIS-3).

mod common;

use radio_proof::alarm::wait_until;
use radio_proof::http::{basic_auth, send};
use radio_proof::icy::Icy;
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{material, measure};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
/// Bytes of a frame at 128 kbit/s.
const FRAME_BYTES: u64 = 384;

fn with_titles(tower: &Tower, target: &str) -> Listener {
    let listener = Listener::try_open(tower.address, target, "Icy-MetaData: 1\r\n").expect("the tower listens");
    assert_eq!(listener.head.number("icy-metaint"), 16_000);
    listener
}

/// Titles that were heard, oldest first: what, and from which tick on.
fn history(tower: &Tower) -> Vec<(String, u64)> {
    let songs = tower.get("/api/history").json()["songs"].clone();
    let song = |song: &Value| (song["label"].as_str().unwrap_or_default().to_owned(), song["serial"].as_u64().unwrap());
    songs.as_array().expect("a list").iter().rev().map(song).collect()
}

fn wait_heard(tower: &Tower, label: &str) -> u64 {
    wait_until(&format!("{label} to be heard"), LIMIT, || history(tower).iter().any(|(heard, _)| heard == label));
    history(tower).iter().rfind(|(heard, _)| heard == label).expect("just seen").1
}

#[test]
fn a_title_stands_at_the_first_place_after_its_frame_and_whoever_did_not_ask_gets_only_audio() {
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(3, 3000));
    let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", LIMIT);
    let (titled, plain) = (with_titles(&tower, "/stream"), tower.listen("/stream"));
    let mut heard = Vec::new();
    for n in 0..6 {
        let answer = tower.send_as_admin("PUT", "/api/now-playing", &format!(r#"{{"artist": "A", "title": "{n}"}}"#));
        assert_eq!(answer.head.status(), 202);
        assert!((480..3000).contains(&answer.json()["heard_in_ms"].as_u64().unwrap()), "{}", answer.text());
        heard.push((format!("A - {n}"), wait_heard(&tower, &format!("A - {n}"))));
        // A new one before, within and after an interval of a second.
        let next_tick = heard[n].1 + [5, 20, 45, 60, 90, 1][n];
        wait_until("the next title's time", LIMIT, || tower.status()["tick"].as_u64() > Some(next_tick));
    }
    let bytes = (heard[5].1 + 90 - titled.first_frame()) * FRAME_BYTES;
    titled.wait_bytes(bytes as usize, LIMIT);
    plain.wait_bytes(bytes as usize, LIMIT);
    drop(station);

    let (first, plain_first) = (titled.first_frame(), plain.first_frame());
    let icy = Icy::parse(&titled.stop().bytes, 16_000);
    // The block that follows each title's frame; of two that share a block the later one.
    let mut expected: Vec<(usize, String)> = Vec::new();
    for (label, serial) in heard {
        let before = (serial.saturating_sub(first) * FRAME_BYTES).div_ceil(16_000).max(1) as usize * 16_000;
        expected.retain(|(at, _)| *at != before);
        expected.push((before, format!("StreamTitle='{label}';")));
    }
    let found: Vec<_> = icy.blocks.iter().map(|(at, _)| *at).zip(icy.texts()).collect();
    assert!(found.len() >= 4 && found.ends_with(&expected), "{found:?}, but due were {expected:?}");

    let plain = plain.stop().bytes;
    let ahead = ((plain_first - first) * FRAME_BYTES) as usize;
    let both = (icy.audio.len() - ahead).min(plain.len());
    assert!(both > 80_000);
    assert!(icy.audio[ahead..][..both] == plain[..both], "titles have changed the audio");
}

#[test]
fn a_files_title_is_heard_with_its_first_sound() {
    let setup = common::setup();
    std::fs::create_dir(setup.path("music")).expect("a temporary directory");
    let tones = [("1 low", 500.0), ("2 high", 3000.0)];
    for (name, hz) in tones {
        let pcm = measure::to_stereo_s16(&measure::sine(hz, 0.3, 0.0, 48_000 * 3));
        std::fs::write(setup.path(&format!("music/{name}.wav")), material::wav(&pcm)).expect("a temporary file");
    }
    let folder = setup.path("music").display().to_string();
    let tower = setup.line(&format!("play.paths = [{folder:?}]")).start();
    let monitor = tower.monitor(Some(0));
    tower.wait_source("play", LIMIT);
    let serial = wait_heard(&tower, "2 high");
    monitor.wait_serial(serial + 10, LIMIT);
    let pcm = monitor.stop();
    let is_high = |serial: u64| {
        let samples = pcm.left_from(serial, 1);
        measure::tone_dbfs(&samples, 3000.0) > measure::tone_dbfs(&samples, 500.0)
    };
    let changed = (pcm.first_serial + 20..).find(|&serial| is_high(serial)).unwrap();
    assert!(changed.abs_diff(serial) <= 1, "its sound begins at tick {changed}, its title at {serial}");
}

#[test]
fn who_comes_on_air_brings_its_own_title_and_takes_away_the_last_one() {
    let tower = common::setup().line("router.grace_ms = 500").start();
    let station = || {
        let noise = Arc::new(material::noise(3, 3000));
        let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
        tower.wait_source("station", LIMIT);
        station
    };
    let first = station();
    tower.send_as_admin("PUT", "/api/now-playing", r#"{"title": "first"}"#);
    wait_heard(&tower, "first");
    drop(first);
    tower.wait_source("tone", LIMIT);
    wait_until("no title", LIMIT, || tower.get("/api/now-playing").json()["label"] == Value::Null);
    tower.send_as_admin("PUT", "/api/now-playing", r#"{"title": "pause"}"#);
    wait_heard(&tower, "pause");
    let second = station();
    wait_until("the new one has none yet", LIMIT, || tower.get("/api/now-playing").json()["label"] == Value::Null);
    drop(second);
    tower.wait_source("tone", LIMIT);
    tower.send_as_admin("PUT", "/api/now-playing", r#"{"title": "another"}"#);
    wait_heard(&tower, "another");
    let titles: Vec<_> = history(&tower).into_iter().map(|(label, _)| label).collect();
    assert_eq!(titles, ["first", "pause", "another"]);
}

#[test]
fn every_way_to_send_a_title_works_and_only_for_those_who_may() {
    let old = r#"output = [{ mount = "/stream" }, { mount = "/old", title_charset = "latin1" }]"#;
    let tower = common::setup().line(old).start();
    tower.wait_source("tone", LIMIT);
    let (new, old) = (with_titles(&tower, "/stream"), with_titles(&tower, "/old"));
    let admin = basic_auth("admin", radio_proof::tower::ADMIN_PASSWORD);
    let ways = [
        ("GET", "/admin/metadata?mode=updinfo&mount=/stream&song=One+%2d%20Eins", "", "One - Eins"),
        ("GET", "/admin/metadata?mode=updinfo&song=Gr%F6nemeyer", "", "Grönemeyer"),
        ("GET", "/admin/metadata?mode=updinfo&charset=windows-1251&song=%CF", "", "П"),
        ("POST", "/admin/metadata", "mode=updinfo&artist=Two&title=Zwei", "Two - Zwei"),
        ("POST", "/admin.cgi?mode=updinfo", "song=Three", "Three"),
        ("PUT", "/api/now-playing", r#"{"artist": "Four", "title": "Vier", "url": "http://x/"}"#, "Four - Vier"),
    ];
    for (method, target, body, label) in ways {
        let refused = send(tower.address, method, target, "", body.as_bytes()).expect("an answer");
        assert_eq!(refused.head.status(), 401, "{method} {target} without a password");
        let answer = send(tower.address, method, target, &admin, body.as_bytes()).expect("an answer");
        assert!([200, 202].contains(&answer.head.status()), "{method} {target}: {}", answer.text());
        if target.starts_with("/admin/") {
            assert!(answer.text().contains("<return>1</return>"), "{}", answer.text());
        }
        wait_heard(&tower, label);
    }
    let by_pass = format!("/admin.cgi?pass={}&mode=updinfo&song=F%C3%BCnf", radio_proof::tower::ADMIN_PASSWORD);
    assert_eq!(tower.get(&by_pass).text(), "OK2\r\n");
    wait_heard(&tower, "Fünf");
    for (method, target, body) in [
        ("PUT", "/api/now-playing", "{}"),
        ("PUT", "/api/now-playing", "{\"song\": 1}"),
        ("GET", "/admin/metadata?mode=updinfo", ""),
        ("GET", "/admin/metadata?mode=viewxml&song=x", ""),
        ("POST", "/admin.cgi", "song=x"),
    ] {
        assert_eq!(tower.send_as_admin(method, target, body).head.status(), 400, "{method} {target}");
    }
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", &"x".repeat(100_000)).head.status(), 413);
    assert_eq!(tower.send_as_admin("DELETE", "/api/now-playing", "").head.status(), 405);

    // The last one has come to both, each in its own charset: wait for an interval more.
    let enough = |listener: &Listener| listener.received() + 60_000;
    let (new_bytes, old_bytes) = (enough(&new), enough(&old));
    new.wait_bytes(new_bytes, LIMIT);
    old.wait_bytes(old_bytes, LIMIT);
    let last = |listener: Listener| Icy::parse(&listener.stop().bytes, 16_000).blocks.pop().expect("a title").1;
    assert_eq!(last(new), "StreamTitle='Fünf';".as_bytes());
    assert_eq!(last(old), b"StreamTitle='F\xfcnf';");
}
