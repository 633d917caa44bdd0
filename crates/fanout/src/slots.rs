//! Which listeners are served at which tick: a mount's period is cut into one slot per tick, and listeners are spread over
//! them (SPEC LIS-3).

use std::ops::Range;

/// Key of a listener within its shard.
pub(crate) type Key = u32;

/// The slots of one mount in one shard.
pub(crate) struct Slots {
    slots: Vec<Vec<Key>>,
}

impl Slots {
    pub fn new(period_ticks: u64) -> Self {
        Self { slots: (0..period_ticks.max(1)).map(|_| Vec::new()).collect() }
    }

    /// Puts a listener into the slot with the fewest; returns the slot.
    pub fn insert(&mut self, key: Key) -> usize {
        let slot = (0..self.slots.len()).min_by_key(|&slot| self.slots[slot].len()).unwrap_or(0);
        self.slots[slot].push(key);
        slot
    }

    pub fn remove(&mut self, slot: usize, key: Key) {
        if let Some(at) = self.slots[slot].iter().position(|&k| k == key) {
            self.slots[slot].swap_remove(at);
        }
    }

    /// Slots that fall due at these ticks, each once however many ticks have passed.
    pub fn due(&self, ticks: Range<u64>) -> impl Iterator<Item = usize> + use<> {
        let period = self.slots.len() as u64;
        let first = ticks.start.max(ticks.end.saturating_sub(period));
        (first..ticks.end).map(move |tick| (tick % period) as usize)
    }

    /// Takes a slot's listeners out to be served; `put` brings back those that stay.
    pub fn take(&mut self, slot: usize) -> Vec<Key> {
        std::mem::take(&mut self.slots[slot])
    }

    pub fn put(&mut self, slot: usize, keys: Vec<Key>) {
        self.slots[slot] = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_spread_evenly_also_after_some_have_left() {
        let mut slots = Slots::new(21);
        let placed: Vec<_> = (0..210).map(|key| slots.insert(key)).collect();
        assert!(slots.slots.iter().all(|slot| slot.len() == 10));
        (0..70).for_each(|key| slots.remove(placed[key as usize], key));
        (1000..1070).for_each(|key| {
            slots.insert(key);
        });
        assert!(slots.slots.iter().all(|slot| slot.len() == 10));
    }

    #[test]
    fn ticks_that_pass_at_once_serve_every_slot_passed_once() {
        let slots = Slots::new(4);
        assert_eq!(slots.due(5..6).collect::<Vec<_>>(), [1]);
        assert_eq!(slots.due(5..8).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(slots.due(0..1_000_000_001).collect::<Vec<_>>(), [1, 2, 3, 0]);
        assert_eq!(slots.due(7..7).count(), 0);
    }
}
