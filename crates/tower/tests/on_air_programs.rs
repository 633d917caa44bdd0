//! DJ software that speaks otherwise than FFmpeg: the ways of Shoutcast, and programs people have (SPEC IN-7, API-1).

mod common;

use radio_proof::monitor::Monitor;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes, measure, mp3};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// What the tone of a source loses at most: LAME takes 0.45 dB off, and it is passed once or twice.
const LEVEL_TOLERANCE_DB: f64 = 1.0;
/// FFmpeg's sine in dBFS: an amplitude of one eighth, as two channels of half the power.
const SINE_DBFS: f64 = -21.07;

/// A tower with one mount, `/live`.
fn setup() -> Setup {
    common::setup().line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]")
}

/// A tower to which sources may come by Shoutcast too. Its port and the one behind it are below those that the system
/// gives to others.
fn shoutcast() -> Tower {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = 20_000 + (std::process::id() % 500) as u16 * 20;
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let port = loop {
        let port = first + NEXT.fetch_add(2, std::sync::atomic::Ordering::Relaxed);
        if is_free(port) && is_free(port + 1) {
            break port;
        }
    };
    setup().line(&format!("server.port = {port}")).line("server.icy = true").start()
}

/// A program that is a source, and what it says; ended when dropped.
struct Source {
    child: Child,
    log: PathBuf,
}

impl Source {
    #[track_caller]
    fn start(command: &mut Command, log: &Path) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = std::fs::File::create(log).expect("a temporary file");
        let both = (file.try_clone().expect("our own file"), file);
        let started = command.stdin(Stdio::null()).stdout(both.0).stderr(both.1).spawn();
        let child = started.unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install {program}"));
        Self { child, log: log.to_owned() }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Source {
    /// Waits until it says `words`.
    #[track_caller]
    fn wait_said(&self, words: &str) {
        alarm::wait_until(&format!("{words:?} in {:?}", self.log), LIMIT, || {
            self.said().to_lowercase().contains(words)
        });
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// For how long a program is listened to, in seconds: five minutes where tests run at full length.
fn seconds() -> usize {
    alarm::seconds(5, 300).as_secs() as usize
}

/// A file of a sine, made by FFmpeg, that is a minute longer than a program is listened to. It begins softly: an encoder's
/// delay puts its start behind the tower's own fade, and its click would be taken for the tower's.
fn file(tower: &Tower, hz: u32, name: &str, coding: &[&str]) -> PathBuf {
    let path = tower.path(name);
    let sine = format!("sine=frequency={hz}:sample_rate=48000:duration={},afade=duration=0.2", seconds() + 60);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &sine, "-ac", "2"])
        .args(coding)
        .arg(&path)
        .status()
        .expect("ffmpeg is there");
    assert!(status.success());
    path
}

/// What a listener of the stream hears is, each second from the fourth on, the sine of a source at its level; and it was on
/// air soon after it connected.
#[track_caller]
fn assert_heard(tower: &Tower, hz: u32) {
    tower.wait_source("dj", LIMIT);
    changes::assert_on_air_within_a_second(tower, "dj");
    // The burst, what the source before has left, and the fade come first.
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * seconds());
    listener.wait_bytes(bytes, LIMIT + Duration::from_secs(seconds() as u64));
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    for samples in decoded.rchunks_exact(48_000).take(seconds() - 4) {
        let (level, heard) = (measure::tone_dbfs(samples, f64::from(hz)), measure::tone_hz(samples, f64::from(hz)));
        assert!((level - SINE_DBFS).abs() < LEVEL_TOLERANCE_DB, "{hz} Hz at {level:.2} dBFS");
        assert!((heard - f64::from(hz)).abs() < 0.5, "{heard:.2} Hz instead of {hz}");
    }
}

/// A monitor of a tower whose own tone is steady, and the tick from which it hears.
fn monitor(tower: &Tower) -> (Monitor, u64) {
    tower.wait_source("tone", LIMIT);
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.next_serial() + 5, LIMIT);
    let from = monitor.next_serial();
    (monitor, from)
}

#[track_caller]
fn wait_title(tower: &Tower, title: &str) {
    alarm::wait_until(&format!("the title {title}"), LIMIT, || {
        tower.get("/api/now-playing").json()["label"].as_str() == Some(title)
    });
}

/// Sends `text` to the port behind the listeners'.
fn icy(tower: &Tower, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", tower.address.port() + 1)).expect("the tower listens");
    stream.set_read_timeout(Some(LIMIT)).expect("our own socket");
    stream.write_all(text).expect("the tower reads");
    stream
}

/// What comes, up to `length` bytes or the end.
fn answer(stream: &mut TcpStream, length: usize) -> String {
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while answer.len() < length {
        match stream.read(&mut byte) {
            Ok(1) => answer.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const OK2: &str = "OK2\r\nicy-caps:11\r\n\r\n";

fn ezstream(tower: &Tower, song: &Path, password: &str) -> Source {
    let config = tower.path("ezstream.xml");
    std::fs::write(
        &config,
        format!(
            "<ezstream><servers><server><name>default</name><protocol>ICY</protocol><hostname>127.0.0.1</hostname>\
             <port>{}</port><password>{password}</password><reconnect_attempts>1</reconnect_attempts></server>\
             </servers><streams><stream><name>default</name><mountpoint>/live</mountpoint><format>MP3</format><stream_name>Old Radio</stream_name>\
             </stream></streams><intakes><intake><name>default</name><type>file</type><filename>{}</filename>\
             </intake></intakes></ezstream>",
            tower.address.port(),
            song.display()
        ),
    )
    .expect("a temporary file");
    Source::start(Command::new("ezstream").args(["-v", "-c"]).arg(&config), &tower.path("ezstream.log"))
}

#[test]
fn ezstream_comes_by_shoutcast_is_heard_tells_its_title_drops_comes_back_and_understands_a_refusal() {
    let tower = shoutcast();
    let song = file(&tower, 1100, "song.mp3", &["-b:a", "128k"]);
    let mut refused = ezstream(&tower, &song, "wrong");
    let code = alarm::wait_for("ezstream to give up", LIMIT, || refused.child.try_wait().expect("our own child"));
    assert!(!code.success(), "{}", refused.said());
    assert!(refused.said().contains("Login failed"), "it says why: {}", refused.said());
    let (monitor, from) = monitor(&tower);
    for _ in 0..2 {
        let source = ezstream(&tower, &song, "hackme");
        assert_heard(&tower, 1100);
        assert_eq!(tower.status()["inputs"][1]["source"]["connected"]["name"], "Old Radio");
        wait_title(&tower, "song");
        drop(source);
        tower.wait_source("tone", LIMIT);
    }
    assert!(changes::assert_without_click(&tower, monitor, from) >= 6, "the source, silence and tone, twice");
}

#[test]
fn a_shoutcast_source_drops_comes_back_takes_over_and_its_password_sets_titles() {
    let tower = shoutcast();
    let song = std::fs::read(file(&tower, 900, "song.mp3", &["-b:a", "128k"])).expect("our own file");
    let connect = || {
        let mut stream = icy(&tower, b"hackme\r\n");
        assert_eq!(answer(&mut stream, OK2.len()), OK2, "before any header is sent");
        stream.write_all(b"icy-name:Old\r\nicy-br:128\r\ncontent-type:audio/mpeg\r\n\r\n").expect("the tower reads");
        let (mut sender, song) = (stream.try_clone().expect("our own socket"), song.clone());
        // Two seconds at once, then in its own time, until the connection is gone.
        std::thread::spawn(move || {
            let (burst, rest) = song.split_at(32_000);
            let mut sent = sender.write_all(burst);
            for part in rest.chunks(1600) {
                std::thread::sleep(Duration::from_millis(100));
                sent = sent.and_then(|()| sender.write_all(part));
            }
        });
        stream
    };
    let first = connect();
    assert_heard(&tower, 900);
    assert_eq!(tower.get("/admin.cgi?mode=updinfo&pass=hackme&song=Nina+-+Sinnerman").head.status(), 200);
    wait_title(&tower, "Nina - Sinnerman");
    assert_eq!(tower.get("/admin.cgi?mode=updinfo&pass=hackmf&song=No").head.status(), 401);
    first.shutdown(Shutdown::Both).expect("our own socket");
    tower.wait_source("tone", LIMIT);
    let mut second = connect();
    assert_heard(&tower, 900);
    let _third = connect();
    assert_eq!(answer(&mut second, 1), "", "the second is ended: the third took over");
}

#[test]
fn guessing_by_shoutcast_is_slowed_and_nonsense_is_refused() {
    let tower = shoutcast();
    // So libshout asks what kind of server this is, each time it connects: no guess.
    (0..9).for_each(|_| assert_eq!(answer(&mut icy(&tower, b"!POKE\n"), 99), "invalid password\r\n"));
    assert_eq!(answer(&mut icy(&tower, b"hackme\n"), OK2.len()), OK2);
    assert_eq!(answer(&mut icy(&tower, b"wrong\r\n"), 99), "invalid password\r\n");
    let mut opus = icy(&tower, b"hackme\ncontent-type:video/mp4\n\n");
    let refusal = answer(&mut opus, 9999);
    assert!(refusal.starts_with(OK2) && refusal.contains("audio/mpeg"), "{refusal}");
    assert_eq!(answer(&mut icy(&tower, &[b'x'; 9000]), 99), "", "no line has 9000 bytes");
    (0..7).for_each(|_| drop(answer(&mut icy(&tower, b"wrong\n"), 99)));
    assert_eq!(answer(&mut icy(&tower, b"hackme\r\n"), 99), "invalid password\r\n", "or guessing would not be slowed");
}

/// Waits for `program` to be the one that is connected, and heard.
#[track_caller]
fn assert_program_heard(tower: &Tower, hz: u32, agent: &str) {
    assert_heard(tower, hz);
    let connected = tower.status()["inputs"][1]["source"]["connected"].clone();
    assert!(connected["user_agent"].as_str().is_some_and(|it| it.to_lowercase().contains(agent)), "{connected}");
}

fn ices2(tower: &Tower, song: &Path, password: &str) -> Source {
    let (config, playlist) = (tower.path("ices2.xml"), tower.path("ices2.playlist"));
    std::fs::write(&playlist, format!("{}\n", song.display())).expect("a temporary file");
    let text = format!(
        "<ices><background>0</background><logpath>{0}</logpath><logfile>ices2.log</logfile><consolelog>1</consolelog>\
         <stream><metadata><name>Ices Radio</name></metadata><input><module>playlist</module>\
         <param name=\"type\">basic</param><param name=\"file\">{1}</param></input><instance>\
         <hostname>127.0.0.1</hostname><port>{2}</port><password>{password}</password><mount>/live</mount>\
         <reconnectdelay>1</reconnectdelay><reconnectattempts>2</reconnectattempts></instance></stream></ices>",
        tower.path("").display(),
        playlist.display(),
        tower.address.port()
    );
    std::fs::write(&config, text).expect("a temporary file");
    Source::start(Command::new("ices2").arg(&config), &tower.path("ices2.said"))
}

#[test]
fn ices2_is_heard_drops_comes_back_and_understands_a_refusal() {
    let tower = setup().start();
    let song = file(&tower, 700, "song.ogg", &["-c:a", "libvorbis"]);
    let refused = ices2(&tower, &song, "wrong");
    refused.wait_said("login failed");
    drop(refused);
    let (monitor, from) = monitor(&tower);
    for _ in 0..2 {
        let source = ices2(&tower, &song, "hackme");
        assert_program_heard(&tower, 700, "ices");
        assert_eq!(tower.status()["inputs"][1]["source"]["connected"]["name"], "Ices Radio");
        drop(source);
        tower.wait_source("tone", LIMIT);
    }
    assert!(changes::assert_without_click(&tower, monitor, from) >= 6, "the source, silence and tone, twice");
}

/// Liquidsoap begins its sine with a fade: begun at once, the click would be its own.
fn liquidsoap(tower: &Tower, format: &str, hz: u32, password: &str) -> Source {
    let script = tower.path("radio.liq");
    let text = format!(
        "settings.init.allow_root.set(true)\nlog.stdout.set(true)\nlog.file.set(false)\n\
         s = amplify(0.095, fade.in(duration=0.2, sine({hz}.)))\n\
         s = insert_metadata(s)\nthread.run(delay=3., fun () -> s.insert_metadata([(\"artist\", \"Nina\"), (\"title\", \"Sinnerman\")]))\n\
         output.icecast({format}, host=\"127.0.0.1\", port={}, password=\"{password}\", mount=\"live\", s)\n",
        tower.address.port()
    );
    std::fs::write(&script, text).expect("a temporary file");
    Source::start(Command::new("liquidsoap").arg(&script), &tower.path("liquidsoap.said"))
}

#[test]
fn liquidsoap_is_heard_tells_its_title_drops_comes_back_and_understands_a_refusal() {
    let tower = setup().start();
    let refused = liquidsoap(&tower, "%mp3(bitrate=128)", 800, "wrong");
    refused.wait_said("401");
    drop(refused);
    let (monitor, from) = monitor(&tower);
    for _ in 0..2 {
        let source = liquidsoap(&tower, "%mp3(bitrate=128)", 800, "hackme");
        assert_program_heard(&tower, 800, "liquidsoap");
        wait_title(&tower, "Nina - Sinnerman");
        drop(source);
        tower.wait_source("tone", LIMIT);
    }
    assert!(changes::assert_without_click(&tower, monitor, from) >= 6, "the source, silence and tone, twice");
}

/// DarkIce records from a sound card; here from one that gives a file.
fn darkice(tower: &Tower, raw: &Path, password: &str) -> Source {
    let config = tower.path("darkice.cfg");
    let card = format!(
        "pcm.card {{ type file slave.pcm null file /dev/null infile {:?} format raw }}\n",
        raw.display().to_string()
    );
    std::fs::write(tower.path(".asoundrc"), card).expect("a temporary file");
    let text = format!(
        "[general]\nduration = {}\nbufferSecs = 1\nreconnect = no\nrealtime = no\n[input]\ndevice = card\n\
         sampleRate = 48000\nbitsPerSample = 16\nchannel = 2\n[icecast2-0]\nbitrateMode = cbr\nformat = mp3\n\
         bitrate = 128\nserver = 127.0.0.1\nport = {}\npassword = {password}\nmountPoint = live\nname = Dark Radio\n",
        seconds() + 60,
        tower.address.port()
    );
    std::fs::write(&config, text).expect("a temporary file");
    let mut command = Command::new("darkice");
    command.arg("-v").arg("10").arg("-c").arg(&config).env("HOME", tower.path(""));
    Source::start(&mut command, &tower.path("darkice.said"))
}

#[test]
fn darkice_is_heard_comes_back_and_understands_a_refusal() {
    // Its card has no clock: the tower slows it down.
    let tower = common::setup()
        .line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\", when_full = \"wait\" }]")
        .start();
    let raw = file(&tower, 600, "card.raw", &["-f", "s16le"]);
    let mut refused = darkice(&tower, &raw, "wrong");
    let _code = alarm::wait_for("darkice to give up", LIMIT, || refused.child.try_wait().expect("our own child"));
    refused.wait_said("http/1.1 401");
    let id = || tower.status()["inputs"][1]["source"]["connected"]["id"].clone();
    let first = darkice(&tower, &raw, "hackme");
    assert_program_heard(&tower, 600, "darkice");
    let before = id();
    drop(first);
    // What it sent ahead is still being played: the one that comes back takes over.
    let _second = darkice(&tower, &raw, "hackme");
    alarm::wait_until("darkice to be back", LIMIT, || !id().is_null() && id() != before);
    assert_program_heard(&tower, 600, "darkice");
}
