//! What the door, the ticker and the shards share.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::config::FanoutConfig;
use crate::figures::ShardFigures;
use crate::mount::Mount;

/// The value of `Shared::tick` before the first tick.
pub(crate) const NO_TICK: u64 = u64::MAX;

pub(crate) struct Shared {
    pub config: FanoutConfig,
    pub mounts: Box<[Mount]>,
    /// The tick given last.
    pub tick: AtomicU64,
    /// Set once: the fan-out ends, at this time at the latest.
    pub stop: OnceLock<Instant>,
    /// Listeners in all, those on their way to a shard included.
    pub listeners: AtomicUsize,
    pub shards: Box<[ShardShared]>,
}

/// One shard, as others see it.
pub(crate) struct ShardShared {
    /// Written to wake it.
    pub wake: OwnedFd,
    /// Its listeners, those on their way included.
    pub load: AtomicUsize,
    pub figures: ShardFigures,
}

impl Shared {
    /// The tick given last, 0 before the first.
    pub fn tick_now(&self) -> u64 {
        match self.tick.load(Ordering::Acquire) {
            NO_TICK => 0,
            tick => tick,
        }
    }

    /// Wakes a shard; a wake-up already under way serves for this one too.
    pub fn wake(&self, shard: usize) {
        let _ = rustix::io::write(&self.shards[shard].wake, &1u64.to_ne_bytes());
    }
}

/// A listener's seat: counted while it is held, wherever the listener goes.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    pub shard: usize,
}

impl Seat {
    /// A seat in the least loaded shard, if there is one left in all.
    pub fn take(shared: &Arc<Shared>) -> Option<Self> {
        let max = shared.config.listeners_max;
        let add = |n: usize| (n < max).then_some(n + 1);
        shared.listeners.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        let load = |shard: &usize| shared.shards[*shard].load.load(Ordering::Relaxed);
        let shard = (0..shared.shards.len()).min_by_key(load).unwrap_or(0);
        shared.shards[shard].load.fetch_add(1, Ordering::Relaxed);
        Some(Self { shared: Arc::clone(shared), shard })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.shards[self.shard].load.fetch_sub(1, Ordering::Relaxed);
        self.shared.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
