//! A shard: the thread that owns some of the listeners' sockets.
//!
//! It sleeps until a tick, a newcomer or a hang-up wakes it, and then serves, in this order: the slots of the ticks that
//! have passed, those that are behind, newcomers. It waits for nothing else, and nothing waits for it.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use rustix::event::{Timespec, epoll};

use crate::figures::{ListenerRow, add};
use crate::lag::{LagFault, LagPolicy};
use crate::listener::{Admission, Context, Record, Served};
use crate::scratch::Scratch;
use crate::shared::{NO_TICK, NOTHING_DUE, Shared};
use crate::slots::{Key, Slots};
use crate::socket;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;
/// Newcomers served between two looks at the clock, so that a crowd at the door delays no slot.
const NEWCOMERS_MAX: usize = 64;
/// How often a socket is tried again while the fan-out ends.
const END_RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// Epoll's name for the wake-up; listeners are named by their key.
const WAKE: u64 = u64::MAX;

/// Asks a shard for rows of at most `limit` listeners from `key` on, and the key to go on with.
pub(crate) struct Question {
    pub key: usize,
    pub limit: usize,
    pub reply: SyncSender<(Vec<ListenerRow>, Option<usize>)>,
}

/// Why a listener is no longer there.
#[derive(Clone, Copy)]
enum Leaving {
    HungUp,
    Faulty(LagFault),
    Ended,
}

struct Listener {
    fd: OwnedFd,
    record: Record,
    slot: usize,
    /// Tried at each tick instead of in its slot.
    behind: bool,
    /// Its burst has gone.
    settled: bool,
}

pub(crate) struct Shard {
    shared: Arc<Shared>,
    index: usize,
    newcomers: Receiver<Box<Admission>>,
    questions: Receiver<Question>,
    epoll: OwnedFd,
    policy: LagPolicy,
    listeners: Vec<Option<Listener>>,
    free: Vec<Key>,
    slots: Vec<Slots>,
    behind: Vec<Key>,
    scratch: Scratch,
    /// The first tick not yet served.
    tick_due: Option<u64>,
}

impl Shard {
    pub fn new(
        shared: Arc<Shared>,
        index: usize,
        newcomers: Receiver<Box<Admission>>,
        questions: Receiver<Question>,
    ) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &shared.shards[index].wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        let config = &shared.config;
        let policy = LagPolicy {
            stall_ticks_max: config.stall_ms_max / config.tick_ms,
            skips_max: config.skips_max,
            skips_window_ticks: config.skips_window_ms / config.tick_ms,
        };
        let slots = shared.mounts.iter().map(|mount| Slots::new(mount.config().period_ticks)).collect();
        Ok(Self {
            index,
            newcomers,
            questions,
            epoll,
            policy,
            listeners: Vec::new(),
            free: Vec::new(),
            slots,
            behind: Vec::new(),
            scratch: Scratch::default(),
            tick_due: None,
            shared,
        })
    }

    /// Serves until the fan-out is stopped.
    pub fn run(mut self) {
        let mut more = false;
        loop {
            self.wait(if more { Some(&AT_ONCE) } else { None });
            if let Some(&deadline) = self.shared.stop.get() {
                return self.end(deadline);
            }
            self.serve_ticks();
            more = self.serve_door();
            more |= self.is_due_already();
        }
    }

    /// Waits for something to happen, and lets go of listeners whose socket is dead.
    fn wait(&mut self, timeout: Option<&Timespec>) {
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        // An error can only be an interruption here; the next turn of the loop waits again.
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], timeout) else {
            return;
        };
        for event in events {
            match event.data.u64() {
                WAKE => {
                    let _ = rustix::io::read(&self.shared.shards[self.index].wake, &mut [0; 8]);
                }
                key => self.remove(key as Key, Leaving::HungUp),
            }
        }
    }

    /// Serves the slots of the ticks that have passed, and then whoever is behind.
    fn serve_ticks(&mut self) {
        let tick = self.shared.tick.load(Ordering::Acquire);
        if tick == NO_TICK || self.tick_due.is_some_and(|due| tick < due) {
            return;
        }
        let passed = self.tick_due.unwrap_or(tick)..tick + 1;
        self.tick_due = Some(tick + 1);
        let mut behind = std::mem::take(&mut self.behind);
        for mount in 0..self.slots.len() {
            let live = self.live(mount);
            for slot in self.slots[mount].due(passed.clone()) {
                let mut keys = self.slots[mount].take(slot);
                keys.retain(|&key| self.is_behind(key) || self.serve(key, live));
                self.slots[mount].put(slot, keys);
            }
        }
        behind.retain(|&key| {
            let Some(mount) = self.listener(key).map(|listener| listener.record.mount as usize) else {
                return false;
            };
            let live = self.live(mount);
            self.serve(key, live) && self.is_behind(key)
        });
        self.behind.append(&mut behind);
    }

    /// Tells the ticker when this shard is to be woken next; says whether that tick has come meanwhile.
    fn is_due_already(&self) -> bool {
        let next_tick = self.tick_due.unwrap_or(0);
        let next_due = if self.behind.is_empty() {
            self.slots.iter().filter_map(|slots| slots.next_due(next_tick)).min().unwrap_or(NOTHING_DUE)
        } else {
            next_tick
        };
        self.shared.shards[self.index].next_due.store(next_due, Ordering::SeqCst);
        // The ticker stores the tick before it looks at `next_due`, and here it is the other way round: one of the two
        // sees the other's, so no tick is slept through.
        let tick = self.shared.tick.load(Ordering::SeqCst);
        tick != NO_TICK && next_due <= tick
    }

    /// Does what the door asks; says whether there may be more of it.
    fn serve_door(&mut self) -> bool {
        // Whoever asks waits for the answer, so there are no more of them than threads at the door.
        while let Ok(Question { key, limit, reply }) = self.questions.try_recv() {
            let _ = reply.try_send(self.list(key, limit));
        }
        for _ in 0..NEWCOMERS_MAX {
            match self.newcomers.try_recv() {
                Ok(admission) => self.admit(*admission),
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes a listener in and sends it its head and burst.
    fn admit(&mut self, Admission { socket: fd, record }: Admission) {
        let mount = record.mount as usize;
        let figures = &self.shared.shards[self.index].figures;
        add(&figures.admitted, 1);
        add(&figures.mounts[mount], 1);
        let key = self.free.pop().unwrap_or_else(|| {
            self.listeners.push(None);
            (self.listeners.len() - 1) as Key
        });
        // Hang-ups are always reported. A reader that has only closed its own sending side is not one.
        let hung_up =
            epoll::add(&self.epoll, &fd, epoll::EventData::new_u64(u64::from(key)), epoll::EventFlags::empty());
        let slot = self.slots[mount].insert(key);
        self.listeners[key as usize] = Some(Listener { fd, record, slot, behind: false, settled: false });
        match hung_up {
            Ok(()) => {
                self.serve(key, self.live(mount));
            }
            Err(_) => self.remove(key, Leaving::HungUp),
        }
    }

    /// Sends a listener what its socket takes; says whether it is still there.
    fn serve(&mut self, key: Key, live: u64) -> bool {
        let Some(listener) = self.listeners.get_mut(key as usize).and_then(Option::as_mut) else {
            return false;
        };
        let mount = &self.shared.mounts[listener.record.mount as usize];
        let figures = &self.shared.shards[self.index].figures;
        let context = Context { mount, tick: self.shared.tick_now(), live, policy: &self.policy, figures };
        let fd = listener.fd.as_fd();
        let send = |first: &[u8], second: &[u8]| socket::send(fd, first, second);
        match listener.record.serve(&context, &mut self.scratch, send) {
            // Nothing was there to be sent yet: it shall not wait a whole period for its first frame.
            Served::Live if listener.record.frame == listener.record.joined_frame => {
                if !listener.behind {
                    listener.behind = true;
                    self.behind.push(key);
                }
            }
            Served::Live => {
                listener.behind = false;
                if !listener.settled {
                    listener.settled = true;
                    socket::settle(fd, mount.two_periods_bytes());
                }
            }
            Served::Behind if !listener.behind => {
                listener.behind = true;
                self.behind.push(key);
            }
            Served::Behind => {}
            Served::Faulty(fault) => {
                self.remove(key, Leaving::Faulty(fault));
                return false;
            }
            Served::HungUp => {
                self.remove(key, Leaving::HungUp);
                return false;
            }
        }
        true
    }

    fn remove(&mut self, key: Key, why: Leaving) {
        let Some(listener) = self.listeners.get_mut(key as usize).and_then(Option::take) else {
            return;
        };
        let mount = listener.record.mount as usize;
        let _ = epoll::delete(&self.epoll, &listener.fd);
        socket::end(&listener.fd);
        self.slots[mount].remove(listener.slot, key);
        if listener.behind {
            self.behind.retain(|&other| other != key);
        }
        self.free.push(key);
        let figures = &self.shared.shards[self.index].figures;
        figures.mounts[mount].fetch_sub(1, Ordering::Relaxed);
        let counter = match why {
            Leaving::HungUp => &figures.left,
            Leaving::Faulty(LagFault::Stalled) => &figures.dropped_stalled,
            Leaving::Faulty(LagFault::SkippedTooOften) => &figures.dropped_skips,
            Leaving::Ended => &figures.ended,
        };
        add(counter, 1);
    }

    fn list(&self, key: usize, limit: usize) -> (Vec<ListenerRow>, Option<usize>) {
        let tick = self.shared.tick_now();
        let mut rows = Vec::with_capacity(limit);
        for (at, listener) in self.listeners.iter().enumerate().skip(key) {
            if rows.len() == limit {
                return (rows, Some(at));
            }
            if let Some(Listener { record, .. }) = listener {
                rows.push(record.row(&self.shared.mounts[record.mount as usize], tick, self.shared.config.tick_ms));
            }
        }
        (rows, None)
    }

    /// Gives every listener the rest of the frame it is in, and closes.
    fn end(mut self, deadline: Instant) {
        let shared = Arc::clone(&self.shared);
        let figures = &shared.shards[self.index].figures;
        loop {
            let late = Instant::now() >= deadline;
            for key in 0..self.listeners.len() as Key {
                let Some(listener) = self.listeners[key as usize].as_mut() else {
                    continue;
                };
                let fd = listener.fd.as_fd();
                let done = listener.record.finish(figures, |first, second| socket::send(fd, first, second));
                if done || late {
                    self.remove(key, Leaving::Ended);
                }
            }
            if self.listeners.iter().all(Option::is_none) {
                return;
            }
            self.wait(Some(&END_RETRY));
        }
    }

    fn live(&self, mount: usize) -> u64 {
        self.shared.mounts[mount].frames().end
    }

    fn listener(&self, key: Key) -> Option<&Listener> {
        self.listeners.get(key as usize).and_then(Option::as_ref)
    }

    fn is_behind(&self, key: Key) -> bool {
        self.listener(key).is_some_and(|listener| listener.behind)
    }
}
