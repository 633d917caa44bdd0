//! Streams that only FFmpeg can read: a child decodes them, and another goes on when it dies.
//!
//! Two threads: one reads the source and writes to the child, so that a child that hangs cannot keep it; the other, the
//! session's own, takes the PCM and looks after the child. The kernel kills the child when that thread ends.

use super::decoder::{DecoderFigures, StreamEnd};
use super::opening::Foreign;
use super::repeat::Pieces;
use super::seam::Seam;
use crate::encoder::diagnostics::Diagnostics;
use crate::encoder::spawn::{self, Spawned};
use radio_signal::units::CHANNELS;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Children in a row that die before one has decoded for [`SETTLED`]; then the source is given up.
const DEATHS_MAX: u32 = 5;
/// A child that has decoded for so long has nothing to do with those before it.
const SETTLED: Duration = Duration::from_secs(10);
/// The wait before the second child in a row; it doubles with each. The first follows at once.
const BACKOFF: Duration = Duration::from_millis(200);
/// A child that leaves what it was given lying for so long hangs.
const STALL: Duration = Duration::from_secs(5);
/// How often it is looked at when nothing comes from it.
const LOOK_MS: i64 = 100;
/// A child that has ended its output ends itself within this time, or is killed.
const DYING_MS: i64 = 500;
/// Bytes that are read at once, of the source as of PCM.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of one sample of both channels.
const FRAME_BYTES: usize = 2 * CHANNELS;

/// How children are started.
#[derive(Clone, Debug)]
pub struct ChildSettings {
    /// FFmpeg.
    pub ffmpeg: PathBuf,
    /// Names of variables that it gets beside those that every child gets.
    pub environment: Vec<String>,
    /// Memory that it may allocate.
    pub memory_bytes_max: u64,
}

impl ChildSettings {
    /// From the table `[encoder]`.
    #[must_use]
    pub fn from_config(encoder: &crate::config::Encoder) -> Self {
        let memory_bytes_max = encoder.memory_mib_max.saturating_mul(1024 * 1024);
        Self { ffmpeg: encoder.ffmpeg.clone(), environment: encoder.environment.clone(), memory_bytes_max }
    }

    /// The least it must see before it begins, and nothing kept back: the first PCM comes after 0.1 s instead of 2.4 s.
    fn command(&self, stream: Foreign) -> Vec<OsString> {
        let format = match stream {
            Foreign::OggOpus => "ogg",
            Foreign::Adts => "aac",
        };
        let arguments =
            "-nostdin -hide_banner -loglevel error -fflags nobuffer -probesize 32 -analyzeduration 0 -threads 1 -f";
        let output = "-i pipe:0 -map 0:a:0 -f s16le -ar 48000 -ac 2 pipe:1";
        let words = arguments.split(' ').chain([format]).chain(output.split(' ')).map(OsString::from);
        [self.ffmpeg.clone().into_os_string()].into_iter().chain(words).collect()
    }
}

/// Decodes `bytes` to the end as [`decoder::decode`](super::decoder::decode) does, by children. `sink` is also asked
/// while nothing comes, with no samples.
pub fn decode<R: Read + Send + 'static>(
    bytes: &Arc<Mutex<R>>,
    stream: Foreign,
    settings: &ChildSettings,
    figures: &DecoderFigures,
    mut sink: impl FnMut(&mut Vec<i16>) -> bool,
) -> StreamEnd {
    let (to_feeder, stdins) = mpsc::channel();
    let state = Arc::new(FeederState::default());
    let feeder = Feeder { pieces: Pieces::new(stream), stdins, state: Arc::clone(&state) };
    let source = Arc::clone(bytes);
    let spawned = thread::Builder::new().name("source-feeder".into()).spawn(move || feeder.run(&source));
    let Ok(feeder) = spawned else {
        return StreamEnd::Unreadable("there is no thread for its decoder; raise the limit of processes".into());
    };
    let (mut deaths, mut sound) = (0, Sound { seam: Seam::default(), samples: Vec::new() });
    let end = loop {
        let begun = Instant::now();
        let outcome = match Child::start(settings, stream) {
            Ok((mut child, stdin)) => {
                figures.child_pid.store(child.pid(), Relaxed);
                let unread = Arc::downgrade(&stdin);
                let _feeder_has_ended = to_feeder.send(stdin);
                let end = child.play(stream, figures, &unread, &mut sound, &mut sink);
                figures.child_pid.store(0, Relaxed);
                end
            }
            Err(error) => ChildEnd::Died(format!("{} cannot be started: {error}", settings.ffmpeg.display())),
        };
        let is_heard = figures.sound.get().is_some();
        let why = match outcome {
            ChildEnd::Unwanted => break StreamEnd::Unwanted,
            ChildEnd::Died(_) if state.is_over.load(Relaxed) && is_heard => {
                sound.seam.finish(&mut sound.samples);
                sink(&mut sound.samples);
                break StreamEnd::Over;
            }
            ChildEnd::Died(why) => why,
        };
        deaths = if begun.elapsed() >= SETTLED { 1 } else { deaths + 1 };
        if state.is_over.load(Relaxed) || deaths > DEATHS_MAX {
            break if is_heard { StreamEnd::Damaged(why) } else { StreamEnd::Unreadable(why) };
        }
        tracing::warn!(why, "the decoder of a source has ended; starting another");
        figures.resyncs.fetch_add(1, Relaxed);
        sound.seam.cut(&mut sound.samples);
        let wait = if deaths == 1 { Duration::ZERO } else { BACKOFF * (1 << (deaths - 2)) };
        if !pause(wait, &mut sound.samples, &mut sink) {
            break StreamEnd::Unwanted;
        }
    };
    state.stop.store(true, Relaxed);
    drop(to_feeder);
    let _panicked = feeder.join();
    end
}

/// Waits, as long as somebody wants the source.
fn pause(wait: Duration, samples: &mut Vec<i16>, sink: &mut impl FnMut(&mut Vec<i16>) -> bool) -> bool {
    let until = Instant::now() + wait;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if !sink(samples) {
            return false;
        }
        thread::sleep(left.min(Duration::from_millis(LOOK_MS as u64)));
    }
    sink(samples)
}

/// What children have given, and nobody has taken yet.
struct Sound {
    seam: Seam,
    samples: Vec<i16>,
}

/// Why a child gives no more.
enum ChildEnd {
    /// Nobody wants more.
    Unwanted,
    /// It has ended, or was killed because it hung; what it said last.
    Died(String),
}

struct Child {
    process: std::process::Child,
    pidfd: OwnedFd,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    said: Diagnostics,
    begun: Instant,
}

impl Child {
    fn start(settings: &ChildSettings, stream: Foreign) -> std::io::Result<(Self, Arc<OwnedFd>)> {
        let command = settings.command(stream);
        let spawned = spawn::spawn(&command, &settings.environment, settings.memory_bytes_max)?;
        let Spawned { child, pidfd, stdin, stdout, stderr } = spawned;
        let said = Diagnostics::default();
        let begun = Instant::now();
        Ok((Self { process: child, pidfd, stdout, stderr: Some(stderr), said, begun }, Arc::new(stdin)))
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Takes PCM until there is no more. `stdin` is gone when the feeder has closed it.
    fn play(
        &mut self,
        stream: Foreign,
        figures: &DecoderFigures,
        stdin: &Weak<OwnedFd>,
        Sound { seam, samples }: &mut Sound,
        sink: &mut impl FnMut(&mut Vec<i16>) -> bool,
    ) -> ChildEnd {
        let (mut fresh, mut odd) = (Vec::new(), Vec::new());
        let mut buffer = vec![0; READ_BYTES];
        let mut last_sign_of_life = Instant::now();
        loop {
            let is_ready = self.wait();
            self.listen(&mut buffer);
            if !is_ready {
                if !sink(samples) {
                    return ChildEnd::Unwanted;
                }
                let unread = stdin.upgrade().and_then(|stdin| rustix::io::ioctl_fionread(&*stdin).ok());
                if unread.unwrap_or(0) == 0 {
                    last_sign_of_life = Instant::now();
                } else if last_sign_of_life.elapsed() >= STALL {
                    return ChildEnd::Died(format!("it has done nothing for {} s", STALL.as_secs()));
                }
                continue;
            }
            match rustix::io::read(&self.stdout, &mut buffer[..]) {
                Ok(0) => return ChildEnd::Died(self.last_words()),
                Ok(count) => {
                    let codec = if stream == Foreign::Adts { "aac" } else { "opus" };
                    let _ = figures.sound.set((codec, radio_signal::units::SAMPLE_RATE_HZ));
                    append(&buffer[..count], &mut odd, &mut fresh);
                    seam.push(&fresh, samples);
                    fresh.clear();
                    if !sink(samples) {
                        return ChildEnd::Unwanted;
                    }
                    // However long the sink has waited, that is not the child's fault.
                    last_sign_of_life = Instant::now();
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return ChildEnd::Died(self.last_words()),
            }
        }
    }

    /// Waits a little for PCM, or for its end; whether there is either.
    fn wait(&self) -> bool {
        let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        let _ = rustix::event::poll(&mut fds, Some(&ms(LOOK_MS)));
        !fds[0].revents().is_empty()
    }

    /// Takes what it complains of.
    fn listen(&mut self, buffer: &mut [u8]) {
        let Some(stderr) = &self.stderr else { return };
        match rustix::io::read(stderr, &mut *buffer) {
            Ok(0) => self.stderr = None,
            Ok(count) => self.said.push(&buffer[..count], self.begun.elapsed().as_secs(), self.process.id()),
            Err(_) => {}
        }
    }

    /// What it said last, or how it ended.
    fn last_words(&mut self) -> String {
        let _ = rustix::event::poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&ms(DYING_MS)));
        self.listen(&mut [0; 4096]);
        let ended = match self.process.try_wait() {
            Ok(Some(status)) => format!("ffmpeg ended ({status})"),
            _ => "ffmpeg closed its output".into(),
        };
        self.said.last_line().map_or(ended.clone(), |line| format!("{ended}: {line}"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // While it is not buried, its number and its group are its own.
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.process), Signal::KILL);
            let _ = self.process.wait();
        }
    }
}

const fn ms(ms: i64) -> Timespec {
    Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}

/// Appends whole frames of stereo; bytes of one that is not whole stay in `odd`.
fn append(bytes: &[u8], odd: &mut Vec<u8>, samples: &mut Vec<i16>) {
    odd.extend_from_slice(bytes);
    let whole = odd.len() - odd.len() % FRAME_BYTES;
    samples.extend(odd[..whole].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    odd.drain(..whole);
}

#[derive(Default)]
struct FeederState {
    /// The source has no more.
    is_over: AtomicBool,
    stop: AtomicBool,
}

/// Reads the source and writes to one child after the other.
struct Feeder {
    pieces: Pieces,
    stdins: mpsc::Receiver<Arc<OwnedFd>>,
    state: Arc<FeederState>,
}

impl Feeder {
    fn run(mut self, source: &Mutex<impl Read>) {
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, mut whole) = (vec![0; READ_BYTES], Vec::new());
        while let Ok(stdin) = self.stdins.recv() {
            let mut goes_on = self.write(&stdin, self.pieces.headers());
            while goes_on {
                let count = source.read(&mut bytes).unwrap_or(0);
                if count == 0 || self.state.stop.load(Relaxed) {
                    // Before stdin is closed: a child that ends then has done its work.
                    self.state.is_over.store(true, Relaxed);
                    return;
                }
                whole.clear();
                self.pieces.push(&bytes[..count], &mut whole);
                goes_on = self.write(&stdin, &whole);
            }
        }
    }

    /// False when the child takes no more.
    fn write(&self, stdin: &OwnedFd, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && !self.state.stop.load(Relaxed) {
            match rustix::io::write(stdin, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => {
                    let _ = rustix::event::poll(&mut [PollFd::new(stdin, PollFlags::OUT)], Some(&ms(LOOK_MS)));
                }
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_cut_in_two_are_joined() {
        let (mut odd, mut samples) = (Vec::new(), Vec::new());
        for bytes in [&[1, 0, 2][..], &[0], &[3], &[], &[0, 4, 0]] {
            append(bytes, &mut odd, &mut samples);
        }
        assert_eq!((samples, odd.len()), (vec![1, 2, 3, 4], 0));
    }

    #[test]
    fn a_decoder_that_always_fails_is_given_up_and_leaves_its_last_words() {
        let settings =
            ChildSettings { ffmpeg: "/bin/false".into(), environment: Vec::new(), memory_bytes_max: 1 << 30 };
        let source = Arc::new(Mutex::new(std::io::repeat(0)));
        let figures = DecoderFigures::default();
        let end = decode(&source, Foreign::Adts, &settings, &figures, |_| true);
        assert!(matches!(&end, StreamEnd::Unreadable(why) if why.contains("exit status: 1")), "{end:?}");
        assert_eq!(figures.resyncs.load(Relaxed), u64::from(DEATHS_MAX));
    }
}
