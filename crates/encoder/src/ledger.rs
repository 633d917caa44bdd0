//! Which frames have been delivered, and their hashes (SPEC ENC-1, ENC-3, ENC-9).

use radio_signal::units::FrameNumber;
use std::hash::{DefaultHasher, Hasher};

/// Hashes kept: as many as there are ticks of PCM, so that whatever can be replayed can be compared.
const HASHES: usize = super::HISTORY_TICKS;

/// What a delivered frame is to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nobody had delivered this number.
    New,
    /// It had been delivered; whether the bytes are the same, if that is still known.
    Delivered { equal: Option<bool> },
}

/// Frames delivered by any process of this output.
pub(super) struct Ledger {
    next: FrameNumber,
    hashes: Box<[Option<(FrameNumber, u64)>; HASHES]>,
}

impl Ledger {
    /// Nothing is delivered; the first frame is `first`.
    pub(super) fn starting_at(first: FrameNumber) -> Self {
        Self { next: first, hashes: Box::new([None; HASHES]) }
    }

    /// One past the greatest number delivered.
    pub(super) fn next(&self) -> FrameNumber {
        self.next
    }

    /// Enters frame `n`, or compares it with the one entered before.
    pub(super) fn enter(&mut self, n: FrameNumber, bytes: &[u8]) -> Entry {
        let hash = hash(bytes);
        let slot = &mut self.hashes[(n % HASHES as u64) as usize];
        if n < self.next {
            let known = slot.filter(|&(number, _)| number == n);
            return Entry::Delivered { equal: known.map(|(_, known)| known == hash) };
        }
        *slot = Some((n, hash));
        self.next = n + 1;
        Entry::New
    }
}

/// Equal frames have equal hashes within this program's life; that is all that is asked of them.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_and_compared_afterwards() {
        let mut ledger = Ledger::starting_at(0);
        assert_eq!(ledger.enter(0, b"a"), Entry::New);
        assert_eq!(ledger.enter(1, b"b"), Entry::New);
        assert_eq!(ledger.enter(0, b"a"), Entry::Delivered { equal: Some(true) });
        assert_eq!(ledger.enter(1, b"x"), Entry::Delivered { equal: Some(false) });
        assert_eq!(ledger.next(), 2);
    }

    #[test]
    fn what_was_skipped_or_is_long_past_cannot_be_compared() {
        let mut ledger = Ledger::starting_at(0);
        ledger.enter(0, b"a");
        ledger.enter(600, b"b");
        assert_eq!(ledger.enter(300, b"c"), Entry::Delivered { equal: None });
        ledger.enter(1024, b"d");
        assert_eq!(ledger.enter(0, b"a"), Entry::Delivered { equal: None });
    }

    /// Not a test: a figure of docs/measured.md.
    #[test]
    #[ignore = "a figure: cargo test --release -p radio-encoder --lib what_a_tick_costs -- --ignored --nocapture"]
    fn what_a_tick_costs_in_history_and_hashes() {
        use crate::history::PcmHistory;
        use radio_signal::{pcm::PcmFrame, units::TICK_BYTES};
        const TICKS: u64 = 200_000;
        let (mut history, mut ledger) = (PcmHistory::starting_at(0), Ledger::starting_at(0));
        let (tick, frame) = (PcmFrame::SILENCE, [0x55; 384]);
        let start = std::time::Instant::now();
        for n in 0..TICKS {
            history.push(n, std::hint::black_box(&tick));
            std::hint::black_box(ledger.enter(n, std::hint::black_box(&frame)));
        }
        let tick_ns = start.elapsed().as_nanos() as f64 / TICKS as f64;
        let bytes = crate::HISTORY_TICKS * TICK_BYTES + size_of_val(&*ledger.hashes);
        println!("{tick_ns:.0} ns a tick, {:.4} % of a core; {bytes} bytes an output", tick_ns / 24e6 * 100.0);
    }
}
