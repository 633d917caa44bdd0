//! Sources and the processes that decode them, the tower's own and FFmpeg: heard at their level, and on air again when
//! the decoder dies (SPEC IN-7, FALL-7, ROUTER-1).

use crate::common;
use radio_proof::http::{basic_auth, read_head};
use radio_proof::monitor::Monitor;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes, measure, mp3};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the tone loses at most: LAME takes 0.45 dB off, and it is passed once or twice.
const LEVEL_TOLERANCE_DB: f64 = 1.0;
/// FFmpeg's sine in dBFS: an amplitude of one eighth, as two channels of half the power.
const SINE_DBFS: f64 = -21.07;
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const INPUT: &str = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]";
const OPUS: [&str; 6] = ["-c:a", "libopus", "-page_duration", "60000", "-f", "ogg"];

pub(crate) fn setup() -> Setup {
    common::setup().line("router.grace_ms = 240").line(INPUT)
}

/// FFmpeg as a source; ended when dropped.
pub(crate) struct Source(pub(crate) Child);

impl Source {
    /// Sends a sine in real time.
    #[track_caller]
    fn start(tower: &Tower, rate_hz: u32, content_type: &str, coding: &[&str]) -> Self {
        let url = format!("icecast://source:hackme@{}/live", tower.address);
        let sine = format!("sine=frequency=1000:sample_rate={rate_hz}");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-re", "-f", "lavfi", "-i", &sine, "-ac", "2"]).args(coding);
        command.args(["-content_type", content_type]).arg(url).stdin(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("cannot run ffmpeg ({error}): apt-get install ffmpeg")))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// What a listener hears of the source is its sine, at its level.
#[track_caller]
fn assert_heard(tower: &Tower) {
    tower.wait_source("dj", PATIENCE);
    // What the tower has sent ahead, and the fade come first.
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * 5);
    listener.wait_bytes(bytes, PATIENCE);
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    assert_is_tone(&decoded[decoded.len() - 48_000..]);
}

#[track_caller]
fn assert_is_tone(samples: &[f64]) {
    let (level, heard) = (measure::tone_dbfs(samples, 1000.0), measure::tone_hz(samples, 1000.0));
    assert!((level - SINE_DBFS).abs() < LEVEL_TOLERANCE_DB, "{level:.2} dBFS");
    assert!((heard - 1000.0).abs() < 0.5, "{heard:.2} Hz");
}

/// What the status says of the source that is connected.
fn connected(tower: &Tower) -> serde_json::Value {
    tower.status()["inputs"][1]["source"]["connected"].clone()
}

/// The decoder child, once there is one that is not `before`.
#[track_caller]
pub(crate) fn decoder_pid(tower: &Tower, before: Option<u64>) -> u64 {
    let other = || connected(tower)["decoder_pid"].as_u64().filter(|pid| Some(*pid) != before);
    alarm::wait_for("a decoder child", PATIENCE, other)
}

/// How many of the tower's children are FFmpeg.
pub(crate) fn ffmpegs(tower: &Tower) -> usize {
    ffmpeg_pids(tower).len()
}

/// FFmpegs that the tower has started.
pub(crate) fn ffmpeg_pids(tower: &Tower) -> Vec<u64> {
    let parent = tower.pid().to_string();
    let is_ours = |stat: &String| {
        let of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        stat.contains("(ffmpeg)") && of == Some(&parent)
    };
    let processes = std::fs::read_dir("/proc").expect("it is mounted").flatten();
    let stats = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).filter(is_ours);
    stats.filter_map(|stat| stat.split(' ').next()?.parse().ok()).collect()
}

pub(crate) fn is_alive(pid: u64) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn opus_is_heard_leaves_no_child_behind_and_comes_back() {
    let tower = setup().start();
    for content_type in ["audio/opus", "audio/ogg"] {
        tower.wait_source("tone", PATIENCE);
        let source = Source::start(&tower, 48_000, content_type, &OPUS);
        tower.wait_source("dj", PATIENCE);
        if content_type == "audio/ogg" {
            assert_heard(&tower);
        }
        let (connected, pid) = (connected(&tower), decoder_pid(&tower, None));
        assert_eq!((&connected["codec"], &connected["resyncs"]), (&"opus".into(), &0.into()));
        assert!(is_alive(pid));
        drop(source);
        alarm::wait_until("the child to be gone", PATIENCE, || !is_alive(pid));
    }
}

#[test]
fn aac_of_a_rate_that_may_have_sbr_is_read_by_ffmpeg_and_other_aac_by_the_towers_own_decoder() {
    let tower = setup().start();
    for (rate_hz, ffmpegs_wanted) in [(22_050, 1), (44_100, 0)] {
        tower.wait_source("tone", PATIENCE);
        let source = Source::start(&tower, rate_hz, "audio/aac", &["-c:a", "aac", "-b:a", "96k", "-f", "adts"]);
        assert_heard(&tower);
        assert!(is_alive(decoder_pid(&tower, None)));
        assert_eq!(ffmpegs(&tower), ffmpegs_wanted, "{rate_hz} Hz");
        drop(source);
        alarm::wait_until("FFmpeg to be gone", PATIENCE, || ffmpegs(&tower) == 0);
    }
}

/// What the tower's own decoder reads, in each container that another process may begin in the middle of.
const CODINGS: [&[&str]; 5] = [
    &["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3", "-content_type", "audio/mpeg"],
    &["-c:a", "libvorbis", "-page_duration", "60000", "-f", "ogg", "-content_type", "audio/ogg"],
    &["-c:a", "flac", "-f", "flac", "-content_type", "audio/flac"],
    &["-c:a", "pcm_s16le", "-f", "wav", "-content_type", "audio/wav"],
    &["-c:a", "libopus", "-page_duration", "60000", "-f", "ogg", "-content_type", "audio/ogg"],
];

/// A source with a tone that bends harder than the tower's own, and less than a cut; its decoder child, and a monitor
/// that has heard a second of it.
pub(crate) fn loud(tower: &Tower, coding: &[&str]) -> (crate::program::Source, u64, Monitor) {
    let source = crate::program::ffmpeg(tower, LOUD_HZ, coding, "hackme");
    tower.wait_source("dj", PATIENCE);
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.first_serial + STEADY_TICKS as u64 + 20, PATIENCE);
    (source, decoder_pid(tower, None), monitor)
}

const LOUD_HZ: u32 = 300;
/// Ticks at the beginning of the monitor in which nothing happens.
const STEADY_TICKS: usize = 40;

/// Nothing of what the monitor has heard bends much harder than its beginning.
#[track_caller]
fn assert_smooth(monitor: &Monitor) {
    monitor.wait_serial(monitor.next_serial() + 20, PATIENCE);
    let pcm = monitor.so_far();
    let steady = measure::second_difference_max(&pcm.left_from(pcm.first_serial + 15, STEADY_TICKS));
    let all = measure::second_difference_max(&pcm.left_from(pcm.first_serial + 15, pcm.ticks() - 15)) / steady;
    println!("in {} ticks it bends {all:.2} times as hard as in the first", pcm.ticks());
    assert!(all <= changes::CLICK_MAX, "in {} ticks it bends {all:.2} times as hard as in the first", pcm.ticks());
}

pub(crate) fn kill(signal: &str, pid: u64) {
    let killed = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill is there");
    assert!(killed.success());
}

#[test]
fn a_decoder_that_is_killed_is_replaced_without_a_click_and_its_listener_stays() {
    let tower = setup().start();
    let (_source, mut pid, monitor) = loud(&tower, CODINGS[4]);
    let listener = tower.listen("/stream?burst=0");
    for _ in 0..3 {
        kill("-KILL", pid);
        pid = decoder_pid(&tower, Some(pid));
        // The one that follows has the headers of the stream, or nothing would come of it.
        let offered = || tower.get("/tower/buffer?input=dj").json()["count"].as_u64().unwrap_or_default();
        alarm::wait_until("PCM to come again", PATIENCE, || offered() > 5);
        tower.wait_source("dj", PATIENCE);
        monitor.wait_serial(monitor.next_serial() + 40, PATIENCE);
    }
    assert_smooth(&monitor);
    assert!(connected(&tower)["resyncs"].as_u64() >= Some(3));
    assert!(listener.end().is_none(), "the listener heard it all on one connection");
    listener.wait_bytes(listener.received() + 16_000 * 2, PATIENCE);
    let bytes = listener.stop().bytes;
    let decoded = mp3::decode_left(&bytes[..bytes.len() / 384 * 384]);
    crate::program::assert_is_tone(&decoded[decoded.len() - 24_000..], LOUD_HZ, crate::program::TONE_DBFS);
}

#[test]
fn a_decoder_of_any_format_that_is_killed_or_hangs_is_replaced_and_the_source_goes_on_without_a_click() {
    for coding in CODINGS {
        let tower = setup().start();
        let (_source, mut pid, monitor) = loud(&tower, coding);
        for signal in ["-KILL", "-STOP"] {
            kill(signal, pid);
            let before = pid;
            pid = decoder_pid(&tower, Some(before));
            alarm::wait_until("the one before to be gone", PATIENCE, || !is_alive(before));
            tower.wait_source("dj", PATIENCE);
            monitor.wait_serial(monitor.next_serial() + 80, PATIENCE);
        }
        // More than one where a busy machine holds up the next for as long.
        assert!(connected(&tower)["resyncs"].as_u64() >= Some(2), "{coding:?}");
        tower.wait_source("dj", PATIENCE);
        monitor.wait_serial(monitor.next_serial() + 80, PATIENCE);
        assert_smooth(&monitor);
        let pcm = monitor.stop();
        let last = pcm.left_from(pcm.first_serial + pcm.ticks() as u64 - 20, 20);
        crate::program::assert_is_tone(&last, LOUD_HZ, crate::program::TONE_DBFS);
    }
}

#[test]
fn a_source_that_asks_for_all_memory_costs_the_tower_none_and_the_programme_nothing() {
    let tower = setup().start();
    tower.wait_source("tone", PATIENCE);
    let before_kb = memory_peak_kb(&tower);
    let (status, _) = put(&tower, "application/ogg", include_bytes!("../core/files/vast-codebooks.bin"));
    assert_eq!(status, 415);
    let grown_kb = memory_peak_kb(&tower) - before_kb;
    assert!(grown_kb < 5 * 1024, "{grown_kb} kB");
    tower.wait_source("tone", PATIENCE);
}

/// The most memory that the tower's own process ever had.
fn memory_peak_kb(tower: &Tower) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tower.pid())).expect("it lives");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// A PUT of some bytes that end; the answer.
fn put(tower: &Tower, content_type: &str, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    let head = format!(
        "PUT /live HTTP/1.1\r\nHost: tower\r\n{}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        basic_auth("source", "hackme"),
        bytes.len()
    );
    stream.write_all(head.as_bytes()).expect("the tower reads");
    let _may_be_refused_early = stream.write_all(bytes);
    let (head, mut body) = read_head(&mut stream).expect("an answer");
    let _closed = stream.read_to_end(&mut body);
    (head.status(), String::from_utf8_lossy(&body).into_owned())
}

fn sine(coding: &[&str]) -> Vec<u8> {
    let sine = "sine=frequency=1000:sample_rate=48000:duration=1";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", sine, "-ac", "2"]).args(coding).arg("-");
    command.output().expect("ffmpeg is there").stdout
}

#[test]
fn without_ffmpeg_opus_is_heard_and_aac_that_takes_it_is_refused_with_what_can_be_read_and_the_remedy() {
    let tower = setup().line("encoder.ffmpeg = \"/nowhere/ffmpeg\"").start();
    for content_type in ["audio/opus", "audio/ogg; codecs=opus", "audio/ogg"] {
        assert_eq!(put(&tower, content_type, &sine(&OPUS)).0, 200, "{content_type}");
    }
    assert_eq!(put(&tower, "audio/ogg", &sine(&["-c:a", "libvorbis", "-f", "ogg"])).0, 200);
    let low = sine(&["-ar", "22050", "-c:a", "aac", "-f", "adts"]);
    let (status, text) = put(&tower, "audio/aac", &low);
    assert_eq!(status, 415);
    assert!(text.contains("audio/mpeg") && text.contains("apt install ffmpeg"), "{text}");
}

#[test]
fn aac_in_another_framing_is_read_by_ffmpeg_and_opus_that_is_none_is_refused() {
    let tower = setup().start();
    let (status, _) = put(&tower, "audio/aac", &sine(&["-c:a", "aac", "-f", "latm"]));
    assert_eq!(status, 200);
    assert_eq!(put(&tower, "audio/opus", &[b'x'; 10_000]).0, 415);
    // Headers of Opus, and then nothing that is: the child says so.
    assert_eq!(put(&tower, "audio/ogg", &sine(&OPUS)[..200]).0, 415);
    let told = tower.events("source");
    assert!(told.iter().any(|(_, event)| event["end"] == "unreadable"), "{told:?}");
}

/// Two streams of five seconds one after the other, an octave apart, each with its title, as a program sends them that has
/// titles in Ogg alone: the second title belongs to where the sound changes.
#[track_caller]
fn assert_titles_within_ogg(codec: &str) {
    let stream = |hz: u32, title: &str| {
        let sine = format!("sine=frequency={hz}:sample_rate=48000:duration=5");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &sine, "-ac", "2", "-c:a", codec, "-b:a", "96k"]);
        command.args(["-metadata", "artist=Nina Simone", "-metadata", &format!("title={title}")]);
        command.args(["-page_duration", "100000", "-f", "ogg", "-"]).output().expect("ffmpeg is there").stdout
    };
    let streams = [stream(500, "Sinnerman"), stream(1000, "Süß")];
    let tower = setup().start();
    tower.wait_source("tone", PATIENCE);
    let monitor = tower.monitor(None);
    let mut socket = TcpStream::connect(tower.address).expect("the tower listens");
    let sign = basic_auth("source", "hackme");
    let head = format!("PUT /live HTTP/1.1\r\nHost: tower\r\n{sign}Content-Type: audio/ogg\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("the tower reads");
    let mut at = Instant::now();
    for bytes in &streams {
        for piece in bytes.chunks(bytes.len().div_ceil(50)) {
            // It sends in real time: no event to wait for, the clock is the sender's.
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            at += Duration::from_millis(100);
            socket.write_all(piece).expect("the tower reads");
        }
    }
    let second = alarm::wait_for("the second title", PATIENCE, || {
        let songs = tower.get("/api/history").json()["songs"].clone();
        let is_it = |song: &&serde_json::Value| song["label"] == "Nina Simone - Süß";
        songs.as_array()?.iter().find(is_it)?["serial"].as_u64()
    });
    monitor.wait_serial(second + 60, PATIENCE);
    let pcm = monitor.stop();
    let power = |serial: u64, hz| measure::tone_dbfs(&pcm.left_from(serial, 10), hz);
    let is_second = |serial: &u64| power(*serial, 1000.0) > power(*serial, 500.0) + 10.0;
    let heard = (second - 50..second + 50).find(is_second).expect("the sound changes about then");
    println!("{codec}: the title {} ms after its sound, give or take 100", (second as i64 - heard as i64) * 24);
    assert!(heard.abs_diff(second) <= 25, "sound at tick {heard}, title at tick {second}");
    let songs = tower.get("/api/history").json()["songs"].to_string();
    assert!(songs.contains("Nina Simone - Sinnerman"), "{songs}");
}

#[test]
fn a_title_within_ogg_that_the_tower_reads_is_heard_with_its_sound() {
    assert_titles_within_ogg("libvorbis");
}

#[test]
fn a_title_within_ogg_that_a_child_reads_is_heard_with_its_sound() {
    assert_titles_within_ogg("libopus");
}
