//! A ring with a name: the writer's end, the readers' end, and where a listener starts.

use std::ops::Range;
use std::sync::Arc;

use crate::config::MountConfig;
use crate::ring::{RingReader, RingWriter, ring};

/// Frames at the old end that are not given as a start once the ring has begun to overwrite, as they would be gone
/// before the first byte is sent.
const START_GUARD_FRAMES: u64 = 42;

/// A stream of numbered frames that listeners can be admitted to.
#[derive(Clone)]
pub struct Mount {
    shared: Arc<MountShared>,
}

struct MountShared {
    index: usize,
    config: MountConfig,
    ring: RingReader,
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
    pub(crate) fn new(index: usize, config: MountConfig) -> (Self, Publisher) {
        let (writer, reader) = ring(config.ring_bytes, config.ring_frames, config.first_frame);
        (Self { shared: Arc::new(MountShared { index, config, ring: reader }) }, Publisher { writer })
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

    /// The start nearest to `at` that is there.
    pub fn start_at(&self, at: StartAt) -> Start {
        // The ring may overwrite the frame chosen between two loads; each retry sees a later oldest frame.
        loop {
            let frames = self.frames();
            let overwriting = frames.start > self.shared.config.first_frame;
            let guard = if overwriting { START_GUARD_FRAMES.min((frames.end - frames.start) / 8) } else { 0 };
            let wanted = match at {
                StartAt::Behind(count) => frames.end.saturating_sub(count),
                StartAt::Frame(number) => number,
            };
            let frame = wanted.clamp(frames.start + guard, frames.end);
            if let Ok(position) = self.ring().position(frame) {
                return Start { frame, position };
            }
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.shared.index
    }

    pub(crate) fn ring(&self) -> &RingReader {
        &self.shared.ring
    }

    /// Bytes of the newest two send periods; what a healthy socket must be able to hold.
    pub(crate) fn two_periods_bytes(&self) -> usize {
        let frames = self.frames();
        let from = frames.end.saturating_sub(2 * self.shared.config.period_ticks).max(frames.start);
        match (self.ring().position(from), self.ring().position(frames.end)) {
            (Ok(from), Ok(to)) => to.saturating_sub(from) as usize,
            _ => 0,
        }
    }
}

/// The one writer of a mount. It never blocks, allocates or waits.
pub struct Publisher {
    writer: RingWriter,
}

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
    /// It does not fit the mount's ring.
    #[error("a frame of {bytes} bytes does not fit the mount's ring: raise ring_bytes")]
    TooLong {
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
        self.writer.push(frame).map_err(|_| PublishError::TooLong { bytes: frame.len() })
    }
}
