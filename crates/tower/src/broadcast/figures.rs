//! What one output's broadcast tells about itself.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// Counters that only the pump writes.
#[derive(Debug, Default)]
pub struct BroadcastFigures {
    /// Frames released; the last one's number plus one.
    pub frames: AtomicU64,
    /// Times a frame was due and not there.
    pub holds: AtomicU64,
    /// Silent frames sent because no encoder had delivered in time.
    pub silent_frames: AtomicU64,
    /// Whether the newest frame was one of them.
    pub is_silent: AtomicBool,
    /// How far the frame that listeners wait for is behind its due tick; 0 when nobody waits.
    pub behind_ticks: AtomicU64,
    /// The most that ever was.
    pub behind_ticks_max: AtomicU64,
}
