//! Waiting room of a port: the connections that have not made a complete request yet, or do not take
//! the answer to it, and which of them goes when places run out.
//!
//! While there are places no connection is refused. Then a newcomer takes the place of a connection
//! of an address that has more than its share, or else of one that has said nothing; the oldest
//! goes first. A connection whose first bytes have arrived unread is not taken for silent: it is
//! asked, and looks once more. A client that takes its answer slowly keeps its place for longest.

use super::neighbourhood;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The share of an address (IPv6: a /64) in the places of a port is a quarter,
const ADDRESS_SHARE: usize = 4;
/// and that of a network (IPv6: a /48, IPv4: the address itself) a half.
const NETWORK_SHARE: usize = 2;
/// A connection that has sent a part of its request keeps its place for so long; with most networks
/// it is whole by then.
const HEAD_START: Duration = Duration::from_secs(1);
/// and so long if its address has more than its share.
const HEAD_START_GREEDY: Duration = Duration::from_millis(100);
/// A connection whose answer waits for its client keeps its place for so long since its request; a
/// page comes through a slow mobile network in that time.
const ANSWER_START: Duration = Duration::from_secs(10);

/// So many connections more than there are places are let in for the moment that others take to go.
const LEAVING_MAX: usize = 16;

/// The places of one port.
#[derive(Debug)]
pub struct WaitingRoom {
    max: usize,
    state: Mutex<State>,
    /// A place has become free, or a connection that was asked to go has spoken.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    waiting: Vec<Waiting>,
    /// Of these, those that have been asked to go.
    asked: usize,
    /// How many of them each network and each address has.
    networks: HashMap<IpAddr, usize>,
    addresses: HashMap<IpAddr, usize>,
    /// Connections whose requests are being answered, and that are not waited for.
    served: usize,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    since: Instant,
    stage: Stage,
    asked: Arc<Asked>,
}

/// What a connection that waits has done so far; those that have done less go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing.
    Silent,
    /// It has sent a part of its request.
    Asking,
    /// It has sent its request, and does not take what is answered as fast as that comes.
    Taking,
}

/// How a connection learns that it has to go.
#[derive(Debug, Default)]
struct Asked {
    is_asked: AtomicBool,
    notify: Notify,
}

/// The place of a connection, free again when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    room: Arc<WaitingRoom>,
    asked: Arc<Asked>,
    served: Mutex<Option<Served>>,
}

/// A request that is being answered.
#[derive(Debug)]
struct Served {
    since: Instant,
    /// Whether the connection is back among those that wait, as one whose answer waits for it.
    is_waited_for: bool,
}

impl WaitingRoom {
    /// So many places, all free.
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        let max = places.saturating_sub(LEAVING_MAX).max(1);
        Arc::new(Self { max, state: Mutex::default(), changed: Notify::new() })
    }

    /// A place for a connection from `address`, once there is one.
    pub async fn enter(self: &Arc<Self>, address: IpAddr) -> Ticket {
        loop {
            // Before the look, so that no change is missed.
            let changed = self.changed.notified();
            if let Some(ticket) = self.try_enter(address, Instant::now()) {
                return ticket;
            }
            // Places also become free by time: that of a connection with a part of its request.
            let _looked_again = tokio::time::timeout(HEAD_START_GREEDY, changed).await;
        }
    }

    /// A place, if there is one, or if another connection can be asked to go.
    fn try_enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Ticket> {
        let mut state = self.lock();
        let count = state.waiting.len() + state.served;
        if count >= self.max {
            let is_enough = count >= self.max + LEAVING_MAX;
            let victim = if state.asked < LEAVING_MAX { state.victim(self.max, now) } else { None };
            if let Some(victim) = victim {
                state.ask(victim);
            }
            if is_enough || victim.is_none() {
                return None;
            }
        }
        let asked = Arc::<Asked>::default();
        state.add(Waiting {
            address: address.to_canonical(),
            since: now,
            stage: Stage::Silent,
            asked: Arc::clone(&asked),
        });
        Some(Ticket { room: Arc::clone(self), asked, served: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, waiting: Waiting) {
        *self.networks.entry(network(waiting.address)).or_default() += 1;
        *self.addresses.entry(neighbourhood(waiting.address)).or_default() += 1;
        self.waiting.push(waiting);
    }

    /// Takes out the connection that is asked by `asked`.
    fn remove(&mut self, asked: &Arc<Asked>) -> Option<Waiting> {
        let index = self.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.asked, asked))?;
        let waiting = self.waiting.remove(index);
        self.is_answered(asked);
        for (counts, group) in
            [(&mut self.networks, network(waiting.address)), (&mut self.addresses, neighbourhood(waiting.address))]
        {
            if let Some(count) = counts.get_mut(&group) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&group);
                }
            }
        }
        Some(waiting)
    }

    fn ask(&mut self, index: usize) {
        let asked = &self.waiting[index].asked;
        asked.is_asked.store(true, Relaxed);
        asked.notify.notify_one();
        self.asked += 1;
    }

    /// What was asked to go, if it was, stays or has gone.
    fn is_answered(&mut self, asked: &Asked) {
        if asked.is_asked.swap(false, Relaxed) {
            self.asked -= 1;
        }
    }

    /// The connection that goes first, if any does.
    fn victim(&self, places: usize, now: Instant) -> Option<usize> {
        let groups = [
            (&self.networks, network as fn(IpAddr) -> IpAddr, NETWORK_SHARE),
            (&self.addresses, neighbourhood, ADDRESS_SHARE),
        ];
        for (counts, group, share) in groups {
            let largest = counts.iter().max_by_key(|(_, count)| **count);
            if let Some((greedy, _)) = largest.filter(|(_, count)| **count > (places / share).max(1)) {
                let starts = [HEAD_START_GREEDY, HEAD_START_GREEDY];
                let found = self.first_of(now, starts, |other| group(other.address) == *greedy);
                if found.is_some() {
                    return found;
                }
            }
        }
        self.first_of(now, [HEAD_START, ANSWER_START], |_| true)
    }

    /// The oldest of those that have done least, of some of the connections: of those that have done
    /// more than nothing, one that has had its place for so long while asking, or while taking.
    fn first_of(&self, now: Instant, starts: [Duration; 2], is_one: impl Fn(&Waiting) -> bool) -> Option<usize> {
        let stages = [(Stage::Silent, Duration::ZERO), (Stage::Asking, starts[0]), (Stage::Taking, starts[1])];
        stages.into_iter().find_map(|(stage, start)| {
            let goes = |other: &Waiting| {
                other.stage == stage
                    && now >= other.since + start
                    && !other.asked.is_asked.load(Relaxed)
                    && is_one(other)
            };
            self.waiting.iter().position(goes)
        })
    }
}

/// What one customer of a provider is usually given.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 80 << 80)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Ticket {
    /// From now on another address counts: that of the client behind a proxy.
    pub fn comes_from(&self, address: IpAddr) {
        let mut state = self.room.lock();
        let index = state.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.asked, &self.asked));
        // It keeps its age, by which connections are ordered.
        if let (Some(index), Some(waiting)) = (index, state.remove(&self.asked)) {
            state.add(Waiting { address: address.to_canonical(), ..waiting });
            let last = state.waiting.len() - 1;
            state.waiting[index..=last].rotate_right(1);
        }
    }

    /// Waits for the first bytes of a connection. False: it has to go before they have come.
    pub async fn first_bytes(&self, socket: &TcpStream) -> bool {
        let mut first = [0];
        let has_bytes = tokio::select! {
            peeked = socket.peek(&mut first) => peeked.is_ok_and(|bytes| bytes > 0),
            () = self.asked.notify.notified() => has_unread(socket),
        };
        if has_bytes {
            self.has_spoken();
        }
        has_bytes
    }

    /// The connection has sent something.
    pub fn has_spoken(&self) {
        let mut state = self.room.lock();
        state.is_answered(&self.asked);
        if let Some(waiting) = state.waiting.iter_mut().find(|waiting| Arc::ptr_eq(&waiting.asked, &self.asked)) {
            waiting.stage = Stage::Asking;
        }
        drop(state);
        self.room.changed.notify_one();
    }

    /// Waits until the connection has to go, though it has sent something.
    pub async fn asked_to_go(&self) {
        loop {
            self.asked.notify.notified().await;
            // What was asked before its first bytes were seen has been answered.
            if self.asked.is_asked.load(Relaxed) {
                return;
            }
        }
    }

    /// Its request is complete, and is being answered: it is not waited for.
    pub fn is_served(&self) {
        let mut served = self.served();
        if served.is_none() {
            *served = Some(Served { since: Instant::now(), is_waited_for: false });
            let mut state = self.room.lock();
            state.remove(&self.asked);
            state.served += 1;
            drop(state);
            // It may have been asked to go: then another is.
            self.room.changed.notify_one();
        }
    }

    /// Its answer waits for the client at `address`.
    pub fn waits_for_client(&self, address: IpAddr) {
        let mut served = self.served();
        if let Some(served) = served.as_mut().filter(|served| !served.is_waited_for) {
            served.is_waited_for = true;
            self.wait(address, served.since, Stage::Taking, false);
            self.room.changed.notify_one();
        }
    }

    /// It has been answered, and may make another request.
    pub fn waits_again(&self, address: IpAddr) {
        if let Some(served) = self.served().take() {
            self.wait(address, Instant::now(), Stage::Asking, served.is_waited_for);
        }
    }

    /// One that was being answered is one of those that wait; or is so in another way.
    fn wait(&self, address: IpAddr, since: Instant, stage: Stage, was_waited_for: bool) {
        let mut state = self.room.lock();
        match was_waited_for {
            true => _ = state.remove(&self.asked),
            false => state.served -= 1,
        }
        state.add(Waiting { address: address.to_canonical(), since, stage, asked: Arc::clone(&self.asked) });
    }

    fn served(&self) -> MutexGuard<'_, Option<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let is_answered = self.served().as_ref().is_some_and(|served| !served.is_waited_for);
        let mut state = self.room.lock();
        if is_answered {
            state.served -= 1;
        } else {
            state.remove(&self.asked);
        }
        drop(state);
        self.room.changed.notify_one();
    }
}

/// Whether something has come that has not been read.
fn has_unread(socket: &TcpStream) -> bool {
    rustix::io::ioctl_fionread(socket).is_ok_and(|bytes| bytes > 0)
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
