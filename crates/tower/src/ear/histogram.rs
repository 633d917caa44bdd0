//! How long things take, sorted as Prometheus wants it: from arrival to send, and how far listeners are behind.

use radio_fanout::LAG_FRAMES;
use radio_signal::units::TICK_MS;

/// Upper bounds of the time from arrival to send, in seconds.
const ARRIVAL_BOUNDS_S: [f64; 10] = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// Samples of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// For each upper bound in seconds, ascending, how many were at most that.
    at_most: Vec<(f64, u64)>,
    /// All of them.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// Of times from arrival to send; no sample yet.
    #[must_use]
    pub fn of_arrivals() -> Self {
        Self::with(ARRIVAL_BOUNDS_S)
    }

    /// Of how far listeners are behind; no sample yet.
    #[must_use]
    pub fn of_lags() -> Self {
        Self::with(LAG_FRAMES.map(|frames| (frames * TICK_MS) as f64 / 1000.0))
    }

    fn with(bounds_s: impl IntoIterator<Item = f64>) -> Self {
        Self { at_most: bounds_s.into_iter().map(|bound_s| (bound_s, 0)).collect(), count: 0, sum_s: 0.0 }
    }

    /// One more sample.
    pub(crate) fn observe(&mut self, sample_s: f64) {
        self.at_most.iter_mut().for_each(|(bound_s, count)| *count += u64::from(sample_s <= *bound_s));
        self.count += 1;
        self.sum_s += sample_s;
    }

    /// Samples that are sorted already: how many lie between each bound and the one before, and the last beyond all of them.
    pub(crate) fn add(&mut self, between: &[u64], sum_s: f64) {
        let mut sum = 0;
        for ((_, count), more) in self.at_most.iter_mut().zip(between) {
            sum += more;
            *count += sum;
        }
        self.count += between.iter().sum::<u64>();
        self.sum_s += sum_s;
    }

    /// Each bound in seconds, and how many were at most that.
    #[must_use]
    pub fn at_most(&self) -> &[(f64, u64)] {
        &self.at_most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(histogram: &Histogram) -> Vec<u64> {
        histogram.at_most().iter().map(|(_, count)| *count).collect()
    }

    #[test]
    fn each_bound_counts_all_that_are_below_it() {
        let mut arrivals = Histogram::of_arrivals();
        [0.096, 0.504, 12.0].into_iter().for_each(|sample_s| arrivals.observe(sample_s));
        assert_eq!(counts(&arrivals), [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!((arrivals.count, arrivals.at_most()[2].0), (3, 0.5));
        assert!((arrivals.sum_s - 12.6).abs() < 1e-9);
    }

    #[test]
    fn each_look_at_the_listeners_counts_every_one_of_them() {
        let mut lags = Histogram::of_lags();
        lags.add(&[7, 2, 0, 1, 0, 0, 3], 100.0);
        lags.add(&[10, 0, 0, 0, 0, 0, 3], 96.0);
        assert_eq!(counts(&lags), [17, 19, 19, 20, 20, 20]);
        assert_eq!((lags.count, lags.sum_s, lags.at_most()[5].0), (26, 196.0, 30.0));
    }
}
