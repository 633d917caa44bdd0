//! Chance that can be repeated: the same seed, the same numbers.

use std::time::Duration;

/// A generator of pseudo-random numbers (an LCG; good enough to choose moments).
#[derive(Clone, Debug)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// From the variable `RADIO_SEED`, which repeats a run, or else from the time of day.
    #[must_use]
    pub fn from_time() -> Self {
        let given = std::env::var("RADIO_SEED").ok().and_then(|seed| seed.parse().ok());
        let time = || std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()));
        Self::new(given.unwrap_or_else(time))
    }

    /// The numbers that belong to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// What repeats it.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A time from `from` to just below `to`.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + (to - from).mul_f64(f64::from(self.next()) / f64::from(u32::MAX))
    }

    /// A number from 0 to just below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.next()) * end as u64) >> 32) as usize
    }

    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers_and_they_are_spread() {
        let (from, to) = (Duration::from_secs(1), Duration::from_secs(3));
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            (0..1000).map(|_| chance.between(from, to)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        let mean = numbers(7).iter().sum::<Duration>() / 1000;
        assert!(mean.abs_diff(Duration::from_secs(2)) < Duration::from_millis(50), "{mean:?}");
    }
}
