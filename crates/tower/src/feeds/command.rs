//! A program as an input: it writes PCM to standard output, is started again whenever it ends, and
//! tells titles on standard error.
//!
//! What it writes is s16le at 48 kHz in stereo, as on the station's socket. A line on standard error
//! that begins with `title: ` is a title, heard with the sound that comes with it; the other lines
//! are its complaints.

use crate::ingest::RunningInput;
use crate::ingest::producer;
use crate::source::spec;
use crate::state::Tower;
use anyhow::Context;
use radio_base::child_process::diagnostics::Diagnostics;
use radio_base::child_process::spawn::{self, Spawned};
use radio_base::journal::event::Event;
use radio_base::text::utf8_or_latin1;
use radio_base::title::Title;
use radio_config::{Input, InputKind, Pacing};
use radio_signal::ingest::DriftResampler;
use radio_signal::router::{OnAir, SourceId};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The wait after a process that gave no sound for [`SETTLED`]; it doubles with each further one,
const WAIT_MIN: Duration = Duration::from_millis(250);
/// up to this.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A process that has given sound for so long is followed by the next one at once.
const SETTLED: Duration = Duration::from_secs(1);
/// How often a process that gives nothing is looked at.
const LOOK_MS: i64 = 100;
/// A process that has closed its output ends itself within this time, or is killed.
const DYING_MS: i64 = 200;
/// Sources of one input: the process that runs, and those of before that still have sound to play.
const SOURCES_MAX: usize = 3;
/// Bytes that are read of standard error at once, and kept of an unfinished line.
const COMPLAINT_BYTES: usize = 4096;
/// What begins a line that is a title.
const TITLE: &str = "title: ";

/// A program that runs for an input; dropping it ends the program.
pub struct Program {
    shared: Arc<Shared>,
    thread: Option<thread::Thread>,
}

#[derive(Default)]
struct Shared {
    is_ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pid: Option<u32>,
    starts: u64,
    /// Why the last process ended.
    problem: Option<String>,
}

impl Program {
    /// Runs the program of the input of this name.
    pub fn start(tower: &Arc<Tower>, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper { tower: Arc::clone(tower), name: name.to_owned(), shared: Arc::clone(&shared) };
        let spawned = thread::Builder::new().name("command".into()).spawn(move || keeper.run());
        if let Err(error) = &spawned {
            tracing::error!(input = name, %error, "no thread to run a program; raise the limit of processes");
        }
        Self { shared, thread: spawned.ok().map(|handle| handle.thread().clone()) }
    }
}

impl RunningInput for Program {
    fn status(&self) -> Value {
        let state = self.shared.lock();
        json!({ "pid": state.pid, "starts": state.starts, "problem": state.problem })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Relaxed);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread of a program knows. The kernel ends the process when that thread ends.
struct Keeper {
    tower: Arc<Tower>,
    name: String,
    shared: Arc<Shared>,
}

impl Keeper {
    fn run(self) {
        let mut wait = WAIT_MIN;
        while !self.is_ended() {
            let played = self.play();
            let (sounded, why) = played.unwrap_or_else(|error| (Duration::ZERO, format!("{error:#}")));
            if self.is_ended() {
                return;
            }
            let is_settled = sounded >= SETTLED;
            let is_news = {
                let mut state = self.shared.lock();
                state.pid = None;
                state.problem.replace(why.clone()).as_ref() != Some(&why)
            };
            // A program that fails in the same way again and again is told of once.
            if is_news || is_settled {
                let wait_ms = if is_settled { 0 } else { wait.as_millis() as u64 };
                self.note(Event::ProgramEnded { input: self.name.clone(), why, wait_ms });
            }
            if is_settled {
                wait = WAIT_MIN;
            } else {
                self.wait(wait);
                wait = (wait * 2).min(WAIT_MAX);
            }
        }
    }

    fn is_ended(&self) -> bool {
        self.shared.is_ended.load(Relaxed)
    }

    fn wait(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.is_ended() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// Runs the program once; says for how long it gave sound, and why it ended.
    fn play(&self) -> anyhow::Result<(Duration, String)> {
        let setup = self.tower.setup();
        let is_this = |input: &&Input| input.name == self.name && input.kind == InputKind::Command;
        let input = setup.config.input.iter().find(is_this).context("its input is gone")?;
        let number = setup.input_names.id(&self.name).context("its input is gone")?;
        let command: Vec<OsString> = input.command.iter().map(OsString::from).collect();
        let encoder = &setup.config.encoder;
        let memory_bytes_max = encoder.memory_mib_max.saturating_mul(1024 * 1024);
        let spawned = spawn::spawn(&command, &encoder.environment, memory_bytes_max);
        let executable = input.command.first().map_or("", String::as_str);
        let spawned = spawned.with_context(|| format!("{executable} cannot be started"))?;
        let mut process = Process::of(spawned, Duration::from_millis(input.timeout_ms), Arc::clone(&self.shared));
        {
            let mut state = self.shared.lock();
            state.pid = Some(process.child.id());
            state.starts += 1;
        }
        let places = self.tower.inputs.admit(spec::of(number, input), input.capacity_ticks, SOURCES_MAX);
        let (id, writer) = places.context("the router has no place for it")?;
        let left = Leaving { tower: &self.tower, id };
        self.note(Event::ProgramStarted {
            input: self.name.clone(),
            source: id.producer,
            pid: process.child.id(),
            executable: executable.to_owned(),
        });
        let tower = Arc::clone(&self.tower);
        process.heard = Box::new(move |title| _ = tower.title_arrives_at(OnAir::Source(id), title));
        let resampler = (input.pacing() == Pacing::Resample).then(DriftResampler::measuring);
        producer::receive(&input.name, &mut process, writer, input.when_full, resampler);
        drop(left);
        Ok((process.sounded(), process.last_words(input.timeout_ms)))
    }

    fn note(&self, event: Event) {
        self.tower.note(event);
    }
}

/// Whatever happens, the source has left in the end.
struct Leaving<'a> {
    tower: &'a Tower,
    id: SourceId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.tower.inputs.left(self.id);
    }
}

/// One process of the program, read as PCM; dropping it kills its group.
struct Process {
    child: std::process::Child,
    pidfd: OwnedFd,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    complaints: Complaints,
    heard: Box<dyn FnMut(Title) + Send>,
    timeout: Duration,
    shared: Arc<Shared>,
    begun: Instant,
    first_sound: Option<Instant>,
    last_sound: Instant,
    is_silent: bool,
}

impl Process {
    fn of(spawned: Spawned, timeout: Duration, shared: Arc<Shared>) -> Self {
        // Its standard input is closed: it reads an end.
        let Spawned { child, pidfd, stdin: _, stdout, stderr } = spawned;
        let begun = Instant::now();
        Self {
            child,
            pidfd,
            stdout,
            stderr: Some(stderr),
            complaints: Complaints::default(),
            heard: Box::new(|_| {}),
            timeout,
            shared,
            begun,
            first_sound: None,
            last_sound: begun,
            is_silent: false,
        }
    }

    /// For how long it gave sound.
    fn sounded(&self) -> Duration {
        self.first_sound.map_or(Duration::ZERO, |first| self.last_sound - first)
    }

    /// Reads what it complains of, and passes titles on.
    fn listen(&mut self) {
        let Some(stderr) = &self.stderr else { return };
        let mut bytes = [0; COMPLAINT_BYTES];
        match rustix::io::read(stderr, &mut bytes) {
            Ok(0) => self.stderr = None,
            Ok(count) => {
                let titles = self.complaints.push(&bytes[..count], self.begun.elapsed().as_secs(), self.child.id());
                titles.into_iter().for_each(&mut self.heard);
            }
            Err(_) => {}
        }
    }

    /// Why it ended.
    fn last_words(&mut self, timeout_ms: u64) -> String {
        if self.is_silent {
            return format!("nothing came for {timeout_ms} ms (input timeout_ms)");
        }
        let _ = rustix::event::poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&ms(DYING_MS)));
        self.listen();
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            _ => "it closed its output".into(),
        };
        self.complaints.said.last_line().map_or(ended.clone(), |line| format!("{ended}: {line}"))
    }
}

impl Read for Process {
    /// Waits for PCM; 0 when there is no more, nothing came for too long, or the program is to end.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        // However long the caller took, the process is not late for it.
        let mut waits_since = Instant::now();
        while !self.shared.is_ended.load(Relaxed) {
            let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
            fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
            let _ = rustix::event::poll(&mut fds, Some(&ms(LOOK_MS)));
            let is_ready = !fds[0].revents().is_empty();
            self.listen();
            if is_ready {
                match rustix::io::read(&self.stdout, &mut *bytes) {
                    Ok(count) => {
                        self.last_sound = Instant::now();
                        self.first_sound = self.first_sound.or((count > 0).then_some(self.last_sound));
                        return Ok(count);
                    }
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            } else if waits_since.elapsed() >= self.timeout {
                self.is_silent = true;
                return Ok(0);
            }
            if is_ready {
                waits_since = Instant::now();
            }
        }
        Ok(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its group has its number for as long as it has not been waited for; what it started may
        // outlive it otherwise.
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

const fn ms(ms: i64) -> Timespec {
    Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}

/// The lines of standard error: titles, and what is no title.
#[derive(Default)]
struct Complaints {
    said: Diagnostics,
    /// The line that is coming in; longer ones are cut.
    line: Vec<u8>,
}

impl Complaints {
    /// Takes what came; returns the titles in it.
    fn push(&mut self, bytes: &[u8], now_s: u64, pid: u32) -> Vec<Title> {
        let mut titles = Vec::new();
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                if self.line.len() < COMPLAINT_BYTES {
                    self.line.push(byte);
                }
                continue;
            }
            match self.line.strip_prefix(TITLE.as_bytes()) {
                Some(title) => titles.push(Title::new("", &utf8_or_latin1(title), "")),
                None => {
                    self.line.push(b'\n');
                    self.said.push(&self.line, now_s, pid);
                }
            }
            self.line.clear();
        }
        titles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_told_from_complaints_and_lines_are_bounded() {
        let mut complaints = Complaints::default();
        let song = |text: &str| Title::new("", text, "");
        assert_eq!(complaints.push(b"title: A - B\nno such file\r\ntitle: Caf", 0, 1), [song("A - B")]);
        assert_eq!(complaints.push(b"\xe9\ntitle: \n", 0, 1), [song("Caf\u{e9}"), song("")]);
        assert_eq!(complaints.said.last_line().as_deref(), Some("no such file"));
        assert!(complaints.push(&vec![b'x'; 100_000], 0, 1).is_empty());
        assert!(complaints.line.len() <= COMPLAINT_BYTES);
    }
}
