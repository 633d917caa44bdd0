//! Every frame as the first listener saw it.

use crate::frame::{frame_bytes, header, same_stream};

/// Frames that are remembered: six and a half minutes.
const FRAMES_MAX: usize = 16_384;

/// Nothing has been seen of the frame in this slot.
const EMPTY: u64 = u64::MAX;

/// Frames by number. Whoever comes first with a byte writes it; it is there to be compared with for all others.
pub struct Table {
    header: u32,
    frame_bytes: usize,
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    newest: u64,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    known_bytes: usize,
}

/// What the table says to a piece of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the others were sent, or nobody else was sent it yet.
    Good,
    /// It is too old to be compared.
    Forgotten,
    /// It is not what the others were sent, or no frame of this stream.
    Differs,
}

impl Table {
    /// An empty table for the stream that `header` is of; `None` if that is no header.
    #[must_use]
    pub fn new(header: u32) -> Option<Self> {
        let frame_bytes = frame_bytes(header)?;
        Some(Self {
            header,
            frame_bytes,
            slots: vec![Slot { number: EMPTY, known_bytes: 0 }; FRAMES_MAX],
            bytes: vec![0; FRAMES_MAX * frame_bytes],
            newest: 0,
        })
    }

    /// Length of each frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Whether `bytes` begin with a header of this stream.
    #[must_use]
    pub fn begins_frame(&self, bytes: &[u8]) -> bool {
        header(bytes).is_some_and(|found| same_stream(found, self.header))
    }

    /// Compares `piece`, which begins at `offset` of frame `number` and does not go beyond it, or writes it.
    pub fn offer(&mut self, number: u64, offset: usize, piece: &[u8]) -> Verdict {
        let place = (number % FRAMES_MAX as u64) as usize;
        let slot = &mut self.slots[place];
        if slot.number != number {
            if slot.number != EMPTY && slot.number > number {
                return Verdict::Forgotten;
            }
            *slot = Slot { number, known_bytes: 0 };
            self.newest = self.newest.max(number);
        }
        let end = offset + piece.len();
        let frame = &mut self.bytes[place * self.frame_bytes..(place + 1) * self.frame_bytes];
        let known = slot.known_bytes.clamp(offset, end);
        if frame[offset..known] != piece[..known - offset] {
            return Verdict::Differs;
        }
        // A piece beyond what is known, with a hole between, is nobody's yet and cannot be kept.
        if known < end && slot.known_bytes >= offset {
            frame[known..end].copy_from_slice(&piece[known - offset..]);
            let header_complete = slot.known_bytes < 4 && end >= 4;
            slot.known_bytes = end;
            if header_complete && !header(frame).is_some_and(|found| same_stream(found, self.header)) {
                return Verdict::Differs;
            }
        }
        Verdict::Good
    }

    /// The first `length` bytes of frame `number`, as they are known.
    #[must_use]
    pub fn beginning(&self, number: u64, length: usize) -> &[u8] {
        let place = (number % FRAMES_MAX as u64) as usize * self.frame_bytes;
        &self.bytes[place..place + length]
    }

    /// Number of the newest whole frame that equals `frame`.
    #[must_use]
    pub fn find(&self, frame: &[u8]) -> Option<u64> {
        let oldest = self.newest.saturating_sub(FRAMES_MAX as u64 - 1);
        (oldest..=self.newest).rev().find(|&number| {
            let place = (number % FRAMES_MAX as u64) as usize;
            let slot = self.slots[place];
            slot.number == number
                && slot.known_bytes == self.frame_bytes
                && self.bytes[place * self.frame_bytes..(place + 1) * self.frame_bytes] == *frame
        })
    }

    /// Whether nobody has been sent anything yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::synthetic;

    fn table() -> Table {
        Table::new(header(&synthetic(0, 128)).expect("four bytes")).expect("a header")
    }

    #[test]
    fn the_first_piece_is_written_and_the_others_are_compared() {
        let mut table = table();
        let frame = synthetic(7, 128);
        assert_eq!(table.offer(7, 0, &frame[..100]), Verdict::Good);
        assert_eq!(table.offer(7, 0, &frame), Verdict::Good);
        let mut wrong = frame.clone();
        wrong[383] ^= 1;
        assert_eq!(table.offer(7, 0, &wrong), Verdict::Differs);
        assert_eq!(table.offer(7, 50, &frame[50..]), Verdict::Good);
        assert_eq!(table.find(&frame), Some(7));
        assert_eq!(table.find(&wrong), None);
    }

    #[test]
    fn what_begins_without_a_header_is_no_frame_even_if_it_is_the_first() {
        let frame = synthetic(7, 128);
        assert_eq!(table().offer(7, 0, &frame[1..300]), Verdict::Differs);
    }

    #[test]
    fn an_overwritten_frame_is_forgotten() {
        let mut table = table();
        let late = 7 + FRAMES_MAX as u64;
        assert_eq!(table.offer(late, 0, &synthetic(late, 128)), Verdict::Good);
        assert_eq!(table.offer(7, 0, &synthetic(7, 128)), Verdict::Forgotten);
    }
}
