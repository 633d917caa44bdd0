//! One slot: a sequence lock whose sequence is the frame number.
//!
//! ```text
//!   tag:  0 never filled      2n+1 being written with frame n      2n+2 holds frame n
//! ```
//!
//! A slot's tag only ever grows, so a reader that sees the same tag before and after its copy has a whole frame. The
//! data are relaxed atomics between fences (Boehm, "Can seqlocks get along with programming language memory models?",
//! MSPC 2012), hence no `unsafe`, and a reader that is overtaken merely learns of it.

use super::atomic::{AtomicU64, Ordering, fence};
use crate::units::FrameNumber;

const WORD_BYTES: usize = size_of::<u64>();

const fn being_written(n: FrameNumber) -> u64 {
    2 * n + 1
}

const fn holds(n: FrameNumber) -> u64 {
    2 * n + 2
}

/// Answer to the wish to write frame `n`.
pub(super) enum Claim {
    /// The slot is the caller's, who must now `write`.
    Mine,
    /// The slot holds frame `n`.
    Held,
    /// Another writer is filling in frame `n`.
    BeingWritten,
    /// The slot belongs to a greater number.
    Newer,
    /// Another writer is filling in a smaller number.
    Busy,
}

#[derive(Debug)]
pub(super) struct Slot {
    tag: AtomicU64,
    len_bytes: AtomicU64,
    words: Box<[AtomicU64]>,
}

impl Slot {
    pub(super) fn new(frame_bytes_max: usize) -> Self {
        Self {
            tag: AtomicU64::new(0),
            len_bytes: AtomicU64::new(0),
            words: (0..frame_bytes_max.div_ceil(WORD_BYTES)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The frame number held, if a whole frame is.
    pub(super) fn held(&self) -> Option<FrameNumber> {
        let tag = self.tag.load(Ordering::Acquire);
        (tag != 0 && tag.is_multiple_of(2)).then(|| tag / 2 - 1)
    }

    /// Takes the slot for frame `n` if it is free or holds a smaller number.
    pub(super) fn claim(&self, n: FrameNumber) -> Claim {
        let mut tag = self.tag.load(Ordering::Acquire);
        loop {
            if tag == holds(n) {
                return Claim::Held;
            } else if tag == being_written(n) {
                return Claim::BeingWritten;
            } else if tag > holds(n) {
                return Claim::Newer;
            } else if tag % 2 == 1 {
                // To take it from a writer in mid-write would let that writer's last stores land in our frame.
                return Claim::Busy;
            }
            // Acquire: the former writer's stores come before ours. Release: whoever finds its frame gone from the slot
            // also finds the window moved past it.
            let mine = being_written(n);
            match self.tag.compare_exchange(tag, mine, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Claim::Mine,
                Err(now) => tag = now,
            }
        }
    }

    /// Fills a slot that `claim` gave to the caller. `bytes` fit, the caller has seen to it.
    pub(super) fn write(&self, n: FrameNumber, bytes: &[u8]) {
        // Whoever sees one of the stores below also sees the slot claimed.
        fence(Ordering::Release);
        self.len_bytes.store(bytes.len() as u64, Ordering::Relaxed);
        for (word, chunk) in self.words.iter().zip(bytes.chunks(WORD_BYTES)) {
            word.store(word_of(chunk), Ordering::Relaxed);
        }
        self.tag.store(holds(n), Ordering::Release);
    }

    /// Copies frame `n` to `out` and returns its length; `None` if the slot does not hold it (any more).
    pub(super) fn read(&self, n: FrameNumber, out: &mut [u8]) -> Option<usize> {
        self.consistently(n, |len, words| {
            for (chunk, word) in out[..len].chunks_mut(WORD_BYTES).zip(words) {
                chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes()[..chunk.len()]);
            }
            len
        })
    }

    /// Whether frame `n` has these bytes; `None` if the slot does not hold it any more.
    pub(super) fn compare(&self, n: FrameNumber, bytes: &[u8]) -> Option<bool> {
        self.consistently(n, |len, words| {
            let mut pairs = bytes.chunks(WORD_BYTES).zip(words);
            len == bytes.len() && pairs.all(|(chunk, word)| word.load(Ordering::Relaxed) == word_of(chunk))
        })
    }

    /// Runs `look` over length and words; its result stands only if frame `n` was there before and after.
    fn consistently<T>(&self, n: FrameNumber, look: impl FnOnce(usize, &[AtomicU64]) -> T) -> Option<T> {
        if self.tag.load(Ordering::Acquire) != holds(n) {
            return None;
        }
        let seen = look(self.len_bytes.load(Ordering::Relaxed) as usize, &self.words);
        // If one of the loads in `look` met a newer writer's store, this fence makes its claim visible below.
        fence(Ordering::Acquire);
        (self.tag.load(Ordering::Acquire) == holds(n)).then_some(seen)
    }
}

/// Up to eight bytes as one word, the missing ones zero.
fn word_of(chunk: &[u8]) -> u64 {
    let mut bytes = [0; WORD_BYTES];
    bytes[..chunk.len()].copy_from_slice(chunk);
    u64::from_le_bytes(bytes)
}
