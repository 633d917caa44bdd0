//! When sound is decoded and measured: in batches, and sooner where an alarm is due.

use radio_config::AlarmLimits;
use radio_signal::units::TICK_MS;
use std::ops::Range;

/// Sound that is measured at a time, at most. Each wake-up finds the caches cold, so few long batches
/// cost less than many short ones.
const BATCH_MS_MAX: u64 = 1000;

/// The longest batch that delays no alarm: what begins within one must not be due before its end.
pub(super) fn batch_ms(limits: &AlarmLimits) -> u64 {
    let times = [limits.silence_ms, limits.differs_ms, limits.clear_ms];
    times.into_iter().filter(|&ms| ms > 0).fold(BATCH_MS_MAX, u64::min)
}

/// Whether to measure the frames that are `there`, of which `next` is the first that has not been:
/// a batch is full, or an alarm may be raised or over by the newest of them.
pub(super) fn is_due(next: Option<u64>, there: &Range<u64>, alarm_due_ms: Option<u64>, batch_ms: u64) -> bool {
    let Some(newest) = there.end.checked_sub(1).filter(|_| !there.is_empty()) else { return false };
    let Some(next) = next else { return true };
    let waits_ms = there.end.saturating_sub(next) * TICK_MS;
    waits_ms >= batch_ms || alarm_due_ms.is_some_and(|due_ms| due_ms <= newest * TICK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::alarm::{Alarm, Change};

    const LOOK_TICKS: u64 = 8;
    const TICKS: u64 = 200_000;

    /// Ticks that are wrong: stretches of up to `longest_ticks`, with breaks of the same lengths.
    fn wrong_ticks(seed: u64, longest_ticks: u64) -> Vec<bool> {
        let (mut state, mut ticks, mut is_wrong) = (seed, Vec::new(), false);
        while ticks.len() < TICKS as usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ticks.extend(std::iter::repeat_n(is_wrong, (state >> 33) as usize % longest_ticks as usize + 1));
            is_wrong = !is_wrong;
        }
        ticks
    }

    /// The looks at which the alarm changes, and how often sound was measured.
    fn changes(wrong: &[bool], limits: &AlarmLimits, batch_ms: u64) -> (Vec<(u64, Change)>, u64) {
        let mut alarm = Alarm::new(limits.silence_ms, limits.clear_ms);
        let (mut next, mut changes, mut batches) = (None, Vec::new(), 0);
        for end in (1..=TICKS).step_by(LOOK_TICKS as usize) {
            if is_due(next, &(0..end), alarm.due_ms(), batch_ms) {
                batches += 1;
                for tick in next.unwrap_or(0)..end {
                    let change = alarm.observe(tick * TICK_MS, wrong[tick as usize]);
                    changes.extend(change.map(|change| (end, change)));
                }
                next = Some(end);
            }
        }
        (changes, batches)
    }

    #[test]
    fn batches_delay_no_alarm_and_no_end_of_one() {
        for (silence_ms, clear_ms) in [(15_000, 10_000), (2000, 1000), (1000, 10_000), (300, 5000), (5000, 250)] {
            let limits = AlarmLimits { silence_ms, clear_ms, differs_ms: 0, ..AlarmLimits::default() };
            for seed in 0..20 {
                let wrong = wrong_ticks(seed, 3 * silence_ms.max(clear_ms) / TICK_MS);
                let (at_each_look, _) = changes(&wrong, &limits, 0);
                assert!(at_each_look.len() > 20, "{limits:?}: {}", at_each_look.len());
                assert_eq!(changes(&wrong, &limits, batch_ms(&limits)).0, at_each_look, "{limits:?}, seed {seed}");
            }
        }
    }

    #[test]
    fn while_all_is_well_sound_is_measured_once_a_second() {
        let limits = AlarmLimits::default();
        let (changes, batches) = changes(&vec![false; TICKS as usize], &limits, batch_ms(&limits));
        assert_eq!(changes, []);
        assert!(batches <= TICKS * TICK_MS / BATCH_MS_MAX + 1, "{batches} in {} s", TICKS * TICK_MS / 1000);
    }

    #[test]
    fn a_short_time_of_an_alarm_makes_short_batches_and_one_that_is_off_does_not() {
        let limits = AlarmLimits { silence_ms: 0, differs_ms: 700, clear_ms: 10_000, ..AlarmLimits::default() };
        assert_eq!(batch_ms(&limits), 700);
        assert_eq!(batch_ms(&AlarmLimits { differs_ms: 0, ..limits }), BATCH_MS_MAX);
    }
}
