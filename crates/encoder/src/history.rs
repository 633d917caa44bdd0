//! The last ticks of PCM (SPEC ENC-1): what a replacement is fed from, and every process's queue. Nothing is queued
//! twice: a process is a position in this history, and what lies behind the position has been written to its pipe.

use radio_signal::pcm::PcmFrame;
use radio_signal::units::{Serial, TICK_BYTES};

/// Ticks kept: 12 s.
pub const HISTORY_TICKS: usize = 512;

/// Ticks `oldest()..end()`, contiguous, as little-endian bytes.
pub(super) struct PcmHistory {
    bytes: Box<[u8]>,
    oldest: Serial,
    end: Serial,
}

impl PcmHistory {
    /// Nothing is kept; the first tick is `first`, and what comes before it is ignored.
    pub(super) fn starting_at(first: Serial) -> Self {
        Self { bytes: vec![0; HISTORY_TICKS * TICK_BYTES].into_boxed_slice(), oldest: first, end: first }
    }

    /// First tick kept.
    pub(super) fn oldest(&self) -> Serial {
        self.oldest
    }

    /// One past the newest tick; before it, the first.
    pub(super) fn end(&self) -> Serial {
        self.end
    }

    /// Keeps tick `serial` and forgets the oldest if need be. Ticks that never came become silence, so that every
    /// later one keeps its place; says how many. A tick that lies in the past is ignored.
    pub(super) fn push(&mut self, serial: Serial, frame: &PcmFrame) -> u64 {
        let Some(missing) = serial.checked_sub(self.end) else {
            return 0;
        };
        for silent in serial.saturating_sub(missing.min(HISTORY_TICKS as u64))..serial {
            self.slot(silent).fill(0);
        }
        frame.write_le_bytes(self.slot(serial));
        self.end = serial + 1;
        self.oldest = self.oldest.max(self.end.saturating_sub(HISTORY_TICKS as u64));
        missing
    }

    /// Makes a tick silent that is kept: it kills encoders.
    pub(super) fn silence(&mut self, serial: Serial) {
        if (self.oldest..self.end).contains(&serial) {
            self.slot(serial).fill(0);
        }
    }

    /// PCM from byte `from` (counted from tick 0) on, as far as it lies in one piece; empty at the end, `None` if it
    /// is no longer kept.
    pub(super) fn bytes_from(&self, from: u64) -> Option<&[u8]> {
        let (oldest, end) = (self.oldest * TICK_BYTES as u64, self.end * TICK_BYTES as u64);
        if from < oldest {
            return None;
        }
        let start = (from % self.bytes.len() as u64) as usize;
        let len = (end.saturating_sub(from) as usize).min(self.bytes.len() - start);
        Some(&self.bytes[start..start + len])
    }

    fn slot(&mut self, serial: Serial) -> &mut [u8; TICK_BYTES] {
        let (slots, _) = self.bytes.as_chunks_mut();
        &mut slots[(serial % HISTORY_TICKS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::units::TICK_VALUES;

    fn tick(serial: Serial) -> PcmFrame {
        PcmFrame([serial as i16; TICK_VALUES])
    }

    fn all_from(history: &PcmHistory, from: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(piece) = history.bytes_from(from + bytes.len() as u64).filter(|piece| !piece.is_empty()) {
            bytes.extend_from_slice(piece);
        }
        bytes
    }

    #[test]
    fn it_keeps_the_newest_512_ticks_in_order() {
        let mut history = PcmHistory::starting_at(0);
        for serial in 0..2000 {
            assert_eq!(history.push(serial, &tick(serial)), 0);
        }
        assert_eq!((history.oldest(), history.end()), (1488, 2000));
        let wanted: Vec<u8> = (1488..2000).flat_map(|serial| tick(serial).to_le_bytes()).collect();
        assert_eq!(all_from(&history, 1488 * TICK_BYTES as u64), wanted);
        assert_eq!(history.bytes_from(1488 * TICK_BYTES as u64 - 1), None);
        assert_eq!(history.bytes_from(2000 * TICK_BYTES as u64), Some(&[][..]));
    }

    #[test]
    fn ticks_that_never_came_are_silence_and_the_next_keeps_its_place() {
        let mut history = PcmHistory::starting_at(0);
        history.push(0, &tick(7));
        assert_eq!(history.push(3, &tick(3)), 2);
        let bytes = all_from(&history, 0);
        assert_eq!(bytes.len(), 4 * TICK_BYTES);
        assert!(bytes[TICK_BYTES..3 * TICK_BYTES].iter().all(|&byte| byte == 0));
        assert_eq!(bytes[3 * TICK_BYTES..], tick(3).to_le_bytes());
        assert_eq!(history.push(2, &tick(2)), 0, "the past is not rewritten");
        assert_eq!(all_from(&history, 0), bytes);
        assert_eq!(history.push(1_000_000, &tick(1)), 999_996);
        assert_eq!((history.oldest(), history.end()), (999_489, 1_000_001));
    }
}
