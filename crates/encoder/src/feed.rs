//! The way in, from the pump's thread: never blocks, never allocates.

use super::system::now;
use radio_signal::pcm::PcmFrame;
use radio_signal::units::{MonoTime, Serial};
use rustix::event::EventfdFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// Ticks on their way: 6 s, so that the burst that a tower begins with fits.
const FEED_TICKS: usize = 256;

/// One tick on its way to the driver.
pub(super) struct Tick {
    pub(super) serial: Serial,
    /// When the pump handed it over.
    pub(super) at: MonoTime,
    pub(super) frame: PcmFrame,
}

/// Hands ticks to one output's encoder.
pub struct PcmFeed {
    /// None: encoding is disabled.
    line: Option<Line>,
}

struct Line {
    ticks: rtrb::Producer<Tick>,
    bell: Arc<Bell>,
    lost: Arc<AtomicU64>,
}

impl PcmFeed {
    pub(super) fn new(bell: Arc<Bell>, lost: Arc<AtomicU64>) -> (Self, rtrb::Consumer<Tick>) {
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
        if line.ticks.push(Tick { serial, at: now(), frame: *frame }).is_err() {
            line.lost.fetch_add(1, Relaxed);
        }
        if serial >= line.bell.rings_from.load(SeqCst) {
            line.bell.ring();
        }
    }
}

/// Wakes the driver's thread.
pub(super) struct Bell {
    eventfd: OwnedFd,
    /// Ticks before this one wait for it.
    rings_from: AtomicU64,
}

impl Bell {
    pub(super) fn new() -> std::io::Result<Self> {
        let eventfd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { eventfd, rings_from: AtomicU64::new(0) })
    }

    /// Wakes the thread.
    pub(super) fn ring(&self) {
        // It can only fail because the counter is full, and then the bell has rung.
        let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
    }

    /// From now on tick `tick` and later ones wake the thread. When `tick` is put back to an earlier
    /// one, a tick that is handed over at that moment may wait for the next.
    pub(super) fn wait_for(&self, tick: Serial) {
        self.rings_from.store(tick, SeqCst);
    }

    /// Forgets that it has rung.
    pub(super) fn quieten(&self) {
        let _ = rustix::io::read(&self.eventfd, &mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_before_the_one_waited_for_wake_nobody_and_are_there_with_it() {
        let bell = Arc::new(Bell::new().expect("an eventfd"));
        let (mut feed, mut ticks) = PcmFeed::new(Arc::clone(&bell), Arc::default());
        let has_rung = || rustix::io::read(&bell.eventfd, &mut [0; 8]).is_ok();
        for (serial, waited_for, rings) in [(0, 0, true), (1, 2, false), (2, 2, true), (3, 4, false), (4, 0, true)] {
            bell.wait_for(waited_for);
            feed.push(serial, &PcmFrame::SILENCE);
            assert_eq!(has_rung(), rings, "tick {serial}");
        }
        let serials: Vec<_> = std::iter::from_fn(|| ticks.pop().ok()).map(|tick| tick.serial).collect();
        assert_eq!(serials, [0, 1, 2, 3, 4]);
        bell.wait_for(u64::MAX);
        bell.ring();
        assert!(has_rung(), "a wish wakes it whatever it waits for");
    }
}
