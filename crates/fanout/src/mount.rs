//! A ring with a name: the writer's end, the readers' end, and where a listener starts.

use std::ops::Range;
use std::sync::Arc;

use crate::asides::FRAME_BYTES_MAX;
use crate::config::MountConfig;
use crate::layout::MountParts;
use crate::ring::{RingReader, RingWriter};
use crate::titles::{BLOB_BYTES_MAX, TitleWriter, Titles};

/// A stream of numbered frames that listeners can be admitted to.
#[derive(Clone)]
pub struct Mount {
    shared: Arc<MountShared>,
}

struct MountShared {
    index: usize,
    config: MountConfig,
    ring: RingReader,
    titles: Titles,
}

/// Where a listener would like to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// So many frames behind the newest; 0 is the next to come.
    Behind(u64),
    /// At this frame.
    Frame(u64),
}

/// Where a listener does start: the beginning of a frame that is there, or of the next to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Number of its first frame.
    pub frame: u64,
    /// Absolute position of that frame's first byte in the mount's stream of bytes.
    pub position: u64,
}

impl Mount {
    pub(crate) fn new(index: usize, config: MountConfig, parts: MountParts) -> (Self, Publisher) {
        let MountParts { frames: (writer, ring), titles: (title_writer, titles) } = parts;
        let titles = Titles(titles);
        let title_publisher = TitlePublisher(TitleWriter::new(title_writer, &titles));
        let publisher = Publisher { writer, titles: Some(title_publisher) };
        (Self { shared: Arc::new(MountShared { index, config, ring, titles }) }, publisher)
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// The settings it was given.
    pub fn config(&self) -> &MountConfig {
        &self.shared.config
    }

    /// Frames that can be sent now; empty before the first is published.
    pub fn frames(&self) -> Range<u64> {
        self.ring().frames()
    }

    /// Replaces `out` by the bytes of frame `number`; false if it is not there yet, or no longer. The writer notices nothing.
    pub fn copy_frame(&self, number: u64, out: &mut Vec<u8>) -> bool {
        out.clear();
        let ring = self.ring();
        match (ring.position(number), ring.position(number + 1)) {
            (Ok(start), Ok(end)) => ring.copy(start..end, out).is_ok(),
            _ => false,
        }
    }

    /// The start nearest to `at` that is there.
    pub fn start_at(&self, at: StartAt) -> Start {
        // The ring may overwrite the frame chosen between two loads; each retry sees a later oldest frame.
        loop {
            let frames = self.frames();
            let oldest = self.oldest_to_start(&frames);
            let wanted = match at {
                StartAt::Behind(count) => frames.end.saturating_sub(count),
                StartAt::Frame(number) => number,
            };
            let frame = wanted.clamp(oldest, frames.end);
            if let Ok(position) = self.ring().position(frame) {
                return Start { frame, position };
            }
        }
    }

    /// Where a listener goes on that has lost its place: the frame and its position, not before `frame`.
    pub(crate) fn skip_target(&self, frame: u64) -> (u64, u64) {
        let back = self.shared.config.skip_back_frames;
        loop {
            let frames = self.frames();
            let to = frames.end.saturating_sub(back).max(self.oldest_to_start(&frames)).max(frame).min(frames.end);
            if let Ok(position) = self.ring().position(to) {
                return (to, position);
            }
        }
    }

    /// The frames before this position will soon be gone; 0 while there is room for more.
    pub(crate) fn brink(&self) -> u64 {
        let frames = self.frames();
        if !self.is_overwriting(&frames) {
            return 0;
        }
        self.ring().position(self.oldest_to_start(&frames)).unwrap_or(0)
    }

    /// Whether the ring overwrites its oldest frames, or is about to: several may go at once.
    fn is_overwriting(&self, frames: &Range<u64>) -> bool {
        let config = &self.shared.config;
        let is_nearly_full = || {
            let brink = config.brink_frames();
            let frame_bytes = (config.ring_bytes / config.ring_frames.max(1)) as u64;
            let there = |frame| self.ring().position(frame).unwrap_or(0);
            let bytes = there(frames.end).saturating_sub(there(frames.start));
            frames.end - frames.start + brink > config.ring_frames as u64
                || bytes + brink * frame_bytes > config.ring_bytes as u64
        };
        frames.start > config.first_frame || is_nearly_full()
    }

    /// Frames at the old end are no place to start once the ring overwrites: they are gone before they have been sent.
    fn oldest_to_start(&self, frames: &Range<u64>) -> u64 {
        let brink = if self.is_overwriting(frames) { self.shared.config.brink_frames() } else { 0 };
        (frames.start + brink).min(frames.end)
    }

    /// Its number: that of no other mount while it is open.
    pub(crate) fn index(&self) -> usize {
        self.shared.index
    }

    /// Whether both are one mount.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn ring(&self) -> &RingReader {
        &self.shared.ring
    }

    pub(crate) fn titles(&self) -> &Titles {
        &self.shared.titles
    }

    /// Bytes of the newest two send periods; what a healthy socket must be able to hold.
    pub(crate) fn two_periods_bytes(&self) -> usize {
        let frames = self.frames();
        let from = frames.end.saturating_sub(2 * self.shared.config.period_ticks_max()).max(frames.start);
        match (self.ring().position(from), self.ring().position(frames.end)) {
            (Ok(from), Ok(to)) => to.saturating_sub(from) as usize,
            _ => 0,
        }
    }
}

/// The one writer of a mount. It never blocks, allocates or waits.
pub struct Publisher {
    writer: RingWriter,
    titles: Option<TitlePublisher>,
}

/// The one writer of a mount's titles, which need not be who writes its frames: a title may be set before its frame comes.
pub struct TitlePublisher(TitleWriter);

/// A frame that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Frames are contiguous.
    #[error("frame {given} was published where frame {expected} is due: publish each number once, in order")]
    OutOfOrder {
        /// The number that is due.
        expected: u64,
        /// The number that was given.
        given: u64,
    },
    /// It does not fit the mount's ring, or is longer than any frame may be.
    #[error("a frame of {bytes} bytes does not fit: raise ring_bytes, or cut it to {FRAME_BYTES_MAX} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A block has at most 255 times 16 bytes.
    #[error("a title of {bytes} bytes is too long: cut it to {BLOB_BYTES_MAX} bytes")]
    TitleTooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Publisher {
    /// Number of the frame that is due.
    pub fn next_frame(&self) -> u64 {
        self.writer.next()
    }

    /// Adds frame `number`; listeners get it at their next slot after a tick.
    ///
    /// # Errors
    /// [`PublishError`]: the frame was not taken and nothing has changed.
    pub fn publish(&mut self, number: u64, frame: &[u8]) -> Result<(), PublishError> {
        let expected = self.writer.next();
        if number != expected {
            return Err(PublishError::OutOfOrder { expected, given: number });
        }
        if frame.len() > FRAME_BYTES_MAX {
            return Err(PublishError::TooLong { bytes: frame.len() });
        }
        self.writer.push(frame).map_err(|_| PublishError::TooLong { bytes: frame.len() })
    }

    /// Who writes the titles of this mount; the second time there is none.
    pub fn take_titles(&mut self) -> Option<TitlePublisher> {
        self.titles.take()
    }
}

impl TitlePublisher {
    /// From `frame` on, which may be yet to come, listeners who asked for titles find this blob between the frames.
    /// Numbers do not go back: an earlier one counts as that of the title before. Neither blocks nor allocates.
    ///
    /// # Errors
    /// [`PublishError::TitleTooLong`]: nothing has changed.
    pub fn set(&mut self, frame: u64, blob: &[u8]) -> Result<(), PublishError> {
        let is_set = self.0.set(frame, blob);
        if is_set { Ok(()) } else { Err(PublishError::TitleTooLong { bytes: blob.len() }) }
    }
}
