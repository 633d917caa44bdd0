//! A display and a sound card that are not there, and what is heard of a program that has both.

use radio_proof::changes::{click, on_air};
use radio_proof::monitor::{Monitor, MonitorPcm};
use radio_proof::tower::Tower;
use radio_proof::{alarm, measure, mp3};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Windows are slow to open on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);
/// What is played into the sound card: low and loud, so that a click stands out.
pub const TONE_HZ: f64 = 100.0;
/// Ticks in a second.
const SECOND_TICKS: u64 = 42;

/// Sound cards and windows want the machine for themselves.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that is ended when dropped.
pub struct Program(Child);

impl Program {
    #[track_caller]
    pub fn start(command: &mut Command, package: &str) -> Self {
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

/// A desk to work at: a display, and a sound card that hears a tone.
pub struct Desktop {
    home: tempfile::TempDir,
    display: String,
    _programs: Vec<Program>,
}

impl Desktop {
    #[track_caller]
    pub fn new() -> Self {
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
        let sine = format!("sine=frequency={TONE_HZ}:sample_rate=48000");
        let tone = Program::start(
            desktop.command("ffmpeg").args([
                "-v", "error", "-re", "-f", "lavfi", "-i", &sine, "-ac", "2", "-f", "pulse", "-device", "air", "tone",
            ]),
            "ffmpeg",
        );
        desktop._programs.push(tone);
        desktop
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.env("DISPLAY", &self.display).env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("PULSE_SERVER");
        command.stdout(Stdio::null());
        command
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

/// Presses something until `is_so`: a window that is still opening takes no notice. Of a button that is pressed again before it
/// has answered, the second press undoes the first; so there is more time each time.
#[track_caller]
pub fn press(what: &str, mut press: impl FnMut(), mut is_so: impl FnMut() -> bool) {
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

/// Waits until the source has been on air for three seconds without a break: programs and sound server may stumble on a busy machine.
#[track_caller]
pub fn wait_steady(tower: &Tower, monitor: &Monitor) {
    alarm::wait_until("the source to be on air without a break", LIMIT, || {
        let on_air = &tower.status()["on_air"];
        let since = on_air["since_tick"].as_u64();
        on_air["source"] == "dj" && since.is_some_and(|since| monitor.next_serial() > since + 3 * SECOND_TICKS)
    });
}

/// A listener hears the tone for a few seconds; for five minutes where tests run at full length. A sound server without a card
/// drops pieces by itself, more of them on a busy machine: a piece of the seconds may be without.
#[track_caller]
pub fn assert_heard_for_a_while(tower: &Tower) {
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

/// The source was on air, then silence and the tower's own tone, then the source again. Gives a second of it after that.
///
/// Clicks are told and not judged: on a busy machine a sound server without a card drops pieces by itself.
#[track_caller]
pub fn heard_again(tower: &Tower, pcm: &MonitorPcm) -> Vec<f64> {
    let changes = on_air(tower);
    let names: Vec<&str> = changes.iter().map(|(_, name)| name.as_str()).collect();
    let before = names.iter().position(|&name| name == "dj");
    let last = [names.iter().rposition(|&name| name == "tone"), names.iter().rposition(|&name| name == "dj")];
    assert!(before.is_some() && before < last[0] && last[0] < last[1], "{names:?}");
    let last = last.map(|index| &changes[index.expect("it is there")]);
    let steady = [last[0].0 + 20, last[1].0 + 30];
    for (tick, name) in last {
        println!("{name} came with {:.2} times the steady second difference", click(pcm, *tick, &steady));
    }
    pcm.left_from(last[1].0 + 60, 40)
}
