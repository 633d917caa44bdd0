//! Which listeners are served at which tick: a mount's period is cut into one slot per tick (SPEC LIS-3).
//!
//! A few listeners share one slot, so that their shard sleeps through the rest of the period: on a quiet tower a wake-up
//! costs more than the sends it is for. A crowd is spread over all slots.

use std::ops::Range;

/// Key of a listener within its shard.
pub(crate) type Key = u32;

/// Listeners in a slot before the next one is opened: a millisecond of sends at most.
const SLOT_LISTENERS: usize = 64;

/// The slots of one mount in one shard.
pub(crate) struct Slots {
    slots: Vec<Vec<Key>>,
}

impl Slots {
    pub fn new(period_ticks: u64) -> Self {
        Self { slots: (0..period_ticks.max(1)).map(|_| Vec::new()).collect() }
    }

    /// Puts a listener into the first slot that is not full, or that with the fewest if all are; returns the slot.
    pub fn insert(&mut self, key: Key) -> usize {
        let has_room = |slot: &usize| self.slots[*slot].len() < SLOT_LISTENERS;
        let fewest = || (0..self.slots.len()).min_by_key(|&slot| self.slots[slot].len());
        let slot = (0..self.slots.len()).find(has_room).or_else(fewest).unwrap_or(0);
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

    /// The first tick from `tick` on at which somebody is to be served.
    pub fn next_due(&self, tick: u64) -> Option<u64> {
        let period = self.slots.len() as u64;
        (tick..tick + period).find(|tick| !self.slots[(tick % period) as usize].is_empty())
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
    fn a_crowd_is_spread_evenly_also_after_some_have_left() {
        let mut slots = Slots::new(21);
        let placed: Vec<_> = (0..2100).map(|key| slots.insert(key)).collect();
        assert!(slots.slots.iter().all(|slot| slot.len() == 100));
        (0..700).for_each(|key| slots.remove(placed[key as usize], key));
        (5000..5700).for_each(|key| {
            slots.insert(key);
        });
        assert!(slots.slots.iter().all(|slot| slot.len() == 100));
    }

    #[test]
    fn a_few_share_a_slot_and_the_ticks_between_are_free() {
        let mut slots = Slots::new(21);
        assert_eq!(slots.next_due(5), None);
        assert!((0..64).all(|key| slots.insert(key) == 0));
        assert_eq!((slots.next_due(0), slots.next_due(1), slots.next_due(21)), (Some(0), Some(21), Some(21)));
        assert_eq!(slots.insert(64), 1);
        assert_eq!(slots.next_due(1), Some(1));
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
