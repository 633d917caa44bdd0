//! The way in, from the pump's thread: never blocks, never allocates.

use radio_signal::pcm::PcmFrame;
use radio_signal::units::Serial;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ticks on their way: 6 s, so that the burst that a tower begins with fits.
const FEED_TICKS: usize = 256;

/// One tick on its way to the driver.
pub(super) struct Tick {
    pub(super) serial: Serial,
    pub(super) frame: PcmFrame,
}

/// Hands ticks to one output's encoder.
pub struct PcmFeed {
    /// None: encoding is disabled.
    line: Option<Line>,
}

struct Line {
    ticks: rtrb::Producer<Tick>,
    /// Wakes the driver. Non-blocking: a full counter means that it is awake.
    bell: Arc<OwnedFd>,
    lost: Arc<AtomicU64>,
}

impl PcmFeed {
    pub(super) fn new(bell: Arc<OwnedFd>, lost: Arc<AtomicU64>) -> (Self, rtrb::Consumer<Tick>) {
        let (ticks, consumer) = rtrb::RingBuffer::new(FEED_TICKS);
        (Self { line: Some(Line { ticks, bell, lost }) }, consumer)
    }

    pub(super) const fn to_nobody() -> Self {
        Self { line: None }
    }

    /// Hands over one tick. If the driver has not come by for six seconds the tick is lost and counted, and its place
    /// in the history will be silent.
    pub fn push(&mut self, serial: Serial, frame: &PcmFrame) {
        let Some(line) = &mut self.line else { return };
        if line.ticks.push(Tick { serial, frame: *frame }).is_err() {
            line.lost.fetch_add(1, Relaxed);
        }
        ring(&line.bell);
    }
}

/// Wakes whoever polls the eventfd `bell`.
pub(super) fn ring(bell: &OwnedFd) {
    // It can only fail because the counter is full, and then the bell has rung.
    let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
}
