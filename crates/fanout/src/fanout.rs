//! The door of the fan-out: start, admission, ticks, figures, end.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustix::event::{EventfdFlags, eventfd};

use crate::agents::Agents;
use crate::config::{self, FanoutConfig, MountConfig};
use crate::figures::{ListenerId, ListenerPage, MountFigures, PageCursor, ShardFigures, Snapshot, Totals};
use crate::lag::Lag;
use crate::listener::{Admission, Record};
use crate::mount::{Mount, Publisher, Start};
use crate::shard::{Question, Shard};
use crate::shared::{NO_TICK, NOTHING_DUE, Seat, ShardShared, Shared};

/// Newcomers, and as many questions, that may wait for one shard.
const INBOX_MAX: usize = 1024;
/// Rows of one page of listeners at most.
const PAGE_MAX: usize = 1000;
/// Longest wait for a shard's answer; it answers at its next wake-up, between two sends.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// The fan-out: rings, shards, listeners. Dropping it ends it at once; see [`Fanout::shutdown`].
pub struct Fanout {
    shared: Arc<Shared>,
    doors: Vec<Door>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    agents: Mutex<Agents>,
    next_id: AtomicU64,
}

/// The way to one shard.
struct Door {
    newcomers: SyncSender<Box<Admission>>,
    questions: SyncSender<Question>,
}

/// Who a listener is, as far as its request told.
#[derive(Clone, Debug, Default)]
pub struct ListenerMeta {
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// What it calls itself.
    pub user_agent: String,
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

/// Why a listener was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReason {
    /// All seats are taken, or too many are at the door at once.
    #[error("the fan-out is full: try again later, or raise listeners_max")]
    Full,
    /// The fan-out has ended.
    #[error("the fan-out is shutting down: connect again later")]
    ShuttingDown,
}

impl Fanout {
    /// Starts the shards; gives the publisher of each mount in the order of `mounts`.
    ///
    /// # Errors
    /// A setting that cannot work (the message says what would), or threads or descriptors that cannot be had.
    pub fn start(config: FanoutConfig, mounts: Vec<MountConfig>) -> io::Result<(Self, Vec<Publisher>)> {
        config::check(&config, &mounts)?;
        let (mounts, publishers): (Vec<_>, Vec<_>) =
            mounts.into_iter().enumerate().map(|(index, mount)| Mount::new(index, mount)).unzip();
        let shard = |_| -> io::Result<ShardShared> {
            let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(ShardShared {
                wake,
                next_due: AtomicU64::new(NOTHING_DUE),
                load: AtomicUsize::new(0),
                figures: ShardFigures::new(mounts.len()),
            })
        };
        let shards = (0..config.shards).map(shard).collect::<io::Result<_>>()?;
        let shared = Arc::new(Shared {
            config,
            mounts: mounts.into(),
            tick: AtomicU64::new(NO_TICK),
            stop: OnceLock::new(),
            neighbourhoods: Mutex::default(),
            listeners: AtomicUsize::new(0),
            shards,
        });
        let mut fanout = Self {
            shared,
            doors: Vec::new(),
            threads: Mutex::default(),
            agents: Mutex::new(Agents::new()),
            next_id: AtomicU64::new(1),
        };
        for index in 0..fanout.shared.shards.len() {
            // If this fails, dropping `fanout` ends the threads already started.
            let (newcomers, newcomers_inbox) = sync_channel(INBOX_MAX);
            let (questions, questions_inbox) = sync_channel(INBOX_MAX);
            let shard = Shard::new(Arc::clone(&fanout.shared), index, newcomers_inbox, questions_inbox)?;
            let thread = Builder::new().name(format!("shard-{index}")).spawn(|| shard.run())?;
            fanout.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
            fanout.doors.push(Door { newcomers, questions });
        }
        Ok((fanout, publishers))
    }

    /// The mounts, in the order in which they were given.
    pub fn mounts(&self) -> &[Mount] {
        &self.shared.mounts
    }

    /// The mount of this name.
    pub fn mount(&self, name: &str) -> Option<Mount> {
        self.shared.mounts.iter().find(|mount| mount.name() == name).cloned()
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
        if self.shared.stop.get().is_some() {
            return Err(Refused { reason: RefusedReason::ShuttingDown, socket });
        }
        let Some(seat) = Seat::take(&self.shared, meta.address.map(|address| address.ip())) else {
            return Err(Refused { reason: RefusedReason::Full, socket });
        };
        let shard = seat.shard;
        let sndbuf_bytes = self.shared.config.sndbuf_bytes.max(mount.two_periods_bytes());
        crate::socket::prepare(socket.as_fd(), sndbuf_bytes, self.shared.config.stall_ms_max);
        let id = ListenerId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let record = Record {
            id,
            mount: mount.index() as u32,
            joined_frame: start.frame,
            frame: start.frame,
            pending: head,
            lag: Lag::default(),
            skipped_frames: 0,
            bytes: 0,
            admitted_tick: self.shared.tick_now(),
            address: meta.address,
            user_agent: self.agents.lock().unwrap_or_else(PoisonError::into_inner).intern(&meta.user_agent),
            _seat: seat,
        };
        let (reason, back) = match self.doors[shard].newcomers.try_send(Box::new(Admission { socket, record })) {
            Ok(()) => {
                self.shared.shards[shard].next_due.store(0, Ordering::SeqCst);
                self.shared.wake(shard);
                return Ok(id);
            }
            Err(TrySendError::Full(back)) => (RefusedReason::Full, back),
            Err(TrySendError::Disconnected(back)) => (RefusedReason::ShuttingDown, back),
        };
        Err(Refused { reason, socket: back.socket })
    }

    /// Whether one more listener would find a seat now.
    pub fn has_room(&self) -> bool {
        self.shared.listeners.load(Ordering::Relaxed) < self.shared.config.listeners_max
    }

    /// All figures at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let mut totals = Totals::default();
        self.shared.shards.iter().for_each(|shard| totals += shard.figures.totals());
        let listeners_of = |mount: &Mount| {
            let of = |shard: &ShardShared| shard.figures.mounts[mount.index()].load(Ordering::Relaxed);
            self.shared.shards.iter().map(of).sum()
        };
        let figures = |mount: &Mount| MountFigures {
            name: mount.name().to_owned(),
            listeners: listeners_of(mount),
            next_frame: mount.frames().end,
        };
        let ticks_given = match self.shared.tick.load(Ordering::SeqCst) {
            NO_TICK => 0,
            tick => tick + 1,
        };
        // Before its next due tick a shard sleeps, and every tick given so far is served.
        let served_before = |shard: &ShardShared| ticks_given.min(shard.next_due.load(Ordering::SeqCst));
        Snapshot {
            listeners: self.shared.listeners.load(Ordering::Relaxed),
            mounts: self.shared.mounts.iter().map(figures).collect(),
            served_tick: self.shared.shards.iter().map(served_before).min().and_then(|before| before.checked_sub(1)),
            totals,
        }
    }

    /// At most `limit` (and 1000) listeners from `from` on; start with `PageCursor::default()`. Waits for the shards'
    /// answers, usually less than a millisecond: not for a thread that must not wait.
    pub fn listeners(&self, from: PageCursor, limit: usize) -> ListenerPage {
        let limit = limit.min(PAGE_MAX);
        let mut page = ListenerPage::default();
        let mut cursor = from;
        while cursor.shard < self.doors.len() {
            if page.rows.len() >= limit {
                page.next = Some(cursor);
                return page;
            }
            let (reply, answer) = sync_channel(1);
            let ask = Question { key: cursor.key, limit: limit - page.rows.len(), reply };
            let asked = self.doors[cursor.shard].questions.try_send(ask).is_ok();
            self.shared.wake(cursor.shard);
            let answer = if asked { answer.recv_timeout(ANSWER_WAIT).ok() } else { None };
            let (mut rows, more) = answer.unwrap_or_default();
            page.rows.append(&mut rows);
            cursor = match more {
                Some(key) => PageCursor { shard: cursor.shard, key },
                None => PageCursor { shard: cursor.shard + 1, key: 0 },
            };
        }
        page
    }

    /// Ends the stream to everyone on a frame boundary, closes, and joins the threads; whoever has not taken the rest of
    /// its frame within `patience` is cut. A second call does nothing.
    pub fn shutdown(&self, patience: Duration) {
        let _ = self.shared.stop.set(Instant::now() + patience);
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
        self.shared.tick.store(tick, Ordering::SeqCst);
        for (index, shard) in self.shared.shards.iter().enumerate() {
            if shard.next_due.load(Ordering::SeqCst) <= tick {
                self.shared.wake(index);
            }
        }
    }
}
