//! What can be counted, and the exact answer to "what was this listener sent?" (SPEC LIS-7).

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of a listener, never used twice by one fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// The fan-out at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Listeners connected.
    pub listeners: usize,
    /// Each mount, in the order in which they were given.
    pub mounts: Vec<MountFigures>,
    /// The tick through which every shard has served its slots; `None` before the first.
    pub served_tick: Option<u64>,
    /// Since the start.
    pub totals: Totals,
}

/// One mount at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountFigures {
    /// Its name.
    pub name: String,
    /// Listeners connected to it.
    pub listeners: u64,
    /// Its newest frame is the one before this.
    pub next_frame: u64,
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
    /// Listeners that the shutdown ended.
    pub ended: u64,
    /// Skips made.
    pub skips: u64,
    /// Frames that skips left out.
    pub skipped_frames: u64,
    /// Bytes that sockets took, response heads included.
    pub bytes: u64,
    /// Calls that sockets took bytes from.
    pub sends: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.left += other.left;
        self.dropped_stalled += other.dropped_stalled;
        self.dropped_skips += other.dropped_skips;
        self.ended += other.ended;
        self.skips += other.skips;
        self.skipped_frames += other.skipped_frames;
        self.bytes += other.bytes;
        self.sends += other.sends;
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

/// A place in the list of listeners. Whoever stays connected throughout appears on exactly one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCursor {
    pub(crate) shard: usize,
    pub(crate) key: usize,
}

/// Counters of one shard: written by its thread alone, read by anyone.
pub(crate) struct ShardFigures {
    pub admitted: AtomicU64,
    pub left: AtomicU64,
    pub dropped_stalled: AtomicU64,
    pub dropped_skips: AtomicU64,
    pub ended: AtomicU64,
    pub skips: AtomicU64,
    pub skipped_frames: AtomicU64,
    pub bytes: AtomicU64,
    pub sends: AtomicU64,
    /// Listeners of each mount.
    pub mounts: Box<[AtomicU64]>,
}

impl ShardFigures {
    pub fn new(mounts: usize) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            admitted: zero(),
            left: zero(),
            dropped_stalled: zero(),
            dropped_skips: zero(),
            ended: zero(),
            skips: zero(),
            skipped_frames: zero(),
            bytes: zero(),
            sends: zero(),
            mounts: (0..mounts).map(|_| zero()).collect(),
        }
    }

    pub fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            admitted: get(&self.admitted),
            left: get(&self.left),
            dropped_stalled: get(&self.dropped_stalled),
            dropped_skips: get(&self.dropped_skips),
            ended: get(&self.ended),
            skips: get(&self.skips),
            skipped_frames: get(&self.skipped_frames),
            bytes: get(&self.bytes),
            sends: get(&self.sends),
        }
    }
}

/// Adds to a counter that only this thread writes.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
