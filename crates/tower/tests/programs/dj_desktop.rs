//! DJ software with a window, on a display and a sound card that are not there: butt and Mixxx (SPEC IN-7).

use crate::common;
use crate::desktop::{
    Desktop, LIMIT, Program, Sender, TONE_HZ, alone, assert_drops_and_comes_back, assert_heard_for_a_while, press,
};
use radio_proof::alarm;
use radio_proof::tower::Tower;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A tower with one mount, `/live`, of which there is `more` to say, that plays its tone.
fn tower(more: &str) -> Tower {
    let input = format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"hackme\"{more} }}]");
    let tower = common::setup().line("router.grace_ms = 240").line(&input).start();
    tower.wait_source("tone", LIMIT);
    tower
}

/// butt, the port at which it takes commands, and the tone that it hears from the sound card.
struct Butt<'a> {
    desktop: &'a Desktop,
    tower: &'a Tower,
    port: String,
    tone: Option<Program>,
    log: PathBuf,
    _program: Program,
}

impl<'a> Butt<'a> {
    #[track_caller]
    fn start(desktop: &'a Desktop, tower: &'a Tower, password: &str) -> Self {
        let (log, config) = (desktop.path(&format!("{password}.log")), desktop.path(&format!("{password}.buttrc")));
        std::fs::write(&config, configuration(desktop, tower, password, &log)).expect("a file");
        Self::run(desktop, tower, &config, log)
    }

    #[track_caller]
    fn run(desktop: &'a Desktop, tower: &'a Tower, config: &Path, log: PathBuf) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let port = free.port().to_string();
        let mut command = desktop.command("butt");
        let program = Program::start(command.arg("-c").arg(config).args(["-p", &port]), "butt");
        let butt = Self { desktop, tower, port, tone: None, log, _program: program };
        alarm::wait_until("butt", LIMIT, || butt.tell(&["-S"]).contains("connected: 0"));
        butt
    }

    /// One command to the running program.
    fn tell(&self, words: &[&str]) -> String {
        let output = self.desktop.command("butt").args(["-p", &self.port]).args(words).stdout(Stdio::piped()).output();
        String::from_utf8_lossy(&output.expect("butt is there").stdout).into_owned()
    }
}

/// What a person would type into its windows, in the settings that it begins with.
fn configuration(desktop: &Desktop, tower: &Tower, password: &str, log: &Path) -> String {
    let begins_with = desktop.path("settings");
    if !begins_with.exists() {
        let first = Butt::run(desktop, tower, &begins_with, desktop.path("none"));
        first.tell(&["-q"]);
        alarm::wait_until("the settings", LIMIT, || {
            std::fs::read_to_string(&begins_with).is_ok_and(|text| text.contains("[opus_codec_rec]"))
        });
    }
    let settings = std::fs::read_to_string(&begins_with).expect("settings");
    let changed = settings.lines().map(|line| match line.split(" =").next().unwrap_or_default() {
        "server" | "srv_ent" => format!("{line}tower"),
        "num_of_srv" => "num_of_srv = 1".into(),
        "samplerate" => "samplerate = 48000".into(),
        "log_file" => format!("log_file = {}", log.display()),
        _ => line.to_owned(),
    });
    let changed: Vec<String> = changed.collect();
    format!(
        "{}\n\n[tower]\naddress = 127.0.0.1\nport = {}\npassword = {password}\ntype = 1\ntls = 0\nmount = live\n\
         usr = source\n",
        changed.join("\n"),
        tower.address.port()
    )
}

impl Sender for Butt<'_> {
    fn connect(&mut self) {
        self.tell(&["-s", "tower"]);
    }

    fn disconnect(&mut self) {
        self.tell(&["-d"]);
    }

    fn play(&mut self, is_wanted: bool) {
        self.tone = is_wanted.then(|| self.desktop.tone());
        let level = |line: &str| line.strip_prefix("volume left: ")?.trim().parse::<f64>().ok();
        alarm::wait_until("butt to hear it", LIMIT, || {
            let level = self.tell(&["-S"]).lines().find_map(level);
            level.is_some_and(|dbfs| if is_wanted { dbfs > -30.0 } else { dbfs < -90.0 })
        });
        if !is_wanted {
            // Its encoder goes on where it stopped: the last of the tone comes first, and is cut off.
            self.connect();
            self.tower.wait_source("dj", LIMIT);
            self.disconnect();
            self.tower.wait_source("tone", LIMIT);
        }
    }

    /// FFmpeg's sine has an amplitude of one eighth; 12 dB more, as two channels of half the power; and what a sound server and
    /// two lossy codecs may change.
    fn levels_dbfs(&self) -> RangeInclusive<f64> {
        -10.57..=-7.57
    }
}

#[test]
fn butt_does_all_that_a_source_must() {
    let _alone = alone();
    let (desktop, tower) = (Desktop::new(), tower(""));
    let refused = Butt::start(&desktop, &tower, "wrong");
    refused.tell(&["-s", "tower"]);
    alarm::wait_until("butt to say that the password is wrong", LIMIT, || {
        std::fs::read_to_string(&refused.log).is_ok_and(|log| log.to_lowercase().contains("password"))
    });
    assert!(tower.events("source").is_empty());
    drop(refused);

    let mut butt = Butt::start(&desktop, &tower, "hackme");
    butt.play(true);
    butt.connect();
    tower.wait_source("dj", LIMIT);
    // It forgets a title that it is told while it is busy, so it is told again.
    let label = || tower.get("/api/now-playing").json()["label"].clone();
    press(
        "the title",
        || _ = butt.tell(&["-u", "Nina Simone - Sinnerman, süß"]),
        || label() == "Nina Simone - Sinnerman, süß",
    );
    assert_heard_for_a_while(&tower);
    assert_drops_and_comes_back(&tower, &mut butt);
}

/// Mixxx with a tone on its second deck, and a profile for the tower.
struct Mixxx<'a> {
    desktop: &'a Desktop,
    tower: &'a Tower,
    _program: Program,
}

/// What it asks when it runs for the first time.
const QUESTION: &str = "Choose music library directory";
/// Its button "on air", on a display of 1280 by 800.
const ON_AIR: [&str; 5] = ["mousemove", "1200", "34", "click", "1"];
/// The keys by which its decks play; one without a track takes no notice.
const PLAY: [&str; 4] = ["key", "d", "key", "l"];

impl<'a> Mixxx<'a> {
    #[track_caller]
    fn start(desktop: &'a Desktop, tower: &'a Tower, password: &str) -> Self {
        let settings = desktop.path(&format!("mixxx-{password}"));
        std::fs::create_dir_all(settings.join("music")).expect("a folder");
        let track = settings.join("music").join("track.mp3");
        let sine = format!("sine=frequency={TONE_HZ}:sample_rate=48000:duration=600,volume=12dB");
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &sine, "-ac", "2", "-b:a", "128k"])
            .args(["-metadata", "artist=Nina Simone", "-metadata", "title=Sinnerman"])
            .arg(&track)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "ffmpeg makes a track");
        std::fs::write(settings.join("mixxx.cfg"), mixxx_settings(tower, password)).expect("a file");
        std::fs::write(
            settings.join("soundconfig.xml"),
            "<!DOCTYPE SoundManagerConfig>\n<SoundManagerConfig samplerate=\"48000\" sync_buffers=\"2\" latency=\"5\" \
             deck_count=\"4\" api=\"ALSA\" force_network_clock=\"0\">\n<SoundDevice alsaHwDevice=\"\" name=\"pulse\" \
             portAudioIndex=\"0\">\n<output channel_count=\"2\" type=\"Master\" index=\"0\" channel=\"0\"/>\n\
             </SoundDevice>\n</SoundManagerConfig>\n",
        )
        .expect("a file");
        let mut command = desktop.command("mixxx");
        command.arg("--settingsPath").arg(&settings).arg(&track).env("QT_X11_NO_MITSHM", "1");
        // On a busy machine it stands still now and then before its first window is there.
        let mixxx = (0..3).find_map(|_| {
            let mixxx = Self { desktop, tower, _program: Program::start(&mut command, "mixxx") };
            let started = Instant::now();
            while !mixxx.shows(QUESTION) && started.elapsed() < LIMIT / 2 {
                std::thread::sleep(Duration::from_millis(100));
            }
            let names = || mixxx.hand(&["search", "--onlyvisible", "--name", ".", "getwindowname", "%@"]);
            let asks = mixxx.shows(QUESTION);
            if !asks {
                println!("Mixxx asks for no folder; there are: {:?}", names());
            }
            asks.then_some(mixxx)
        });
        let mixxx = mixxx.expect("Mixxx opens its window");
        alarm::wait_until("the question to go", LIMIT, || {
            mixxx.hand(&["search", "--onlyvisible", "--name", QUESTION, "key", "Escape"]);
            !mixxx.shows(QUESTION)
        });
        mixxx
    }

    /// What a hand does.
    fn hand(&self, words: &[&str]) -> String {
        let output = self.desktop.command("xdotool").args(words).stdout(Stdio::piped()).stderr(Stdio::null()).output();
        String::from_utf8_lossy(&output.expect("xdotool is there: apt-get install xdotool").stdout).into_owned()
    }

    /// Whether there is a window whose title begins so.
    fn shows(&self, title: &str) -> bool {
        !self.hand(&["search", "--onlyvisible", "--name", &format!("^{title}")]).trim().is_empty()
    }

    /// Whether it plays: its window is called as the track.
    fn plays(&self) -> bool {
        self.shows("Nina Simone - Sinnerman")
    }

    /// Whether it is connected, as the tower sees it.
    fn is_connected(&self) -> bool {
        !self.tower.status()["inputs"][1]["source"]["connected"].is_null()
    }

    /// Waits until the tower knows the title, which is told once. A deck that took two presses for one stands still again, and
    /// a deck that stands still has no title to tell.
    #[track_caller]
    fn wait_title(&self) {
        let mut looked = Instant::now();
        alarm::wait_until("Mixxx to tell its title", LIMIT, || {
            if looked.elapsed() > LIMIT / 12 && !self.plays() {
                println!("no title yet; Mixxx stands still, and is told to play");
                self.hand(&PLAY);
                looked = Instant::now();
            }
            self.tower.get("/api/now-playing").json()["label"] == "Nina Simone - Sinnerman"
        });
    }

    /// Presses something until `is_so`.
    #[track_caller]
    fn press(&self, what: &str, words: &[&str], is_so: impl FnMut() -> bool) {
        press(what, || _ = self.hand(words), is_so);
    }
}

/// As a version before profiles kept them; it makes a profile of them.
fn mixxx_settings(tower: &Tower, password: &str) -> String {
    format!(
        "\n[Config]\nVersion 2.3.3\n\n[Keyboard]\nEnabled 1\n\n[Shoutcast]\nservertype Icecast2\nmountpoint /live\n\
         host 127.0.0.1\nport {}\nlogin source\npassword {password}\nformat MP3\nbitrate 128\nchannels 2\n\
         stream_name Mixxx\n",
        tower.address.port()
    )
}

impl Sender for Mixxx<'_> {
    fn connect(&mut self) {
        self.press("Mixxx to connect", &ON_AIR, || self.is_connected());
    }

    fn disconnect(&mut self) {
        self.press("Mixxx to leave", &ON_AIR, || !self.is_connected());
    }

    fn play(&mut self, is_wanted: bool) {
        if self.plays() != is_wanted {
            self.press("Mixxx to play, or to stand still", &PLAY, || self.plays() == is_wanted);
        }
    }

    /// Whatever its faders stand at.
    fn levels_dbfs(&self) -> RangeInclusive<f64> {
        -40.0..=0.0
    }
}

#[test]
fn mixxx_does_all_that_a_source_must() {
    let _alone = alone();
    // Mixxx sends two thirds of a second after it has connected.
    let (desktop, tower) = (Desktop::new(), tower(", preroll_ticks = 10"));
    let mut refused = Mixxx::start(&desktop, &tower, "wrong");
    refused.play(true);
    refused.press("Mixxx to say that it was refused", &ON_AIR, || refused.shows("Mixxx - Connection error"));
    assert!(tower.events("source").is_empty());
    drop(refused);

    let mut mixxx = Mixxx::start(&desktop, &tower, "hackme");
    mixxx.play(true);
    mixxx.connect();
    tower.wait_source("dj", LIMIT);
    mixxx.wait_title();
    assert_eq!(tower.status()["inputs"][1]["source"]["connected"]["name"], "Mixxx");
    assert_heard_for_a_while(&tower);
    assert_drops_and_comes_back(&tower, &mut mixxx);
}
