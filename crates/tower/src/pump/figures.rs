//! What the pump tells about itself: atomics that anyone may read and only the pump writes.

use radio_signal::units::{MonoTime, Serial};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of the lateness histogram: four to each doubling, from 1 us to 2^20 us (one second).
const BUCKETS: usize = 80;

/// Figures of the pump.
#[derive(Debug)]
pub struct PumpFigures {
    /// Ticks done; the last one's serial plus one.
    pub ticks: AtomicU64,
    /// When the last tick was done, on the monotonic clock, in ns; 0 before the first.
    pub last_tick_ns: AtomicU64,
    /// Times the schedule was re-anchored.
    pub reanchors: AtomicU64,
    /// Events lost because the journal did not keep up.
    pub events_lost: AtomicU64,
    /// 1 when the pump runs at real-time priority.
    pub realtime: AtomicU64,
    lateness: [AtomicU64; BUCKETS],
    lateness_us_max: AtomicU64,
    lateness_us_sum: AtomicU64,
}

/// How late all ticks were.
#[derive(Clone, Debug)]
pub struct Lateness {
    /// Bounds in seconds, from 16 us to half a second, and how many ticks were at most that late.
    pub at_most: Vec<(f64, u64)>,
    /// All ticks.
    pub count: u64,
    /// Their lateness together, in seconds.
    pub sum_s: f64,
}

/// The lowest and the highest bound that are shown, as powers of two of a microsecond.
const SHOWN_BOUNDS: std::ops::RangeInclusive<usize> = 4..=19;

impl Default for PumpFigures {
    fn default() -> Self {
        Self {
            ticks: AtomicU64::new(0),
            last_tick_ns: AtomicU64::new(0),
            reanchors: AtomicU64::new(0),
            events_lost: AtomicU64::new(0),
            realtime: AtomicU64::new(0),
            lateness: [const { AtomicU64::new(0) }; BUCKETS],
            lateness_us_max: AtomicU64::new(0),
            lateness_us_sum: AtomicU64::new(0),
        }
    }
}

impl PumpFigures {
    /// The last tick done, or `None` before the first.
    #[must_use]
    pub fn tick(&self) -> Option<Serial> {
        self.ticks.load(Relaxed).checked_sub(1)
    }

    /// How long ago the last tick was done, in ms; since boot if there was none.
    #[must_use]
    pub fn last_tick_age_ms(&self) -> u64 {
        super::clock::now().since_ms(MonoTime(self.last_tick_ns.load(Relaxed)))
    }

    /// Counts one tick that was `late_ns` behind its deadline.
    pub fn count_lateness(&self, late_ns: u64) {
        let late_us = late_ns / 1000;
        self.lateness[bucket(late_us)].fetch_add(1, Relaxed);
        self.lateness_us_max.fetch_max(late_us, Relaxed);
        self.lateness_us_sum.fetch_add(late_us, Relaxed);
    }

    /// How late all ticks were. Every fourth bucket ends at a power of two of a microsecond, so no count is a guess.
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        let counts: Vec<u64> = self.lateness.iter().map(|count| count.load(Relaxed)).collect();
        let at_most = SHOWN_BOUNDS
            .map(|power| (upper_bound_us(4 * power) / 1e6, counts.iter().take(4 * power + 1).sum()))
            .collect();
        let sum_s = self.lateness_us_sum.load(Relaxed) as f64 / 1e6;
        Lateness { at_most, count: counts.iter().sum(), sum_s }
    }

    /// Upper bound, in ms, of the lateness that a share `quantile` (0 to 1) of all ticks did not exceed.
    #[must_use]
    pub fn lateness_ms(&self, quantile: f64) -> f64 {
        let counts: Vec<u64> = self.lateness.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return (upper_bound_us(index) / 1000.0).min(self.lateness_ms_max());
            }
        }
        0.0
    }

    /// The latest any tick ever was, in ms.
    #[must_use]
    pub fn lateness_ms_max(&self) -> f64 {
        self.lateness_us_max.load(Relaxed) as f64 / 1000.0
    }
}

fn bucket(late_us: u64) -> usize {
    ((late_us.max(1) as f64).log2() * 4.0).ceil().min((BUCKETS - 1) as f64) as usize
}

fn upper_bound_us(bucket: usize) -> f64 {
    (bucket as f64 / 4.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds_within_a_fifth() {
        let figures = PumpFigures::default();
        for i in 0..1000u64 {
            figures.count_lateness(if i < 990 { 100_000 } else { 7_000_000 });
        }
        let (median, tail) = (figures.lateness_ms(0.5), figures.lateness_ms(0.999));
        assert!((0.1..0.12).contains(&median), "{median}");
        assert!((tail - 7.0).abs() < 1e-9, "never above the maximum: {tail}");
    }

    #[test]
    fn each_bound_counts_the_ticks_that_were_at_most_that_late() {
        let figures = PumpFigures::default();
        [0, 16_000, 17_000, 1_024_000, 3_000_000_000].into_iter().for_each(|late_ns| figures.count_lateness(late_ns));
        let lateness = figures.lateness();
        let below =
            |bound_s: f64| lateness.at_most.iter().find(|(bound, _)| *bound == bound_s).map(|(_, count)| *count);
        assert_eq!((below(0.000_016), below(0.000_032), below(0.001_024)), (Some(2), Some(3), Some(4)));
        assert_eq!((lateness.at_most.last().map(|(_, count)| *count), lateness.count), (Some(4), 5));
        assert!((lateness.sum_s - 3.001_057).abs() < 1e-9, "{}", lateness.sum_s);
    }

    #[test]
    fn nothing_counted_is_zero() {
        assert_eq!(PumpFigures::default().lateness_ms(0.99), 0.0);
        assert_eq!(PumpFigures::default().tick(), None);
    }
}
