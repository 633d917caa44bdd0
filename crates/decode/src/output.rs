//! What leaves a decoder process: PCM, and records of what it is.

use super::protocol::{Body, PIECE_BYTES_MAX, Record, Sandboxed};
use super::socket;
use crate::media::stream::{Head, Stream};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// Samples between two records of progress while there is sound: 100 ms.
const PROGRESS_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 10;
/// Samples between two records of progress while what comes is skipped: 10 s.
const SKIP_PROGRESS_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 * 10;
/// Full scale of decoded samples.
pub(super) const FULL_SCALE: f32 = 32_768.0;

/// Nothing reads the output any more: the process ends, and that is no error.
#[derive(Debug, thiserror::Error)]
#[error("nothing reads what is decoded")]
pub struct Gone;

/// What was damaged of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Damage {
    /// Packets that could not be decoded.
    bad_packets: u64,
    /// Times that something was looked for behind damage.
    resyncs: u64,
}

impl Damage {
    /// Of a stream, so far.
    pub(super) fn of<R: Read>(stream: &Stream<R>) -> Self {
        Self { bad_packets: stream.bad_packets(), resyncs: stream.resyncs() }
    }
}

/// What leaves the process.
pub struct Output {
    /// Records go there.
    records: OwnedFd,
    pcm: File,
    /// Bytes of the stream that are decoded.
    pub(super) input_byte: u64,
    /// Samples written.
    sample: u64,
    /// Samples decoded and not written, and those that are not to be written still.
    skipped: u64,
    pub(super) to_skip: u64,
    /// Samples decoded at the last record of progress.
    told_at: u64,
    /// What was told last of the stream's pages.
    lump_ticks: u32,
    bytes: Vec<u8>,
}

impl Output {
    /// Writes PCM to `pcm`; the first byte and sample have these numbers.
    #[must_use]
    pub fn new(records: OwnedFd, pcm: OwnedFd, input_byte: u64, sample: u64) -> Self {
        Self {
            records,
            pcm: pcm.into(),
            input_byte,
            sample,
            skipped: 0,
            to_skip: 0,
            told_at: sample,
            lump_ticks: 0,
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

    pub(super) fn tell(&self, body: Body) -> Result<(), Gone> {
        self.tell_ahead(0, body)
    }

    /// Says what holds behind so many samples that are still to be written.
    pub(super) fn tell_ahead(&self, samples: u64, body: Body) -> Result<(), Gone> {
        let record = Record { input_byte: self.input_byte, output_sample: self.sample + samples, body };
        socket::send(&self.records, &record.encode(), None).map_err(|_| Gone)
    }

    /// Tells a head, whose last byte may be ahead of what is decoded.
    pub(super) fn tell_head(&self, Head { bytes, group_bytes, ahead }: Head) -> Result<(), Gone> {
        let end = self.input_byte + ahead;
        let (before, last) = bytes.split_at(bytes.len().saturating_sub(1) / PIECE_BYTES_MAX * PIECE_BYTES_MAX);
        for piece in before.chunks(PIECE_BYTES_MAX) {
            self.tell(Body::Head { group_bytes, end: None, piece: piece.to_vec() })?;
        }
        self.tell(Body::Head { group_bytes, end: Some(end), piece: last.to_vec() })
    }

    /// Tells how long the stream's pages keep its sound back, before the sound is written.
    pub(super) fn tell_lumps(&mut self, ticks: u32) -> Result<(), Gone> {
        if std::mem::replace(&mut self.lump_ticks, ticks) == ticks { Ok(()) } else { self.tell(Body::LumpTicks(ticks)) }
    }

    pub(super) fn progress(&mut self, damage: Damage) -> Result<(), Gone> {
        self.told_at = self.sample + self.skipped;
        let Damage { bad_packets, resyncs } = damage;
        self.tell(Body::Progress { skipped: self.skipped, bad_packets, resyncs })
    }

    /// Writes samples in steps of 16 bits, but those that are to be skipped, and empties them.
    pub(super) fn write(&mut self, samples: &mut Vec<f32>, damage: Damage) -> Result<(), Gone> {
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
        if self.sample + self.skipped >= self.told_at + period { self.progress(damage) } else { Ok(()) }
    }
}
