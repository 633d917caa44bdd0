//! A display and a sound card that are not there, and what is heard of a program that has both.

use radio_proof::changes::{self, CLICK_MAX};
use radio_proof::exclusive::{self, Exclusive};
use radio_proof::monitor::Monitor;
use radio_proof::tower::Tower;
use radio_proof::{alarm, measure, mp3};
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Windows are slow to open on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// What is played into the sound card: low and loud, so that a click stands out.
pub(crate) const TONE_HZ: f64 = 100.0;
/// Ticks in a second.
const SECOND_TICKS: u64 = 42;

/// Sound cards and windows want the machine for themselves.
pub(crate) fn alone() -> Exclusive {
    exclusive::hold("desktop")
}

/// A program that is ended when dropped.
pub(crate) struct Program(Child);

impl Program {
    #[track_caller]
    pub(crate) fn start(command: &mut Command, package: &str) -> Self {
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("cannot run {command:?} ({error}): apt-get install {package}")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A desk to work at: a display, and a sound card.
pub(crate) struct Desktop {
    home: tempfile::TempDir,
    display: String,
    _programs: Vec<Program>,
}

impl Desktop {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        // Whichever number is free.
        let mut screen = Program::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
                .stdout(Stdio::piped()),
            "xvfb",
        );
        let mut number = String::new();
        let told = screen.0.stdout.take().map(BufReader::new).map(|mut told| told.read_line(&mut number));
        assert!(matches!(told, Some(Ok(1..))), "Xvfb did not start");
        std::fs::write(home.path().join(".asoundrc"), "pcm.!default { type pulse }\nctl.!default { type pulse }\n")
            .expect("a file");
        let mut desktop = Self { home, display: format!(":{}", number.trim()), _programs: vec![screen] };
        // A card without hardware, which has a clock all the same.
        let server = Program::start(
            desktop
                .command("pulseaudio")
                .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=1"])
                .args(["-L", "module-native-protocol-unix", "-L", "module-null-sink sink_name=air rate=48000"]),
            "pulseaudio",
        );
        desktop._programs.push(server);
        alarm::wait_until("the sound server", LIMIT, || {
            desktop.command("pactl").arg("info").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        desktop
    }

    /// Plays the tone into the sound card until it is dropped. It begins softly.
    #[track_caller]
    pub(crate) fn tone(&self) -> Program {
        let sine = format!("sine=frequency={TONE_HZ}:sample_rate=48000,afade=duration=0.2,volume=12dB");
        let mut command = self.command("ffmpeg");
        command.args([
            "-v", "error", "-re", "-f", "lavfi", "-i", &sine, "-ac", "2", "-f", "pulse", "-device", "air", "tone",
        ]);
        Program::start(&mut command, "ffmpeg")
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        // A card that is not there would give its sound in lumps of two seconds.
        command.env("PULSE_LATENCY_MSEC", "50");
        command.env("DISPLAY", &self.display).env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("PULSE_SERVER");
        command.stdout(Stdio::null());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

/// Presses something until `is_so`: a window that is still opening takes no notice. Of a button that is pressed again before it
/// has answered, the second press undoes the first; so there is more time each time.
#[track_caller]
pub(crate) fn press(what: &str, mut press: impl FnMut(), mut is_so: impl FnMut() -> bool) {
    let mut patience = Duration::from_secs(5);
    alarm::wait_until(what, 2 * LIMIT, || {
        press();
        let pressed = std::time::Instant::now();
        while pressed.elapsed() < patience {
            if is_so() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        patience *= 2;
        false
    });
}

/// A listener hears the tone for a few seconds; for five minutes where tests run at full length. A sound server without a card
/// drops pieces by itself, more of them on a busy machine: a piece of the seconds may be without.
#[track_caller]
pub(crate) fn assert_heard_for_a_while(tower: &Tower) {
    let time = alarm::seconds(6, 300);
    let (listener, bytes) = (tower.listen("/stream?burst=0"), 16_000 * time.as_secs() as usize);
    listener.wait_bytes(bytes, LIMIT + time);
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    let seconds: Vec<&[f64]> = decoded.chunks_exact(48_000).skip(1).collect();
    let good = seconds.iter().filter(|second| (measure::tone_hz(second, TONE_HZ) - TONE_HZ).abs() < 2.0);
    let good = good.filter(|second| measure::tone_dbfs(second, TONE_HZ) > -40.0).count();
    println!("the tone is heard in {good} of {} seconds", seconds.len());
    let wanted = if alarm::full_length() { seconds.len() * 9 / 10 } else { seconds.len() / 2 };
    assert!(good >= wanted, "the tone is heard in {good} of {} seconds", seconds.len());
}

/// A program with a window, as one works it. Connected it sends what it plays, which is nothing or the tone.
pub(crate) trait Sender {
    /// Connects it.
    fn connect(&mut self);
    /// Disconnects it.
    fn disconnect(&mut self);
    /// Has it play the tone from now on, or, while it is not connected, nothing.
    fn play(&mut self, is_wanted: bool);
    /// At what level the tone is heard of it.
    fn levels_dbfs(&self) -> RangeInclusive<f64>;
}

/// Drops out of the tone and comes back, within a second of its connecting and without a click.
///
/// It comes back silent, and plays again once it is on air: an encoder that begins in the middle of a wave clicks by itself. And a
/// sound server without a card drops pieces of sound now and then, more of them on a busy machine. One that does so just where
/// the tower changes is a click that is not the tower's, and the program itself may be held up: so there are three attempts. What is
/// the tower's own would be there each time.
#[track_caller]
pub(crate) fn assert_drops_and_comes_back(tower: &Tower, sender: &mut impl Sender) {
    let mut attempts = (1..=3).map(|attempt| {
        let monitor = tower.monitor(None);
        monitor.wait_serial(monitor.next_serial() + SECOND_TICKS, LIMIT);
        let from = monitor.next_serial();
        sender.disconnect();
        tower.wait_source("tone", LIMIT);
        monitor.wait_serial(monitor.next_serial() + SECOND_TICKS, LIMIT);
        let quiet_from = monitor.next_serial();
        sender.play(false);
        let quiet_to = monitor.next_serial();
        sender.connect();
        tower.wait_source("dj", LIMIT);
        let took_ms = changes::on_air_after_ms(tower, "dj");
        // The tower's own tone bends hardest of all that is steady here.
        let mut clicks = changes::clicks(tower, &monitor, from);
        clicks.retain(|(tick, ..)| !(quiet_from..quiet_to).contains(tick));
        sender.play(true);
        assert_tone_comes(tower, &monitor, sender.levels_dbfs());
        println!("attempt {attempt}: after {took_ms} ms, {clicks:?}");
        (took_ms, clicks)
    });
    let is_right = |(took_ms, clicks): (u64, Vec<(u64, String, f64)>)| {
        let names: Vec<&str> = clicks.iter().map(|(_, name, _)| name.as_str()).collect();
        names == ["silence", "tone", "dj"]
            && changes::is_within_a_second(took_ms)
            && clicks.iter().all(|(_, _, click)| *click <= CLICK_MAX)
    };
    assert!(attempts.any(is_right), "a click, or more than a second, each time");
}

/// The tone is heard again, steady at its level for a second.
#[track_caller]
fn assert_tone_comes(tower: &Tower, monitor: &Monitor, levels_dbfs: RangeInclusive<f64>) {
    alarm::wait_until("the tone to be heard again", LIMIT, || {
        monitor.wait_serial(monitor.next_serial(), LIMIT);
        let last = last_second(monitor);
        levels_dbfs.contains(&measure::tone_dbfs(&last, TONE_HZ)) && tower.status()["on_air"]["source"] == "dj"
    });
}

fn last_second(monitor: &Monitor) -> Vec<f64> {
    let pcm = monitor.so_far();
    pcm.left_from(pcm.first_serial + pcm.ticks() as u64 - SECOND_TICKS, SECOND_TICKS as usize)
}
