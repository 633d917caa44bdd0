//! What the door, the ticker and the shards share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::config::FanoutConfig;
use crate::figures::ShardFigures;
use crate::mount::Mount;

/// The value of `Shared::tick` before the first tick.
pub(crate) const NO_TICK: u64 = u64::MAX;

/// The value of `ShardShared::next_due` while there is nobody to serve.
pub(crate) const NOTHING_DUE: u64 = u64::MAX;

pub(crate) struct Shared {
    pub config: FanoutConfig,
    pub mounts: Box<[Mount]>,
    /// The tick given last.
    pub tick: AtomicU64,
    /// Set once: the fan-out ends, at this time at the latest.
    pub stop: OnceLock<Instant>,
    /// Listeners in all, those on their way to a shard included.
    pub listeners: AtomicUsize,
    /// Seats taken by each neighbourhood, if those are limited; as many entries as listeners at most.
    pub neighbourhoods: Mutex<HashMap<IpAddr, usize>>,
    pub shards: Box<[ShardShared]>,
}

/// One shard, as others see it.
pub(crate) struct ShardShared {
    /// Written to wake it.
    pub wake: OwnedFd,
    /// The first tick at which it has something to do; before that, ticks need not wake it.
    pub next_due: AtomicU64,
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

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.neighbourhoods.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Boxed, because few towers limit it and every listener carries it.
    neighbourhood: Option<Box<IpAddr>>,
}

impl Seat {
    /// A seat in the least loaded shard, if there is one left in all and for this address.
    pub fn take(shared: &Arc<Shared>, address: Option<IpAddr>) -> Option<Self> {
        let max = shared.config.listeners_max;
        let add = |n: usize| (n < max).then_some(n + 1);
        shared.listeners.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        let load = |shard: &usize| shared.shards[*shard].load.load(Ordering::Relaxed);
        let shard = (0..shared.shards.len()).min_by_key(load).unwrap_or(0);
        shared.shards[shard].load.fetch_add(1, Ordering::Relaxed);
        let neighbourhood = address.filter(|_| shared.config.listeners_per_address_max > 0).map(neighbourhood);
        // From here on dropping the seat gives everything back, the place at its address too.
        let mut seat = Self { shared: Arc::clone(shared), shard, neighbourhood: None };
        if let Some(address) = neighbourhood {
            let mut taken = shared.taken();
            let count = taken.entry(address).or_insert(0);
            if *count >= shared.config.listeners_per_address_max {
                return None;
            }
            *count += 1;
            seat.neighbourhood = Some(Box::new(address));
        }
        Some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(address) = self.neighbourhood.take() {
            let mut taken = self.shared.taken();
            if let Some(count) = taken.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(&address);
                }
            }
        }
        self.shared.shards[self.shard].load.fetch_sub(1, Ordering::Relaxed);
        self.shared.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What counts as one address: of IPv6 the /64 that a household is given.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
