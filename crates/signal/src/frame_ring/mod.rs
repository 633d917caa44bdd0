//! The buffer of encoded frames: slots by number, written once (SPEC ENC-2, ENC-3).
//!
//! Frame `n` lives in slot `n mod capacity`. Any number of encoders may deliver the same frame: the first to claim its
//! slot is heard, the others are compared and discarded. So nothing can be repeated or out of order, and there is no
//! race to adjudicate.
//!
//! ```text
//!            read position                     read position + capacity
//!                  |                                     |
//!   ... Late ...   [ . . . the window: frames kept . . . )  ... drops the oldest, the window moves up ...
//! ```
//!
//! Everything is lock-free: no call waits for another thread, none allocates after [`FrameRingBuffer::new`].

mod atomic;
mod slot;
#[cfg(all(test, not(loom)))]
mod tests;

/// Bytes of one frame at most: two of AAC, which is what a tick can hold; more than one of MP3, or a page of Opus.
pub const FRAME_BYTES_MAX: usize = 2 * crate::mpeg::adts::STEREO_FRAME_BYTES_MAX;
use crate::units::FrameNumber;
use atomic::{AtomicU64, Ordering};
use slot::{Claim, Slot};

/// Frames kept unless configured otherwise: 4.8 s at 48 kHz.
pub const DEFAULT_CAPACITY_FRAMES: usize = 200;

/// Greatest frame number that can be kept: a slot's tag needs one bit beside the number. (At 24 ms a frame, 7 billion
/// years.)
pub const FRAME_NUMBER_MAX: FrameNumber = u64::MAX / 2 - 1;

/// What became of a frame handed to [`FrameRingBuffer::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The frame is kept, the first of its number.
    Filled,
    /// The frame is kept; it lay beyond the window, which moved up to it.
    FilledDroppingOldest {
        /// Unread frames given up for it; 0 if the numbers given up had never been filled.
        dropped: u64,
    },
    /// The number was filled before, or is just being filled: this frame is discarded.
    Duplicate {
        /// Whether the bytes are the same; `None` if the other writer is still in mid-write.
        equal: Option<bool>,
    },
    /// The number lies below the read position (or above [`FRAME_NUMBER_MAX`]): discarded.
    Late,
    /// More bytes than a slot holds: discarded.
    TooLong,
    /// Another writer is still in mid-write of a number a whole lap older in the same slot: discarded. It needs a
    /// thread that sleeps inside its `push` for as long as the whole buffer plays (or a leap of the numbers), and
    /// waiting for it would be blocking.
    Busy,
}

/// What [`FrameRingBuffer::get_frame`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Get {
    /// The frame, whole, is in `out`.
    Frame,
    /// Nobody has filled this number so far.
    NotYet,
    /// The number lies below the read position: it was given up, or the reader has passed it.
    Dropped,
}

/// Room for one frame, on the reader's side.
#[derive(Clone)]
pub struct FrameBuf {
    bytes: [u8; FRAME_BYTES_MAX],
    len: usize,
}

impl FrameBuf {
    /// An empty frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; FRAME_BYTES_MAX], len: 0 }
    }

    /// Puts `bytes` here, of which at most [`FRAME_BYTES_MAX`] are kept.
    pub fn set(&mut self, bytes: &[u8]) {
        self.len = bytes.len().min(FRAME_BYTES_MAX);
        self.bytes[..self.len].copy_from_slice(&bytes[..self.len]);
    }

    /// The frame's bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Default for FrameBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FrameBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrameBuf({} bytes)", self.len)
    }
}

/// Numbered frames between any number of writers and readers; see the [module](self).
#[derive(Debug)]
pub struct FrameRingBuffer {
    slots: Box<[Slot]>,
    frame_bytes_max: usize,
    /// First number of the window; never goes back.
    read: AtomicU64,
    /// Greatest number filled, plus one; 0 before the first.
    newest_end: AtomicU64,
    dropped: AtomicU64,
    gaps: AtomicU64,
    late: AtomicU64,
    duplicates: AtomicU64,
    mismatches: AtomicU64,
}

impl FrameRingBuffer {
    /// An empty buffer of `capacity_frames` (at least 1) slots of `frame_bytes_max` (at most [`FRAME_BYTES_MAX`])
    /// bytes; values outside are brought inside.
    #[must_use]
    pub fn new(capacity_frames: usize, frame_bytes_max: usize) -> Self {
        let frame_bytes_max = frame_bytes_max.min(FRAME_BYTES_MAX);
        Self {
            slots: (0..capacity_frames.max(1)).map(|_| Slot::new(frame_bytes_max)).collect(),
            frame_bytes_max,
            read: AtomicU64::new(0),
            newest_end: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            late: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            mismatches: AtomicU64::new(0),
        }
    }

    /// Offers frame `n`. Never blocks.
    pub fn push(&self, n: FrameNumber, bytes: &[u8]) -> Push {
        if bytes.len() > self.frame_bytes_max {
            return Push::TooLong;
        }
        if n > FRAME_NUMBER_MAX {
            return self.late();
        }
        let Some(moved) = self.make_room(n) else {
            return self.late();
        };
        let slot = self.slot(n);
        match slot.claim(n) {
            Claim::Mine => {
                slot.write(n, bytes);
                self.newest_end.fetch_max(n + 1, Ordering::AcqRel);
                moved.map_or(Push::Filled, |dropped| Push::FilledDroppingOldest { dropped })
            }
            Claim::Held => match slot.compare(n, bytes) {
                Some(equal) => {
                    self.duplicates.fetch_add(1, Ordering::Relaxed);
                    self.mismatches.fetch_add(u64::from(!equal), Ordering::Relaxed);
                    Push::Duplicate { equal: Some(equal) }
                }
                // A newer frame took the slot while we compared.
                None => self.late(),
            },
            Claim::BeingWritten => {
                self.duplicates.fetch_add(1, Ordering::Relaxed);
                Push::Duplicate { equal: None }
            }
            Claim::Newer => self.late(),
            Claim::Busy => Push::Busy,
        }
    }

    /// Copies frame `n` to `out`, if it is there. Answers at once.
    pub fn get_frame(&self, n: FrameNumber, out: &mut FrameBuf) -> Get {
        if n < self.read_position() {
            return Get::Dropped;
        }
        if n <= FRAME_NUMBER_MAX
            && let Some(len) = self.slot(n).read(n, &mut out.bytes)
        {
            out.len = len;
            return Get::Frame;
        }
        // Not held: either nobody has filled it, or the window moved past it just now.
        if n < self.read_position() { Get::Dropped } else { Get::NotYet }
    }

    /// The reader has done with all numbers below `n`. The read position never goes back.
    pub fn advance_to(&self, n: FrameNumber) {
        self.read.fetch_max(n, Ordering::AcqRel);
    }

    /// First number of the window: the next frame owed to the reader.
    pub fn read_position(&self) -> FrameNumber {
        self.read.load(Ordering::Acquire)
    }

    /// Frames filled and not yet passed by the reader.
    pub fn count(&self) -> usize {
        let read = self.read_position();
        let in_window = |n: FrameNumber| n >= read && n - read < self.capacity() as u64;
        self.slots.iter().filter(|slot| slot.held().is_some_and(in_window)).count()
    }

    /// Slots.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Greatest frame number filled so far.
    pub fn newest(&self) -> Option<FrameNumber> {
        self.newest_end.load(Ordering::Acquire).checked_sub(1)
    }

    /// Unread frames given up because a number beyond the window came.
    pub fn dropped_count(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How often a number beyond the window moved it, whether or not a filled frame was lost by it.
    pub fn gap_count(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }

    /// Frames refused because their number had been passed.
    pub fn late_count(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Frames of a number that was filled before.
    pub fn duplicate_count(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Of those, the ones whose bytes were seen to differ.
    pub fn mismatch_count(&self) -> u64 {
        self.mismatches.load(Ordering::Relaxed)
    }

    fn slot(&self, n: FrameNumber) -> &Slot {
        &self.slots[(n % self.slots.len() as u64) as usize]
    }

    fn late(&self) -> Push {
        self.late.fetch_add(1, Ordering::Relaxed);
        Push::Late
    }

    /// Sees to it that `n` lies in the window, moving it up if need be. `None`: `n` lies below it. `Some(None)`: the
    /// window did not move. `Some(Some(d))`: it did, giving up `d` unread frames.
    fn make_room(&self, n: FrameNumber) -> Option<Option<u64>> {
        let capacity = self.capacity() as u64;
        let mut read = self.read_position();
        loop {
            if n.checked_sub(read)? < capacity {
                return Some(None);
            }
            let moved = n - capacity + 1;
            // Counted before the window moves, because afterwards another writer may take the slots. (A frame that
            // is finished between here and the exchange escapes the count.)
            let passed = read..moved.min(read + capacity);
            let dropped = passed.filter(|&old| self.slot(old).held() == Some(old)).count() as u64;
            match self.read.compare_exchange(read, moved, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.gaps.fetch_add(1, Ordering::Relaxed);
                    self.dropped.fetch_add(dropped, Ordering::Relaxed);
                    return Some(Some(dropped));
                }
                Err(now) => read = now,
            }
        }
    }
}
