//! How much faster or slower a producer must be played so that its buffer neither fills nor drains (SPEC IN-7).

use crate::units::{SAMPLE_RATE_HZ, TICK_NS, TICK_SAMPLES};

/// The correction never exceeds this, in parts per million: a source that is further off skips or
/// waits.
pub const CORRECTION_PPM_MAX: f64 = 10_000.0;

/// Time constant of the low-pass over the fill, in seconds. One tick's jitter must not be heard as vibrato.
const SMOOTHING_S: f64 = 8.0;
/// Proportional gain, in ppm per sample of error.
const PROPORTIONAL: f64 = 0.10;
/// Integral gain, in ppm per sample of error and second; critically damped or slower with the gains above.
const INTEGRAL: f64 = 0.0002;
/// An error beyond this, 96 ms, is none of a crystal and its jitter, and is corrected harder.
const ORDINARY_SAMPLES: f64 = 4.0 * TICK_SAMPLES as f64;
/// Proportional gain beyond that.
const PROPORTIONAL_BEYOND: f64 = 3.0;

/// No clock is further off, as a part. What changes faster was a burst or a loss.
const CLOCK_OFFSET_MAX: f64 = 0.3;
/// A change of the fill within this is no burst and no loss.
const STEP_SAMPLES_MIN: f64 = 3.0 * TICK_SAMPLES as f64;
/// Time over which a clock is compared, in seconds: what is older counts less and less.
const COMPARED_S: f64 = 60.0;
/// A lump that is longer tells of its error late, and so is corrected less hard.
const PROMPT_S: f64 = 2.0;

/// Seconds in `ticks`.
#[must_use]
pub(super) const fn seconds(ticks: u64) -> f64 {
    ticks as f64 * (TICK_NS as f64 / 1e9)
}

/// A PI controller on the smoothed fill of a producer's buffer.
///
/// The correction says how many more samples per million must be *made* of the producer's audio: positive when the
/// buffer drains (the producer is slow), negative when it fills.
#[derive(Clone, Debug)]
pub struct DriftController {
    target_samples: f64,
    smoothed_samples: f64,
    integral_ppm: f64,
}

impl DriftController {
    /// Holds `target_samples` per channel in the buffer.
    #[must_use]
    pub const fn new(target_samples: f64) -> Self {
        Self { target_samples, smoothed_samples: target_samples, integral_ppm: 0.0 }
    }

    /// `ticks` after the last time there are `fill_samples` per channel in the buffer; returns the
    /// correction in ppm, within +-[`CORRECTION_PPM_MAX`].
    pub fn tick(&mut self, fill_samples: f64, ticks: u64) -> f64 {
        let step_s = seconds(ticks);
        self.smoothed_samples += (fill_samples - self.smoothed_samples) * (1.0 - (-step_s / SMOOTHING_S).exp());
        let error_samples = self.target_samples - self.smoothed_samples;
        let beyond_samples = (error_samples.abs() - ORDINARY_SAMPLES).max(0.0) * error_samples.signum();
        let beyond_gain = PROPORTIONAL_BEYOND / (step_s / PROMPT_S).max(1.0);
        let proportional_ppm = PROPORTIONAL * error_samples + beyond_gain * beyond_samples;
        // The integral stops where the output does (anti-windup), so that recovery is not delayed.
        let wanted_ppm = proportional_ppm + self.integral_ppm;
        if wanted_ppm.abs() < CORRECTION_PPM_MAX || wanted_ppm.signum() != error_samples.signum() {
            self.integral_ppm += INTEGRAL * error_samples * step_s;
        }
        self.integral_ppm = self.integral_ppm.clamp(-CORRECTION_PPM_MAX, CORRECTION_PPM_MAX);
        (proportional_ppm + self.integral_ppm).clamp(-CORRECTION_PPM_MAX, CORRECTION_PPM_MAX)
    }

    /// This controller, which knows that its producer is `ppm` slow.
    #[must_use]
    pub const fn knowing(self, ppm: f64) -> Self {
        Self { integral_ppm: ppm, ..self }
    }

    /// What it corrects of the producer's clock, apart from the fill of the moment.
    #[must_use]
    pub const fn clock_ppm(&self) -> f64 {
        self.integral_ppm
    }

    /// The fill has changed at once, by a burst or a loss, and is held where it is now.
    pub const fn shift(&mut self, samples: f64) {
        self.target_samples += samples;
        self.smoothed_samples = self.target_samples;
    }
}

/// Compares the clock of a producer with the tower's: what came with the time that it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockMeter {
    excess_samples: f64,
    compared_s: f64,
}

impl ClockMeter {
    /// `samples` came in `ticks`. Returns what came in a burst, or (negative) was lost, beyond what
    /// any clock does.
    pub fn compare(&mut self, samples: f64, ticks: u64) -> f64 {
        let time_s = seconds(ticks);
        let due_samples = time_s * f64::from(SAMPLE_RATE_HZ);
        let excess_samples = samples - due_samples;
        if excess_samples.abs() > CLOCK_OFFSET_MAX * due_samples + STEP_SAMPLES_MIN {
            return excess_samples;
        }
        let kept = (-time_s / COMPARED_S).exp();
        self.excess_samples = self.excess_samples * kept + excess_samples;
        self.compared_s = self.compared_s * kept + time_s;
        0.0
    }

    /// How much too fast the producer's clock is, in ppm; `None` where it was compared for less
    /// than `least_s`.
    #[must_use]
    pub fn offset_ppm(&self, least_s: f64) -> Option<f64> {
        let compared_samples = self.compared_s * f64::from(SAMPLE_RATE_HZ);
        (self.compared_s >= least_s).then(|| self.excess_samples / compared_samples * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day of a producer that is `drift_ppm` fast, whose fill is seen in whole ticks only. Returns the least and the
    /// greatest fill after the first hour, and the largest change of the correction from one tick to the next.
    fn a_day(drift_ppm: f64) -> (f64, f64, f64) {
        let target = 10.0 * TICK_SAMPLES as f64;
        let mut controller = DriftController::new(target);
        let (mut fill, mut correction_ppm) = (target, 0.0f64);
        let (mut least, mut greatest, mut step) = (f64::MAX, f64::MIN, 0.0f64);
        for tick in 0..86_400u64 * 1000 / 24 {
            let arrived = TICK_SAMPLES as f64 * (1.0 + drift_ppm * 1e-6);
            fill += arrived * (1.0 + correction_ppm * 1e-6) - TICK_SAMPLES as f64;
            let seen = (fill / TICK_SAMPLES as f64).floor() * TICK_SAMPLES as f64 + TICK_SAMPLES as f64 / 2.0;
            let next_ppm = controller.tick(seen, 1);
            step = step.max((next_ppm - correction_ppm).abs());
            correction_ppm = next_ppm;
            if tick > 150_000 {
                least = least.min(fill);
                greatest = greatest.max(fill);
            }
        }
        (least / TICK_SAMPLES as f64, greatest / TICK_SAMPLES as f64, step)
    }

    #[test]
    fn a_producer_200_ppm_off_is_held_for_a_day() {
        for drift_ppm in [200.0, -200.0, 450.0, -450.0, 0.0] {
            let (least, greatest, step_ppm) = a_day(drift_ppm);
            assert!(least > 8.0 && greatest < 12.0, "{drift_ppm} ppm: fill {least}..{greatest} ticks");
            assert!(step_ppm < 1.0, "{drift_ppm} ppm: the pitch moves by {step_ppm} ppm in one tick");
        }
    }

    #[test]
    fn a_producer_1_per_cent_off_is_held_from_its_first_minute_on() {
        for drift_ppm in [9900.0, -9900.0] {
            let target = 20.0 * TICK_SAMPLES as f64;
            let mut controller = DriftController::new(target);
            let (mut fill, mut worst) = (target, 0.0f64);
            for _ in 0..100_000 {
                let correction_ppm = controller.tick((fill / TICK_SAMPLES as f64).floor() * TICK_SAMPLES as f64, 1);
                fill += TICK_SAMPLES as f64 * ((1.0 + drift_ppm * 1e-6) * (1.0 + correction_ppm * 1e-6) - 1.0);
                worst = worst.max((fill - target).abs());
            }
            let (worst, last) = (worst / TICK_SAMPLES as f64, (fill - target).abs() / TICK_SAMPLES as f64);
            assert!(worst < 12.0 && last < 8.0, "{drift_ppm} ppm: {worst} ticks at most, {last} in the end");
        }
    }

    #[test]
    fn a_clock_is_measured_whatever_its_lumps_and_bursts_and_losses_are_none_of_it() {
        for (lump_ticks, offset_ppm) in [(1u64, 0.0), (1, 30_000.0), (40, -30_000.0), (330, 10_000.0), (5, 170_000.0)] {
            let mut meter = ClockMeter::default();
            let lump = |ticks: u64| (ticks * TICK_SAMPLES as u64) as f64 * (1.0 + offset_ppm * 1e-6);
            assert!(meter.compare(500_000.0, 40) > 400_000.0 && meter.offset_ppm(0.1).is_none());
            for _ in 0..3000 / lump_ticks {
                assert_eq!(meter.compare(lump(lump_ticks), lump_ticks), 0.0);
            }
            assert!(meter.compare(lump(lump_ticks), 500) < 0.0 && meter.compare(1e6, 1) > 0.0);
            let measured = meter.offset_ppm(20.0).expect("a minute is enough");
            assert!((measured - offset_ppm).abs() < 1.0, "{measured} instead of {offset_ppm} ppm");
        }
    }

    #[test]
    fn the_correction_is_bounded_whatever_the_fill() {
        let mut controller = DriftController::new(1000.0);
        for fill in [0.0, 1e9, 0.0, f64::MAX / 1e10] {
            for _ in 0..10_000 {
                assert!(controller.tick(fill, 1).abs() <= CORRECTION_PPM_MAX);
            }
        }
    }
}
