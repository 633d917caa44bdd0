//! Titles: between the frames they belong to, in every spelling, and never at the cost of a byte (SPEC LIS-3).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::{basic_auth, get, send};
use radio_proof::icy::Icy;
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{material, measure, process};
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// FFmpeg as a source at `/live`; ended when dropped.
struct Dj(Child);

impl Dj {
    fn start(tower: &Tower) -> Self {
        let url = format!("icecast://source:hackme@{}/live", tower.address);
        let sine = ["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=500:sample_rate=48000"];
        let mut command = Command::new("ffmpeg");
        command.args(sine).args(["-content_type", "audio/mpeg", "-f", "mp3", &url]).stdin(Stdio::null());
        Self(command.spawn().expect("ffmpeg is there"))
    }
}

impl Drop for Dj {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn a_source_titles_its_own_sound_and_that_of_nobody_else() {
    let inputs = r#"input = [{ name = "dj", mount = "/live", password = "hackme" },
        { name = "guest", mount = "/guest", password = "absent" }]"#;
    let tower = common::setup().line(inputs).start();
    let _dj = Dj::start(&tower);
    tower.wait_source("dj", LIMIT);
    let ask = |method: &str, target: &str, authorization: &str, body: &str| {
        let answer = send(tower.address, method, target, authorization, body.as_bytes()).expect("an answer");
        (answer.head.status(), answer.text())
    };
    let (dj, guest) = (basic_auth("source", "hackme"), basic_auth("source", "absent"));
    // The guest is known, and not connected: whoever is on air is none of his business.
    for (method, target, body) in [
        ("GET", "/admin/metadata?mode=updinfo&mount=/guest&song=Stolen", ""),
        ("GET", "/admin/metadata?mode=updinfo&song=Stolen", ""),
        ("POST", "/admin/metadata?mount=/guest", "mode=updinfo&song=Stolen"),
    ] {
        let (status, text) = ask(method, target, &guest, body);
        assert_eq!(status, 400, "{method} {target}: {text}");
        assert!(text.contains("<return>0</return>") && text.contains("no source is connected"), "{text}");
    }
    let (status, text) = ask("GET", "/admin.cgi?pass=absent&mode=updinfo&song=Stolen", "", "");
    assert!(status == 400 && text.contains("no source is connected"), "{status} {text}");
    // Nor is another's mount, wherever it is named.
    assert_eq!(ask("GET", "/admin/metadata?mode=updinfo&mount=/live&song=Stolen", &guest, "").0, 401);
    assert_eq!(ask("POST", "/admin/metadata", &guest, "mode=updinfo&mount=/live&song=Stolen").0, 401);

    let by_form = format!("mode=updinfo&song=Fourth&pass={}", radio_proof::tower::ADMIN_PASSWORD);
    for (method, target, authorization, body, label) in [
        ("GET", "/admin/metadata?mode=updinfo&mount=/live&song=First", dj.as_str(), "", "First"),
        ("POST", "/admin/metadata", &dj, "mode=updinfo&song=Second", "Second"),
        ("POST", "/admin.cgi", "", "pass=hackme&mode=updinfo&song=Third", "Third"),
        ("POST", "/admin.cgi", "", &by_form, "Fourth"),
    ] {
        let (status, text) = ask(method, target, authorization, body);
        assert_eq!(status, 200, "{method} {target}: {text}");
        wait_heard(&tower, label);
    }
    // An operator may mean whatever is on air.
    assert_eq!(tower.get_as_admin("/admin/metadata?mode=updinfo&mount=/guest&song=Fifth").head.status(), 200);
    wait_heard(&tower, "Fifth");
    let labels: Vec<_> = history(&tower).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["First", "Second", "Third", "Fourth", "Fifth"]);
    assert_eq!(tower.get("/api/now-playing").json()["source"], "dj");

    // In a form guessing is slowed as it is elsewhere.
    let guesses: Vec<u16> =
        (0..8).map(|n| ask("POST", "/admin.cgi", "", &format!("pass=guess{n}&mode=updinfo&song=Stolen")).0).collect();
    assert_eq!((guesses[0], guesses[7]), (401, 429), "{guesses:?}");
    assert_eq!(ask("POST", "/admin.cgi", "", "pass=hackme&mode=updinfo&song=Stolen").0, 429);
    assert!(tower.get("/api/history").json()["songs"].as_array().is_some_and(|songs| songs.len() == 5));
}

/// A request that is there as a whole, hung up behind, before the tower sees any of it.
fn ask_and_hang_up(tower: &Tower, method: &str, target: &str, authorization: &str, body: &str) {
    let length = body.len();
    let request = format!("{method} {target} HTTP/1.0\r\n{authorization}Content-Length: {length}\r\n\r\n{body}");
    assert!(process::signal(tower.pid(), Signal::STOP));
    let socket = TcpStream::connect(tower.address);
    let sent = socket.and_then(|mut socket| socket.write_all(request.as_bytes()));
    assert!(process::signal(tower.pid(), Signal::CONT));
    sent.expect("the kernel takes it");
}

/// libshout up to 2.4.1, and so Mixxx, reads no answer.
#[test]
fn a_title_counts_though_the_program_hangs_up_before_it_is_answered() {
    let tower = common::setup().line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]").start();
    let _dj = Dj::start(&tower);
    tower.wait_source("dj", LIMIT);
    let (dj, admin) = (basic_auth("source", "hackme"), basic_auth("admin", radio_proof::tower::ADMIN_PASSWORD));
    for (method, target, authorization, body, label) in [
        ("GET", "/admin/metadata?mode=updinfo&mount=/live&song=First", dj.as_str(), "", "First"),
        ("POST", "/admin/metadata", &dj, "mode=updinfo&song=Second", "Second"),
        ("GET", "/admin.cgi?pass=hackme&mode=updinfo&song=Third", "", "", "Third"),
        ("PUT", "/api/now-playing", &admin, "{\"title\": \"Fourth\"}", "Fourth"),
    ] {
        ask_and_hang_up(&tower, method, target, authorization, body);
        wait_heard(&tower, label);
    }
}

#[test]
fn of_many_titles_the_last_hundred_are_told_with_their_times_and_too_many_at_once_are_refused() {
    let tower = common::setup().line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]").start();
    let noise = Arc::new(material::noise(4, 3000));
    let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", LIMIT);
    for n in 0..120 {
        let sent = station.sent_bytes();
        let song = format!(
            r#"{{"event_type": "song_playing", "timestamp": 1, "metadata": {{"artist": "A", "title": "{n}"}}}}"#
        );
        let answer = send(tower.address, "POST", "/tower/events/ingest", "", song.as_bytes()).expect("an answer");
        assert_eq!(answer.head.status(), 204);
        if n % 12 == 0 {
            // It says nothing, and so it ends the title at once or a tick later.
            assert_eq!(tower.get_as_admin("/admin/metadata?mode=updinfo&song=").head.status(), 200);
        }
        wait_until("the next tick or two", LIMIT, || station.sent_bytes() >= sent + 2 * radio_proof::TICK_BYTES as u64);
    }
    wait_heard(&tower, "A - 119");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let songs = tower.get("/api/history").json()["songs"].as_array().expect("a list").clone();
    let field = |name: &str| songs.iter().map(|song| song[name].clone()).collect::<Vec<Value>>();

    // What the journal says, newest first, without what has no title.
    let events = tower.get_as_admin("/api/events?limit=1000").json()["events"].clone();
    let titles = events.as_array().expect("a list").iter().rev().filter(|event| event["kind"] == "title");
    let heard: Vec<(String, Value)> = titles
        .filter_map(|event| {
            let label = event["text"].as_str()?.strip_prefix("now playing: ")?;
            (!label.ends_with("which has no title")).then(|| (label.to_owned(), event["tick"].clone()))
        })
        .collect();
    assert!(heard.len() > 105 && heard[0].0 == "A - 119", "{} titles were heard", heard.len());
    let told: Vec<(String, Value)> = songs
        .iter()
        .map(|song| (song["label"].as_str().expect("a label").to_owned(), song["serial"].clone()))
        .collect();
    assert_eq!(told, heard[..100], "the newest hundred, each at the tick of its event");

    let started: Vec<f64> = field("started_at").iter().map(|at| at.as_f64().expect("a time")).collect();
    assert!(started.is_sorted_by(|newer, older| newer > older), "{started:?}");
    let serials: Vec<f64> = field("serial").iter().map(|serial| serial.as_f64().expect("a serial")).collect();
    let ticks_s = (serials[0] - serials[99]) * 0.024;
    assert!((started[0] - started[99] - ticks_s).abs() < 0.001, "{ticks_s} s in ticks");
    assert!(now - started[0] < 20.0 && now > started[0] - 1.0, "now {now}, the last since {}", started[0]);

    // Of sources ten at once, and then ten a second; none of them is connected here.
    let source = basic_auth("source", "hackme");
    let mut answers = (0..200).map(|n| {
        let target = format!("/admin/metadata?mode=updinfo&mount=/live&song=flood+{n}");
        get(tower.address, &target, &source).expect("an answer")
    });
    let refused = answers.position(|answer| {
        assert!(answer.text().contains("<return>0</return>"), "{}", answer.text());
        answer.head.status() == 429
    });
    assert!(refused.is_some_and(|taken| taken >= 10), "{refused:?}");
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", r#"{"title": "an operator's"}"#).head.status(), 202);
    let _sent = station.stop();
}
