//! Bytes in any chunking in, whole frames out, unchanged, one at a time (SPEC MPEG-1, MPEG-2).
//!
//! ```text
//!                a frame whose end is followed by a header of the same format, or by a tag
//!              +------------------------------------------------------------+
//!              |                                                            v
//!          SEARCHING                                                     IN SYNC
//!    byte by byte, skipped                                 each frame is released as soon as it
//!      bytes are counted                                   is whole: its header stood where the
//!              ^                                           frame before it had ended
//!              |                                                            |
//!              +------------------------------------------------------------+
//!                        neither such a header nor a tag where one is due
//! ```

use super::header::FrameHeader;
use super::tags::{self, Tag};
use std::fmt::Debug;

/// Bytes that a [`Framer`] takes in one [`push`](Framer::push) if all frames have been pulled before: a full pipe.
pub const PUSH_BYTES_MAX: usize = 64 * 1024;

/// Bytes it may hold back for want of more: a frame to be confirmed, and what must follow it.
pub const HELD_BYTES_MAX: usize = FrameHeader::FRAME_BYTES_MAX + tags::TAG_HEADER_BYTES_MAX;

/// What opens a frame of a self-framing stream: Layer III ([`FrameHeader`]) or AAC ([`AdtsHeader`](super::AdtsHeader)).
pub trait Header: Copy + Debug {
    /// What stays the same from frame to frame of one stream.
    type Format: Copy + Debug + PartialEq;

    /// Bytes that are read of it.
    const BYTES: usize;

    /// Bytes of the longest frame it can open.
    const FRAME_BYTES_MAX: usize;

    /// Reads it from the first [`Self::BYTES`] bytes; `None` if they, or fewer, are no header.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Length of its frame with it; at least [`Self::BYTES`].
    fn frame_bytes(&self) -> usize;

    /// What the next frame of the stream must share with it.
    fn format(&self) -> Self::Format;

    /// Whether its frame, whole, is a table of contents instead of sound.
    fn is_table_of_contents(&self, frame: &[u8]) -> bool;
}

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a, H = FrameHeader> {
    /// Its header, read.
    pub header: H,
    /// The frame with its header.
    pub bytes: &'a [u8],
}

/// What has passed. Every byte taken is in one of the three sums, or still held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames released.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Tags and tables of contents set aside.
    pub tags_skipped: u64,
    /// Their bytes.
    pub tag_bytes_skipped: u64,
    /// Bytes that were neither.
    pub bytes_skipped: u64,
    /// How often sync was found anew after it had been lost.
    pub resyncs: u64,
}

/// Cuts a stream of Layer III into frames.
pub type Packetizer = Framer<FrameHeader>;

/// Cuts a byte stream into frames; see the [module](self). Memory: one buffer of [`PUSH_BYTES_MAX`], a frame and a tag's
/// header, made in [`Framer::new`]; tags of any length pass through without being kept.
#[derive(Debug)]
pub struct Framer<H: Header> {
    /// Pending bytes are `buffer[start..end]`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Whether every frame waits for what follows it.
    confirms_each: bool,
    /// In sync with a stream of this format.
    sync: Option<H::Format>,
    was_in_sync: bool,
    /// Bytes still to come of a tag whose beginning was set aside.
    tag_bytes_left: u64,
    finished: bool,
    counters: Counters,
}

/// What the pending bytes begin with.
enum Next<H> {
    /// More bytes will tell.
    Unknown,
    /// A whole frame, confirmed.
    Frame(H),
    /// A tag of this length, perhaps not all of it here.
    Tag(u64),
    /// Nothing that belongs there.
    Garbage,
}

impl<H: Header> Framer<H> {
    /// A packetizer at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; PUSH_BYTES_MAX + H::FRAME_BYTES_MAX + tags::TAG_HEADER_BYTES_MAX].into_boxed_slice(),
            start: 0,
            end: 0,
            confirms_each: false,
            sync: None,
            was_in_sync: false,
            tag_bytes_left: 0,
            finished: false,
            counters: Counters::default(),
        }
    }

    /// A packetizer that releases each frame only when the next one has begun where it should: a frame later, and
    /// nothing that was cut short or overwritten is ever released.
    #[must_use]
    pub fn confirming() -> Self {
        Self { confirms_each: true, ..Self::new() }
    }

    /// Takes bytes and says how many: all, if at most [`PUSH_BYTES_MAX`] and `next_frame` has answered `None` since the
    /// last push; else as many as there is room for. After [`finish`](Self::finish), none.
    #[must_use = "bytes that were not taken must be pushed again after pulling frames"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        if self.finished {
            return 0;
        }
        if self.buffer.len() - self.end < bytes.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = &mut self.buffer[self.end..];
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }

    /// No more bytes will come: a last frame that ends with the stream needs no confirmation any more. Pull once more
    /// until `None`.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Option<Frame<'_, H>> {
        loop {
            self.pass_tag_bytes();
            if self.start == self.end {
                return None;
            }
            match self.look() {
                Next::Unknown if !self.finished => return None,
                Next::Unknown | Next::Garbage if self.sync.is_some() => self.sync = None,
                Next::Unknown | Next::Garbage => {
                    self.start += 1;
                    self.counters.bytes_skipped += 1;
                }
                Next::Tag(bytes) => {
                    self.counters.tags_skipped += 1;
                    self.tag_bytes_left = bytes;
                }
                Next::Frame(header) => {
                    self.enter_sync(header.format());
                    let frame = self.start..self.start + header.frame_bytes();
                    if header.is_table_of_contents(&self.buffer[frame.clone()]) {
                        self.counters.tags_skipped += 1;
                        self.tag_bytes_left = header.frame_bytes() as u64;
                        continue;
                    }
                    self.start = frame.end;
                    self.counters.frames += 1;
                    self.counters.frame_bytes += frame.len() as u64;
                    return Some(Frame { header, bytes: &self.buffer[frame] });
                }
            }
        }
    }

    /// Pushes all of `bytes`, handing each frame to `sink` as it becomes whole.
    pub fn packetize(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Frame<'_, H>)) {
        loop {
            let taken = self.push(bytes);
            bytes = &bytes[taken..];
            while let Some(frame) = self.next_frame() {
                sink(frame);
            }
            // Nothing taken of something: the stream is finished.
            if bytes.is_empty() || taken == 0 {
                return;
            }
        }
    }

    /// What has passed so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes taken and neither released nor skipped yet; at most [`HELD_BYTES_MAX`] once `next_frame` has said `None`.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.end - self.start
    }

    /// The format of the stream, while in sync.
    #[must_use]
    pub fn format(&self) -> Option<H::Format> {
        self.sync
    }

    fn look(&self) -> Next<H> {
        let bytes = &self.buffer[self.start..self.end];
        match tags::recognise(bytes) {
            Tag::Bytes(bytes) => return Next::Tag(bytes),
            Tag::Perhaps => return Next::Unknown,
            Tag::No => {}
        }
        if bytes.len() < H::BYTES {
            return Next::Unknown;
        }
        let Some(header) = H::read(bytes) else {
            return Next::Garbage;
        };
        if self.sync.is_some_and(|format| format != header.format()) {
            return Next::Garbage;
        }
        let Some((_, rest)) = bytes.split_at_checked(header.frame_bytes()) else {
            return Next::Unknown;
        };
        if self.sync.is_some() && !self.confirms_each {
            return Next::Frame(header);
        }
        self.confirm(header, rest)
    }

    /// Judges a frame by what follows it.
    fn confirm(&self, header: H, rest: &[u8]) -> Next<H> {
        if self.finished && rest.is_empty() {
            return Next::Frame(header);
        }
        match tags::recognise(rest) {
            Tag::Bytes(_) => return Next::Frame(header),
            Tag::Perhaps => return Next::Unknown,
            Tag::No => {}
        }
        if rest.len() < H::BYTES {
            return Next::Unknown;
        }
        match H::read(rest) {
            Some(next) if next.format() == header.format() => Next::Frame(header),
            _ => Next::Garbage,
        }
    }

    fn enter_sync(&mut self, format: H::Format) {
        if self.sync.is_none() {
            self.counters.resyncs += u64::from(self.was_in_sync);
            self.was_in_sync = true;
            self.sync = Some(format);
        }
    }

    /// Drops what is here of a tag being set aside.
    fn pass_tag_bytes(&mut self) {
        let here = self.tag_bytes_left.min(self.held_bytes() as u64);
        self.start += here as usize;
        self.tag_bytes_left -= here;
        self.counters.tag_bytes_skipped += here;
    }
}

impl<H: Header> Default for Framer<H> {
    fn default() -> Self {
        Self::new()
    }
}
