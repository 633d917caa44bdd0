//! One listener's record, and the sending of what it lacks.
//!
//! Its place is a frame number, always a whole frame's; what is left of the head, or of a frame that the socket took only
//! a part of, is copied aside and goes first. So whatever is overwritten or skipped, and wherever the stream ends, what a
//! listener receives is its head and then whole frames.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use crate::figures::{ListenerId, ListenerRow, ShardFigures, add};
use crate::lag::{Lag, LagFault, LagPolicy};
use crate::mount::Mount;
use crate::scratch::Scratch;
use crate::shared::Seat;

/// Attempts to copy from a ring whose writer overtakes the copy each time; then it is left for the next tick.
const COPY_ATTEMPTS_MAX: usize = 8;

/// A listener on its way from the door to its shard.
pub(crate) struct Admission {
    pub socket: OwnedFd,
    pub record: Record,
}

/// What is remembered of one listener, its socket apart.
pub(crate) struct Record {
    pub id: ListenerId,
    pub mount: u32,
    /// Number of its first frame.
    pub joined_frame: u64,
    /// The next frame of which nothing has been sent.
    pub frame: u64,
    /// Goes before `frame`: the rest of the head, or of a frame already begun.
    pub pending: Vec<u8>,
    pub lag: Lag,
    pub skipped_frames: u64,
    pub bytes: u64,
    pub admitted_tick: u64,
    pub address: Option<SocketAddr>,
    pub user_agent: Arc<str>,
    /// Held until the record is dropped.
    pub _seat: Seat,
}

/// How a listener stands after it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// It has all there is.
    Live,
    /// Its socket took only a part, or nothing.
    Behind,
    /// It is to be dropped.
    Faulty(LagFault),
    /// The socket is dead.
    HungUp,
}

/// What serving needs besides the record.
pub(crate) struct Context<'a> {
    pub mount: &'a Mount,
    pub tick: u64,
    /// The frame before which to stop: the newest at this round.
    pub live: u64,
    pub policy: &'a LagPolicy,
    pub figures: &'a ShardFigures,
}

impl Record {
    /// Sends all that the socket takes. `send` is given two slices to be sent one after the other.
    pub fn serve(
        &mut self,
        context: &Context<'_>,
        scratch: &mut Scratch,
        mut send: impl FnMut(&[u8], &[u8]) -> Result<usize, Errno>,
    ) -> Served {
        let mut live = context.live;
        let mut attempts = 0;
        loop {
            let there = context.mount.ring().frames();
            let mut from = self.frame;
            if there.start > from {
                if let Err(fault) = self.lag.overwritten(context.tick, context.policy) {
                    // The frame it is in is still its own: it is dropped behind it.
                    return if self.finish(context.figures, &mut send) {
                        Served::Faulty(fault)
                    } else {
                        self.refused(context)
                    };
                }
                live = there.end;
                from = live.saturating_sub(context.mount.config().skip_back_frames).max(there.start);
            }
            if self.pending.is_empty() && from >= live {
                self.lag.progressed();
                return Served::Live;
            }
            let run = match scratch.frames(context.mount, from, live) {
                Ok(run) => run,
                Err(_) if attempts < COPY_ATTEMPTS_MAX => {
                    attempts += 1;
                    continue;
                }
                Err(_) => return Served::Behind,
            };
            let taken = match send(&self.pending, run.bytes()) {
                Ok(taken) => taken,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => {
                    return self.refused(context);
                }
                Err(_) => return Served::HungUp,
            };
            self.took(taken, context.figures);
            let offered = self.pending.len() + run.bytes().len();
            if taken < self.pending.len() {
                self.pending.drain(..taken);
                return Served::Behind;
            }
            let of_run = taken - self.pending.len();
            self.pending = Vec::new();
            if of_run > 0 || run.bytes().is_empty() {
                if from > self.frame {
                    self.skipped_frames += from - self.frame;
                    self.lag.skipped(context.tick);
                    add(&context.figures.skips, 1);
                    add(&context.figures.skipped_frames, from - self.frame);
                }
                let (frame, rest) = run.after(of_run);
                self.frame = frame;
                self.pending = rest.to_vec();
            }
            if taken < offered {
                return Served::Behind;
            }
        }
    }

    fn took(&mut self, bytes: usize, figures: &ShardFigures) {
        self.bytes += bytes as u64;
        self.lag.progressed();
        add(&figures.bytes, bytes as u64);
        add(&figures.sends, 1);
    }

    fn refused(&mut self, context: &Context<'_>) -> Served {
        match self.lag.refused(context.tick, context.policy) {
            Ok(()) => Served::Behind,
            Err(fault) => Served::Faulty(fault),
        }
    }

    /// Sends the rest of the frame it is in; says whether nothing more can be done for it.
    pub fn finish(
        &mut self,
        figures: &ShardFigures,
        mut send: impl FnMut(&[u8], &[u8]) -> Result<usize, Errno>,
    ) -> bool {
        while !self.pending.is_empty() {
            match send(&self.pending, &[]) {
                Ok(taken) => {
                    self.took(taken, figures);
                    self.pending.drain(..taken);
                }
                Err(Errno::INTR) => {}
                Err(error) => return error != Errno::AGAIN,
            }
        }
        true
    }

    /// What it was sent, as of `tick`.
    pub fn row(&self, mount: &Mount, tick: u64, tick_ms: u64) -> ListenerRow {
        let begun = self.frame > self.joined_frame;
        let whole = self.frame - u64::from(begun && !self.pending.is_empty());
        ListenerRow {
            id: self.id,
            address: self.address,
            user_agent: Arc::clone(&self.user_agent),
            mount: mount.name().to_owned(),
            joined_frame: self.joined_frame,
            sent_through_frame: if whole > self.joined_frame { Some(whole - 1) } else { None },
            skipped_frames: self.skipped_frames,
            bytes: self.bytes,
            connected_secs: tick.saturating_sub(self.admitted_tick) * tick_ms / 1000,
        }
    }
}

#[cfg(all(test, not(loom)))]
#[path = "listener_tests.rs"]
mod tests;
