//! A stream to PCM by processes: one decodes it, and another goes on when it dies.
//!
//! Two threads: one reads the source and writes to the process, so that a process that hangs cannot
//! keep it; the other, the session's own, takes the PCM and looks after the process.

use super::decoder::{DecoderFigures, StreamEnd};
use super::feeder::{self, Fed, Shared, lock};
use super::repeat::{Head, Log};
use radio_base::title::Title;
use radio_decode::STREAM_LIMITS;
use radio_decode::board::Board;
use radio_decode::ffmpeg_sandbox;
use radio_decode::intake::{Intake, Piece};
use radio_decode::line::{Line, Told};
use radio_decode::media::demuxer::Demuxer;
use radio_decode::media::formats::Format;
use radio_decode::media::seam::Seam;
use radio_decode::media::stream::head::HEAD_BYTES_MAX;
use radio_decode::process::{Job, Read as Taken};
use radio_decode::protocol::{Body, Outcome, Record};
use radio_decode::settings::FfmpegSettings;
use radio_decode::settings::{DecoderSettings, timespec};
use radio_decode::supervisor::{Event, Reason};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How often the sink is asked whether it wants more, when nothing comes.
const LOOK_MS: u64 = 100;
/// For so long FFmpeg is expected to work at bytes that have come.
const INPUT_IS_NEW: Duration = Duration::from_secs(1);
/// Sound that a source may give at once, and how much faster than time it may be after that.
const AHEAD_S_MAX: f64 = 30.0;
const SPEED_MAX: f64 = 8.0;

/// How streams are decoded.
#[derive(Clone, Debug)]
pub struct ChildSettings {
    /// How decoders are started.
    pub decoder: DecoderSettings,
    /// What decoders do is told here.
    pub board: Arc<Board>,
}

impl ChildSettings {
    /// From the table `[encoder]`.
    #[must_use]
    pub fn from_config(encoder: &radio_config::Encoder, board: &Arc<Board>) -> Self {
        let ffmpeg = Some(FfmpegSettings::from_config(encoder));
        Self { decoder: DecoderSettings { ffmpeg, ..DecoderSettings::default() }, board: Arc::clone(board) }
    }

    /// Whether FFmpeg is installed, for what the tower does not decode itself.
    #[must_use]
    pub fn has_ffmpeg(&self) -> bool {
        self.decoder.ffmpeg.as_ref().is_some_and(|ffmpeg| ffmpeg_sandbox::resolved(&ffmpeg.program).is_some())
    }
}

/// Decodes `bytes` to the end. `sink` takes interleaved samples at 48 kHz, with a full scale of 1, and says whether it wants more; it is also
/// asked while nothing comes, with no samples. `heard` is called with each title, before its sound, and
/// `lumps` with the ticks of sound that the pages of the stream may keep back.
pub fn decode<R: Read + Send + 'static>(
    bytes: &Arc<Mutex<R>>,
    format: Format,
    settings: &ChildSettings,
    figures: &DecoderFigures,
    heard: impl FnMut(Title),
    lumps: impl FnMut(u32),
    sink: impl FnMut(&mut Vec<f32>) -> bool,
) -> StreamEnd {
    let shared = Arc::new(Shared::new(Log::new()));
    let (to_feeder, stdins) = mpsc::channel();
    let (source, feeding) = (Arc::clone(bytes), Arc::clone(&shared));
    let feed = move || feeder::feed(&source, &stdins, &feeding);
    let Ok(feeder) = thread::Builder::new().name("source-feeder".into()).spawn(feed) else {
        return StreamEnd::Unreadable("there is no thread for its decoder; raise the limit of processes".into());
    };
    let decoding = Decoding {
        format,
        settings,
        figures,
        heard,
        lumps,
        sink,
        shared: &shared,
        to_feeder,
        stdin: Weak::new(),
        line: Line::new(settings.decoder.clone(), STREAM_LIMITS),
        intake: Intake::new(0),
        begun: Instant::now(),
        came: 0,
        came_at: Instant::now(),
        taken: 0,
        given: 0,
        resume: 0,
        skipped: 0,
        ended: None,
        last_words: String::new(),
        seam: Seam::default(),
        samples: Vec::new(),
        first_byte: 0,
        head: Some(Vec::new()),
        lump_ticks: 0,
        lump_ticks_before: 0,
    };
    let end = decoding.run();
    shared.stop.store(true, Relaxed);
    let _panicked = feeder.join();
    end
}

/// The session's side.
struct Decoding<'a, H, L, S> {
    format: Format,
    settings: &'a ChildSettings,
    figures: &'a DecoderFigures,
    heard: H,
    lumps: L,
    sink: S,
    shared: &'a Shared,
    to_feeder: mpsc::Sender<Fed>,
    /// Gone when the feeder has closed it.
    stdin: Weak<OwnedFd>,
    line: Line,
    intake: Intake,
    begun: Instant,
    /// Bytes of the stream that have come, and when the last did.
    came: u64,
    came_at: Instant,
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
    /// The byte of the stream that is the first of the process that runs.
    first_byte: u64,
    /// Pieces of a head that is not whole yet; none: it is too long.
    head: Option<Vec<u8>>,
    /// What the process said last of the stream's pages, and what those before it did.
    lump_ticks: u32,
    lump_ticks_before: u32,
}

impl<H: FnMut(Title), L: FnMut(u32), S: FnMut(&mut Vec<f32>) -> bool> Decoding<'_, H, L, S> {
    fn run(mut self) -> StreamEnd {
        self.line.start();
        loop {
            // Where it begins is known when it has started: by then what killed the one before is.
            let job = Job::Stream { format: self.format, input_byte: 0, output_sample: 0 };
            self.line.turn(&job);
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
            let is_over = self.shared.is_over.load(Relaxed);
            let owes = read == Ok(Taken::Nothing) && wants_pcm && (unread > 0 || is_over || self.ffmpeg_has_input());
            self.line.report(|id| Event::Owes(id, owes));
            match read {
                Ok(Taken::Some) => {}
                Ok(Taken::Nothing) => self.wait(wants_pcm),
                Ok(Taken::Ended) => self.line.lost(),
                Err(reason) => self.line.report(|id| Event::Lost(id, reason)),
            }
        }
    }

    /// Whether FFmpeg decodes, and bytes for it have come lately: it takes them before it makes sound of
    /// them.
    fn ffmpeg_has_input(&mut self) -> bool {
        let came = lock(&self.shared.log).end();
        if std::mem::replace(&mut self.came, came) != came {
            self.came_at = Instant::now();
        }
        self.line.has_ffmpeg() && self.came_at.elapsed() < INPUT_IS_NEW
    }

    fn seconds_allowed(&self) -> f64 {
        AHEAD_S_MAX + SPEED_MAX * self.begun.elapsed().as_secs_f64()
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
                self.first_byte = beginning.input_byte;
                self.head = Some(Vec::new());
                self.lump_ticks_before = self.lump_ticks_before.max(std::mem::take(&mut self.lump_ticks));
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
                if !is_from_outside {
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
        read
    }

    fn play(&mut self, values: &[f32]) {
        let frames = (values.len() / CHANNELS) as u64;
        self.taken += frames;
        self.given += frames;
        self.line.report(|id| Event::Sound(id, frames));
        self.seam.push(values, &mut self.samples);
    }

    fn note(&mut self, record: Record) {
        if self.taken > 0 {
            self.resume = self.first_byte.saturating_add(record.input_byte);
        }
        match record.body {
            Body::Ready(sandbox) => self.settings.board.sandboxed(sandbox),
            Body::Format { codec, rate_hz } => self.figures.sound.set(known(&codec), rate_hz),
            Body::Title { artist, title } => (self.heard)(Title::new(&artist, &title, "")),
            Body::Progress { skipped, bad_packets, .. } => {
                let more = skipped.saturating_sub(std::mem::replace(&mut self.skipped, skipped));
                self.line.report(|id| Event::Skipped(id, more));
                self.figures.bad_packets.fetch_max(bad_packets, Relaxed);
            }
            Body::Head { group_bytes, end, piece } => self.take_head(group_bytes, end, &piece),
            Body::LumpTicks(ticks) => {
                self.lump_ticks = ticks;
                (self.lumps)(ticks.max(self.lump_ticks_before));
            }
            Body::Warning(text) => tracing::debug!(text, "a source's decoder says"),
            Body::NeedsFfmpeg { demuxer, .. } => self.line.lend_ffmpeg(demuxer, None),
            Body::FfmpegOver => self.line.end_ffmpeg(),
            Body::Ended { outcome, .. } => self.ended = Some(outcome),
            Body::Started { .. } | Body::Cover(_) | Body::Flushed => {}
        }
    }

    fn take_head(&mut self, group_bytes: u32, end: Option<u64>, piece: &[u8]) {
        self.head.take_if(|head| head.len() + piece.len() > HEAD_BYTES_MAX);
        if let Some(head) = &mut self.head {
            head.extend_from_slice(piece);
        }
        if let Some(end) = end {
            let bytes = self.head.replace(Vec::new()).unwrap_or_default();
            let end = self.first_byte.saturating_add(end);
            lock(&self.shared.log).set_head(Head { bytes, end, group_bytes });
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

/// The short name of a codec, for as long as the tower lives: those that it decodes, or as what FFmpeg
/// reads it.
fn known(codec: &str) -> &'static str {
    let known = ["mp3", "mp2", "mp1", "aac", "vorbis", "flac", "opus", "alac"];
    let own = known.into_iter().find(|known| *known == codec);
    own.or_else(|| Demuxer::named(codec).map(Demuxer::name)).unwrap_or("pcm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_always_fails_is_given_up_and_leaves_its_last_words() {
        let decoder = DecoderSettings { program: "/bin/false".into(), ..DecoderSettings::default() };
        let settings = ChildSettings { decoder, board: Arc::default() };
        let source = Arc::new(Mutex::new(std::io::repeat(0)));
        let figures = DecoderFigures::default();
        let end = decode(&source, Format::Mp3, &settings, &figures, |_| {}, |_| {}, |_| true);
        assert!(matches!(&end, StreamEnd::Unreadable(why) if why.contains("exit status: 1")), "{end:?}");
        assert_eq!(figures.resyncs.load(Relaxed), 6);
    }
}
