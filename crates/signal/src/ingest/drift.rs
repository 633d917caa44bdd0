//! How much faster or slower a producer must be played so that its buffer neither fills nor drains (SPEC IN-7).

use crate::units::TICK_NS;

/// The correction never exceeds this, in parts per million: two cheap crystals differ by less.
pub const CORRECTION_PPM_MAX: f64 = 500.0;

/// Time constant of the low-pass over the fill, in seconds. One tick's jitter must not be heard as vibrato.
const SMOOTHING_S: f64 = 8.0;
/// Proportional gain, in ppm per sample of error.
const PROPORTIONAL: f64 = 0.10;
/// Integral gain, in ppm per sample of error and second; critically damped or slower with the gains above.
const INTEGRAL: f64 = 0.0002;

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

    /// One tick with `fill_samples` per channel in the buffer; returns the correction in ppm, within
    /// +-[`CORRECTION_PPM_MAX`].
    pub fn tick(&mut self, fill_samples: f64) -> f64 {
        const STEP_S: f64 = TICK_NS as f64 / 1e9;
        self.smoothed_samples += (fill_samples - self.smoothed_samples) * (STEP_S / SMOOTHING_S);
        let error_samples = self.target_samples - self.smoothed_samples;
        let proportional_ppm = PROPORTIONAL * error_samples;
        // The integral stops where the output does (anti-windup), so that recovery is not delayed.
        let wanted_ppm = proportional_ppm + self.integral_ppm;
        if wanted_ppm.abs() < CORRECTION_PPM_MAX || wanted_ppm.signum() != error_samples.signum() {
            self.integral_ppm += INTEGRAL * error_samples * STEP_S;
        }
        self.integral_ppm = self.integral_ppm.clamp(-CORRECTION_PPM_MAX, CORRECTION_PPM_MAX);
        (proportional_ppm + self.integral_ppm).clamp(-CORRECTION_PPM_MAX, CORRECTION_PPM_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::TICK_SAMPLES;

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
            let next_ppm = controller.tick(seen);
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
    fn the_correction_is_bounded_whatever_the_fill() {
        let mut controller = DriftController::new(1000.0);
        for fill in [0.0, 1e9, 0.0, f64::MAX / 1e10] {
            for _ in 0..10_000 {
                assert!(controller.tick(fill).abs() <= CORRECTION_PPM_MAX);
            }
        }
    }
}
