//! A listener's record, and its place in the stream: a pure function of the record and of the bytes written.
//!
//! A record is eight words in the given memory. Every change that moves the place is one store of one word, made before
//! the first byte that depends on it goes out. So wherever a fan-out stops, even between a `send` and the count of its
//! bytes, another one that knows how many bytes were written goes on with the next.
//!
//! ```text
//! head | audio ........ | block | audio ........ | block | audio ...        what a listener receives
//!      |<-- metaint --->|       |<-- metaint --->|                          blocks only for those who asked
//! ```

use crate::sync::{AtomicU64, Ordering};

/// Words of a record.
pub const RECORD_WORDS: usize = 8;
/// Value of [`Record::jump`] when there is none to make.
pub const NO_JUMP: u64 = u64::MAX;
/// Bytes that one unit of a block's length stands for.
const UNIT: u64 = 16;

/// What decides which byte a listener gets next. 64 bytes without pointers or descriptors.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Number of the listener; 0: the record is free.
    pub id: u64,
    /// Every byte that its socket took, the head included.
    pub written: u64,
    /// Length of the head, mount, bytes of audio between two blocks (0: no blocks): 16 bits each.
    pub shape: u64,
    /// Position in the stream of its first byte of audio, moved on by what its jumps have left out.
    pub base: u64,
    /// Blocks completed (32 bits) and the units in them (32 bits).
    pub blocks: u64,
    /// The block to come: its title's version (32 bits), which block it is (24 bits), its units (8 bits).
    pub title: u64,
    /// It goes on elsewhere once it has come to this position, the end of a frame; [`NO_JUMP`]: it just goes on.
    pub jump: u64,
    /// Number of its first frame.
    pub joined_frame: u64,
}

/// Where a listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the head.
    Head {
        /// Bytes of it that have gone.
        at: u64,
        /// Bytes of it that have not.
        left: u64,
    },
    /// In the stream.
    Audio {
        /// Position of the next byte.
        position: u64,
        /// Bytes until something else is due.
        left: u64,
    },
    /// In a block between two bytes of the stream.
    Block {
        /// Version of its title; 0: nothing but a length of zero.
        version: u64,
        /// Bytes of it that have gone.
        at: u64,
        /// Bytes of it that have not.
        left: u64,
    },
    /// Before a block that has not been chosen.
    BlockDue {
        /// Position of the stream's byte that follows it.
        position: u64,
    },
    /// At the end of a frame, to go on elsewhere.
    JumpDue,
}

/// The place of a listener that was sent `written` bytes.
pub fn plan(record: &Record, written: u64) -> Place {
    let Some(body) = written.checked_sub(record.head_bytes()) else {
        return Place::Head { at: written, left: record.head_bytes() - written };
    };
    if record.metaint() == 0 {
        return record.audio(body, u64::MAX);
    }
    let sent_audio = record.completed() * record.metaint();
    let block_at = sent_audio + record.metaint() + record.completed_bytes();
    if body < block_at {
        return record.audio(body.wrapping_sub(record.completed_bytes()), block_at - body);
    }
    let Some(block) = record.chosen() else {
        return Place::BlockDue { position: record.base.wrapping_add(sent_audio + record.metaint()) };
    };
    let into = body - block_at;
    match into.checked_sub(block.bytes()) {
        None => Place::Block { version: block.version, at: into, left: block.bytes() - into },
        Some(after) if after < record.metaint() => {
            record.audio(sent_audio + record.metaint() + after, record.metaint() - after)
        }
        Some(_) => Place::BlockDue { position: record.base.wrapping_add(sent_audio + 2 * record.metaint()) },
    }
}

#[derive(Clone, Copy)]
struct Block {
    version: u64,
    units: u64,
}

impl Block {
    /// Length byte and units.
    fn bytes(self) -> u64 {
        1 + UNIT * self.units
    }
}

impl Record {
    /// A listener before its first byte.
    pub fn new(id: u64, mount: u16, head_bytes: u16, metaint: u16, joined_frame: u64, position: u64) -> Self {
        let shape = u64::from(head_bytes) | u64::from(mount) << 16 | u64::from(metaint) << 32;
        Self { id, shape, base: position, jump: NO_JUMP, joined_frame, ..Self::default() }
    }

    /// Length of its head.
    pub fn head_bytes(&self) -> u64 {
        self.shape & 0xffff
    }

    /// Its mount.
    pub fn mount(&self) -> usize {
        (self.shape >> 16 & 0xffff) as usize
    }

    /// Bytes of audio between two blocks; 0: it gets none.
    pub fn metaint(&self) -> u64 {
        self.shape >> 32 & 0xffff
    }

    /// Position of the stream's next byte for it, whatever comes before that.
    pub fn position(&self) -> u64 {
        match plan(self, self.written) {
            Place::Audio { position, .. } | Place::BlockDue { position } => position,
            Place::Head { .. } => self.base,
            Place::Block { .. } => self.base.wrapping_add((self.completed() + 1) * self.metaint()),
            Place::JumpDue => self.jump,
        }
    }

    /// Whether no block has been chosen for the next place at which one is due.
    pub fn wants_block(&self) -> bool {
        self.chosen().is_none()
    }

    /// Chooses the block to come; `units` of 16 bytes, 0 for one that says nothing new.
    pub fn choose(&mut self, version: u64, units: u8) {
        self.title = (version & 0xffff_ffff) << 32 | ((self.completed() + 1) & 0xff_ffff) << 8 | u64::from(units);
    }

    /// Version of the title that it was sent last, or is about to be.
    pub fn title_version(&self) -> u64 {
        self.title >> 32
    }

    /// Counts the block to come as completed if all of it was written.
    pub fn complete(&mut self) {
        let Some(block) = self.chosen() else { return };
        let end = self.head_bytes() + (self.completed() + 1) * self.metaint() + self.completed_bytes() + block.bytes();
        if self.written >= end {
            let (completed, units) = (self.completed() + 1, (self.blocks >> 32) + block.units);
            self.blocks = (completed & 0xffff_ffff) | units << 32;
        }
    }

    /// Goes on at `target` instead of at its position. Between two blocks their distance stays what it was.
    pub fn go_on_at(&mut self, target: u64) {
        self.base = self.base.wrapping_add(target.wrapping_sub(self.position()));
    }

    fn audio(&self, sent_audio: u64, left: u64) -> Place {
        let position = self.base.wrapping_add(sent_audio);
        match self.jump.checked_sub(position) {
            Some(0) => Place::JumpDue,
            Some(to_jump) => Place::Audio { position, left: left.min(to_jump) },
            None => Place::Audio { position, left },
        }
    }

    fn completed(&self) -> u64 {
        self.blocks & 0xffff_ffff
    }

    fn completed_bytes(&self) -> u64 {
        self.completed() + UNIT * (self.blocks >> 32)
    }

    fn chosen(&self) -> Option<Block> {
        let is_next = self.title >> 8 & 0xff_ffff == (self.completed() + 1) & 0xff_ffff;
        is_next.then_some(Block { version: self.title >> 32, units: self.title & 0xff })
    }

    /// The record in these words.
    pub(crate) fn load(words: &[AtomicU64]) -> Self {
        let word = |n: usize| words[n].load(Ordering::Relaxed);
        Self {
            id: word(0),
            written: word(1),
            shape: word(2),
            base: word(3),
            blocks: word(4),
            title: word(5),
            jump: word(6),
            joined_frame: word(7),
        }
    }

    /// Stores a new record, its number last: until then the record is free.
    pub(crate) fn create(&self, words: &[AtomicU64]) {
        self.words().into_iter().zip(words).rev().for_each(|(value, word)| word.store(value, Ordering::Release));
    }

    /// Stores what has changed, each word at once.
    pub(crate) fn store(&self, words: &[AtomicU64], before: &Self) {
        let pairs = self.words().into_iter().zip(before.words()).zip(words);
        pairs.filter(|((new, old), _)| new != old).for_each(|((new, _), word)| word.store(new, Ordering::Release));
    }

    fn words(&self) -> [u64; RECORD_WORDS] {
        let Self { id, written, shape, base, blocks, title, jump, joined_frame } = *self;
        [id, written, shape, base, blocks, title, jump, joined_frame]
    }
}

/// What a listener is to be sent next, in this order, and where that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Bytes of the head: first of them, and how many.
    pub head: (u64, u64),
    /// Position of the audio.
    pub position: u64,
    /// Bytes of audio before and after the block.
    pub audio: [u64; 2],
    /// The block's version, the first byte of it, and how many.
    pub block: (u64, u64, u64),
    /// Where it ends: in the stream if that has no more to give.
    pub then: Place,
}

impl Offer {
    /// What there is for it up to the position `live`, at most one block.
    pub(crate) fn at(record: &Record, live: u64) -> Self {
        let mut written = record.written;
        let mut then = plan(record, written);
        let mut offer = Self { head: (0, 0), position: 0, audio: [0; 2], block: (0, 0, 0), then };
        if let Place::Head { at, left } = then {
            offer.head = (at, left);
            written = written.wrapping_add(left);
            then = plan(record, written);
        }
        for part in 0..2 {
            if let Place::Audio { position, left } = then {
                if offer.audio[0] == 0 {
                    offer.position = position;
                }
                let there = left.min(live.saturating_sub(position));
                offer.audio[part] = there;
                if there < left {
                    break;
                }
                written = written.wrapping_add(there);
                then = plan(record, written);
            }
            match then {
                Place::Block { version, at, left } if part == 0 => {
                    offer.block = (version, at, left);
                    written = written.wrapping_add(left);
                    then = plan(record, written);
                }
                _ => break,
            }
        }
        Self { then, ..offer }
    }

    pub(crate) fn audio_bytes(&self) -> u64 {
        self.audio[0] + self.audio[1]
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.head.1 + self.audio_bytes() + self.block.2
    }
}

#[cfg(all(test, not(loom)))]
#[path = "record_tests.rs"]
mod tests;
