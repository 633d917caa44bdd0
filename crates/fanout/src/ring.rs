//! The ring: bytes of the last frames, and an index of where each frame begins.
//!
//! ```text
//!            oldest                         next
//!              |  frames that can be read     |
//!   starts:  [ s(n) | s(n+1) | ...          | s(next) ]      absolute byte positions
//!   words:   [ 8 bytes each; position p lies at p mod capacity ]
//! ```
//!
//! One writer, any number of readers, no lock and no `unsafe`: the bytes live in relaxed atomic words. The writer first
//! raises `oldest` past every frame that it is about to overwrite, then writes, then publishes `next`. A reader copies
//! first and asks afterwards whether `oldest` has passed what it copied: if not, the copy is whole and right.
//! A word that straddles two frames is rewritten by the one writer with its older bytes unchanged.

use std::ops::Range;
use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering, fence};

/// Bytes in one word of the ring.
const WORD: usize = 8;
/// Bytes of a page of memory; smaller than the truth does no harm.
const PAGE: usize = 4096;

struct Shared {
    words: Box<[AtomicU64]>,
    starts: Box<[AtomicU64]>,
    /// Number of the oldest frame whose bytes and index entry are intact.
    oldest: AtomicU64,
    /// Number that the next frame will have; `starts` holds its position already.
    next: AtomicU64,
}

impl Shared {
    fn capacity(&self) -> u64 {
        (self.words.len() * WORD) as u64
    }

    fn start(&self, frame: u64) -> &AtomicU64 {
        &self.starts[(frame % self.starts.len() as u64) as usize]
    }

    /// Index of the word that holds `position`, and the byte within it.
    fn place(&self, position: u64) -> (usize, usize) {
        let at = (position % self.capacity()) as usize;
        (at / WORD, at % WORD)
    }

    /// Copies the bytes from `position` on into `out`, whatever they are: the caller checks `oldest` afterwards.
    fn load(&self, position: u64, mut out: &mut [u8]) {
        let (mut word, byte) = self.place(position);
        if byte != 0 && !out.is_empty() {
            let n = out.len().min(WORD - byte);
            let bytes = self.words[word].load(Ordering::Relaxed).to_le_bytes();
            out[..n].copy_from_slice(&bytes[byte..byte + n]);
            out = &mut out[n..];
            word = (word + 1) % self.words.len();
        }
        while !out.is_empty() {
            let run = (self.words.len() - word).min(out.len().div_ceil(WORD));
            let (now, later) = out.split_at_mut(out.len().min(run * WORD));
            for (bytes, word) in now.chunks_mut(WORD).zip(&self.words[word..word + run]) {
                let value = word.load(Ordering::Relaxed).to_le_bytes();
                match <&mut [u8; WORD]>::try_from(&mut *bytes) {
                    Ok(whole) => *whole = value,
                    Err(_) => bytes.copy_from_slice(&value[..bytes.len()]),
                }
            }
            out = later;
            word = 0;
        }
    }

    /// Writes `bytes` from `position` on. Only the one writer calls this.
    fn store(&self, position: u64, mut bytes: &[u8]) {
        let (mut word, mut byte) = self.place(position);
        while !bytes.is_empty() {
            let n = bytes.len().min(WORD - byte);
            let mut value = if n == WORD { [0; WORD] } else { self.words[word].load(Ordering::Relaxed).to_le_bytes() };
            value[byte..byte + n].copy_from_slice(&bytes[..n]);
            self.words[word].store(u64::from_le_bytes(value), Ordering::Relaxed);
            bytes = &bytes[n..];
            byte = 0;
            word = (word + 1) % self.words.len();
        }
    }
}

/// A new ring of at least `bytes` bytes that remembers at most `frames` frames, the first of them numbered `first`.
pub fn ring(bytes: usize, frames: usize, first: u64) -> (RingWriter, RingReader) {
    let zeros = |n: usize| {
        let words = (0..n).map(|_| AtomicU64::new(0)).collect::<Box<[_]>>();
        // Fresh zeros are not yet memory. Touch each page now, or the writer would have to wait for them one by one.
        words.iter().step_by(PAGE / WORD).for_each(|word| word.store(0, Ordering::Relaxed));
        words
    };
    let shared = Arc::new(Shared {
        words: zeros(bytes.div_ceil(WORD).max(1)),
        // One entry more than frames: the last frame's end is the next one's start.
        starts: zeros(frames.max(1) + 1),
        oldest: AtomicU64::new(first),
        next: AtomicU64::new(first),
    });
    (RingWriter { shared: Arc::clone(&shared), oldest: first, next: first, head: 0 }, RingReader { shared })
}

/// The writing end of a ring.
pub struct RingWriter {
    shared: Arc<Shared>,
    oldest: u64,
    next: u64,
    /// Absolute position of the next byte.
    head: u64,
}

/// A frame that is longer than its whole ring.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl RingWriter {
    /// Number that the next frame gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Appends one frame over the oldest ones. Neither blocks nor allocates.
    ///
    /// # Errors
    /// [`TooLong`] if the frame does not fit the ring; nothing is written then.
    pub fn push(&mut self, frame: &[u8]) -> Result<(), TooLong> {
        let shared = &*self.shared;
        let end = self.head + frame.len() as u64;
        if frame.len() as u64 > shared.capacity() {
            return Err(TooLong);
        }
        let keep_from = end.saturating_sub(shared.capacity());
        while self.next + 2 - self.oldest > shared.starts.len() as u64
            || shared.start(self.oldest).load(Ordering::Relaxed) < keep_from
        {
            self.oldest += 1;
        }
        shared.oldest.store(self.oldest, Ordering::Release);
        // A reader that sees one of the stores below, and then passes its acquire fence, sees `oldest` too.
        fence(Ordering::Release);
        shared.store(self.head, frame);
        shared.start(self.next + 1).store(end, Ordering::Relaxed);
        shared.next.store(self.next + 1, Ordering::Release);
        self.head = end;
        self.next += 1;
        Ok(())
    }
}

/// A reading end of a ring; as many as wanted.
#[derive(Clone)]
pub struct RingReader {
    shared: Arc<Shared>,
}

/// What was asked for is no longer in the ring.
#[derive(Debug, PartialEq, Eq)]
pub struct Overwritten;

impl RingReader {
    /// Frames that can be read now.
    pub fn frames(&self) -> Range<u64> {
        let oldest = self.shared.oldest.load(Ordering::Acquire);
        oldest..self.shared.next.load(Ordering::Acquire)
    }

    /// Absolute position of the first byte of `frame`, which may be the next frame to come.
    ///
    /// # Errors
    /// [`Overwritten`] if the frame is no longer, or not yet, known.
    pub fn position(&self, frame: u64) -> Result<u64, Overwritten> {
        if frame > self.shared.next.load(Ordering::Acquire) {
            return Err(Overwritten);
        }
        let start = self.shared.start(frame).load(Ordering::Relaxed);
        self.check(frame)?;
        Ok(start)
    }

    /// Copies whole frames from `frames.start` on into `run`: up to `frames.end`, to the newest one, or to `bytes_max`,
    /// whichever comes first; but at least one frame if there is one.
    ///
    /// # Errors
    /// [`Overwritten`] if the writer has passed `frames.start`, before or while it was copied. `run` is then empty.
    pub fn copy(&self, frames: Range<u64>, bytes_max: usize, run: &mut FrameRun) -> Result<(), Overwritten> {
        run.first = frames.start;
        run.ends.clear();
        let end = frames.end.min(self.shared.next.load(Ordering::Acquire));
        if frames.start >= end {
            return self.check(frames.start);
        }
        // Entries beyond the depth of the index cannot be right; asking for them would only cost time.
        self.check(frames.start)?;
        let origin = self.shared.start(frames.start).load(Ordering::Relaxed);
        for frame in frames.start..end {
            let length = self.shared.start(frame + 1).load(Ordering::Relaxed).wrapping_sub(origin);
            if frame > frames.start && length > bytes_max as u64 {
                break;
            }
            run.ends.push(length as usize);
        }
        let copied = self.check(frames.start).and_then(|()| {
            // The index entries are right, so the length is that of frames which fit the ring.
            let length = run.ends.last().copied().unwrap_or(0);
            if run.bytes.len() < length {
                run.bytes.resize(length, 0);
            }
            self.shared.load(origin, &mut run.bytes[..length]);
            self.check(frames.start)
        });
        if copied.is_err() {
            run.ends.clear();
        }
        copied
    }

    /// Whether `frame`, and so all after it, was intact when the loads before this call were made.
    fn check(&self, frame: u64) -> Result<(), Overwritten> {
        fence(Ordering::Acquire);
        if self.shared.oldest.load(Ordering::Relaxed) <= frame { Ok(()) } else { Err(Overwritten) }
    }
}

/// Whole, consecutive frames copied out of a ring.
#[derive(Default)]
pub struct FrameRun {
    first: u64,
    bytes: Vec<u8>,
    /// End of each frame within `bytes`.
    ends: Vec<usize>,
}

impl FrameRun {
    /// Numbers of the frames held.
    pub fn frames(&self) -> Range<u64> {
        self.first..self.first + self.ends.len() as u64
    }

    /// Their bytes, back to back.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.ends.last().copied().unwrap_or(0)]
    }

    /// After the first `taken` bytes are gone: the frame to go on with, and the rest of the one already begun.
    pub fn after(&self, taken: usize) -> (u64, &[u8]) {
        let whole = self.ends.partition_point(|&end| end <= taken);
        let begun_at = if whole == 0 { 0 } else { self.ends[whole - 1] };
        match self.ends.get(whole) {
            Some(&end) if taken > begun_at => (self.first + whole as u64 + 1, &self.bytes[taken..end]),
            _ => (self.first + whole as u64, &[]),
        }
    }
}
