//! What changes while listeners are there: mounts, limits, and who has to leave. Listeners that a change is not about
//! notice nothing of it.

use std::io;

use crate::config::{self, MountConfig};
use crate::fanout::Fanout;
use crate::figures::ListenerId;
use crate::guests::ListenerMeta;
use crate::layout;
use crate::listener::Message;
use crate::mount::{Mount, Publisher};
use crate::sync::Ordering;

impl Fanout {
    /// Opens one more mount, in memory of its own: a fan-out that goes on in this one's memory does not know of it. Its name
    /// may be that of a mount about to be closed; [`Fanout::mount`] finds the older one.
    ///
    /// # Errors
    /// A setting that cannot work (the message says what would), or more mounts than there may be.
    pub fn open_mount(&self, config: MountConfig) -> io::Result<(Mount, Publisher)> {
        config::check_mount(&config)?;
        let seats = &self.shared.seats;
        let (listeners_max, listener_bps) = (config.listeners_max, config.listener_bps);
        let parts = layout::open_later(&config);
        let make = |index| Mount::new(index, config, parts);
        let Some((mount, publisher)) = self.shared.mounts.add(|index| seats.taken_at(index) == 0, make) else {
            return Err(io::Error::other("there are as many mounts as there may be: close one, and wait for its end"));
        };
        seats.open_mount(mount.index(), listeners_max, listener_bps);
        // Before any of its listeners, who take the same way.
        self.tell_shards(None, || Message::Open(mount.clone()));
        Ok((mount, publisher))
    }

    /// Closes a mount: nobody joins it any more, and its listeners get the rest of the frame that they are in, those that
    /// do not take it within `patience_ticks` not. Its publisher is to be silent before. A second call does nothing.
    pub fn close_mount(&self, mount: &Mount, patience_ticks: u64) {
        if self.shared.mounts.close(mount) {
            let until = self.shared.tick().unwrap_or(0) + patience_ticks;
            self.tell_shards(None, || Message::Close(mount.clone(), until));
        }
    }

    /// Sends a listener away, with the rest of the frame that it is in if its socket takes it, and says who it was; `None`:
    /// it is not there.
    pub fn kick(&self, id: ListenerId) -> Option<ListenerMeta> {
        let parts = &self.shared.parts;
        let is_there = |&seat: &usize| parts.record(seat)[0].load(Ordering::Relaxed) == id.0;
        let seat = (0..self.shared.config.listeners_max).find(is_there).filter(|_| id.0 != 0);
        let (shard, meta) = self.shared.guests.lock(seat?).as_ref().map(|guest| {
            let user_agent = guest.user_agent.to_string();
            (guest.shard, ListenerMeta { address: guest.address, user_agent, metaint: 0 })
        })?;
        self.tell_shards(Some(shard), || Message::Kick(id));
        Some(meta)
    }

    /// Changes the limits of who may join: in all (never more than at the start) and from one address (0: no limit).
    /// Whoever is there may stay.
    pub fn limit(&self, listeners_max: usize, listeners_per_address_max: usize) {
        let guests = &self.shared.guests;
        let addresses = (0..self.shared.config.listeners_max)
            .filter_map(|seat| guests.lock(seat).as_ref().and_then(|guest| guest.address).map(|address| address.ip()));
        self.shared.seats.limit(listeners_max, listeners_per_address_max, addresses);
    }

    /// Changes how many bits a second all listeners together may take; 0: no limit. Listeners that
    /// are connected stay.
    pub fn limit_rate(&self, bps_max: u64) {
        self.shared.seats.limit_rate(bps_max);
    }

    /// Changes how many may join a mount; 0: no limit but that in all.
    pub fn limit_mount(&self, mount: &Mount, listeners_max: usize) {
        if self.shared.mounts.is_open(mount) {
            self.shared.seats.limit_mount(mount.index(), listeners_max);
        }
    }
}
