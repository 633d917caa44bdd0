//! Every kind of `[[input]]` is heard at its level, and the higher follows the lower and back, without a click and without
//! a listener that moves (SPEC ROUTER-1, ROUTER-6, IN-5).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::changes::{CLICK_MAX, click, on_air};
use radio_proof::http::{basic_auth, send};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Setup, Tower};
use radio_proof::{TICK_BYTES, material, measure, mp3};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// What MP3 takes off a tone, once or twice.
const LEVEL_TOLERANCE_DB: f64 = 1.0;

/// Stereo PCM of a sine with an amplitude of so many dBFS.
fn sine(hz: f64, dbfs: f64, ticks: usize) -> Vec<u8> {
    let amplitude = 32_767.0 * 10f64.powf(dbfs / 20.0);
    let sample = |n: usize| (amplitude * (n as f64 * hz * std::f64::consts::TAU / 48_000.0).sin()).round() as i16;
    (0..ticks * TICK_BYTES / 4).flat_map(|n| [sample(n).to_le_bytes(), sample(n).to_le_bytes()].concat()).collect()
}

fn wav(setup: &Setup, name: &str, pcm: &[u8]) -> String {
    let path = setup.path(name);
    std::fs::write(&path, material::wav(pcm)).expect("a temporary file");
    path.display().to_string()
}

/// What a listener hears now is a tone, at its level.
#[track_caller]
fn assert_heard(tower: &Tower, name: &str, hz: f64, dbfs: f64) {
    tower.wait_source(name, PATIENCE);
    // What the tower sends ahead, and the fade come first.
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * 4);
    listener.wait_bytes(bytes, PATIENCE);
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    let tail = &decoded[decoded.len() - 48_000..];
    let (level, heard) = (measure::tone_dbfs(tail, hz), measure::tone_hz(tail, hz));
    assert!((level - dbfs).abs() < LEVEL_TOLERANCE_DB, "{hz} Hz at {level:.2} dBFS instead of {dbfs}");
    assert!((heard - hz).abs() < 0.5, "{heard:.2} Hz instead of {hz}");
}

fn feed(tower: &Tower, name: &str) -> serde_json::Value {
    let inputs = tower.status()["inputs"].clone();
    let all = inputs.as_array().expect("inputs");
    all.iter().find(|input| input["name"] == name).map_or(serde_json::Value::Null, |input| input["feed"].clone())
}

/// Sends PCM in real time, until it is dropped.
struct Producer {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Producer {
    fn start(address: &str, pcm: Vec<u8>) -> Self {
        let mut stream = TcpStream::connect(address).expect("the tower listens");
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let begun = std::time::Instant::now();
            for (n, block) in pcm.chunks(4096).cycle().enumerate() {
                // A third of a second ahead of real time.
                let due = begun + Duration::from_micros(n as u64 * 4096 * 1_000_000 / 192_000);
                std::thread::sleep(
                    due.saturating_duration_since(std::time::Instant::now() + Duration::from_millis(300)),
                );
                if is_over.load(Relaxed) || stream.write_all(block).is_err() {
                    return;
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _panicked = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn pcm_address(tower: &Tower, name: &str) -> String {
    let address = || feed(tower, name)["state"]["address"].as_str().map(str::to_owned);
    wait_for("the address", PATIENCE, address)
}

#[test]
fn live_beats_a_playlist_beats_the_fallback_and_back_without_a_click_on_one_connection() {
    let setup = common::setup();
    wav(&setup, "song.wav", &sine(200.0, -12.0, 1500));
    std::fs::write(setup.path("list.m3u"), "song.wav\n").expect("a temporary file");
    let list = setup.path("list.m3u").display().to_string();
    let jingle = wav(&setup, "jingle.wav", &sine(100.0, -12.0, 250));
    let inputs = |with_list: bool| {
        let list = format!("{{ name = \"music\", kind = \"playlist\", paths = [{list:?}] }}, ");
        let live =
            "{ name = \"studio\", kind = \"pcm_tcp\", address = \"127.0.0.1:0\", pacing = \"buffer\", gain_db = -6.0 }";
        format!("input = [{}{live}]", if with_list { list.as_str() } else { "" })
    };
    let setup =
        setup.line("router.grace_ms = 240").line(&format!("fallback.paths = [{jingle:?}]")).line(&inputs(false));
    let tower = setup.start();
    tower.wait_source("fallback file", PATIENCE);
    let listener = tower.listen("/stream?burst=0");
    let monitor = tower.monitor(None);
    let steady = |ticks: u64| {
        let until = monitor.next_serial() + ticks;
        monitor.wait_serial(until, PATIENCE);
    };
    steady(40);
    reload(&tower, &inputs(true));
    tower.wait_source("music", PATIENCE);
    steady(60);
    let producer = Producer::start(&pcm_address(&tower, "studio"), sine(300.0, -6.0, 500));
    tower.wait_source("studio", PATIENCE);
    steady(60);
    drop(producer);
    tower.wait_source("music", PATIENCE);
    steady(60);
    reload(&tower, &inputs(false));
    tower.wait_source("fallback file", PATIENCE);
    steady(60);

    let (pcm, changes) = (monitor.stop(), on_air(&tower));
    let names: Vec<&str> = changes.iter().map(|(_, name)| name.as_str()).collect();
    let wanted = ["fallback file", "music", "studio", "music", "silence", "fallback file"];
    assert!(names.ends_with(&wanted), "{names:?}");
    let at = |index: usize| changes[changes.len() - wanted.len() + index].0;
    let steady: Vec<u64> = [1, 2, 3, 5].map(|index| at(index) + 20).to_vec();
    for (index, what) in wanted.iter().enumerate().skip(1) {
        let click = click(&pcm, at(index), &steady);
        assert!(click <= CLICK_MAX, "{what} came with {click:.2} times the steady second difference");
    }
    for (index, hz) in [(1, 200.0), (2, 300.0), (3, 200.0), (5, 100.0)] {
        let level = measure::tone_dbfs(&pcm.left_from(at(index) + 10, 40), hz);
        assert!((level + 12.0).abs() < 0.2, "{hz} Hz at {level:.2} dBFS: the gain of the studio is -6 dB");
    }
    assert!(listener.end().is_none(), "one connection for all of it");
    let decoded = mp3::decode_left(&listener.stop().bytes);
    let loudest = |hz| decoded.chunks(12_000).map(|part| measure::tone_dbfs(part, hz)).fold(f64::MIN, f64::max);
    for hz in [100.0, 200.0, 300.0] {
        assert!((loudest(hz) + 12.0).abs() < LEVEL_TOLERANCE_DB, "the listener heard {hz} Hz at {:.2}", loudest(hz));
    }
}

/// Puts other inputs in the place of the tower's, and has it read them.
#[track_caller]
fn reload(tower: &Tower, inputs: &str) {
    let path = tower.path("tower.toml");
    let before = std::fs::read_to_string(&path).expect("the tower's configuration");
    let kept: Vec<&str> = before.lines().map(|line| if line.starts_with("input = ") { inputs } else { line }).collect();
    std::fs::write(&path, kept.join("\n") + "\n").expect("the tower's configuration");
    let answer = send(tower.address, "POST", "/admin/reload", &basic_auth("admin", ADMIN_PASSWORD), b"");
    let answer = answer.expect("an answer");
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
}

#[test]
fn pcm_over_tcp_is_bit_exact_limited_in_producers_and_ended_by_a_reload() {
    let input = |more: &str| {
        format!(
            "input = [{{ name = \"studio\", kind = \"pcm_tcp\", address = \"127.0.0.1:0\", pacing = \"buffer\", producers_max = 2{more} }}]"
        )
    };
    let tower = common::setup().line(&input("")).start();
    let address = pcm_address(&tower, "studio");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let monitor = tower.monitor(None);
    let noise = material::noise(5, 500);
    let first = Producer::start(&address, noise.clone());
    tower.wait_source("studio", PATIENCE);
    let until = monitor.next_serial() + 100;
    monitor.wait_serial(until, PATIENCE);
    let pcm = monitor.stop();
    let serial = pcm.serial_of_fed(&noise, 10);
    assert_eq!(pcm.first_difference(serial, &noise, 10..80), None);

    let _second = Producer::start(&address, noise.clone());
    wait_until("the second", PATIENCE, || {
        feed(&tower, "studio")["state"]["connected"].as_array().map(Vec::len) == Some(2)
    });
    // A producer that has sent nothing yet would make room for another.
    wait_until("PCM of both", PATIENCE, || {
        let status = tower.status();
        let inputs = status["inputs"].as_array().into_iter().flatten();
        let producers =
            inputs.filter(|input| input["name"] == "studio").filter_map(|input| input["producers"].as_array());
        producers.flatten().filter(|producer| producer["count"].as_u64() > Some(0)).count() == 2
    });
    let _third = TcpStream::connect(&address).expect("the tower listens");
    let is_told = || tower.events("source").iter().any(|(_, event)| event["what"] == "producer_refused");
    wait_until("the third to be refused", PATIENCE, is_told);
    // Another gain: nobody is ended. No input any more: everybody is.
    reload(&tower, &input(", gain_db = -20.0"));
    assert_eq!(feed(&tower, "studio")["state"]["connected"].as_array().map(Vec::len), Some(2));
    reload(&tower, "input = []");
    tower.wait_source("tone", PATIENCE);
    assert!(TcpStream::connect(&address).is_err(), "nobody listens there");
    drop(first);
}

/// A program that ends when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn a_stream_is_pulled_from_another_tower_with_its_titles_and_again_when_that_was_gone() {
    let upstream = || {
        let setup = common::setup();
        let song = wav(&setup, "Artist - Song.wav", &sine(440.0, -10.0, 1500));
        setup.line(&format!("play.paths = [{song:?}]"))
    };
    let first = upstream().start();
    first.wait_source("play", PATIENCE);
    // A server between them stays where it is while towers come and go.
    let door = Redirector::start(first.address);
    let url = format!("http://{}/somewhere?token=secret", door.address);
    let input =
        format!("input = [{{ name = \"relay\", kind = \"url\", url = {url:?}, gain_db = 4.0, timeout_ms = 2000 }}]");
    let tower = common::setup().line(&input).start();
    let title = || tower.get("/api/now-playing").json()["title"].clone();
    wait_until("its title", PATIENCE, || title() == "Artist - Song");
    assert_heard(&tower, "relay", 440.0, -6.0);
    let state = feed(&tower, "relay")["state"].clone();
    assert_eq!((&state["connected"]["codec"], &state["problem"]), (&"mp3".into(), &serde_json::Value::Null), "{state}");
    assert!(
        !tower.events("source").iter().any(|(_, event)| event.to_string().contains("secret")),
        "a query may be a token"
    );

    drop(first);
    tower.wait_source("tone", PATIENCE);
    wait_until("the reason", PATIENCE, || feed(&tower, "relay")["state"]["problem"].is_string());
    let second = upstream().start();
    second.wait_source("play", PATIENCE);
    door.lead_to(second.address);
    tower.wait_source("relay", PATIENCE);
    assert!(feed(&tower, "relay")["state"]["attempts"].as_u64() > Some(1));
}

/// Leads to the stream of a tower, by two redirects.
struct Redirector {
    address: std::net::SocketAddr,
    to: Arc<std::sync::Mutex<std::net::SocketAddr>>,
}

impl Redirector {
    fn start(to: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("our own socket");
        let to = Arc::new(std::sync::Mutex::new(to));
        let target = Arc::clone(&to);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap_or(0);
                let at_first = request[..read].starts_with(b"GET /somewhere");
                let to = target.lock().expect("nobody panics");
                let location = if at_first { "/there".to_owned() } else { format!("http://{to}/stream") };
                let _gone = write!(stream, "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { address, to }
    }

    fn lead_to(&self, to: std::net::SocketAddr) {
        *self.to.lock().expect("nobody panics") = to;
    }
}

#[test]
fn a_stream_of_ffmpeg_in_opus_is_pulled_and_one_that_falls_silent_is_left() {
    // FFmpeg serves one client, and then no more.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let url = format!("http://127.0.0.1:{port}/live");
    let mut command = Command::new("ffmpeg");
    let tone = "sine=frequency=700:sample_rate=48000";
    command.args([
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        tone,
        "-ac",
        "2",
        "-c:a",
        "libopus",
        "-page_duration",
        "60000",
    ]);
    command.args(["-f", "ogg", "-content_type", "audio/ogg", "-listen", "1", &url]).stdin(Stdio::null());
    let server = Program(command.spawn().expect("ffmpeg is there"));
    let input = format!("input = [{{ name = \"relay\", kind = \"url\", url = {url:?}, timeout_ms = 1000 }}]");
    let tower = common::setup().line(&input).start();
    // FFmpeg's sine, as two channels of half the power.
    assert_heard(&tower, "relay", 700.0, -21.07);
    let state = feed(&tower, "relay")["state"].clone();
    assert_eq!(state["connected"]["codec"], "opus", "{state}");
    // It is stopped, not ended: the connection stays, and nothing comes.
    let stop = |signal: &str| Command::new("kill").args([signal, &server.0.id().to_string()]).status();
    assert!(stop("-STOP").expect("kill is there").success());
    let problem = || feed(&tower, "relay")["state"]["problem"].as_str().map(str::to_owned);
    let is_told = || {
        tower.events("source").iter().any(|(_, event)| event["why"].to_string().contains("nothing came for 1000 ms"))
    };
    wait_until("the dead connection to be left", PATIENCE, is_told);
    tower.wait_source("tone", PATIENCE);
    assert!(stop("-CONT").expect("kill is there").success());
    assert!(problem().is_some() || feed(&tower, "relay")["state"]["attempts"].as_u64() > Some(1));
}

#[test]
fn the_station_has_a_gain_that_changes_on_air_without_a_click() {
    let tower = common::setup().line("station.gain_db = 0.0").start();
    let manner = Manner { looped: true, ..Manner::default() };
    let _station = Station::start(&tower.pcm_socket(), Arc::new(sine(250.0, -20.0, 500)), manner);
    tower.wait_source("station", PATIENCE);
    let monitor = tower.monitor(None);
    let steady = |ticks: u64| {
        let until = monitor.next_serial() + ticks;
        monitor.wait_serial(until, PATIENCE);
    };
    steady(60);
    configure(&tower.path("tower.toml"), "station.gain_db = 0.0", "station.gain_db = 10.0");
    let answer = send(tower.address, "POST", "/admin/reload", &basic_auth("admin", ADMIN_PASSWORD), b"");
    assert_eq!(answer.expect("an answer").head.status(), 200);
    steady(80);
    let pcm = monitor.stop();
    let (first, last) = (pcm.first_serial, pcm.first_serial + pcm.ticks() as u64);
    let level = |from: u64| measure::tone_dbfs(&pcm.left_from(from, 20), 250.0);
    assert!((level(first + 5) + 20.0).abs() < 0.1 && (level(last - 25) + 10.0).abs() < 0.1, "{}", level(last - 25));
    let bend = |from: u64, ticks| measure::second_difference_max(&pcm.left_from(from, ticks));
    let (steady, all) = (bend(last - 25, 20), bend(first + 2, (last - first - 4) as usize));
    assert!(all <= steady * CLICK_MAX, "{:.2} times the steady second difference", all / steady);
}

fn configure(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("the tower's configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("the tower's configuration");
}
