//! What comes from one decoder process, in its order: PCM, and the records between its samples.

use super::process::{DecoderProcess, Read};
use super::protocol::Record;
use super::supervisor::Reason;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::collections::VecDeque;

/// Records that wait for the samples before them. More stay in the socket, and hold up the process.
const RECORDS_MAX: usize = 64;
/// Records without a sample after which a process counts as mad: one that skips an hour sends 360.
const SILENT_RECORDS_MAX: u32 = 10_000;
/// Bytes of PCM that are read at once: 43 ms.
const READ_BYTES: usize = 16 * 1024;

/// One piece of what a process gives.
pub enum Piece<'a> {
    /// Whole frames of interleaved stereo, with a full scale of 1.
    Pcm(&'a [f32]),
    /// A record; all samples before it have been given.
    Record(Record),
}

/// The order of what comes from one process.
pub struct Intake {
    /// The number of the next sample.
    sample: u64,
    /// Records since the last sample.
    silent_records: u32,
    records: VecDeque<Record>,
    fresh: Vec<f32>,
    buffer: Vec<u8>,
}

impl Intake {
    /// Of a process whose first sample has this number.
    #[must_use]
    pub fn new(sample: u64) -> Self {
        Self { sample, silent_records: 0, records: VecDeque::new(), fresh: Vec::new(), buffer: vec![0; READ_BYTES] }
    }

    /// Takes what has come, and gives it to `take` in order. Without `wants_pcm`, PCM stays where it
    /// is, and so do the records behind it.
    ///
    /// # Errors
    /// A record that makes no sense.
    pub fn take(
        &mut self,
        process: &mut DecoderProcess,
        wants_pcm: bool,
        mut take: impl FnMut(Piece<'_>),
    ) -> Result<Read, Reason> {
        let read = if wants_pcm { process.read(&mut self.buffer, &mut self.fresh) } else { Read::Nothing };
        // A record is written before the samples that follow it: those of what was read are here.
        while self.records.len() < RECORDS_MAX
            && let Some(record) = process.record()?
        {
            // A record is ahead of the samples by what is on its way.
            let read = self.sample + (self.fresh.len() / CHANNELS) as u64;
            if record.output_sample > read.saturating_add(u64::from(SAMPLE_RATE_HZ)) {
                return Err(Reason::Nonsense);
            }
            self.silent_records = if self.fresh.is_empty() { self.silent_records + 1 } else { 0 };
            self.records.push_back(record);
        }
        if self.silent_records > SILENT_RECORDS_MAX {
            return Err(Reason::Nonsense);
        }
        let end = self.sample + (self.fresh.len() / CHANNELS) as u64;
        let mut given = 0;
        while let Some(record) = self.records.pop_front_if(|record| record.output_sample <= end) {
            let at = record.output_sample.saturating_sub(self.sample) as usize * CHANNELS;
            if at > given {
                take(Piece::Pcm(&self.fresh[given..at]));
                given = at;
            }
            take(Piece::Record(record));
        }
        if given < self.fresh.len() {
            take(Piece::Pcm(&self.fresh[given..]));
        }
        self.sample = end;
        self.fresh.clear();
        Ok(read)
    }
}
