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
//! A word that straddles two frames is rewritten by the one writer with its older bytes unchanged. A writer that died in
//! the middle of a frame has published nothing of it: its successor writes that frame again.

use std::ops::Range;

use crate::memory::{Memory, Span};
use crate::sync::{AtomicU64, Ordering, fence};

/// Bytes in one word of the ring.
const WORD: usize = 8;
/// Attempts to find a position while the writer overwrites the oldest frames.
const SEARCHES_MAX: usize = 8;
/// Words before the index: see the constants below.
const HEADER: usize = 4;
/// Number of the oldest frame whose bytes and index entry are intact.
const OLDEST: usize = 0;
/// Absolute position of its first byte.
const OLDEST_POSITION: usize = 1;
/// Number that the next frame will have; the index holds its position already.
const NEXT: usize = 2;
/// Absolute position of the next byte; not before all bytes up to it can be read.
const NEXT_POSITION: usize = 3;

/// How large a ring is: what its parts' places follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    bytes: usize,
    frames: usize,
}

impl RingSize {
    /// At least `bytes` bytes, and at most `frames` frames.
    pub const fn new(bytes: usize, frames: usize) -> Self {
        let words = bytes.div_ceil(WORD);
        Self { bytes: if words == 0 { WORD } else { words * WORD }, frames: if frames == 0 { 1 } else { frames } }
    }

    /// Words of memory it takes.
    pub const fn words(self) -> usize {
        HEADER + self.entries() + self.bytes / WORD
    }

    /// One entry more than frames: the last frame's end is the next one's start.
    const fn entries(self) -> usize {
        self.frames + 1
    }
}

#[derive(Clone)]
struct Ring {
    span: Span,
    size: RingSize,
}

impl Ring {
    fn header(&self, word: usize) -> &AtomicU64 {
        &self.span[word]
    }

    fn start(&self, frame: u64) -> &AtomicU64 {
        &self.span[HEADER + (frame % self.size.entries() as u64) as usize]
    }

    fn words(&self) -> &[AtomicU64] {
        &self.span[HEADER + self.size.entries()..]
    }

    /// Index of the word that holds `position`, and the byte within it.
    fn place(&self, position: u64) -> (usize, usize) {
        let at = (position % self.size.bytes as u64) as usize;
        (at / WORD, at % WORD)
    }

    /// Copies the bytes from `position` on into `out`, whatever they are: the caller checks `oldest` afterwards.
    fn load(&self, position: u64, mut out: &mut [u8]) {
        let words = self.words();
        let (mut word, byte) = self.place(position);
        if byte != 0 && !out.is_empty() {
            let n = out.len().min(WORD - byte);
            let bytes = words[word].load(Ordering::Relaxed).to_le_bytes();
            out[..n].copy_from_slice(&bytes[byte..byte + n]);
            out = &mut out[n..];
            word = (word + 1) % words.len();
        }
        while !out.is_empty() {
            let run = (words.len() - word).min(out.len().div_ceil(WORD));
            let (now, later) = out.split_at_mut(out.len().min(run * WORD));
            for (bytes, word) in now.chunks_mut(WORD).zip(&words[word..word + run]) {
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
        let words = self.words();
        let (mut word, mut byte) = self.place(position);
        while !bytes.is_empty() {
            let n = bytes.len().min(WORD - byte);
            let mut value = if n == WORD { [0; WORD] } else { words[word].load(Ordering::Relaxed).to_le_bytes() };
            value[byte..byte + n].copy_from_slice(&bytes[..n]);
            words[word].store(u64::from_le_bytes(value), Ordering::Relaxed);
            bytes = &bytes[n..];
            byte = 0;
            word = (word + 1) % words.len();
        }
    }
}

/// A new ring of this size in memory of its own, its first frame numbered `first`.
pub fn ring(size: RingSize, first: u64) -> (RingWriter, RingReader) {
    let span = Memory::zeroed(size.words()).span(0, size.words());
    format(&span, first);
    open(span, size)
}

/// Makes a zeroed span an empty ring whose first frame is numbered `first`.
pub(crate) fn format(span: &Span, first: u64) {
    span[OLDEST].store(first, Ordering::Relaxed);
    span[NEXT].store(first, Ordering::Relaxed);
}

/// The two ends of the ring in `span`, which goes on with what is there. There must be no other writer.
pub(crate) fn open(span: Span, size: RingSize) -> (RingWriter, RingReader) {
    span.prefault();
    let ring = Ring { span, size };
    let word = |word: usize| ring.header(word).load(Ordering::Acquire);
    let (oldest, next) = (word(OLDEST), word(NEXT));
    let head = ring.start(next).load(Ordering::Acquire);
    ring.header(NEXT_POSITION).store(head, Ordering::Release);
    (RingWriter { ring: ring.clone(), oldest, next, head }, RingReader { ring })
}

/// The writing end of a ring.
pub struct RingWriter {
    ring: Ring,
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
        let ring = &self.ring;
        let end = self.head + frame.len() as u64;
        if frame.len() > ring.size.bytes {
            return Err(TooLong);
        }
        let keep_from = end.saturating_sub(ring.size.bytes as u64);
        let entries = ring.size.entries() as u64;
        while self.next + 2 - self.oldest > entries || ring.start(self.oldest).load(Ordering::Relaxed) < keep_from {
            self.oldest += 1;
        }
        let oldest_position = ring.start(self.oldest).load(Ordering::Relaxed);
        ring.header(OLDEST).store(self.oldest, Ordering::Release);
        ring.header(OLDEST_POSITION).store(oldest_position, Ordering::Release);
        // A reader that sees one of the stores below, and then passes its acquire fence, sees the two above too.
        fence(Ordering::Release);
        ring.store(self.head, frame);
        ring.start(self.next + 1).store(end, Ordering::Relaxed);
        ring.header(NEXT).store(self.next + 1, Ordering::Release);
        ring.header(NEXT_POSITION).store(end, Ordering::Release);
        self.head = end;
        self.next += 1;
        Ok(())
    }
}

/// A reading end of a ring; as many as wanted.
#[derive(Clone)]
pub struct RingReader {
    ring: Ring,
}

/// What was asked for is no longer in the ring.
#[derive(Debug, PartialEq, Eq)]
pub struct Overwritten;

impl RingReader {
    /// Frames that can be read now.
    pub fn frames(&self) -> Range<u64> {
        let oldest = self.ring.header(OLDEST).load(Ordering::Acquire);
        oldest..self.ring.header(NEXT).load(Ordering::Acquire)
    }

    /// Absolute position of the first byte that is not there yet.
    pub fn live(&self) -> u64 {
        self.ring.header(NEXT_POSITION).load(Ordering::Acquire)
    }

    /// Absolute position of the first byte of `frame`, which may be the next frame to come.
    ///
    /// # Errors
    /// [`Overwritten`] if the frame is no longer, or not yet, known.
    pub fn position(&self, frame: u64) -> Result<u64, Overwritten> {
        if frame > self.ring.header(NEXT).load(Ordering::Acquire) {
            return Err(Overwritten);
        }
        let start = self.ring.start(frame).load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if self.ring.header(OLDEST).load(Ordering::Relaxed) <= frame { Ok(start) } else { Err(Overwritten) }
    }

    /// The frame to which the byte at `position` belongs, and the position of its own first byte. The next byte to come
    /// belongs to the next frame to come.
    ///
    /// # Errors
    /// [`Overwritten`] if that byte is no longer, or not yet, known.
    pub fn frame_at(&self, position: u64) -> Result<(u64, u64), Overwritten> {
        let mut found = Err(Overwritten);
        // The oldest entries may be overwritten while they are searched; then what is found is refused.
        for _ in 0..SEARCHES_MAX {
            found = self.search(position);
            let oldest = self.ring.header(OLDEST_POSITION).load(Ordering::Acquire);
            if found.is_ok() || position < oldest || position > self.live() {
                break;
            }
        }
        found
    }

    fn search(&self, position: u64) -> Result<(u64, u64), Overwritten> {
        let Range { start: mut low, end: mut high } = self.frames();
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.ring.start(middle).load(Ordering::Relaxed) <= position {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let start = self.position(low)?;
        let is_within = start <= position && (start == position || position < self.position(low + 1)?);
        if is_within { Ok((low, start)) } else { Err(Overwritten) }
    }

    /// Copies the bytes at these positions to the end of `out`.
    ///
    /// # Errors
    /// [`Overwritten`] if the writer has passed the first of them, before or while it was copied, or if the last is not
    /// there yet. `out` is then as before.
    pub fn copy(&self, positions: Range<u64>, out: &mut Vec<u8>) -> Result<(), Overwritten> {
        let length = positions.end.saturating_sub(positions.start);
        if positions.end > self.live() || length > self.ring.size.bytes as u64 {
            return Err(Overwritten);
        }
        let before = out.len();
        out.resize(before + length as usize, 0);
        self.ring.load(positions.start, &mut out[before..]);
        fence(Ordering::Acquire);
        if self.ring.header(OLDEST_POSITION).load(Ordering::Relaxed) > positions.start {
            out.truncate(before);
            return Err(Overwritten);
        }
        Ok(())
    }
}
