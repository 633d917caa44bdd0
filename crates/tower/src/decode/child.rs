//! The program of a decoder process: foreign bytes in, PCM out, in a sandbox.
//!
//! It takes files one after the other, each an open descriptor, or one stream on standard input.
//! PCM leaves on standard output as interleaved stereo at 48 kHz, 32-bit floats in little-endian
//! order, full scale +-1, never clamped.

use super::protocol::{Body, MESSAGE_BYTES_MAX, Outcome, PIECE_BYTES_MAX, Record, Request, Sandboxed, Tags};
use super::socket;
use crate::files::convert::Converter;
use crate::files::{DecodeError, Decoder};
use crate::source::comments::Commented;
use crate::source::decoder::{DecoderFigures, StreamEnd, decode};
use crate::source::formats::Format;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Samples between two records of progress while there is sound: 100 ms.
const PROGRESS_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 10;
/// Samples between two records of progress while what comes is skipped: 10 s.
const SKIP_PROGRESS_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 * 10;
/// A position up to which a file is decoded from its beginning, so that the sound is the same to
/// the bit. What lies behind it is sought.
const SEEK_FROM: Duration = Duration::from_secs(120);
/// Decoded before a position that was sought, until the decoder has settled.
const SEEK_EARLIER: Duration = Duration::from_secs(1);
/// Full scale of decoded samples.
const FULL_SCALE: f32 = 32_768.0;

/// Nothing reads the output any more: the process ends, and that is no error.
#[derive(Debug, thiserror::Error)]
#[error("nothing reads what is decoded")]
pub struct Gone;

/// Where records go.
pub enum Records {
    /// To the tower.
    Socket(OwnedFd),
    /// As lines to standard error, for people.
    Lines,
}

/// What leaves the process.
pub struct Output {
    records: Records,
    pcm: File,
    /// Bytes read of the stream or file.
    input_byte: Arc<AtomicU64>,
    /// Samples written.
    sample: u64,
    /// Samples decoded and not written, and those that are not to be written still.
    skipped: u64,
    to_skip: u64,
    /// Samples decoded at the last record of progress.
    told_at: u64,
    bytes: Vec<u8>,
}

impl Output {
    /// Writes PCM to `pcm`; the first byte and sample have these numbers.
    #[must_use]
    pub fn new(records: Records, pcm: OwnedFd, input_byte: u64, sample: u64) -> Self {
        let input_byte = Arc::new(AtomicU64::new(input_byte));
        Self {
            records,
            pcm: pcm.into(),
            input_byte,
            sample,
            skipped: 0,
            to_skip: 0,
            told_at: sample,
            bytes: Vec::new(),
        }
    }

    /// Says that the sandbox is closed.
    ///
    /// # Errors
    /// Nothing reads it.
    pub fn ready(&self, sandbox: Sandboxed) -> Result<(), Gone> {
        self.tell(Body::Ready(sandbox))
    }

    fn tell(&self, body: Body) -> Result<(), Gone> {
        self.tell_ahead(0, body)
    }

    /// Says what holds behind so many samples that are still to be written.
    fn tell_ahead(&self, samples: u64, body: Body) -> Result<(), Gone> {
        let (input_byte, output_sample) = (self.input_byte.load(Relaxed), self.sample + samples);
        let record = Record { input_byte, output_sample, body };
        match &self.records {
            Records::Socket(socket) => socket::send(socket, &record.encode(), None).map_err(|_| Gone),
            Records::Lines => {
                let seconds = self.sample as f64 / f64::from(SAMPLE_RATE_HZ);
                if !matches!(record.body, Body::Progress { .. } | Body::Cover(_)) {
                    eprintln!("{seconds:.3} s, byte {}: {:?}", record.input_byte, record.body);
                }
                Ok(())
            }
        }
    }

    fn progress(&mut self, figures: Option<&DecoderFigures>) -> Result<(), Gone> {
        self.told_at = self.sample + self.skipped;
        let count = |counter: fn(&DecoderFigures) -> &AtomicU64| figures.map_or(0, |all| counter(all).load(Relaxed));
        let (bad_packets, resyncs) = (count(|all| &all.bad_packets), count(|all| &all.resyncs));
        self.tell(Body::Progress { skipped: self.skipped, bad_packets, resyncs })
    }

    /// Writes samples in steps of 16 bits, but those that are to be skipped, and empties them.
    fn write(&mut self, samples: &mut Vec<f32>, figures: Option<&DecoderFigures>) -> Result<(), Gone> {
        let skipped = (samples.len() / CHANNELS).min(usize::try_from(self.to_skip).unwrap_or(usize::MAX));
        self.to_skip -= skipped as u64;
        self.skipped += skipped as u64;
        for piece in samples[skipped * CHANNELS..].chunks(4096) {
            self.bytes.clear();
            self.bytes.extend(piece.iter().flat_map(|value| (value / FULL_SCALE).to_le_bytes()));
            self.pcm.write_all(&self.bytes).map_err(|_| Gone)?;
            self.sample += (piece.len() / CHANNELS) as u64;
        }
        samples.clear();
        let period = if self.to_skip > 0 { SKIP_PROGRESS_SAMPLES } else { PROGRESS_SAMPLES };
        if self.sample + self.skipped >= self.told_at + period { self.progress(figures) } else { Ok(()) }
    }
}

/// Decodes the files that `requests` names, one after the other and without a sample between them,
/// until its other end is closed.
///
/// # Errors
/// Nothing reads the output.
pub fn serve_files(output: &mut Output, requests: &OwnedFd) -> Result<(), Gone> {
    let (mut converter, mut bytes) = (Converter::new(), [0; MESSAGE_BYTES_MAX]);
    loop {
        let (length, file) = socket::receive(requests, &mut bytes).map_err(|_| Gone)?;
        if length == 0 {
            return Ok(());
        }
        match (Request::decode(&bytes[..length]), file) {
            (Ok(Request::Play { file: number, from_sample, extension }), Some(file)) => {
                let name = format!("file.{extension}");
                play(output, file.into(), Path::new(&name), (number, from_sample), &mut converter)?;
            }
            (Ok(Request::Flush), _) => flush(output, &mut converter)?,
            _ => return Err(Gone),
        }
    }
}

/// Decodes one file to its end.
///
/// # Errors
/// Nothing reads the output.
pub fn decode_file(output: &mut Output, file: File, path: &Path) -> Result<(), Gone> {
    let mut converter = Converter::new();
    play(output, file, path, (0, 0), &mut converter)?;
    flush(output, &mut converter)
}

fn flush(output: &mut Output, converter: &mut Converter) -> Result<(), Gone> {
    let mut samples = Vec::new();
    converter.finish_unrounded(&mut samples);
    output.write(&mut samples, None)?;
    output.tell(Body::Flushed)
}

fn play(
    output: &mut Output,
    mut file: File,
    path: &Path,
    (number, from_sample): (u64, u64),
    converter: &mut Converter,
) -> Result<(), Gone> {
    output.input_byte.store(0, Relaxed);
    // The end of the file before comes out of the resampler with the first samples of this one.
    let held = converter.held_samples();
    // The descriptor may have been read by another process, and shares its position.
    let opened = match file.rewind() {
        Ok(()) => Decoder::of_file(file, path, converter),
        Err(source) => Err(DecodeError::Open { path: path.into(), source }),
    };
    let mut decoder = match opened {
        Ok(decoder) => decoder,
        Err(error) => return output.tell(Body::Ended { file: number, outcome: outcome_of(error) }),
    };
    let info = decoder.info();
    for piece in info.details.cover.iter().flat_map(|cover| cover.bytes.chunks(PIECE_BYTES_MAX)) {
        output.tell(Body::Cover(piece.to_vec()))?;
    }
    output.tell_ahead(held, Body::Started { file: number, tags: Tags::from_info(info) })?;

    let wanted = Duration::from_micros(from_sample * 1_000_000 / u64::from(SAMPLE_RATE_HZ));
    let reached = if wanted > SEEK_FROM { decoder.seek(wanted - SEEK_EARLIER) } else { Duration::ZERO };
    output.to_skip = from_sample.saturating_sub((reached.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)).round() as u64);
    let (mut samples, mut format) = (Vec::new(), ("", 0));
    let outcome = loop {
        match decoder.next_unrounded(&mut samples) {
            Ok(true) => {}
            Ok(false) => break Outcome::Over,
            Err(error) => break outcome_of(error),
        }
        if decoder.format() != format {
            format = decoder.format();
            output.tell(Body::Format { codec: format.0.into(), rate_hz: format.1 })?;
        }
        output.write(&mut samples, None)?;
    };
    *converter = decoder.into_converter();
    output.progress(None)?;
    output.tell(Body::Ended { file: number, outcome })
}

/// The tower knows the file's name; the process does not.
fn outcome_of(error: DecodeError) -> Outcome {
    match error {
        DecodeError::Empty { .. } => Outcome::Empty,
        DecodeError::Format { reason, .. } => Outcome::Unreadable(reason),
        DecodeError::Open { source, .. } => Outcome::Unreadable(source.to_string()),
        DecodeError::Damaged { reason, .. } => Outcome::Damaged(reason),
        // The tower says so, and no decoder.
        DecodeError::Kills { reason, .. } => Outcome::Unreadable(reason.to_owned()),
    }
}

/// Decodes `stream` to its end.
///
/// # Errors
/// Nothing reads the output.
pub fn decode_stream(output: &mut Output, stream: impl Read + Send + 'static, format: Format) -> Result<(), Gone> {
    let titles = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&titles);
    let counted = Counted { inner: stream, bytes: Arc::clone(&output.input_byte) };
    let commented = Commented::new(counted, move |title| lock(&heard).push(title));
    let (figures, mut gone, mut is_known) = (DecoderFigures::default(), None, false);
    let end = decode(&Arc::new(Mutex::new(commented)), format, &figures, |samples| {
        let mut take = || {
            for title in std::mem::take(&mut *lock(&titles)) {
                output.tell(Body::Title { artist: title.artist, title: title.title })?;
            }
            if let (Some(&(codec, rate_hz)), false) = (figures.sound.get(), is_known) {
                is_known = true;
                output.tell(Body::Format { codec: codec.into(), rate_hz })?;
            }
            output.write(samples, Some(&figures))
        };
        gone = take().err();
        gone.is_none()
    });
    if let Some(gone) = gone {
        return Err(gone);
    }
    output.progress(Some(&figures))?;
    let outcome = match end {
        StreamEnd::Over | StreamEnd::Unwanted => Outcome::Over,
        StreamEnd::Unreadable(reason) => Outcome::Unreadable(reason),
        StreamEnd::Damaged(reason) => Outcome::Damaged(reason),
    };
    output.tell(Body::Ended { file: 0, outcome })
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.bytes.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A descriptor that the process was started with.
///
/// # Errors
/// It is not open.
#[allow(unsafe_code, reason = "a number on the command line becomes a descriptor once, at start")]
pub fn inherited(number: i32) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is only asked whether it is open.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) })?;
    // SAFETY: it is open, nothing else in this process owns it, and it is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
