//! Which listeners are served at which tick: a mount's period is cut into one slot per tick (SPEC LIS-3).
//!
//! A few listeners share one slot, so that their shard sleeps through the rest of the period: on a quiet tower a wake-up
//! costs more than the sends it is for. A crowd is spread over all slots.

use std::ops::Range;

/// Key of a listener within its shard.
pub(crate) type Key = u32;

/// Listeners served at one tick before the next one is used: two milliseconds or three of sends. After a sleep the first
/// of them find cold caches, and with 64 at a tick that took a tenth of all the time of 1,000 listeners.
const TICK_LISTENERS: usize = 192;

/// The slots of one mount in one shard: as many as the longer period has ticks. At the shorter period several slots fall
/// due at one tick, so that nobody is moved when a shard becomes crowded, and nobody waits longer than the longer period.
pub(crate) struct Slots {
    slots: Vec<Vec<Key>>,
    period_ticks: usize,
}

impl Slots {
    pub(crate) fn new(period_ticks: u64, stretch: u64) -> Self {
        let (period_ticks, stretch) = (period_ticks.max(1) as usize, stretch.max(1) as usize);
        Self { slots: (0..period_ticks * stretch).map(|_| Vec::new()).collect(), period_ticks }
    }

    /// Puts a listener into the first slot that is not full, or that with the fewest if all are; returns the slot.
    pub(crate) fn insert(&mut self, key: Key) -> usize {
        let stretch = self.slots.len() / self.period_ticks;
        let has_room = |slot: &usize| self.slots[*slot].len() < TICK_LISTENERS.div_ceil(stretch);
        let fewest = || (0..self.slots.len()).min_by_key(|&slot| self.slots[slot].len());
        // Slots that fall due together first.
        let together = (0..self.period_ticks).flat_map(|tick| (tick..self.slots.len()).step_by(self.period_ticks));
        let slot = { together }.find(has_room).or_else(fewest).unwrap_or(0);
        self.slots[slot].push(key);
        slot
    }

    pub(crate) fn remove(&mut self, slot: usize, key: Key) {
        if let Some(at) = self.slots[slot].iter().position(|&k| k == key) {
            self.slots[slot].swap_remove(at);
        }
    }

    /// Slots that fall due at these ticks, each once however many ticks have passed.
    pub(crate) fn due(&self, ticks: Range<u64>, crowded: bool) -> impl Iterator<Item = usize> + use<> {
        let (slots, period) = (self.slots.len(), self.period(crowded));
        let first = ticks.start.max(ticks.end.saturating_sub(period as u64));
        (first..ticks.end).flat_map(move |tick| ((tick % period as u64) as usize..slots).step_by(period))
    }

    /// The first tick from `tick` on at which somebody is to be served.
    pub(crate) fn next_due(&self, tick: u64, crowded: bool) -> Option<u64> {
        let is_due = |tick: &u64| self.due(*tick..*tick + 1, crowded).any(|slot| !self.slots[slot].is_empty());
        (tick..tick + self.period(crowded) as u64).find(is_due)
    }

    fn period(&self, crowded: bool) -> usize {
        if crowded { self.slots.len() } else { self.period_ticks }
    }

    /// Takes a slot's listeners out to be served; `put` brings back those that stay.
    pub(crate) fn take(&mut self, slot: usize) -> Vec<Key> {
        std::mem::take(&mut self.slots[slot])
    }

    pub(crate) fn put(&mut self, slot: usize, keys: Vec<Key>) {
        self.slots[slot] = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_spread_evenly_also_after_some_have_left() {
        let mut slots = Slots::new(21, 2);
        let placed: Vec<_> = (0..4200).map(|key| slots.insert(key)).collect();
        assert!(slots.slots.iter().all(|slot| slot.len() == 100));
        (0..1400).for_each(|key| slots.remove(placed[key as usize], key));
        (5000..6400).for_each(|key| {
            slots.insert(key);
        });
        assert!(slots.slots.iter().all(|slot| slot.len() == 100));
    }

    #[test]
    fn a_few_share_a_tick_and_the_ticks_between_are_free() {
        let mut slots = Slots::new(21, 2);
        assert_eq!(slots.next_due(5, false), None);
        assert!((0..TICK_LISTENERS as Key).all(|key| slots.insert(key).is_multiple_of(21)));
        let next = |slots: &Slots, tick| slots.next_due(tick, false);
        assert_eq!((next(&slots, 0), next(&slots, 1), next(&slots, 21)), (Some(0), Some(21), Some(21)));
        assert_eq!(slots.insert(TICK_LISTENERS as Key), 1);
        assert_eq!(next(&slots, 1), Some(1));
    }

    #[test]
    fn ticks_that_pass_at_once_serve_every_slot_passed_once() {
        let slots = Slots::new(4, 1);
        let due = |ticks| slots.due(ticks, false).collect::<Vec<_>>();
        assert_eq!(due(5..6), [1]);
        assert_eq!(due(5..8), [1, 2, 3]);
        assert_eq!(due(0..1_000_000_001), [1, 2, 3, 0]);
        assert!(due(7..7).is_empty());
    }

    #[test]
    fn in_a_crowd_each_slot_falls_due_half_as_often_and_changing_over_makes_nobody_wait_longer() {
        let slots = Slots::new(3, 2);
        let served = |ticks: Range<u64>, crowded| ticks.map(move |t| (t, crowded));
        let schedule = served(0..7, false).chain(served(7..31, true)).chain(served(31..50, false));
        let mut last = [0u64; 6];
        let mut counts = [0; 6];
        for (tick, crowded) in schedule {
            for slot in slots.due(tick..tick + 1, crowded) {
                assert!(tick - last[slot] <= 6);
                last[slot] = tick;
                counts[slot] += usize::from((7..31).contains(&tick));
            }
        }
        assert_eq!(counts, [4; 6]);
        assert!(last.iter().all(|&tick| tick >= 47));
    }
}
