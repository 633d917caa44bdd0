//! Which process is heard (SPEC ENC-3): the first to deliver a number fills its slot, the others are compared.
//!
//! Encoders that give the same bytes need no more than that. Where they do not, one process at a time holds the output,
//! so that the stream changes hands only where it must: a younger process takes over with its first new frame, an older
//! one only when the holder is gone. What such an older one delivers ahead of the holder is kept, because the holder may
//! go before it has delivered the same.

use super::ledger::{Entry, Ledger};
use radio_signal::frame_ring::{FrameRingBuffer, Push};
use radio_signal::supervisor::ProcessId;
use radio_signal::units::FrameNumber;
use std::collections::VecDeque;
use std::sync::Arc;

/// Frames kept of what one process delivers ahead of the holder: encoders differ by less.
const UNHEARD_FRAMES_MAX: usize = 16;

pub(super) struct Delivery {
    pub(super) ledger: Ledger,
    frames: Arc<FrameRingBuffer>,
    /// Whether all encoders of this output give the same bytes.
    exact: bool,
    holder: Option<ProcessId>,
    unheard: VecDeque<(ProcessId, FrameNumber, Vec<u8>)>,
}

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The first of its number, and it is on its way to the listeners.
    New,
    /// Its number had been delivered; whether the bytes are the same, if that is still known.
    Compared { equal: Option<bool> },
    /// Its number was passed long ago, it is kept until the holder is gone, or the buffer has no place for it.
    No,
}

impl Delivery {
    pub(super) fn new(ledger: Ledger, frames: Arc<FrameRingBuffer>) -> Self {
        Self { ledger, frames, exact: false, holder: None, unheard: VecDeque::new() }
    }

    /// It is known now whether all encoders of this output give the same bytes. If they do, frames of any process may be
    /// heard, and those that were kept in case the process that is heard dies are delivered.
    pub(super) fn set_exact(&mut self, exact: bool) {
        self.exact = exact;
        if exact && !self.unheard.is_empty() {
            let mut unheard = std::mem::take(&mut self.unheard);
            unheard.make_contiguous().sort_by_key(|unheard| unheard.1);
            for (process, n, bytes) in unheard {
                self.enter(process, n, &bytes);
            }
        }
    }

    /// Whether all encoders of this output give the same bytes, as far as is known.
    pub(super) const fn is_exact(&self) -> bool {
        self.exact
    }

    /// First number that nobody has delivered and somebody may still hear.
    pub(super) fn next_owed(&self) -> FrameNumber {
        self.ledger.next().max(self.frames.read_position())
    }

    /// Who delivered the newest new frame.
    pub(super) fn holder(&self) -> Option<ProcessId> {
        self.holder
    }

    /// Frames below `n` that have not been delivered will not be waited for any more: silence takes
    /// their slots at once.
    pub(super) fn give_up_before(&self, n: FrameNumber) {
        self.frames.advance_to(n);
    }

    pub(super) fn offer(&mut self, process: ProcessId, n: FrameNumber, bytes: &[u8]) -> Heard {
        let holds = self.exact || self.holder.is_none_or(|holder| holder <= process);
        if n >= self.ledger.next() && !holds {
            if self.unheard.len() == UNHEARD_FRAMES_MAX {
                self.unheard.pop_front();
            }
            self.unheard.push_back((process, n, bytes.to_vec()));
            return Heard::No;
        }
        self.enter(process, n, bytes)
    }

    /// A process is gone. If it held the output, what the others had delivered ahead of it is heard.
    pub(super) fn leave(&mut self, process: ProcessId) {
        self.unheard.retain(|unheard| unheard.0 != process);
        if self.holder != Some(process) {
            return;
        }
        self.holder = None;
        let heir = self.unheard.iter().map(|unheard| unheard.0).max();
        for (process, n, bytes) in std::mem::take(&mut self.unheard) {
            if Some(process) != heir {
                self.unheard.push_back((process, n, bytes));
                continue;
            }
            if n >= self.ledger.next() {
                self.enter(process, n, &bytes);
            }
        }
    }

    fn enter(&mut self, process: ProcessId, n: FrameNumber, bytes: &[u8]) -> Heard {
        match self.ledger.enter(n, bytes) {
            // Also one that was passed over and not delivered: its slot may still be empty.
            Entry::New | Entry::Delivered { equal: None } => match self.frames.push(n, bytes) {
                Push::Filled | Push::FilledDroppingOldest { .. } => {
                    self.holder = Some(process);
                    Heard::New
                }
                _ => Heard::No,
            },
            Entry::Delivered { equal } => Heard::Compared { equal },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::frame_ring::{FrameBuf, Get};

    const OLD: ProcessId = ProcessId(1);
    const YOUNG: ProcessId = ProcessId(2);

    fn delivery(exact: bool) -> Delivery {
        let frames = Arc::new(FrameRingBuffer::new(100, 16));
        Delivery { exact, ..Delivery::new(Ledger::starting_at(0), frames) }
    }

    fn heard(delivery: &Delivery) -> String {
        let mut frame = FrameBuf::new();
        let filled = (0..100).take_while(|&n| delivery.frames.get_frame(n, &mut frame) == Get::Frame).count() as u64;
        let mut text = String::new();
        for n in 0..filled {
            assert_eq!(delivery.frames.get_frame(n, &mut frame), Get::Frame);
            text.push_str(std::str::from_utf8(frame.as_slice()).unwrap());
        }
        text
    }

    #[test]
    fn of_exact_encoders_the_first_is_heard_whoever_it_is() {
        let mut delivery = delivery(true);
        assert_eq!(delivery.offer(YOUNG, 0, b"y"), Heard::New);
        assert_eq!(delivery.offer(OLD, 0, b"y"), Heard::Compared { equal: Some(true) });
        assert_eq!(delivery.offer(OLD, 1, b"o"), Heard::New);
        assert_eq!(delivery.offer(YOUNG, 1, b"y"), Heard::Compared { equal: Some(false) });
        assert_eq!(heard(&delivery), "yo");
    }

    #[test]
    fn of_others_the_younger_takes_over_and_keeps_the_output() {
        let mut delivery = delivery(false);
        delivery.offer(OLD, 0, b"o");
        assert_eq!(delivery.offer(YOUNG, 1, b"y"), Heard::New);
        assert_eq!(delivery.offer(OLD, 1, b"o"), Heard::Compared { equal: Some(false) });
        assert_eq!(delivery.offer(OLD, 2, b"o"), Heard::No);
        assert_eq!(delivery.offer(YOUNG, 2, b"y"), Heard::New);
        assert_eq!(heard(&delivery), "oyy");
    }

    #[test]
    fn when_it_turns_out_that_they_are_exact_nothing_that_was_kept_back_is_missing() {
        let mut delivery = delivery(false);
        delivery.offer(YOUNG, 0, b"y");
        for n in 0..3 {
            delivery.offer(OLD, n, b"o");
        }
        delivery.set_exact(true);
        assert_eq!(delivery.offer(OLD, 3, b"o"), Heard::New);
        assert_eq!(delivery.offer(YOUNG, 1, b"y"), Heard::Compared { equal: Some(false) });
        assert_eq!(heard(&delivery), "yooo");
    }

    #[test]
    fn a_number_that_was_passed_over_can_still_be_filled() {
        let mut delivery = delivery(true);
        delivery.offer(OLD, 0, b"o");
        delivery.offer(OLD, 2, b"o");
        assert_eq!(delivery.offer(YOUNG, 1, b"y"), Heard::New);
        assert_eq!(heard(&delivery), "oyo");
    }

    #[test]
    fn when_the_holder_goes_nothing_of_what_the_other_had_delivered_is_missing() {
        let mut delivery = delivery(false);
        delivery.offer(YOUNG, 0, b"y");
        for n in 0..4 {
            delivery.offer(OLD, n, b"o");
        }
        delivery.offer(YOUNG, 1, b"y");
        delivery.leave(YOUNG);
        assert_eq!(heard(&delivery), "yyoo");
        assert_eq!(delivery.offer(OLD, 4, b"o"), Heard::New);
        assert_eq!(delivery.holder(), Some(OLD));
    }
}
