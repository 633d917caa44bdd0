//! What every program that is a source is held to, and what the tests of them share.
//!
//! A program's *row*: a wrong password is refused in words that it understands; with the right one it is on air within a
//! second, its name and title are known, a listener hears its tone; it drops and comes back, and nothing clicks.

use crate::common;
use radio_proof::monitor::Monitor;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes, measure, mp3};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// What a source sends: low and loud, so that a ramp of 1 ms in place of the 20 ms is heard as a click.
pub(crate) const TONE_HZ: u32 = 100;
/// FFmpeg's sine has an amplitude of one eighth; 12 dB more, as two channels of half the power.
pub(crate) const TONE_DBFS: f64 = -9.07;
/// What the tone of a source loses at most: LAME takes 0.45 dB off, and it is passed once or twice.
pub(crate) const LEVEL_TOLERANCE_DB: f64 = 1.0;

/// A tower with one mount, `/live`.
pub(crate) fn setup() -> Setup {
    common::setup()
        .line("router.grace_ms = 240")
        .line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]")
}

/// The same, to which sources may come by Shoutcast too. Its port and the one behind it are below those that the system gives
/// to others.
pub(crate) fn shoutcast() -> Tower {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = 20_000 + (std::process::id() % 500) as u16 * 20;
    let port = loop {
        let port = first + NEXT.fetch_add(2, Relaxed);
        if is_free(port) && is_free(port + 1) {
            break port;
        }
    };
    setup().line(&format!("server.port = {port}")).line("server.icy = true").start()
}

/// A program that is a source, who feeds it, and what it says; ended when dropped.
pub(crate) struct Source {
    program: Child,
    feed: Option<Child>,
    log: PathBuf,
}

impl Source {
    #[track_caller]
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        Self::run(command, Stdio::null(), None, log)
    }

    /// With the output of `feed` as its input, once there is some: it connects at once.
    #[track_caller]
    pub(crate) fn fed(feed: &mut Command, command: &mut Command, log: &Path) -> Self {
        let mut feed = spawn(feed.stdin(Stdio::null()).stdout(Stdio::piped()));
        let output = feed.stdout.take().expect("a pipe");
        let waits = || rustix::io::ioctl_fionread(&output).is_ok_and(|bytes| bytes > 0);
        alarm::wait_until("something to send", LIMIT, waits);
        Self::run(command, output.into(), Some(feed), log)
    }

    /// With `feed` writing where the program reads.
    #[track_caller]
    pub(crate) fn beside(feed: &mut Command, command: &mut Command, log: &Path) -> Self {
        let feed = spawn(feed.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        Self::run(command, Stdio::null(), Some(feed), log)
    }

    #[track_caller]
    fn run(command: &mut Command, input: Stdio, feed: Option<Child>, log: &Path) -> Self {
        let file = std::fs::File::create(log).expect("a temporary file");
        let both = (file.try_clone().expect("our own file"), file);
        Self { program: spawn(command.stdin(input).stdout(both.0).stderr(both.1)), feed, log: log.to_owned() }
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it says one of `words`, in small letters.
    #[track_caller]
    pub(crate) fn wait_said(&self, words: &[&str]) {
        let begun = std::time::Instant::now();
        let says = || words.iter().any(|words| self.said().to_lowercase().contains(words));
        while !says() {
            assert!(begun.elapsed() < LIMIT, "it does not say {words:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[track_caller]
fn spawn(command: &mut Command) -> Child {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install {program}"))
}

impl Drop for Source {
    fn drop(&mut self) {
        for child in std::iter::once(&mut self.program).chain(&mut self.feed) {
            let _already_gone = child.kill();
            let _status = child.wait();
        }
    }
}

/// For how long a program is listened to, in seconds: five minutes where tests run at full length.
pub(crate) fn seconds() -> usize {
    alarm::seconds(5, 300).as_secs() as usize
}

/// FFmpeg's filter for the tone. It begins late and softly: an encoder's delay puts its start behind the tower's own fade, and a
/// click of its own would be taken for the tower's.
pub(crate) fn tone(hz: u32) -> String {
    format!("sine=frequency={hz}:sample_rate=48000,afade=start_time=0.1:duration=0.2,volume=12dB")
}

/// A file of the tone, made by FFmpeg, that is longer than a program is listened to.
#[track_caller]
pub(crate) fn file(tower: &Tower, hz: u32, name: &str, coding: &[&str]) -> PathBuf {
    let path = tower.path(name);
    let length = (seconds() + 30).to_string();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &tone(hz), "-t", &length, "-ac", "2"]).args(coding);
    assert!(command.arg(&path).status().is_ok_and(|status| status.success()), "ffmpeg makes {name}");
    path
}

/// FFmpeg sends the tone in real time.
#[track_caller]
pub(crate) fn ffmpeg(tower: &Tower, hz: u32, coding: &[&str], password: &str) -> Source {
    let url = format!("icecast://source:{password}@{}/live", tower.address);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-f", "lavfi", "-i", &tone(hz), "-ac", "2"]).args(coding).arg(url);
    Source::start(&mut command, &tower.path(&format!("ffmpeg-{hz}-{password}.said")))
}

/// How FFmpeg makes MP3 for a mount.
pub(crate) const MP3: [&str; 6] = ["-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"];

/// What a listener of the stream hears for `seconds` is the tone of a source at its level, each second from the fourth on.
#[track_caller]
pub(crate) fn assert_heard(tower: &Tower, hz: u32, dbfs: f64, seconds: usize) {
    tower.wait_source("dj", LIMIT);
    // The burst, what the source before has left, and the fade come first.
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * seconds);
    listener.wait_bytes(bytes, LIMIT + Duration::from_secs(seconds as u64));
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    decoded.rchunks_exact(48_000).take(seconds - 3).for_each(|second| assert_is_tone(second, hz, dbfs));
}

#[track_caller]
pub(crate) fn assert_is_tone(samples: &[f64], hz: u32, dbfs: f64) {
    let (level, heard) = (measure::tone_dbfs(samples, f64::from(hz)), measure::tone_hz(samples, f64::from(hz)));
    assert!((level - dbfs).abs() < LEVEL_TOLERANCE_DB, "{hz} Hz at {level:.2} dBFS instead of {dbfs:.2}");
    assert!((heard - f64::from(hz)).abs() < 0.5, "{heard:.2} Hz instead of {hz}");
}

/// A monitor of a tower whose own tone is steady, and the tick from which it hears.
#[track_caller]
pub(crate) fn monitor(tower: &Tower) -> (Monitor, u64) {
    tower.wait_source("tone", LIMIT);
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.next_serial() + 5, LIMIT);
    let from = monitor.next_serial();
    (monitor, from)
}

/// What is known of the source that is connected; null if none is.
pub(crate) fn connected(tower: &Tower) -> serde_json::Value {
    tower.status()["inputs"][1]["source"]["connected"].clone()
}

#[track_caller]
pub(crate) fn wait_title(tower: &Tower, title: &str) {
    let label = || tower.get("/api/now-playing").json()["label"].as_str().map(str::to_owned);
    let begun = std::time::Instant::now();
    while label().as_deref() != Some(title) {
        assert!(begun.elapsed() < LIMIT, "the title is {:?} instead of {title}", label());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program, and what is to be seen of it.
pub(crate) struct Row<'a> {
    /// Connects it with this password, to send the tone.
    pub start: &'a dyn Fn(&Tower, &str) -> Source,
    /// Part of its user agent, in small letters.
    pub agent: &'a str,
    /// Its station's name.
    pub name: &'a str,
    /// The title that it tells; nothing if it has no way to.
    pub title: &'a str,
    /// What it says of a wrong password, in small letters: one of these.
    pub refusal: &'a [&'a str],
}

impl Row<'_> {
    /// Shows it all on a tower that plays its tone.
    #[track_caller]
    pub(crate) fn show(&self, tower: &Tower) {
        let refused = (self.start)(tower, "wrong");
        refused.wait_said(self.refusal);
        assert!(tower.events("source").is_empty(), "a source with a wrong password went on air");
        drop(refused);
        let (monitor, from) = monitor(tower);
        for is_first in [true, false] {
            let source = (self.start)(tower, "hackme");
            tower.wait_source("dj", LIMIT);
            changes::assert_on_air_within_a_second(tower, "dj");
            self.assert_known(tower);
            if is_first {
                assert_heard(tower, TONE_HZ, TONE_DBFS, seconds());
            } else {
                monitor.wait_serial(monitor.next_serial() + 40, LIMIT);
            }
            drop(source);
            tower.wait_source("tone", LIMIT);
            monitor.wait_serial(monitor.next_serial() + 35, LIMIT);
        }
        let changes = changes::assert_without_click(tower, &monitor, from);
        assert!(changes >= 6, "the source, silence and tone, twice, are no {changes} changes");
    }

    #[track_caller]
    fn assert_known(&self, tower: &Tower) {
        let connected = connected(tower);
        let agent = connected["user_agent"].as_str().unwrap_or_default().to_lowercase();
        assert!(agent.contains(self.agent), "{connected}");
        assert_eq!(connected["name"], self.name, "{connected}");
        if !self.title.is_empty() {
            wait_title(tower, self.title);
        }
    }
}
