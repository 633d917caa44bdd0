//! How long what arrives waits until it is sent.

use radio_signal::units::TICK_MS;

/// Upper bounds, in seconds.
const BOUNDS_S: [f64; 10] = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// Samples of the time from arrival to send.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// For each bound, how many were at most that.
    at_most: [u64; BOUNDS_S.len()],
    /// All of them.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_s: f64,
}

impl Delays {
    /// What arrives now is sent after so many ticks.
    pub(super) fn observe(&mut self, ticks: u64) {
        let delay_s = (ticks * TICK_MS) as f64 / 1000.0;
        for (bound_s, count) in BOUNDS_S.iter().zip(&mut self.at_most) {
            *count += u64::from(delay_s <= *bound_s);
        }
        self.count += 1;
        self.sum_s += delay_s;
    }

    /// Each bound in seconds, and how many were at most that.
    #[must_use]
    pub fn at_most(&self) -> Vec<(f64, u64)> {
        BOUNDS_S.into_iter().zip(self.at_most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_counts_all_that_are_below_it() {
        let mut delays = Delays::default();
        [4, 21, 500].into_iter().for_each(|ticks| delays.observe(ticks));
        let counts: Vec<u64> = delays.at_most().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!((delays.count, delays.at_most()[2].0), (3, 0.5));
        assert!((delays.sum_s - 12.6).abs() < 1e-9);
    }
}
