//! How listeners are sent away: each with the rest of the frame that it is in, so that none ends with half a frame.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustix::event::Timespec;

use super::Shard;
use crate::figures::ListenerId;
use crate::listener::{Leaving, Listener};
use crate::mount::Mount;
use crate::slots::Key;
use crate::socket;

/// How often a socket is tried again while the fan-out ends.
const END_RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

impl Shard {
    /// Gives every listener the rest of the frame it is in, and closes.
    pub(super) fn end(mut self, deadline: Instant) {
        loop {
            let late = Instant::now() >= deadline;
            for key in 0..self.listeners.len() as Key {
                if self.finish(key) == Some(true) || late {
                    self.remove(key, Leaving::Ended);
                }
            }
            if self.listeners.iter().all(Option::is_none) {
                return;
            }
            self.wait(Some(&END_RETRY));
            self.writable.clear();
        }
    }

    /// A mount is closed.
    pub(super) fn begin_to_close(&mut self, mount: &Mount, until_tick: u64) {
        if let Some(stage) = self.stages.get_mut(mount.index()).and_then(Option::as_mut)
            && stage.mount.is(mount)
        {
            stage.closes = Some(until_tick);
            self.close(mount.index(), 0);
        }
    }

    /// Gives the listeners of a mount the rest of their frame, and forgets it when all have left.
    pub(super) fn close(&mut self, index: usize, tick: u64) {
        let Some(until_tick) = self.stages[index].as_ref().and_then(|stage| stage.closes) else { return };
        let mut is_left = true;
        for key in 0..self.listeners.len() as Key {
            if self.listeners[key as usize].as_ref().is_none_or(|listener| listener.mount as usize != index) {
                continue;
            }
            if self.finish(key) == Some(true) || tick > until_tick {
                self.remove(key, Leaving::Ended);
            } else {
                is_left = false;
            }
        }
        if is_left {
            self.stages[index] = None;
        }
    }

    /// A listener has to leave.
    pub(super) fn kick(&mut self, id: ListenerId) {
        let record = |listener: &Listener| self.shared.parts.record(listener.seat as usize)[0].load(Ordering::Relaxed);
        let is_meant = |listener: &Option<Listener>| listener.as_ref().is_some_and(|listener| record(listener) == id.0);
        if let Some(key) = self.listeners.iter().position(is_meant) {
            self.finish(key as Key);
            self.remove(key as Key, Leaving::Kicked);
        }
    }

    /// Sends a listener the rest of its frame; says whether nothing more can be done.
    fn finish(&mut self, key: Key) -> Option<bool> {
        let listener = self.listeners.get(key as usize)?.as_ref()?;
        let stage = self.stages[listener.mount as usize].as_ref()?;
        let turn = listener.turn(&self.shared, &stage.mount, self.index, &self.policy, 0);
        Some(turn.finish(&mut self.scratch, |slices| socket::send(listener.fd.as_fd(), slices)))
    }
}
