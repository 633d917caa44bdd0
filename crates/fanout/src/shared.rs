//! What the door, the ticker and the shards share.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::config::FanoutConfig;
use crate::figures::{ListenerId, ShardFigures};
use crate::guests::{Guests, ListenerMeta};
use crate::layout::Parts;
use crate::mounts::Mounts;
use crate::seats::Seats;

/// The value of `ShardShared::next_due` while there is nobody to serve.
pub(crate) const NOTHING_DUE: u64 = u64::MAX;

/// Told about every listener, so that somebody else may hold its socket too. Called on the threads that admit and serve:
/// must not block.
pub trait Hooks: Send + Sync {
    /// Before the listener's first byte. With the head and a duplicate of the socket a later fan-out can go on with it.
    fn admitted(&self, id: ListenerId, socket: BorrowedFd<'_>, head: &[u8], meta: &ListenerMeta) {
        let _ = (id, socket, head, meta);
    }

    /// After its last byte, when its socket has been shut down and closed.
    fn released(&self, id: ListenerId) {
        let _ = id;
    }
}

/// Nobody else is interested.
impl Hooks for () {}

/// How a fan-out ends.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// Listeners get the rest of their frame, until this time at the latest.
    End(Instant),
    /// Between two sends; the connections stay open wherever else their sockets are held.
    HandOver,
}

pub(crate) struct Shared {
    pub config: FanoutConfig,
    pub mounts: Mounts,
    pub parts: Parts,
    pub guests: Guests,
    pub seats: Seats,
    pub hooks: Arc<dyn Hooks>,
    /// Set once.
    pub stop: OnceLock<Stop>,
    /// Listeners in all, those on their way to a shard included.
    pub listeners: AtomicUsize,
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
    /// Whether it serves at the longer period.
    pub is_crowded: AtomicBool,
    pub figures: ShardFigures,
}

impl Shared {
    /// The tick given last, if any.
    pub(crate) fn tick(&self) -> Option<u64> {
        self.parts.tick().load(Ordering::SeqCst).checked_sub(1)
    }

    /// The least loaded shard, with one more listener.
    pub(crate) fn load_shard(&self) -> usize {
        let load = |shard: &usize| self.shards[*shard].load.load(Ordering::Relaxed);
        let shard = (0..self.shards.len()).min_by_key(load).unwrap_or(0);
        self.shards[shard].load.fetch_add(1, Ordering::Relaxed);
        self.listeners.fetch_add(1, Ordering::Relaxed);
        shard
    }

    /// Frees all that a listener's seat holds. Its socket is closed by now.
    pub(crate) fn release(&self, seat: usize, mount: usize, shard: usize) {
        let record = self.parts.record(seat);
        let id = record[0].load(Ordering::Relaxed);
        self.hooks.released(ListenerId(id));
        self.parts.asides.forget(id);
        record[0].store(0, Ordering::Release);
        let address = self.guests.lock(seat).take().and_then(|guest| guest.address);
        self.shards[shard].load.fetch_sub(1, Ordering::Relaxed);
        self.listeners.fetch_sub(1, Ordering::Relaxed);
        self.seats.give_back(seat, mount, address.map(|address| address.ip()));
    }

    /// Has a shard look into its inbox.
    pub(crate) fn call(&self, shard: usize) {
        self.shards[shard].next_due.store(0, Ordering::SeqCst);
        self.wake(shard);
    }

    /// Wakes a shard; a wake-up already under way serves for this one too.
    pub(crate) fn wake(&self, shard: usize) {
        let _ = rustix::io::write(&self.shards[shard].wake, &1u64.to_ne_bytes());
    }
}
