//! Going on with the listeners of a fan-out before this one.

use std::collections::HashMap;

use crate::agents::Agents;
use crate::fanout::Survivor;
use crate::guests::Guest;
use crate::listener::Arrival;
use crate::record::Record;
use crate::shared::Shared;
use crate::sync::Ordering;

impl Shared {
    /// Seats the listeners whose records are there, and frees the records of all others. A socket without a record is
    /// closed.
    pub(crate) fn seat_survivors(&self, survivors: Vec<Survivor>, agents: &mut Agents) -> Vec<Arrival> {
        let mut survivors: HashMap<u64, Survivor> = survivors.into_iter().map(|s| (s.id.0, s)).collect();
        let mut seated = Vec::new();
        let mut arrivals = Vec::new();
        for seat in 0..self.config.listeners_max {
            let words = self.parts.record(seat);
            let before = Record::load(words);
            let there = survivors.remove(&before.id).filter(|survivor| {
                survivor.head.len() as u64 == before.head_bytes() && self.mounts.at(before.mount()).is_some()
            });
            let Some(Survivor { socket, head, meta, written, .. }) = there.filter(|_| before.id != 0) else {
                words[0].store(0, Ordering::Release);
                continue;
            };
            let mut record = before;
            record.written = written.unwrap_or(before.written);
            record.complete();
            record.store(words, &before);
            let shard = self.load_shard();
            let user_agent = agents.intern(&meta.user_agent);
            let guest = Guest { address: meta.address, user_agent, head: head.into(), shard };
            *self.guests.lock(seat) = Some(Box::new(guest));
            seated.push((seat, record.mount(), meta.address.map(|address| address.ip())));
            arrivals.push(Arrival { socket, seat, mount: record.mount(), shard });
        }
        self.seats.take_these(seated.into_iter());
        let is_there = |id| {
            id != 0 && arrivals.iter().any(|arrival| self.parts.record(arrival.seat)[0].load(Ordering::Relaxed) == id)
        };
        self.parts.asides.retain(is_there);
        arrivals
    }
}
