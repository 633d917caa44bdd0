//! What can be counted, and the exact answer to "what was this listener sent?" (SPEC LIS-7).

use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mount::Mount;

/// Number of a listener, never used twice by one fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// The fan-out at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Listeners connected.
    pub listeners: usize,
    /// Each mount that is open, in the order in which they were opened.
    pub mounts: Vec<MountFigures>,
    /// The tick through which every shard has served its slots; `None` before the first.
    pub served_tick: Option<u64>,
    /// Shards that serve at the longer period.
    pub crowded_shards: usize,
    /// Since the start.
    pub totals: Totals,
}

/// Bounds of the lag histogram, in frames: one period, two (or one in a crowd), four, 5 s, 10 s, 30 s, of 24 ms frames.
pub const LAG_FRAMES: [u64; 6] = [21, 42, 84, 208, 417, 1250];

/// The bound of [`LAG_FRAMES`] that separates healthy listeners from those that are behind.
pub(crate) const BEHIND_BOUND: usize = 2;

impl Snapshot {
    /// The figures of a mount; none if it was closed.
    pub fn of(&self, mount: &Mount) -> Option<&MountFigures> {
        self.mounts.iter().find(|figures| figures.index == mount.index())
    }
}

/// Bits a second of all listeners by their mounts' nominal rates, and the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Sum over the listeners that are connected.
    pub bps: u64,
    /// Newcomers that would exceed it are refused; 0: no limit.
    pub bps_max: u64,
}

/// A listener that is behind, and its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laggard {
    /// The listener.
    pub id: ListenerId,
    /// Its address, of IPv6 the /64; `None`: not known.
    pub address: Option<IpAddr>,
}

/// One mount at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountFigures {
    pub(crate) index: usize,
    /// Its name.
    pub name: String,
    /// Listeners connected to it.
    pub listeners: u64,
    /// The most listeners that ever were.
    pub listeners_peak: u64,
    /// Of those, how many are at most so many frames behind as [`LAG_FRAMES`] says; the last: further behind than any.
    pub lag: [u64; LAG_FRAMES.len() + 1],
    /// How many frames they are behind all together, taking each frame to be as long as the mean.
    pub behind_frames: u64,
    /// Its newest frame is the one before this.
    pub next_frame: u64,
}

impl MountFigures {
    /// Listeners more than 84 frames (2 s) behind.
    pub fn behind(&self) -> u64 {
        self.lag[BEHIND_BOUND + 1..].iter().sum()
    }
}

/// Counters since the start; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Listeners admitted.
    pub admitted: u64,
    /// Listeners that hung up.
    pub left: u64,
    /// Listeners dropped because their socket took nothing for too long.
    pub dropped_stalled: u64,
    /// Listeners dropped because they would have skipped too often.
    pub dropped_skips: u64,
    /// Listeners dropped because the rest of their frame was overwritten and could not be put aside.
    pub dropped_lost: u64,
    /// Listeners that the shutdown ended, or that of their mount.
    pub ended: u64,
    /// Listeners that the operator sent away.
    pub kicked: u64,
    /// Skips made.
    pub skips: u64,
    /// Frames that skips left out.
    pub skipped_frames: u64,
    /// Bytes that sockets took, response heads included.
    pub bytes: u64,
    /// Calls that sockets took bytes from.
    pub sends: u64,
    /// Slots that were served later than at their tick.
    pub overruns: u64,
    /// By how many ticks at most.
    pub overrun_ticks_max: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.left += other.left;
        self.dropped_stalled += other.dropped_stalled;
        self.dropped_skips += other.dropped_skips;
        self.dropped_lost += other.dropped_lost;
        self.ended += other.ended;
        self.kicked += other.kicked;
        self.skips += other.skips;
        self.skipped_frames += other.skipped_frames;
        self.bytes += other.bytes;
        self.sends += other.sends;
        self.overruns += other.overruns;
        self.overrun_ticks_max = self.overrun_ticks_max.max(other.overrun_ticks_max);
    }
}

/// One listener: what it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerRow {
    /// Its number.
    pub id: ListenerId,
    /// Where it is, if that is known.
    pub address: Option<SocketAddr>,
    /// What it calls itself.
    pub user_agent: Arc<str>,
    /// Name of its mount.
    pub mount: String,
    /// Its first frame.
    pub joined_frame: u64,
    /// The last frame of which its socket has taken every byte, if any.
    pub sent_through_frame: Option<u64>,
    /// Frames in between that skips left out.
    pub skipped_frames: u64,
    /// Bytes that its socket took, the response head included.
    pub bytes: u64,
    /// Frames that are there and that it has not been sent.
    pub lag_frames: u64,
    /// Ticks between two sends to it.
    pub period_ticks: u64,
    /// Bytes of audio between two title blocks; 0: it did not ask for them.
    pub metaint: u64,
    /// Seconds since it was admitted.
    pub connected_secs: u64,
}

/// Some listeners, and where to go on.
#[derive(Clone, Debug, Default)]
pub struct ListenerPage {
    /// At most as many as were asked for.
    pub rows: Vec<ListenerRow>,
    /// Give this to get the next page; `None`: this was the last.
    pub next: Option<PageCursor>,
}

/// A place in the list of listeners: 0 is its beginning. Whoever stays connected throughout appears on exactly one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCursor(pub usize);

/// Counters of one shard: written by its thread alone, read by anyone.
#[derive(Default)]
pub(crate) struct ShardFigures {
    pub admitted: AtomicU64,
    pub left: AtomicU64,
    pub dropped_stalled: AtomicU64,
    pub dropped_skips: AtomicU64,
    pub dropped_lost: AtomicU64,
    pub ended: AtomicU64,
    pub kicked: AtomicU64,
    pub skips: AtomicU64,
    pub skipped_frames: AtomicU64,
    pub bytes: AtomicU64,
    pub sends: AtomicU64,
    pub overruns: AtomicU64,
    pub overrun_ticks_max: AtomicU64,
}

impl ShardFigures {
    pub(crate) fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            admitted: get(&self.admitted),
            left: get(&self.left),
            dropped_stalled: get(&self.dropped_stalled),
            dropped_skips: get(&self.dropped_skips),
            dropped_lost: get(&self.dropped_lost),
            ended: get(&self.ended),
            kicked: get(&self.kicked),
            skips: get(&self.skips),
            skipped_frames: get(&self.skipped_frames),
            bytes: get(&self.bytes),
            sends: get(&self.sends),
            overruns: get(&self.overruns),
            overrun_ticks_max: get(&self.overrun_ticks_max),
        }
    }
}

/// Adds to a counter that only this thread writes.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}
