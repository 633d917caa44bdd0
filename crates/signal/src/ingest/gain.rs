//! The gain of an input, applied where its frames are mixed: a change is heard with the next tick,
//! whatever waits in the buffer, and fade and gain are rounded together, once.

use crate::units::TICK_SAMPLES;

/// A gain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    factor: f32,
}

impl Gain {
    /// 0 dB: samples pass as they are.
    pub const UNITY: Self = Self { factor: 1.0 };

    /// Louder by `db`.
    #[must_use]
    pub fn from_db(db: f32) -> Self {
        // 0 dB is exact, whatever the function makes of it.
        if db == 0.0 { Self::UNITY } else { Self { factor: 10f32.powf(db / 20.0) } }
    }

    /// What a sample is multiplied with.
    #[must_use]
    pub const fn factor(self) -> f32 {
        self.factor
    }

    /// A gain by which samples are multiplied with `factor`.
    #[must_use]
    pub(super) const fn from_factor(factor: f32) -> Self {
        Self { factor }
    }

    /// What becomes of the peak of a frame.
    #[must_use]
    pub(super) fn of_peak(self, peak: f32) -> f32 {
        peak * self.factor
    }
}

/// The gain over one tick: a change takes the whole of it, so it makes no step.
#[derive(Clone, Copy, Debug)]
pub struct GainRamp {
    from: f32,
    step: f32,
}

impl GainRamp {
    /// From one gain to another.
    #[must_use]
    pub fn new(from: Gain, to: Gain) -> Self {
        Self { from: from.factor, step: (to.factor - from.factor) / TICK_SAMPLES as f32 }
    }

    /// 0 dB throughout.
    pub const UNITY: Self = Self { from: 1.0, step: 0.0 };

    /// Whether samples pass as they are.
    #[must_use]
    pub const fn is_unity(self) -> bool {
        self.from == 1.0 && self.step == 0.0
    }

    /// The factor at a sample of the tick.
    #[must_use]
    pub const fn at(self, index: usize) -> f32 {
        self.from + self.step * index as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_of_0_db_changes_nothing_and_peaks_may_be_beyond_full_scale() {
        assert_eq!(Gain::from_db(0.0), Gain::UNITY);
        assert!(GainRamp::new(Gain::from_db(0.0), Gain::from_db(-0.0)).is_unity());
        let peaks = [Gain::from_db(6.0206), Gain::from_db(-60.0)].map(|gain| gain.of_peak(0.75));
        assert!((peaks[0] - 1.5).abs() < 1e-5 && (peaks[1] - 0.00075).abs() < 1e-7, "{peaks:?}");
    }

    #[test]
    fn a_change_takes_one_tick_and_makes_no_step() {
        let ramp = GainRamp::new(Gain::UNITY, Gain::from_db(-60.0));
        let factors: Vec<f32> = (0..=TICK_SAMPLES).map(|index| ramp.at(index)).collect();
        assert_eq!(factors[0], 1.0);
        assert!((factors[TICK_SAMPLES] - 0.001).abs() < 1e-5 && !ramp.is_unity());
        assert!(factors.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.001));
    }
}
