//! The door of the fan-out: start, admission, ticks, figures, end.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustix::event::{EventfdFlags, eventfd};

use crate::agents::Agents;
use crate::config::{self, FanoutConfig, MountConfig};
use crate::figures::{
    Laggard, ListenerId, ListenerPage, ListenerRow, PageCursor, Rate, ShardFigures, Snapshot, Totals,
};
use crate::guests::{Guest, Guests, ListenerMeta};
use crate::lag::Lag;
use crate::layout;
use crate::listener::{Arrival, Message};
use crate::memory::Memory;
use crate::mount::{Mount, Publisher, Start};
use crate::mounts::Mounts;
use crate::record::Record;
use crate::seats::{RefusedReason, Seats};
use crate::shard::Shard;
use crate::shared::{Hooks, NOTHING_DUE, ShardShared, Shared, Stop};

/// Newcomers that may wait for one shard.
const INBOX_MAX: usize = 4096;
/// Niceness of the shards.
const SHARD_NICE: i32 = -5;

/// The fan-out: rings, shards, listeners. Dropping it ends it at once; see [`Fanout::shutdown`].
pub struct Fanout {
    pub(crate) shared: Arc<Shared>,
    doors: Vec<SyncSender<Message>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    agents: Mutex<Agents>,
}

/// A listener that a fan-out before this one served, and that this one goes on with.
pub struct Survivor {
    /// The number it was given.
    pub id: ListenerId,
    /// A duplicate of its socket.
    pub socket: OwnedFd,
    /// Its head, which may not have gone completely.
    pub head: Vec<u8>,
    /// Who it is.
    pub meta: ListenerMeta,
    /// Bytes that its socket took, if they are better known than by the record: after a death between a send and its
    /// count the kernel knows.
    pub written: Option<u64>,
}

/// A listener that was not admitted, and its socket, to answer on.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Why.
    pub reason: RefusedReason,
    /// As it was given; nothing has been sent.
    pub socket: OwnedFd,
}

impl Fanout {
    /// Starts without listeners, in memory of its own; gives the publisher of each mount in the order of `mounts`.
    ///
    /// # Errors
    /// A setting that cannot work (the message says what would), or threads or descriptors that cannot be had.
    pub fn start(config: FanoutConfig, mounts: Vec<MountConfig>) -> io::Result<(Self, Vec<Publisher>)> {
        config::check(&config, &mounts)?;
        let memory = Memory::zeroed(Self::memory_words(&config, &mounts));
        Self::go_on(config, mounts, &memory, Arc::new(()), Vec::new())
    }

    /// Words of memory that [`Fanout::go_on`] needs with these settings.
    pub fn memory_words(config: &FanoutConfig, mounts: &[MountConfig]) -> usize {
        layout::words(config, mounts)
    }

    /// Goes on in `memory`, where another fan-out of the same settings may have worked before, with those of its listeners
    /// whose sockets are given: each gets the byte after the last one it was sent. A zeroed memory is a new beginning.
    ///
    /// # Errors
    /// As [`Fanout::start`], or a memory of other settings.
    pub fn go_on(
        config: FanoutConfig,
        mounts: Vec<MountConfig>,
        memory: &Memory,
        hooks: Arc<dyn Hooks>,
        survivors: Vec<Survivor>,
    ) -> io::Result<(Self, Vec<Publisher>)> {
        config::check(&config, &mounts)?;
        let (parts, mount_parts) = layout::open(memory, &config, &mounts)?;
        let seats = Seats::new(&config, &mounts);
        let mounts = mounts.into_iter().zip(mount_parts).enumerate();
        let (mounts, publishers): (Vec<_>, Vec<_>) =
            mounts.map(|(index, (mount, parts))| Mount::new(index, mount, parts)).unzip();
        let shard = |_| -> io::Result<ShardShared> {
            Ok(ShardShared {
                wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
                next_due: AtomicU64::new(NOTHING_DUE),
                load: AtomicUsize::new(0),
                is_crowded: AtomicBool::new(false),
                figures: ShardFigures::default(),
            })
        };
        let shards = (0..config.shards).map(shard).collect::<io::Result<_>>()?;
        let shared = Arc::new(Shared {
            guests: Guests::new(config.listeners_max),
            config,
            mounts: Mounts::new(mounts),
            parts,
            seats,
            hooks,
            stop: OnceLock::new(),
            listeners: AtomicUsize::new(0),
            shards,
        });
        let mut agents = Agents::new();
        let mut arrivals = shared.seat_survivors(survivors, &mut agents);
        let mut fanout = Self { shared, doors: Vec::new(), threads: Mutex::default(), agents: Mutex::new(agents) };
        for index in 0..fanout.shared.shards.len() {
            // If this fails, dropping `fanout` ends the threads already started.
            let (door, inbox) = sync_channel(INBOX_MAX);
            let mut shard = Shard::new(Arc::clone(&fanout.shared), index, inbox)?;
            for arrival in arrivals.extract_if(.., |arrival| arrival.shard == index) {
                // Not served at once: all of them would be at the same time.
                shard.seat(arrival);
            }
            let thread = Builder::new().name(format!("shard-{index}")).spawn(|| {
                // Above ordinary programs where the system permits it; else it is like all of them.
                let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), SHARD_NICE);
                shard.run();
            })?;
            fanout.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
            fanout.doors.push(door);
        }
        Ok((fanout, publishers))
    }

    /// The mounts that are open, in the order in which they were opened.
    pub fn mounts(&self) -> Vec<Mount> {
        self.shared.mounts.open()
    }

    /// The mount of this name.
    pub fn mount(&self, name: &str) -> Option<Mount> {
        self.mounts().into_iter().find(|mount| mount.name() == name)
    }

    /// A handle that gives the ticks.
    pub fn ticker(&self) -> Ticker {
        Ticker { shared: Arc::clone(&self.shared) }
    }

    /// Gives a socket to the fan-out: `head` and all frames from `start` on go out at once, then each period what is new.
    ///
    /// # Errors
    /// [`Refused`], with the socket.
    pub fn admit(
        &self,
        socket: impl Into<OwnedFd>,
        mount: &Mount,
        start: Start,
        head: Vec<u8>,
        meta: ListenerMeta,
    ) -> Result<ListenerId, Refused> {
        let socket = socket.into();
        let shared = &*self.shared;
        if shared.stop.get().is_some() {
            return Err(Refused { reason: RefusedReason::ShuttingDown, socket });
        }
        if !shared.mounts.is_open(mount) {
            return Err(Refused { reason: RefusedReason::Closed, socket });
        }
        let Ok(head_bytes) = u16::try_from(head.len()) else {
            return Err(Refused { reason: RefusedReason::HeadTooLong, socket });
        };
        let seat = match shared.seats.take(mount.index(), meta.address.map(|address| address.ip())) {
            Ok(seat) => seat,
            Err(reason) => return Err(Refused { reason, socket }),
        };
        let sndbuf_bytes = shared.config.sndbuf_bytes.max(mount.two_periods_bytes());
        crate::socket::prepare(socket.as_fd(), sndbuf_bytes, shared.config.stall_ms_max);
        let id = ListenerId(shared.parts.last_id().fetch_add(1, Ordering::AcqRel) + 1);
        shared.hooks.admitted(id, socket.as_fd(), &head, &meta);
        let user_agent = self.agents.lock().unwrap_or_else(PoisonError::into_inner).intern(&meta.user_agent);
        let shard = shared.load_shard();
        *shared.guests.lock(seat) =
            Some(Box::new(Guest { address: meta.address, user_agent, head: head.into(), shard }));
        let mount = mount.index();
        let record = Record::new(id.0, mount as u16, head_bytes, meta.metaint, start.frame, start.position);
        Lag::new(shared.tick().unwrap_or(0)).store(shared.parts.lag(seat));
        record.create(shared.parts.record(seat));
        let (reason, back) = match self.doors[shard].try_send(Message::Arrival(Arrival { socket, seat, mount, shard }))
        {
            Ok(()) => {
                shared.call(shard);
                return Ok(id);
            }
            Err(TrySendError::Full(back)) => (RefusedReason::Full, back),
            Err(TrySendError::Disconnected(back)) => (RefusedReason::ShuttingDown, back),
        };
        shared.release(seat, mount, shard);
        match back {
            Message::Arrival(Arrival { socket, .. }) => Err(Refused { reason, socket }),
            // What was sent is what comes back.
            _ => Ok(id),
        }
    }

    /// Whether a shard serves at the longer period.
    pub fn is_crowded(&self) -> bool {
        self.shared.shards.iter().any(|shard| shard.is_crowded.load(Ordering::Relaxed))
    }

    /// Tells every shard, or `one`. Waits while an inbox is full, which its shard empties at once.
    pub(crate) fn tell_shards(&self, one: Option<usize>, message: impl Fn() -> Message) {
        for shard in (0..self.doors.len()).filter(|shard| one.is_none_or(|one| one == *shard)) {
            // A shard that has ended needs no word.
            if self.doors[shard].send(message()).is_ok() {
                self.shared.call(shard);
            }
        }
    }

    /// Listeners in all at most.
    pub fn listeners_max(&self) -> usize {
        self.shared.seats.in_all_max()
    }

    /// Listeners in all that there is memory for, whatever the limit is now.
    pub fn listeners_room(&self) -> usize {
        self.shared.config.listeners_max
    }

    /// Bits a second of all listeners by their mounts' nominal rates, and the limit.
    pub fn rate(&self) -> Rate {
        self.shared.seats.rate()
    }

    /// Listeners now.
    pub fn listeners_now(&self) -> usize {
        self.shared.listeners.load(Ordering::Relaxed)
    }

    /// Whether one more listener would find a seat now.
    pub fn has_room(&self) -> bool {
        self.shared.seats.free() > 0
    }

    /// All figures at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let mut totals = Totals::default();
        self.shared.shards.iter().for_each(|shard| totals += shard.figures.totals());
        let ticks_given = self.shared.tick().map_or(0, |tick| tick + 1);
        // Before its next due tick a shard sleeps, and every tick given so far is served.
        let served_before = |shard: &ShardShared| ticks_given.min(shard.next_due.load(Ordering::SeqCst));
        Snapshot {
            listeners: self.listeners_now(),
            mounts: self.shared.mount_figures(),
            served_tick: self.shared.shards.iter().map(served_before).min().and_then(|before| before.checked_sub(1)),
            crowded_shards: self.shared.shards.iter().filter(|shard| shard.is_crowded.load(Ordering::Relaxed)).count(),
            totals,
        }
    }

    /// The listener with this number, if it is there.
    pub fn listener(&self, id: ListenerId) -> Option<ListenerRow> {
        self.shared.row_of(id)
    }

    /// At most `limit` (and 1000) listeners from `from` on; start with `PageCursor::default()`.
    pub fn listeners(&self, from: PageCursor, limit: usize) -> ListenerPage {
        self.shared.page(from, limit)
    }

    /// Listeners that are further behind than a healthy one can be: by more than 84 frames (2 s)
    /// and two send periods. Those admitted less than `connected_ticks_min` ticks ago may still be
    /// taking their burst, and are left out.
    pub fn laggards(&self, connected_ticks_min: u64) -> Vec<Laggard> {
        self.shared.laggards(connected_ticks_min)
    }

    /// Ends the stream to everyone on a frame boundary, closes, and joins the threads; whoever has not taken the rest of
    /// its frame within `patience` is cut. A second call does nothing.
    pub fn shutdown(&self, patience: Duration) {
        self.stop(Stop::End(Instant::now() + patience));
    }

    /// Stops between two sends and joins the threads. Listeners whose sockets are held elsewhere notice nothing until
    /// another fan-out goes on in the same memory; the publishers must be silent before that.
    pub fn hand_over(self) {
        self.stop(Stop::HandOver);
    }

    fn stop(&self, how: Stop) {
        let _ = self.shared.stop.set(how);
        (0..self.shared.shards.len()).for_each(|shard| self.shared.wake(shard));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

impl fmt::Debug for Fanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fanout").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

/// Gives the ticks: the only clock there is.
#[derive(Clone)]
pub struct Ticker {
    shared: Arc<Shared>,
}

impl Ticker {
    /// It is now tick `tick`: shards that have something to do by then serve every slot up to it. Ticks do not go back. Neither blocks nor allocates.
    pub fn tick(&self, tick: u64) {
        self.shared.parts.tick().store(tick + 1, Ordering::SeqCst);
        for (index, shard) in self.shared.shards.iter().enumerate() {
            if shard.next_due.load(Ordering::SeqCst) <= tick {
                self.shared.wake(index);
            }
        }
    }
}
