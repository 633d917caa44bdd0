//! DJ software as a source: real programs connect, are heard, drop, come back, take over, and are refused (SPEC IN-7,
//! ROUTER-1, ROUTER-6, API-1).

mod common;

use radio_proof::changes::{CLICK_MAX, click, on_air};
use radio_proof::http::{basic_auth, read_head};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes, measure, mp3};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the tone of a source loses at most: LAME takes 0.45 dB off, and it is passed once or twice.
const LEVEL_TOLERANCE_DB: f64 = 1.0;
/// FFmpeg's sine in dBFS: an amplitude of one eighth, as two channels of half the power.
const SINE_DBFS: f64 = -21.07;

/// A tower with one mount, `/live`.
fn setup(more: &str) -> Setup {
    common::setup()
        .line("router.grace_ms = 240")
        .line(&format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"hackme\"{more} }}]"))
}

/// A program that is a source; ended when dropped.
struct Source(Child);

impl Source {
    #[track_caller]
    fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(started.unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install {program}")))
    }

    /// How it ended, if it has within `limit`.
    #[track_caller]
    fn wait(&mut self, limit: Duration) -> Option<i32> {
        alarm::wait_for("the source to end", limit, || self.0.try_wait().expect("our own child")).code()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// FFmpeg sends a sine in real time.
fn ffmpeg(tower: &Tower, hz: u32, coding: &[&str], password: &str) -> Source {
    ffmpeg_at(tower, hz, 0, coding, password)
}

/// The same, louder by so much.
fn ffmpeg_at(tower: &Tower, hz: u32, louder_db: i32, coding: &[&str], password: &str) -> Source {
    let url = format!("icecast://source:{password}@{}/live", tower.address);
    // Its own beginning must not be a click.
    let sine = format!("sine=frequency={hz}:sample_rate=44100,afade=duration=0.2,volume={louder_db}dB");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-f", "lavfi", "-i", &sine, "-ac", "2"]).args(coding).arg(url);
    Source::start(&mut command)
}

const MP3: [&str; 6] = ["-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"];
const MP3_LEGACY: [&str; 8] = ["-b:a", "128k", "-content_type", "audio/mpeg", "-legacy_icecast", "1", "-f", "mp3"];
const VORBIS: [&str; 6] = ["-c:a", "libvorbis", "-content_type", "application/ogg", "-f", "ogg"];

/// A file of a sine that is longer than it is listened to, made by FFmpeg.
fn file(tower: &Tower, hz: u32, name: &str, coding: &[&str]) -> std::path::PathBuf {
    let path = tower.path(name);
    let sine = format!(
        "sine=frequency={hz}:sample_rate=48000:duration={},afade=duration=0.2",
        alarm::seconds(10, 310).as_secs()
    );
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &sine, "-ac", "2"])
        .args(coding)
        .arg(&path)
        .status()
        .expect("ffmpeg is there");
    assert!(status.success());
    path
}

/// curl sends a file.
fn curl(tower: &Tower, file: &Path, content_type: &str, more: &[&str]) -> Source {
    let url = format!("http://{}/live", tower.address);
    let mut command = Command::new("curl");
    command.args(["-sS", "-u", "source:hackme", "-H", &format!("Content-Type: {content_type}")]);
    Source::start(command.args(more).arg("-T").arg(file).arg(url))
}

/// What a listener of the stream hears in the last of `seconds` is the sine of a source, at its level; and for five minutes
/// from then on where tests run at full length.
#[track_caller]
fn assert_heard(tower: &Tower, hz: u32, seconds: u64) {
    tower.wait_source("dj", Duration::from_secs(10));
    // The burst, what the source before has left, and the fade come first.
    let all = alarm::seconds(seconds, 300);
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * all.as_secs() as usize);
    listener.wait_bytes(bytes, all + Duration::from_secs(20));
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    let judged = (all.as_secs() - seconds + 1) as usize;
    decoded.rchunks_exact(48_000).take(judged).for_each(|second| assert_is_tone(second, hz));
}

#[track_caller]
fn assert_is_tone(samples: &[f64], hz: u32) {
    let (level, heard) = (measure::tone_dbfs(samples, f64::from(hz)), measure::tone_hz(samples, f64::from(hz)));
    assert!((level - SINE_DBFS).abs() < LEVEL_TOLERANCE_DB, "{hz} Hz at {level:.2} dBFS");
    assert!((heard - f64::from(hz)).abs() < 0.5, "{heard:.2} Hz instead of {hz}");
}

#[test]
fn ffmpeg_is_heard_as_put_as_source_as_mp3_and_as_vorbis() {
    let tower = setup("").start();
    for (hz, coding, limit_s) in [(1000, &MP3[..], 2.5), (700, &MP3_LEGACY[..], 2.5), (500, &VORBIS[..], 4.0)] {
        tower.wait_source("tone", Duration::from_secs(10));
        let (begun, before) = (Instant::now(), on_air(&tower).len());
        let source = ffmpeg(&tower, hz, coding, "hackme");
        tower.wait_source("dj", Duration::from_secs(10));
        let took = begun.elapsed().as_secs_f64();
        // Half a second of pre-roll, and the start of FFmpeg; its Ogg pages hold a second.
        assert!(took < limit_s, "{hz} Hz was on air after {took:.2} s");
        if coding != VORBIS {
            changes::assert_on_air_within_a_second(&tower, "dj");
        }
        assert_heard(&tower, hz, 5);
        assert_eq!(tower.status()["inputs"][1]["source"]["connected"]["bad_packets"], 0);
        let since = &on_air(&tower)[before..];
        assert!(since.len() == 1 && since[0].1 == "dj", "it stayed on air, however it comes: {since:?}");
        drop(source);
    }
}

#[test]
fn curl_sends_files_of_every_format_and_is_slowed_to_their_own_time() {
    let tower = setup(", when_full = \"wait\", capacity_ticks = 100").start();
    let files = [
        (file(&tower, 900, "a.wav", &[]), "audio/wav", 900, &[][..]),
        (file(&tower, 800, "b.flac", &[]), "audio/flac", 800, &["-H", "Transfer-Encoding: chunked"][..]),
        (file(&tower, 600, "c.mp3", &["-b:a", "192k"]), "audio/mpeg", 600, &["-H", "Expect:"][..]),
        (file(&tower, 400, "d.aac", &["-b:a", "160k"]), "audio/aac", 400, &[][..]),
        (file(&tower, 300, "e.ogg", &["-c:a", "flac"]), "audio/ogg", 300, &[][..]),
    ];
    for (path, content_type, hz, more) in &files {
        let source = curl(&tower, path, content_type, more);
        assert_heard(&tower, *hz, 8);
        let lost = tower.get("/tower/buffer?input=dj").json();
        assert_eq!(lost["overflow_count"], 0, "{content_type}");
        drop(source);
        // The next one takes over from what is left of this one.
    }
}

#[test]
fn ezstream_connects_by_libshouts_probe_and_tells_its_title() {
    let tower = setup("").start();
    let music = file(&tower, 1100, "song.mp3", &["-b:a", "128k"]);
    let config = tower.path("ezstream.xml");
    std::fs::write(
        &config,
        format!(
            "<ezstream><servers><server><name>default</name><protocol>HTTP</protocol><hostname>127.0.0.1</hostname>\
             <port>{}</port><user>source</user><password>hackme</password></server></servers><streams><stream>\
             <name>default</name><mountpoint>/live</mountpoint><format>MP3</format></stream></streams><intakes>\
             <intake><name>default</name><type>file</type><filename>{}</filename></intake></intakes></ezstream>",
            tower.address.port(),
            music.display()
        ),
    )
    .expect("a temporary file");
    let _source = Source::start(Command::new("ezstream").arg("-c").arg(&config));
    assert_heard(&tower, 1100, 5);
    let status = tower.status();
    let agent = &status["inputs"][1]["source"]["connected"]["user_agent"];
    assert!(agent.as_str().is_some_and(|agent| agent.starts_with("libshout/")), "{agent}");
    assert_eq!(tower.get("/api/now-playing").json()["title"], "song");
}

#[test]
fn a_source_that_drops_for_two_seconds_falls_back_and_comes_back_without_a_click() {
    let tower = setup("").start();
    tower.wait_source("tone", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    // Loud and low, so that a ramp of 1 ms in place of the 20 ms is heard as a click.
    let first = ffmpeg_at(&tower, 100, 12, &MP3, "hackme");
    tower.wait_source("dj", Duration::from_secs(10));
    let heard = monitor.next_serial() + 60;
    monitor.wait_serial(heard, Duration::from_secs(10));
    drop(first);
    tower.wait_source("tone", Duration::from_secs(10));
    let fallen_back = monitor.next_serial() + 60;
    monitor.wait_serial(fallen_back, Duration::from_secs(10));
    let _second = ffmpeg_at(&tower, 100, 12, &MP3, "hackme");
    tower.wait_source("dj", Duration::from_secs(10));
    let end = monitor.next_serial() + 60;
    monitor.wait_serial(end, Duration::from_secs(10));
    let (pcm, changes) = (monitor.stop(), on_air(&tower));

    let names: Vec<&str> = changes.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names[names.len() - 4..], ["dj", "silence", "tone", "dj"], "{names:?}");
    let at = |index: usize| changes[changes.len() - 4 + index].0;
    let (programme, tone) = (at(0) + 20, at(2) + 20);
    for (what, tick) in [("the source", at(0)), ("silence", at(1)), ("the tone", at(2)), ("the source again", at(3))] {
        let click = click(&pcm, tick, &[programme, tone]);
        assert!(click <= CLICK_MAX, "{what} came with {click:.2} times the steady second difference");
    }
    let back = measure::tone_dbfs(&pcm.left_from(at(3) + 10, 40), 100.0);
    assert!((back - SINE_DBFS - 12.0).abs() < LEVEL_TOLERANCE_DB, "{back:.2} dBFS");
}

#[test]
fn a_second_source_takes_over_and_the_first_is_ended() {
    let tower = setup("").start();
    let mut first = ffmpeg(&tower, 1000, &MP3, "hackme");
    tower.wait_source("dj", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    let _second = ffmpeg(&tower, 700, &VORBIS, "hackme");
    first.wait(Duration::from_secs(10));
    alarm::wait_until("the second to be heard", Duration::from_secs(10), || {
        let connected = tower.status()["inputs"][1]["source"]["connected"]["id"].clone();
        let producers = tower.status()["inputs"][1]["producers"].clone();
        producers.as_array().is_some_and(|all| all.iter().any(|one| one["id"] == connected && one["on_air"] == true))
    });
    let end = monitor.next_serial() + 50;
    monitor.wait_serial(end, Duration::from_secs(10));
    let pcm = monitor.stop();
    assert_is_tone(&pcm.left_from(pcm.first_serial + pcm.ticks() as u64 - 40, 40), 700);
}

#[test]
fn a_busy_mount_is_refused_and_a_dead_connection_holds_it_no_longer_than_its_timeout() {
    let tower = setup(", second_source = \"refuse\", timeout_ms = 1500").start();
    let mut dead = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut dead).expect("an answer").0.status(), 100);
    let mut second = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\n"));
    assert_eq!(read_head(&mut second).expect("an answer").0.status(), 403);
    // Nothing comes from the first one: in the end its place is free.
    alarm::wait_until("the mount to be free", Duration::from_secs(10), || {
        tower.status()["inputs"][1]["source"]["connected"].is_null()
    });
    let mut third = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut third).expect("an answer").0.status(), 100);
}

fn put(password: &str, headers: &str) -> String {
    format!("PUT /live HTTP/1.1\r\nHost: tower\r\n{}{headers}\r\n", basic_auth("source", password))
}

fn ask(tower: &Tower, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("our own socket");
    stream.write_all(request.as_bytes()).expect("the tower reads");
    stream
}

/// The head of the next answer on `stream`, its body read away.
fn answer(stream: &mut TcpStream) -> radio_proof::http::Head {
    let (head, rest) = read_head(stream).expect("an answer");
    let length = head.header("content-length").map_or(0, |length| length.parse::<usize>().expect("a number"));
    let mut body = vec![0; length - rest.len()];
    stream.read_exact(&mut body).expect("the whole answer");
    head
}

#[test]
fn libshouts_questions_are_answered_one_after_the_other_on_one_connection() {
    let tower = setup("").start();
    let mut stream =
        ask(&tower, "OPTIONS * HTTP/1.1\r\nHost: tower\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n");
    assert!(answer(&mut stream).header("allow").is_some_and(|allow| allow.contains("PUT")));
    stream
        .write_all(b"PUT /live HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\nContent-Length: 0\r\n\r\n")
        .expect("the connection is kept");
    let refused = answer(&mut stream);
    assert_eq!(refused.status(), 401);
    assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
    stream
        .write_all(put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n").as_bytes())
        .expect("the connection is kept");
    assert_eq!(answer(&mut stream).status(), 100);
}

#[test]
fn the_wrong_password_is_refused_and_guessing_is_slowed() {
    let tower = setup("").start();
    let mut program = ffmpeg(&tower, 1000, &MP3, "wrong");
    assert_ne!(program.wait(Duration::from_secs(10)), Some(0), "ffmpeg understands that it was refused");
    let guess = |password: &str| {
        answer(&mut ask(&tower, &put(password, "Content-Type: audio/mpeg\r\nContent-Length: 0\r\n"))).status()
    };
    assert_eq!(guess("hackme"), 200);
    let answers: Vec<u16> = (0..7).map(|i| guess(&format!("guess{i}"))).collect();
    assert_eq!((answers[0], answers[6]), (401, 429), "{answers:?}");
    assert_eq!(guess("hackme"), 429, "or guessing would not be slowed");
}

#[test]
fn what_cannot_be_read_is_named_with_what_can() {
    let tower = setup("").start();
    let mut unknown = ask(&tower, &put("hackme", "Content-Type: audio/mp4\r\n"));
    let mut text = String::new();
    unknown.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 415") && text.contains("audio/mpeg") && text.contains("audio/flac"), "{text}");
    assert_eq!(answer(&mut ask(&tower, &put("hackme", ""))).status(), 400);
    let elsewhere = put("hackme", "Content-Type: audio/mpeg\r\n").replace("/live", "/elsewhere");
    assert_eq!(answer(&mut ask(&tower, &elsewhere)).status(), 404);

    // Found out only when it comes: the answer at the end says it.
    let speex = file(&tower, 440, "a.spx", &["-c:a", "libspeex"]);
    let bytes = std::fs::read(speex).expect("our own file");
    let mut late =
        ask(&tower, &put("hackme", &format!("Content-Type: audio/ogg\r\nContent-Length: {}\r\n", bytes.len())));
    let _may_be_refused_early = late.write_all(&bytes);
    assert_eq!(answer(&mut late).status(), 415);
}

#[test]
fn a_burst_of_eight_seconds_at_connect_is_taken_whole() {
    let tower = setup("").start();
    let song = std::fs::read(file(&tower, 1000, "burst.mp3", &["-b:a", "128k"])).expect("our own file");
    let mut stream = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut stream).expect("an answer").0.status(), 100);
    stream.write_all(&song[..16_000 * 8]).expect("the tower reads");
    assert_heard(&tower, 1000, 6);
    let producer = tower.status()["inputs"][1]["producers"][0].clone();
    assert_eq!((&producer["overflow_count"], &producer["stale_count"]), (&0.into(), &0.into()));
}

#[test]
fn damage_in_mid_stream_is_left_out_and_is_not_the_end() {
    let tower = setup(", when_full = \"wait\"").start();
    let song = std::fs::read(file(&tower, 1000, "whole.mp3", &["-b:a", "128k"])).expect("our own file");
    let (before, after) = song.split_at(song.len() / 4);
    let noise: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let damaged = [before, &noise, &b"ID3\x04\0\0\0\0\0\x0anot a tag!"[..], after].concat();
    let path = tower.path("damaged.mp3");
    std::fs::write(&path, damaged).expect("a temporary file");
    let _source = curl(&tower, &path, "audio/mpeg", &[]);
    assert_heard(&tower, 1000, 6);
}
