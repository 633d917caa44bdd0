//! Two sequences of numbered frames, compared as they come: what a listener received, and what it should have been.
//!
//! The reference is numbered and whole. The received frames are only counted from the number of the first, so one that
//! is missing or comes twice shifts all that follow. The comparison finds the place anew:
//!
//! ```text
//!                      the frames under this number differ
//!            +-------------------------------------------------------+
//!            |                                                       v
//!        IN STEP                                                 SEARCHING
//!   equal: on to the next                          frames wait until two in a row are found
//!   number on both sides                           in the reference; what lies before them
//!            ^                                     is accounted for: altered, silent, missing,
//!            |                                     repeated, out of order or foreign
//!            +-------------------------------------------------------+
//!               found; or too many wait on both sides: the oldest of them is altered
//! ```
//!
//! Frames of digital silence are all alike: one that is missing among them is noticed where the silence ends.

mod tally;
#[cfg(test)]
mod tests;

pub(super) use tally::{FirstDifference, Tally};

use radio_signal::units::FrameNumber;
use std::collections::VecDeque;
use tally::is_silent;

/// Frames that wait at most for the other side: more than the minute that the tower keeps.
pub(super) const WAITING_FRAMES_MAX: usize = 4096;

/// Frames of the reference kept behind the place reached, to recognise what comes again.
pub(super) const BEHIND_FRAMES_MAX: usize = 256;

/// Received frames among which the place is searched: 6 s, more than the longest hold.
pub(super) const SEARCH_FRAMES_MAX: usize = 250;

/// Equal frames in a row that say where the received ones are.
const ANCHOR_FRAMES: usize = 2;

/// One side waits for the other for more frames than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrun;

/// The comparison; see the [module](self).
#[derive(Debug)]
pub(super) struct Comparison {
    /// Frames of the reference from number `reference_first` on.
    reference: VecDeque<Box<[u8]>>,
    reference_first: FrameNumber,
    /// Frames received and not accounted for; the first is taken for number `next`.
    received: VecDeque<Box<[u8]>>,
    next: FrameNumber,
    /// Before this number the reference is not yet what an uninterrupted encoder gives.
    compare_from: FrameNumber,
    tally: Tally,
}

/// Where the two sequences are in step again: `received[index]` is frame `number`.
#[derive(Clone, Copy)]
struct Anchor {
    index: usize,
    number: FrameNumber,
}

impl Comparison {
    /// A stream that begins with frame `received_first`, a reference that begins with `reference_first`, and the first
    /// number that counts.
    #[must_use]
    pub(super) fn new(received_first: FrameNumber, reference_first: FrameNumber, compare_from: FrameNumber) -> Self {
        Self {
            reference: VecDeque::new(),
            reference_first,
            received: VecDeque::new(),
            next: received_first,
            compare_from: compare_from.max(reference_first),
            tally: Tally::default(),
        }
    }

    /// Takes the next frame of the reference.
    ///
    /// # Errors
    /// If nothing has been received for too long.
    pub(super) fn push_reference(&mut self, frame: &[u8]) -> Result<(), Overrun> {
        self.reference.push_back(frame.into());
        self.settle();
        if self.reference.len() > WAITING_FRAMES_MAX + BEHIND_FRAMES_MAX { Err(Overrun) } else { Ok(()) }
    }

    /// Takes the next frame that was received.
    ///
    /// # Errors
    /// If the reference has not grown for too long.
    pub(super) fn push_received(&mut self, frame: &[u8]) -> Result<(), Overrun> {
        self.received.push_back(frame.into());
        self.settle();
        if self.received.len() > WAITING_FRAMES_MAX { Err(Overrun) } else { Ok(()) }
    }

    /// Whether there are received frames to which the reference has not come yet.
    #[must_use]
    pub(super) fn waits_for_reference(&self) -> bool {
        self.reference_end() < self.next + self.received.len() as u64
    }

    /// What has been found so far.
    #[must_use]
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// No more frames will come: those that still wait are taken under the numbers that they seem to have.
    #[must_use]
    pub(super) fn finish(mut self) -> Tally {
        while !self.received.is_empty() && self.reference_frame(self.next).is_some() {
            self.account(Anchor { index: 1, number: self.next + 1 });
            self.settle();
        }
        self.tally.not_compared = self.received.len() as u64;
        self.tally
    }

    fn reference_end(&self) -> FrameNumber {
        self.reference_first + self.reference.len() as u64
    }

    /// Frames of the reference from the place reached on. While they are few, what was received may be found in those to
    /// come.
    fn reference_ahead(&self) -> u64 {
        self.reference_end().saturating_sub(self.next)
    }

    fn reference_frame(&self, number: FrameNumber) -> Option<&[u8]> {
        let index = usize::try_from(number.checked_sub(self.reference_first)?).ok()?;
        self.reference.get(index).map(|frame| &**frame)
    }

    /// Accounts for everything that can be told with what is here.
    fn settle(&mut self) {
        loop {
            self.walk_in_step();
            self.forget();
            if self.received.is_empty() || self.reference_frame(self.next).is_none() {
                return;
            }
            if let Some(anchor) = self.find_anchor() {
                self.account(anchor);
            } else if self.received.len() > SEARCH_FRAMES_MAX && self.reference_ahead() > SEARCH_FRAMES_MAX as u64 {
                self.account(Anchor { index: 1, number: self.next + 1 });
            } else {
                return;
            }
        }
    }

    fn walk_in_step(&mut self) {
        while let Some(frame) = self.received.front() {
            if self.next >= self.compare_from {
                if self.reference_frame(self.next) != Some(frame) {
                    return;
                }
                self.tally.in_place(self.next);
            }
            self.received.pop_front();
            self.next += 1;
        }
    }

    /// Drops what is too far behind to be recognised again.
    fn forget(&mut self) {
        let keep_from = self.next.saturating_sub(BEHIND_FRAMES_MAX as u64);
        let behind = keep_from.saturating_sub(self.reference_first).min(self.reference.len() as u64);
        self.reference.drain(..behind as usize);
        self.reference_first += behind;
    }

    /// The newest received frames in the reference, or its newest among the received ones: whichever side the rest of a
    /// match comes from, it is seen when it comes. Then back to where the match begins.
    fn find_anchor(&self) -> Option<Anchor> {
        let newest_received = self.received.len().checked_sub(ANCHOR_FRAMES)?;
        let newest_reference = self.reference_end().checked_sub(ANCHOR_FRAMES as u64)?;
        let in_reference = (self.reference_first..=newest_reference).map(|number| (newest_received, number));
        let in_received = (0..=newest_received).map(|index| (index, newest_reference));
        let matches = in_reference.chain(in_received).filter(|&(index, number)| self.anchors(index, number));
        let (mut index, mut number) =
            matches.min_by_key(|&(index, number)| (self.next + index as u64).abs_diff(number))?;
        while index > 0 && number > self.reference_first && self.equal(index - 1, number - 1) {
            (index, number) = (index - 1, number - 1);
        }
        Some(Anchor { index, number })
    }

    fn anchors(&self, index: usize, number: FrameNumber) -> bool {
        if !(0..ANCHOR_FRAMES).all(|i| self.equal(index + i, number + i as u64)) {
            return false;
        }
        // Frames that are all alike (digital silence) say nothing about another place.
        let alike = self.received[index] == self.received[index + 1];
        !alike || number == self.next + index as u64
    }

    fn equal(&self, index: usize, number: FrameNumber) -> bool {
        self.reference_frame(number).is_some_and(|frame| *frame == *self.received[index])
    }

    /// Accounts for the received frames before `anchor`, and for the numbers up to it.
    fn account(&mut self, anchor: Anchor) {
        if let (Some(received), Some(reference)) = (self.received.front(), self.reference_frame(self.next)) {
            let byte = received.iter().zip(reference).position(|(a, b)| a != b);
            let byte = byte.unwrap_or(received.len().min(reference.len()));
            self.tally.difference(FirstDifference { frame: self.next, byte });
        }
        // Numbers that were passed before, when frames came again, are not due a second time.
        let due = self.tally.passed(self.next)..anchor.number;
        let mut reached = None;
        let (mut found, mut unknown) = (0, 0);
        for (index, frame) in self.received.drain(..anchor.index).enumerate() {
            let place_in = |mut numbers: std::ops::Range<FrameNumber>| {
                let first = self.reference_first;
                numbers.find(|&n| n >= first && self.reference.get((n - first) as usize) == Some(&frame))
            };
            // A silent frame is like all others: its place is its own or none.
            let silent = is_silent(&frame);
            let own = self.next + index as u64;
            let here = if silent { own.max(due.start)..(own + 1).min(due.end) } else { due.clone() };
            if let Some(number) = place_in(here) {
                found += 1;
                if reached.is_none_or(|reached| number > reached) {
                    reached = Some(number);
                    self.tally.in_order();
                } else {
                    self.tally.out_of_order();
                }
            } else if !silent && place_in(self.reference_first..due.start).is_some() {
                self.tally.repeated();
            } else {
                unknown += 1;
                self.tally.unknown(silent);
            }
        }
        let due_frames = due.end.saturating_sub(due.start);
        self.tally.absent(due_frames.saturating_sub(found), unknown);
        self.tally.pass(anchor.number);
        self.next = anchor.number;
    }
}
