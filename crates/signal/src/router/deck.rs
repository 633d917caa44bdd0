//! A voice and its fades (SPEC ROUTER-6).

use super::event::SilenceReason;
use crate::ingest::GainRamp;
use crate::pcm::AudioFrame;
use crate::units::{CHANNELS, TICK_SAMPLES};
use std::f32::consts::FRAC_PI_2;

/// Something that can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Silence(SilenceReason),
    Source(usize),
    /// Which of the fallback's.
    File(usize),
    Tone,
}

/// A voice with a fade in and the fades that end it. All gains are multiplied, so the gain of a
/// voice that leaves while it is still coming, or whose source ends while it is leaving, has no
/// kink either.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deck {
    pub(super) voice: Voice,
    fade_in: Ramp,
    /// The crossfade to the voice that follows.
    fade_out: Option<Ramp>,
    /// Closes with the last sample that the voice has.
    closing: Option<Ramp>,
    /// Ends the voice within one tick, because its deck or its source is needed.
    forced_end: Option<Ramp>,
}

impl Deck {
    pub(super) const fn steady(voice: Voice) -> Self {
        Self::fading_in(voice, 0, 0)
    }

    /// A voice that fades in over `fade_samples` from `delay_samples` on.
    pub(super) const fn fading_in(voice: Voice, delay_samples: usize, fade_samples: usize) -> Self {
        let fade_in = Ramp::new(delay_samples, fade_samples);
        Self { voice, fade_in, fade_out: None, closing: None, forced_end: None }
    }

    /// This deck in a crossfade over `fade_samples` from `delay_samples` on.
    pub(super) fn fading_out(self, delay_samples: usize, fade_samples: usize) -> Self {
        Self { fade_out: Some(Ramp::new(delay_samples, fade_samples)), ..self }
    }

    /// This deck, closing over `fade_samples` from `delay_samples` on.
    pub(super) fn closing(self, delay_samples: usize, fade_samples: usize) -> Self {
        Self { closing: Some(Ramp::new(delay_samples, fade_samples)), ..self }
    }

    /// This deck, faded out at the end of this tick.
    pub(super) fn ending_this_tick(self) -> Self {
        Self { forced_end: Some(Ramp::new(0, TICK_SAMPLES)), ..self }
    }

    pub(super) const fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Samples over which it closes, if it does.
    pub(super) fn closing_samples(&self) -> Option<usize> {
        self.closing.map(|ramp| ramp.length as usize)
    }

    /// Samples until its crossfade is over.
    pub(super) fn remaining_samples(&self) -> usize {
        self.fade_out.map_or(0, |ramp| (ramp.length - ramp.position).max(0) as usize)
    }

    pub(super) fn is_steady(&self) -> bool {
        self.fade_in.is_over() && self.falling().next().is_none()
    }

    pub(super) fn has_faded_out(&self) -> bool {
        self.falling().any(Ramp::is_over)
    }

    pub(super) fn plays_slot(&self, slot: usize) -> bool {
        self.voice == Voice::Source(slot)
    }

    fn falling(&self) -> impl Iterator<Item = Ramp> {
        [self.fade_out, self.closing, self.forced_end].into_iter().flatten()
    }

    /// Adds one tick of the voice to `sum`, with its source's gain and its fades, and moves the
    /// fades on.
    pub(super) fn mix_into(&mut self, frame: &AudioFrame, gain: GainRamp, sum: &mut AudioFrame) {
        for (index, (pair, sums)) in frame.0.chunks_exact(CHANNELS).zip(sum.0.chunks_exact_mut(CHANNELS)).enumerate() {
            let factor = self.falling().fold(self.fade_in.rising(index), |factor, ramp| factor * ramp.falling(index))
                * gain.at(index);
            for (value, total) in pair.iter().zip(sums) {
                *total += *value * factor;
            }
        }
        self.fade_in.advance();
        let falling = [&mut self.fade_out, &mut self.closing, &mut self.forced_end];
        falling.into_iter().flatten().for_each(Ramp::advance);
    }
}

/// An equal-power gain curve over `length` samples.
///
/// The quarter sine and cosine of a smoothstep: the sum of squares is 1, and the slope is zero at both ends, because a
/// kink in the gain is itself a click: a plain quarter sine of 20 ms bends a 100 Hz tone ten times as hard as the tone
/// bends itself.
#[derive(Clone, Copy, Debug)]
struct Ramp {
    /// Samples since the ramp began; negative while it waits.
    position: i64,
    length: i64,
}

impl Ramp {
    const fn new(delay_samples: usize, length_samples: usize) -> Self {
        Self { position: -(delay_samples as i64), length: length_samples as i64 }
    }

    fn is_over(self) -> bool {
        self.position >= self.length
    }

    const fn advance(&mut self) {
        self.position += TICK_SAMPLES as i64;
    }

    fn rising(self, index: usize) -> f32 {
        self.smooth(index).map_or_else(|end| end, |s| (s * FRAC_PI_2).sin())
    }

    fn falling(self, index: usize) -> f32 {
        self.smooth(index).map_or_else(|end| 1.0 - end, |s| (s * FRAC_PI_2).cos())
    }

    /// Smoothstep of the progress at a sample; before and after the ramp `Err` of exactly 0 or 1.
    fn smooth(self, index: usize) -> Result<f32, f32> {
        let at = self.position + index as i64;
        if at >= self.length {
            Err(1.0)
        } else if at <= 0 {
            Err(0.0)
        } else {
            let x = at as f32 / self.length as f32;
            Ok(x * x * (3.0 - 2.0 * x))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gains_are_of_equal_power_and_exact_at_the_ends() {
        let ramp = Ramp::new(0, 960);
        for index in 0..=1151 {
            let (rising, falling) = (ramp.rising(index), ramp.falling(index));
            assert!((rising * rising + falling * falling - 1.0).abs() < 1e-5, "at {index}");
        }
        assert_eq!((ramp.rising(0), ramp.falling(0)), (0.0, 1.0));
        assert_eq!((ramp.rising(960), ramp.falling(960)), (1.0, 0.0));
        assert_eq!(Ramp::new(0, 0).rising(0), 1.0, "no ramp is a hard cut");
    }

    #[test]
    fn a_delayed_fade_leaves_what_is_before_it_alone() {
        let deck = Deck::steady(Voice::Tone).fading_out(192, 960);
        let ramp = deck.fade_out.expect("it is leaving");
        assert_eq!(ramp.falling(192), 1.0);
        assert!(ramp.falling(250) < 1.0);
        assert!(ramp.falling(1151) > 0.0 && ramp.falling(1151) < 1e-4, "closes with the last sample");
    }
}
