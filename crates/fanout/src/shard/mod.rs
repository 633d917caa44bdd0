//! A shard: the thread that owns some of the listeners' sockets.
//!
//! It sleeps until a tick, its inbox, a laggard's socket or a hang-up wakes it, and then serves, in this order: the slots
//! of the ticks that have passed, laggards whose sockets take bytes again, newcomers and whatever else it is told. It waits for nothing else, and
//! nothing waits for it.

mod farewell;

use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use rustix::event::{Timespec, epoll};

use crate::figures::{ShardFigures, add};
use crate::lag::{LagFault, LagPolicy};
use crate::listener::{Arrival, Leaving, Listener, Message, State};
use crate::mount::Mount;
use crate::record::Record;
use crate::scratch::Scratch;
use crate::serve::Served;
use crate::shared::{NOTHING_DUE, Shared, Stop};
use crate::slots::{Key, Slots};
use crate::socket;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;
/// Newcomers served between two looks at the clock, so that a crowd at the door delays no slot.
const NEWCOMERS_MAX: usize = 64;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// Epoll's name for the wake-up; listeners are named by their key.
const WAKE: u64 = u64::MAX;

/// A mount, as a shard serves it.
struct Stage {
    mount: Mount,
    slots: Slots,
    /// It is closed: at this tick whoever still has not taken the rest of its frame is cut.
    closes: Option<u64>,
}

impl Stage {
    fn new(mount: Mount) -> Self {
        let slots = Slots::new(mount.config().period_ticks, mount.config().crowd_stretch);
        Self { mount, slots, closes: None }
    }
}

pub(crate) struct Shard {
    shared: Arc<Shared>,
    index: usize,
    inbox: Receiver<Message>,
    epoll: OwnedFd,
    policy: LagPolicy,
    listeners: Vec<Option<Listener>>,
    free: Vec<Key>,
    /// By number; none where a mount was closed and all have left.
    stages: Vec<Option<Stage>>,
    expectant: Vec<Key>,
    /// Laggards whose sockets take bytes again.
    writable: Vec<Key>,
    scratch: Scratch,
    is_crowded: bool,
    /// The first tick not yet served.
    tick_due: Option<u64>,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, index: usize, inbox: Receiver<Message>) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &shared.shards[index].wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        let config = &shared.config;
        let policy = LagPolicy {
            stall_ticks_max: config.stall_ms_max / config.tick_ms,
            skips_max: config.skips_max,
            skips_window_ticks: config.skips_window_ms / config.tick_ms,
        };
        Ok(Self {
            index,
            inbox,
            epoll,
            policy,
            listeners: Vec::new(),
            free: Vec::new(),
            stages: shared.mounts.open().into_iter().map(|mount| Some(Stage::new(mount))).collect(),
            expectant: Vec::new(),
            writable: Vec::new(),
            scratch: Scratch::default(),
            is_crowded: false,
            tick_due: shared.parts.clocks[index].load(Ordering::Acquire).checked_sub(1),
            shared,
        })
    }

    /// Serves until the fan-out is stopped.
    pub(crate) fn run(mut self) {
        let mut more = self.is_due_already();
        loop {
            self.wait(if more { Some(&AT_ONCE) } else { None });
            match self.shared.stop.get() {
                Some(&Stop::End(deadline)) => return self.end(deadline),
                Some(Stop::HandOver) => return,
                None => {}
            }
            self.serve_ticks();
            self.serve_writable();
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
            let dead = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
            match event.data.u64() {
                WAKE => {
                    let _ = rustix::io::read(&self.shared.shards[self.index].wake, &mut [0; 8]);
                }
                key if { event.flags }.intersects(dead) => self.remove(key as Key, Leaving::HungUp),
                key => self.writable.push(key as Key),
            }
        }
    }

    /// Serves the slots of the ticks that have passed, and whoever waits for a first frame.
    fn serve_ticks(&mut self) {
        let Some(tick) = self.shared.tick() else { return };
        if self.tick_due.is_some_and(|due| tick < due) {
            return;
        }
        let passed = self.tick_due.unwrap_or(tick)..tick + 1;
        self.count_overrun(passed.start, tick);
        for index in 0..self.stages.len() {
            self.serve_stage(index, &passed);
        }
        for key in std::mem::take(&mut self.expectant) {
            if let Some(live) = self.live_of(key)
                && self.serve(key, live, true)
                && self.listeners[key as usize].as_ref().is_some_and(|listener| listener.state == State::Expectant)
            {
                self.expectant.push(key);
            }
        }
        self.tick_due = Some(tick + 1);
        self.shared.parts.clocks[self.index].store(tick + 2, Ordering::Release);
    }

    fn serve_stage(&mut self, index: usize, passed: &Range<u64>) {
        let Some(stage) = &self.stages[index] else { return };
        if stage.closes.is_some() {
            return self.close(index, passed.end.saturating_sub(1));
        }
        let live = stage.mount.ring().live();
        for slot in stage.slots.due(passed.clone(), self.is_crowded) {
            let Some(stage) = &mut self.stages[index] else { return };
            let mut keys = stage.slots.take(slot);
            keys.retain(|&key| self.serve(key, live, false));
            if let Some(stage) = &mut self.stages[index] {
                stage.slots.put(slot, keys);
            }
        }
    }

    fn count_overrun(&self, first: u64, tick: u64) {
        let late = self.next_due(first).map_or(0, |due| tick.saturating_sub(due));
        if late > 0 {
            let figures = self.figures();
            add(&figures.overruns, 1);
            figures.overrun_ticks_max.fetch_max(late, Ordering::Relaxed);
        }
    }

    fn serve_writable(&mut self) {
        while let Some(key) = self.writable.pop() {
            if let Some(live) = self.live_of(key) {
                self.serve(key, live, true);
            }
        }
    }

    /// Tells the ticker when this shard is to be woken next; says whether that tick has come meanwhile.
    fn is_due_already(&self) -> bool {
        let next_due = self.next_due(self.tick_due.unwrap_or(0)).unwrap_or(NOTHING_DUE);
        self.shared.shards[self.index].next_due.store(next_due, Ordering::SeqCst);
        // The ticker stores the tick before it looks at `next_due`, and here it is the other way round: one of the two
        // sees the other's, so no tick is slept through.
        self.shared.tick().is_some_and(|tick| next_due <= tick)
    }

    /// The first tick from `tick` on at which there is something to do.
    fn next_due(&self, tick: u64) -> Option<u64> {
        if !self.expectant.is_empty() || self.stages.iter().flatten().any(|stage| stage.closes.is_some()) {
            return Some(tick);
        }
        self.stages.iter().flatten().filter_map(|stage| stage.slots.next_due(tick, self.is_crowded)).min()
    }

    /// Looks into the inbox; says whether there may be more in it.
    fn serve_door(&mut self) -> bool {
        for _ in 0..NEWCOMERS_MAX {
            let Ok(message) = self.inbox.try_recv() else { return false };
            let arrival = match message {
                Message::Arrival(arrival) => arrival,
                Message::Open(mount) => {
                    self.open(mount);
                    continue;
                }
                Message::Close(mount, until_tick) => {
                    self.begin_to_close(&mount, until_tick);
                    continue;
                }
                Message::Kick(id) => {
                    self.kick(id);
                    continue;
                }
            };
            // From now until this turn is over each tick wakes this shard, as if something were due.
            let next_tick = self.shared.tick().map_or(0, |tick| tick + 1);
            self.shared.shards[self.index].next_due.store(next_tick, Ordering::SeqCst);
            add(&self.figures().admitted, 1);
            if let Some(key) = self.seat(arrival)
                && let Some(live) = self.live_of(key)
            {
                // Head and burst at once.
                self.serve(key, live, true);
            }
        }
        true
    }

    /// Serves one more mount.
    fn open(&mut self, mount: Mount) {
        let index = mount.index();
        if self.stages.len() <= index {
            self.stages.resize_with(index + 1, || None);
        }
        self.stages[index] = Some(Stage::new(mount));
    }

    /// Gives a listener its slot.
    pub(crate) fn seat(&mut self, Arrival { socket: fd, seat, mount, .. }: Arrival) -> Option<Key> {
        let Some(stage) = self.stages.get_mut(mount).and_then(Option::as_mut) else {
            // The mount was closed while the listener was on its way.
            socket::end(&fd);
            drop(fd);
            self.shared.release(seat, mount, self.index);
            return None;
        };
        let key = self.free.pop().unwrap_or_else(|| {
            self.listeners.push(None);
            (self.listeners.len() - 1) as Key
        });
        // Hang-ups are always reported. A reader that has only closed its own sending side is not one.
        let nothing = epoll::EventFlags::empty();
        let added = epoll::add(&self.epoll, &fd, epoll::EventData::new_u64(u64::from(key)), nothing);
        let slot = stage.slots.insert(key) as u16;
        let (seat, mount) = (seat as u32, mount as u16);
        self.listeners[key as usize] = Some(Listener { fd, seat, mount, slot, state: State::Live, is_settled: false });
        self.look_at_crowd();
        if added.is_err() {
            self.remove(key, Leaving::HungUp);
            return None;
        }
        Some(key)
    }

    /// A listener's turn: in its slot, or `out_of_turn`. Says whether it is still there.
    fn serve(&mut self, key: Key, live: u64, out_of_turn: bool) -> bool {
        let Some(listener) = self.listeners.get_mut(key as usize).and_then(Option::as_mut) else {
            return false;
        };
        let Some(stage) = &self.stages[listener.mount as usize] else { return false };
        let turn = listener.turn(&self.shared, &stage.mount, self.index, &self.policy, live);
        let fd = listener.fd.as_fd();
        let served = if turn.is_behind && !out_of_turn && !turn.is_stalled() {
            turn.watch(&mut self.scratch)
        } else {
            turn.serve(&mut self.scratch, |slices| socket::send(fd, slices))
        };
        let state = match served {
            Served::Live if listener.is_settled => State::Live,
            Served::Live => {
                let record = Record::load(turn.record);
                if record.written > record.head_bytes() {
                    listener.is_settled = true;
                    socket::settle(fd, turn.mount.two_periods_bytes());
                    State::Live
                } else {
                    State::Expectant
                }
            }
            Served::Behind => State::Behind,
            Served::Faulty(fault) => {
                self.remove(key, Leaving::Faulty(fault));
                return false;
            }
            Served::HungUp => {
                self.remove(key, Leaving::HungUp);
                return false;
            }
        };
        let before = std::mem::replace(&mut listener.state, state);
        if (before == State::Behind) != (state == State::Behind) {
            let wanted = if state == State::Behind { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let _ = epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(u64::from(key)), wanted);
        }
        if state == State::Expectant && before != State::Expectant {
            self.expectant.push(key);
        }
        true
    }

    fn remove(&mut self, key: Key, why: Leaving) {
        let Some(listener) = self.listeners.get_mut(key as usize).and_then(Option::take) else {
            return;
        };
        let Listener { fd, seat, mount, slot, state, .. } = listener;
        // In this order, so that nothing is left of it even if another process holds a duplicate of the socket.
        let _ = epoll::delete(&self.epoll, &fd);
        socket::end(&fd);
        drop(fd);
        if let Some(stage) = &mut self.stages[mount as usize] {
            stage.slots.remove(slot as usize, key);
        }
        if state == State::Expectant {
            self.expectant.retain(|&other| other != key);
        }
        self.free.push(key);
        self.look_at_crowd();
        let figures = self.figures();
        let counter = match why {
            Leaving::HungUp => &figures.left,
            Leaving::Faulty(LagFault::Stalled) => &figures.dropped_stalled,
            Leaving::Faulty(LagFault::SkippedTooOften) => &figures.dropped_skips,
            Leaving::Faulty(LagFault::Lost) => &figures.dropped_lost,
            Leaving::Ended => &figures.ended,
            Leaving::Kicked => &figures.kicked,
        };
        add(counter, 1);
        self.shared.release(seat as usize, mount as usize, self.index);
    }

    /// The newest position of the mount of a listener that is there.
    fn live_of(&self, key: Key) -> Option<u64> {
        let listener = self.listeners.get(key as usize)?.as_ref()?;
        Some(self.stages[listener.mount as usize].as_ref()?.mount.ring().live())
    }

    /// Changes to the longer period when there are many listeners, and back when there are few.
    fn look_at_crowd(&mut self) {
        let listeners = self.listeners.len() - self.free.len();
        let config = &self.shared.config;
        let is_crowded = if self.is_crowded { listeners >= config.crowd_below } else { listeners > config.crowd_above };
        if is_crowded != self.is_crowded {
            self.is_crowded = is_crowded;
            self.shared.shards[self.index].is_crowded.store(is_crowded, Ordering::Relaxed);
        }
    }

    fn figures(&self) -> &ShardFigures {
        &self.shared.shards[self.index].figures
    }
}
