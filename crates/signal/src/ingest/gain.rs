//! The gain of an input, where its PCM enters the buffer: anyone may change it, at any time, without a click.

use crate::pcm::PcmFrame;
use crate::units::{CHANNELS, TICK_SAMPLES};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A gain that all producers of one input share.
#[derive(Clone, Debug)]
pub struct Gain(Arc<AtomicU32>);

impl Gain {
    /// 0 dB: samples pass as they are.
    #[must_use]
    pub fn unity() -> Self {
        Self(Arc::new(AtomicU32::new(1f32.to_bits())))
    }

    /// From now on frames come louder by so much.
    pub fn set_db(&self, db: f32) {
        self.0.store(10f32.powf(db / 20.0).to_bits(), Relaxed);
    }

    fn factor(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }
}

/// Applies a [`Gain`] to one producer's frames.
#[derive(Debug)]
pub(super) struct Amplifier {
    gain: Gain,
    /// At the end of the last frame.
    before: f32,
}

impl Amplifier {
    pub(super) fn new(gain: Gain) -> Self {
        let before = gain.factor();
        Self { gain, before }
    }

    /// `frame` with the gain; what it makes too loud is cut off at full scale. A change takes one frame.
    pub(super) fn apply(&mut self, frame: &PcmFrame) -> PcmFrame {
        let (before, now) = (self.before, self.gain.factor());
        self.before = now;
        let mut out = *frame;
        if before == 1.0 && now == 1.0 {
            return out;
        }
        let step = (now - before) / TICK_SAMPLES as f32;
        for (index, pair) in out.0.chunks_exact_mut(CHANNELS).enumerate() {
            let factor = before + step * index as f32;
            // `as` saturates.
            pair.iter_mut().for_each(|value| *value = (f32::from(*value) * factor).round() as i16);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: i16) -> PcmFrame {
        PcmFrame([value; TICK_SAMPLES * CHANNELS])
    }

    #[test]
    fn a_gain_of_0_db_changes_nothing_and_others_saturate() {
        let gain = Gain::unity();
        let mut amplifier = Amplifier::new(gain.clone());
        assert_eq!(amplifier.apply(&frame(i16::MIN)).0, frame(i16::MIN).0);
        gain.set_db(6.0206);
        amplifier.apply(&frame(0));
        assert_eq!(amplifier.apply(&frame(-1000)).0, frame(-2000).0);
        assert_eq!(amplifier.apply(&frame(20_000)).0, frame(i16::MAX).0);
        assert_eq!(amplifier.apply(&frame(-20_000)).0, frame(i16::MIN).0);
        gain.set_db(0.0);
        amplifier.apply(&frame(0));
        assert_eq!(amplifier.apply(&frame(12_345)).0, frame(12_345).0);
    }

    #[test]
    fn a_change_is_a_ramp_without_a_step() {
        let gain = Gain::unity();
        let mut amplifier = Amplifier::new(gain.clone());
        let mut heard = amplifier.apply(&frame(10_000)).0.to_vec();
        gain.set_db(-60.0);
        heard.extend(amplifier.apply(&frame(10_000)).0);
        heard.extend(amplifier.apply(&frame(10_000)).0);
        let steps = heard.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs());
        assert!(steps.max() <= Some(10));
        assert_eq!(heard.last(), Some(&10));
    }
}
