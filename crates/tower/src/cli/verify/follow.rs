//! Follows stream and reference for a while, and compares.

use super::answer::{Answer, read_some};
use super::compare::{Comparison, Overrun, Tally};
use super::progress::Progress;
use anyhow::{Context, bail};
use radio_signal::mpeg::{FrameHeader, Packetizer};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// Events that wait at most; each holds at most 16 KiB.
pub(super) const EVENTS_MAX: usize = 64;

const PIECE_BYTES: usize = 16 << 10;

/// Bytes among which the first frame must be: a stream begins with one.
const OPENING_BYTES_MAX: usize = 64 << 10;

/// How long the reference may take, at the end, to reach the last frame received.
const LAST_FRAMES_TIME: Duration = Duration::from_secs(5);

const PROGRESS_PERIOD: Duration = Duration::from_millis(200);

/// What happens while following.
#[derive(Debug)]
pub(super) enum Event {
    /// Bytes of the mount.
    Stream(Vec<u8>, Instant),
    /// The mount ended, and how.
    StreamEnded(String),
    /// Bytes of our own encoder.
    Reference(Vec<u8>),
    /// Our own encoder ended.
    EncoderEnded,
    /// The monitor ended, and how.
    MonitorEnded(String),
    /// Ctrl-C.
    Interrupted,
}

/// Why following ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The stream ended, and how.
    Stream(String),
    /// The monitor ended, and how.
    Monitor(String),
    /// Our own encoder ended.
    Encoder,
    /// One side stood still.
    Overrun,
}

/// What following gave.
#[derive(Debug)]
pub(super) struct Followed {
    /// The comparison.
    pub tally: Tally,
    /// Bytes of the stream that are no frames.
    pub stray_bytes: u64,
    /// Longest time without a byte of the stream, after the first.
    pub longest_gap: Duration,
    /// How long it took.
    pub elapsed: Duration,
    /// Why it ended before its time, unless by Ctrl-C.
    pub broken: Option<Broken>,
}

/// Reads the stream until its first frame: what kind of frames it has. The bytes stay in `stream.body`.
///
/// # Errors
/// If it has none, or of a kind that cannot be compared.
pub(super) fn first_header(stream: &mut Answer) -> anyhow::Result<FrameHeader> {
    let mut packetizer = Packetizer::new();
    let mut piece = [0; 4096];
    let mut taken = 0;
    loop {
        taken += packetizer.push(&stream.body[taken..]);
        if let Some(frame) = packetizer.next_frame() {
            return Ok(frame.header);
        }
        if stream.body.len() >= OPENING_BYTES_MAX {
            bail!("there is no MP3 frame in the first {OPENING_BYTES_MAX} bytes of the stream; is it an MP3 mount?");
        }
        let count = read_some(&mut stream.socket, &mut piece).context("the stream does not begin")?;
        if count == 0 {
            bail!("the stream ends before its first frame; look at the tower's log");
        }
        stream.body.extend_from_slice(&piece[..count]);
    }
}

/// Reads the stream in a thread of its own.
pub(super) fn read_stream(mut stream: Answer, events: SyncSender<Event>) {
    std::thread::spawn(move || {
        let mut bytes = std::mem::take(&mut stream.body);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            if !bytes.is_empty() && events.send(Event::Stream(bytes, Instant::now())).is_err() {
                return;
            }
            bytes = match read_some(&mut stream.socket, &mut piece) {
                Ok(0) => break drop(events.send(Event::StreamEnded("the tower hung up on this listener".into()))),
                Ok(count) => piece[..count].to_vec(),
                Err(error) => break drop(events.send(Event::StreamEnded(format!("the stream broke off ({error})")))),
            };
        }
    });
}

/// The two sides on their way into the comparison.
struct Sides {
    comparison: Comparison,
    stream: Packetizer,
    reference: Packetizer,
    last_bytes: Option<Instant>,
    longest_gap: Duration,
}

impl Sides {
    fn take(&mut self, event: Event) -> Result<(), Broken> {
        let Self { comparison, stream, reference, .. } = self;
        let mut outcome: Result<(), Overrun> = Ok(());
        match event {
            Event::Stream(bytes, at) => {
                let gap = self.last_bytes.map_or(Duration::ZERO, |last| at.saturating_duration_since(last));
                self.longest_gap = self.longest_gap.max(gap);
                self.last_bytes = Some(at);
                stream.packetize(&bytes, |frame| outcome = outcome.and(comparison.push_received(frame.bytes)));
            }
            Event::Reference(bytes) => {
                reference.packetize(&bytes, |frame| outcome = outcome.and(comparison.push_reference(frame.bytes)));
            }
            Event::EncoderEnded => return Err(Broken::Encoder),
            Event::StreamEnded(how) => return Err(Broken::Stream(how)),
            Event::MonitorEnded(how) => return Err(Broken::Monitor(how)),
            Event::Interrupted => {}
        }
        outcome.map_err(|Overrun| Broken::Overrun)
    }

    fn stray_bytes(&self) -> u64 {
        let counters = self.stream.counters();
        counters.bytes_skipped + counters.tag_bytes_skipped
    }
}

/// Compares for `span`, or until Ctrl-C or an end. Then what was received by then is compared to its last frame.
pub(super) fn follow(
    comparison: Comparison,
    events: &Receiver<Event>,
    span: Duration,
    progress: &mut Progress,
) -> Followed {
    let started = Instant::now();
    let mut sides = Sides {
        comparison,
        stream: Packetizer::new(),
        reference: Packetizer::new(),
        last_bytes: None,
        longest_gap: Duration::ZERO,
    };
    let mut broken = None;
    while broken.is_none() && started.elapsed() < span {
        progress.show(started.elapsed(), sides.comparison.tally());
        match events.recv_timeout(PROGRESS_PERIOD.min(span.saturating_sub(started.elapsed()))) {
            Ok(Event::Interrupted) => break,
            Ok(event) => broken = sides.take(event).err(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => broken = Some(Broken::Encoder),
        }
    }
    let elapsed = started.elapsed();
    let end = Instant::now() + LAST_FRAMES_TIME;
    // Of a stream that ended, too, the last frames may be in the monitor already.
    while sides.comparison.waits_for_reference() && matches!(broken, None | Some(Broken::Stream(_))) {
        match events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Event::Reference(bytes)) => broken = sides.take(Event::Reference(bytes)).err().or(broken),
            Ok(Event::EncoderEnded | Event::MonitorEnded(_)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    progress.finish();
    let (stray_bytes, longest_gap) = (sides.stray_bytes(), sides.longest_gap);
    Followed { tally: sides.comparison.finish(), stray_bytes, longest_gap, elapsed, broken }
}
