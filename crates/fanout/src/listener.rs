//! What a shard knows of a listener besides its record.

use std::os::fd::OwnedFd;

use crate::figures::ListenerId;
use crate::lag::{LagFault, LagPolicy};
use crate::mount::Mount;
use crate::serve::Turn;
use crate::shared::Shared;

/// What a shard is told.
pub(crate) enum Message {
    /// A listener comes.
    Arrival(Arrival),
    /// A mount is open.
    Open(Mount),
    /// A mount is closed: its listeners get the rest of their frame, until this tick at the latest.
    Close(Mount, u64),
    /// A listener has to leave.
    Kick(ListenerId),
}

/// A listener on its way to its shard.
pub(crate) struct Arrival {
    pub socket: OwnedFd,
    pub seat: usize,
    pub mount: usize,
    pub shard: usize,
}

/// Why a listener is no longer there.
#[derive(Clone, Copy)]
pub(crate) enum Leaving {
    HungUp,
    Faulty(LagFault),
    Ended,
    Kicked,
}

/// What only this process knows of a listener; the rest is in its record.
pub(crate) struct Listener {
    pub fd: OwnedFd,
    pub seat: u32,
    pub mount: u16,
    pub slot: u16,
    pub state: State,
    /// Its burst has gone.
    pub is_settled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Served in its slot.
    Live,
    /// Served when its socket says that it takes bytes.
    Behind,
    /// Served at each tick until its first frame is there.
    Expectant,
}

impl Listener {
    /// Its turn, up to the position `live`.
    pub(crate) fn turn<'a>(
        &self,
        shared: &'a Shared,
        mount: &'a Mount,
        shard: usize,
        policy: &'a LagPolicy,
        live: u64,
    ) -> Turn<'a> {
        let seat = self.seat as usize;
        Turn {
            record: shared.parts.record(seat),
            lag: shared.parts.lag(seat),
            guests: &shared.guests,
            seat,
            mount,
            tick: shared.tick().unwrap_or(0),
            live,
            is_behind: self.state == State::Behind,
            policy,
            asides: &shared.parts.asides,
            figures: &shared.shards[shard].figures,
        }
    }
}
