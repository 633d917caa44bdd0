//! A stream to PCM by processes: one decodes it, and another goes on when it dies.
//!
//! Two threads: one reads the source and writes to the process, so that a process that hangs cannot
//! keep it; the other, the session's own, takes the PCM and looks after the process. What only
//! FFmpeg can read is decoded by it, everything else by `tower decode`.

use super::decoder::{DecoderFigures, StreamEnd};
use super::feeder::{self, Fed, Shared, lock};
use super::formats::Format;
use super::opening::Foreign;
use super::repeat::{Log, Pieces};
use super::seam::Seam;
use crate::decode::STREAM_LIMITS;
use crate::decode::board::Board;
use crate::decode::intake::{Intake, Piece};
use crate::decode::line::{Line, Told};
use crate::decode::process::{DecoderSettings, Job, Read as Taken, timespec};
use crate::decode::protocol::{Body, Outcome, Record};
use crate::decode::supervisor::{Event, Reason};
use crate::titles::Title;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread;
use std::time::Instant;

/// How often the sink is asked whether it wants more, when nothing comes.
const LOOK_MS: u64 = 100;
/// Sound that a source may give at once, and how much faster than time it may be after that.
const AHEAD_S_MAX: f64 = 30.0;
const SPEED_MAX: f64 = 8.0;

/// How streams are decoded.
#[derive(Clone, Debug)]
pub struct ChildSettings {
    /// FFmpeg.
    pub ffmpeg: PathBuf,
    /// Names of variables that it gets beside those that every child gets.
    pub environment: Vec<String>,
    /// Memory that it may allocate.
    pub memory_bytes_max: u64,
    /// How the tower's own decoder is started.
    pub decoder: DecoderSettings,
    /// What decoders do is told here.
    pub board: Arc<Board>,
}

/// What is decoded, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// By `tower decode`.
    Inside(Format),
    /// By FFmpeg.
    Foreign(Foreign),
}

impl ChildSettings {
    /// From the table `[encoder]`.
    #[must_use]
    pub fn from_config(encoder: &crate::config::Encoder, board: &Arc<Board>) -> Self {
        Self {
            ffmpeg: encoder.ffmpeg.clone(),
            environment: encoder.environment.clone(),
            memory_bytes_max: encoder.memory_mib_max.saturating_mul(1024 * 1024),
            decoder: DecoderSettings::default(),
            board: Arc::clone(board),
        }
    }

    /// The least FFmpeg must see before it begins, and nothing kept back: the first PCM comes after 0.1 s instead of 2.4 s.
    fn command(&self, stream: Foreign) -> Vec<OsString> {
        let format = match stream {
            Foreign::Adts => "aac",
        };
        let arguments =
            "-nostdin -hide_banner -loglevel error -fflags nobuffer -probesize 32 -analyzeduration 0 -threads 1 -f";
        let output = "-i pipe:0 -map 0:a:0 -f f32le -ar 48000 -ac 2 pipe:1";
        let words = arguments.split(' ').chain([format]).chain(output.split(' ')).map(OsString::from);
        [self.ffmpeg.clone().into_os_string()].into_iter().chain(words).collect()
    }

    fn job(&self, stream: Stream, input_byte: u64) -> Job {
        match stream {
            Stream::Inside(format) => Job::Stream { format, input_byte, output_sample: 0 },
            Stream::Foreign(foreign) => {
                Job::Program { command: self.command(foreign), memory_bytes_max: self.memory_bytes_max }
            }
        }
    }

    fn decoder(&self, stream: Stream) -> DecoderSettings {
        let environment = match stream {
            Stream::Inside(_) => Vec::new(),
            Stream::Foreign(_) => self.environment.clone(),
        };
        DecoderSettings { environment, ..self.decoder.clone() }
    }
}

/// Decodes `bytes` to the end. `sink` takes interleaved samples at 48 kHz, with a full scale of 1, and says whether it wants more; it is also
/// asked while nothing comes, with no samples. `heard` is called with each title, before its sound.
pub fn decode<R: Read + Send + 'static>(
    bytes: &Arc<Mutex<R>>,
    stream: Stream,
    settings: &ChildSettings,
    figures: &DecoderFigures,
    heard: impl FnMut(Title),
    sink: impl FnMut(&mut Vec<f32>) -> bool,
) -> StreamEnd {
    let pieces = match stream {
        Stream::Inside(format) => Pieces::of(format),
        Stream::Foreign(foreign) => Pieces::new(foreign),
    };
    let shared = Arc::new(Shared::new(Log::new(pieces), matches!(stream, Stream::Foreign(_))));
    let (to_feeder, stdins) = mpsc::channel();
    let (source, feeding) = (Arc::clone(bytes), Arc::clone(&shared));
    let feed = move || feeder::feed(&source, &stdins, &feeding);
    let Ok(feeder) = thread::Builder::new().name("source-feeder".into()).spawn(feed) else {
        return StreamEnd::Unreadable("there is no thread for its decoder; raise the limit of processes".into());
    };
    let decoding = Decoding {
        stream,
        settings,
        figures,
        heard,
        sink,
        shared: &shared,
        to_feeder,
        stdin: Weak::new(),
        line: Line::new(settings.decoder(stream), STREAM_LIMITS),
        intake: Intake::new(0),
        begun: Instant::now(),
        taken: 0,
        given: 0,
        resume: 0,
        skipped: 0,
        ended: None,
        last_words: String::new(),
        seam: Seam::default(),
        samples: Vec::new(),
    };
    let end = decoding.run();
    shared.stop.store(true, Relaxed);
    let _panicked = feeder.join();
    end
}

/// The session's side.
struct Decoding<'a, H, S> {
    stream: Stream,
    settings: &'a ChildSettings,
    figures: &'a DecoderFigures,
    heard: H,
    sink: S,
    shared: &'a Shared,
    to_feeder: mpsc::Sender<Fed>,
    /// Gone when the feeder has closed it.
    stdin: Weak<OwnedFd>,
    line: Line,
    intake: Intake,
    begun: Instant,
    /// Samples that were taken.
    taken: u64,
    /// Those of the process that runs.
    given: u64,
    /// The byte of the stream at which another process would go on.
    resume: u64,
    skipped: u64,
    /// What the process says of the end of the stream.
    ended: Option<Outcome>,
    last_words: String,
    seam: Seam,
    samples: Vec<f32>,
}

impl<H: FnMut(Title), S: FnMut(&mut Vec<f32>) -> bool> Decoding<'_, H, S> {
    fn run(mut self) -> StreamEnd {
        self.line.start();
        loop {
            let beginning = lock(&self.shared.log).beginning(self.resume);
            self.line.turn(&self.settings.job(self.stream, beginning.input_byte));
            while let Some(told) = self.line.told() {
                if let Some(end) = self.follow(told) {
                    return end;
                }
            }
            let wants_pcm = self.taken as f64 <= self.seconds_allowed() * f64::from(SAMPLE_RATE_HZ);
            let read = self.take(wants_pcm);
            if !(self.sink)(&mut self.samples) {
                return StreamEnd::Unwanted;
            }
            if let Some(outcome) = self.ended.take() {
                return self.finish(outcome);
            }
            let unread = self.stdin.upgrade().and_then(|stdin| rustix::io::ioctl_fionread(&*stdin).ok()).unwrap_or(0);
            let owes = read == Ok(Taken::Nothing) && wants_pcm && unread > 0;
            self.line.report(|id| Event::Owes(id, owes));
            match read {
                Ok(Taken::Some) => {}
                Ok(Taken::Nothing) => self.wait(wants_pcm),
                // FFmpeg has no word for the end of the stream but its own.
                Ok(Taken::Ended) if self.is_foreign() && self.shared.is_over.load(Relaxed) && self.is_heard() => {
                    return self.finish(Outcome::Over);
                }
                Ok(Taken::Ended) => self.line.lost(),
                Err(reason) => self.line.report(|id| Event::Lost(id, reason)),
            }
        }
    }

    fn seconds_allowed(&self) -> f64 {
        AHEAD_S_MAX + SPEED_MAX * self.begun.elapsed().as_secs_f64()
    }

    const fn is_foreign(&self) -> bool {
        matches!(self.stream, Stream::Foreign(_))
    }

    fn is_heard(&self) -> bool {
        self.figures.sound.get().is_some()
    }

    fn follow(&mut self, told: Told) -> Option<StreamEnd> {
        match told {
            Told::Started(stdin) => {
                let stdin = Arc::new(stdin?);
                self.stdin = Arc::downgrade(&stdin);
                (self.intake, self.skipped, self.given) = (Intake::new(0), 0, 0);
                self.figures.child_pid.store(self.line.process().map_or(0, |process| process.pid()), Relaxed);
                let beginning = lock(&self.shared.log).beginning(self.resume);
                let _feeder_has_ended = self.to_feeder.send(Fed { stdin, beginning });
                None
            }
            Told::Lost(reason, words) => {
                self.figures.child_pid.store(0, Relaxed);
                self.stdin = Weak::new();
                self.seam.cut(&mut self.samples);
                let separator = if words.is_empty() { "" } else { ": " };
                let why = format!("the decoder {}{separator}{words}", reason.text());
                if self.shared.is_over.load(Relaxed) {
                    return Some(self.given_up(why));
                }
                tracing::warn!(why, "a source's decoder is replaced");
                self.figures.resyncs.fetch_add(1, Relaxed);
                // What may have killed it is not given to the next one.
                let is_from_outside = matches!(reason, Reason::Killed | Reason::Hangs) && self.given > 0;
                if self.is_foreign() || !is_from_outside {
                    self.resume = u64::MAX;
                }
                self.last_words = why;
                None
            }
            Told::Exhausted(_) => Some(self.given_up(self.last_words.clone())),
            Told::GiveUp(..) => None,
        }
    }

    fn given_up(&self, why: String) -> StreamEnd {
        if self.is_heard() { StreamEnd::Damaged(why) } else { StreamEnd::Unreadable(why) }
    }

    /// Takes what the process gives.
    fn take(&mut self, wants_pcm: bool) -> Result<Taken, Reason> {
        let Some(process) = self.line.process() else { return Ok(Taken::Nothing) };
        let mut pieces = Vec::new();
        let read = self.intake.take(process, wants_pcm, |piece| match piece {
            Piece::Pcm(values) => pieces.push(Ok(values.to_vec())),
            Piece::Record(record) => pieces.push(Err(record)),
        });
        for piece in pieces {
            match piece {
                Ok(values) => self.play(&values),
                Err(record) => self.note(record),
            }
        }
        for title in std::mem::take(&mut *lock(&self.shared.titles)) {
            (self.heard)(title);
        }
        read
    }

    fn play(&mut self, values: &[f32]) {
        if let Stream::Foreign(Foreign::Adts) = self.stream {
            let _ = self.figures.sound.set(("aac", SAMPLE_RATE_HZ));
        }
        let frames = (values.len() / CHANNELS) as u64;
        self.taken += frames;
        self.given += frames;
        self.line.report(|id| Event::Sound(id, frames));
        self.seam.push(values, &mut self.samples);
    }

    fn note(&mut self, record: Record) {
        if self.taken > 0 {
            self.resume = record.input_byte;
        }
        match record.body {
            Body::Ready(sandbox) => self.settings.board.sandboxed(sandbox),
            Body::Format { codec, rate_hz } => _ = self.figures.sound.set((known(&codec), rate_hz)),
            Body::Title { artist, title } => (self.heard)(Title::new(&artist, &title, "")),
            Body::Progress { skipped, bad_packets, .. } => {
                let more = skipped.saturating_sub(std::mem::replace(&mut self.skipped, skipped));
                self.line.report(|id| Event::Skipped(id, more));
                self.figures.bad_packets.fetch_max(bad_packets, Relaxed);
            }
            Body::Warning(text) => tracing::debug!(text, "a source's decoder says"),
            Body::NeedsFfmpeg { demuxer, .. } => self.line.lend_ffmpeg(demuxer, None),
            Body::FfmpegOver => self.line.end_ffmpeg(),
            Body::Ended { outcome, .. } => self.ended = Some(outcome),
            Body::Started { .. } | Body::Cover(_) | Body::Flushed => {}
        }
    }

    fn finish(mut self, outcome: Outcome) -> StreamEnd {
        self.seam.finish(&mut self.samples);
        (self.sink)(&mut self.samples);
        match outcome {
            Outcome::Over if self.is_heard() => StreamEnd::Over,
            Outcome::Over | Outcome::Empty => StreamEnd::Unreadable("it holds no audio".into()),
            Outcome::Unreadable(reason) => StreamEnd::Unreadable(reason),
            Outcome::Damaged(reason) => StreamEnd::Damaged(reason),
        }
    }

    fn wait(&self, wants_pcm: bool) {
        let mut fds = Vec::new();
        self.line.poll_fds(wants_pcm, &mut fds);
        let _ = rustix::event::poll(&mut fds, Some(&timespec(self.line.wait_ms(LOOK_MS))));
    }
}

/// The short name of a codec, for as long as the tower lives: those that it decodes.
fn known(codec: &str) -> &'static str {
    let known = ["mp3", "mp2", "mp1", "aac", "vorbis", "flac", "opus", "alac"];
    known.into_iter().find(|known| *known == codec).unwrap_or("pcm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_always_fails_is_given_up_and_leaves_its_last_words() {
        let settings = ChildSettings {
            ffmpeg: "/bin/false".into(),
            environment: Vec::new(),
            memory_bytes_max: 1 << 30,
            decoder: DecoderSettings { program: "/bin/false".into(), ..DecoderSettings::default() },
            board: Arc::default(),
        };
        for stream in [Stream::Foreign(Foreign::Adts), Stream::Inside(Format::Mp3)] {
            let source = Arc::new(Mutex::new(std::io::repeat(0)));
            let figures = DecoderFigures::default();
            let end = decode(&source, stream, &settings, &figures, |_| {}, |_| true);
            assert!(matches!(&end, StreamEnd::Unreadable(why) if why.contains("exit status: 1")), "{end:?}");
            assert_eq!(figures.resyncs.load(Relaxed), 6);
        }
    }
}
