//! Sound between two samples: shifts a stream by whole samples so slowly that nothing is heard of
//! it (SPEC IN-7).
//!
//! At rest samples pass as they are, bit for bit. A shift by one sample moves the place of reading
//! evenly from one sample to its neighbour, with a windowed sinc in between.

use crate::pcm::{AudioFrame, sound};
use crate::units::{CHANNELS, TICK_SAMPLES};

/// Samples on either side of the place of reading that its value is made of.
const HALF_SAMPLES: usize = 16;
const TAPS: usize = 2 * HALF_SAMPLES;
const LANES: usize = 4;
/// Places between two samples for which the filter is computed; those between are interpolated, 94
/// dB below the sound.
const PHASES: usize = 256;

/// The least speed of a shift, in samples per sample: one sample takes 21 ms, and the pitch is off
/// by 1.7 cents meanwhile.
const SPEED_MIN: f64 = 0.001;

/// One sample of all channels.
pub(super) type Sample = [f32; CHANNELS];

/// Reads a stream at a place that can be moved.
#[derive(Clone, Debug)]
pub(super) struct Interpolator {
    filters: Vec<[f32; TAPS]>,
    /// What has come and is still needed.
    samples: Vec<Sample>,
    /// The next sample in `samples` to be given.
    next: usize,
    /// The sample that is given more or less, and how much of the way to it is done; `None` at
    /// rest.
    shift: Option<Shift>,
    /// Samples that are to be given more than come.
    owed: f64,
}

#[derive(Clone, Copy, Debug)]
struct Shift {
    /// One sample more, or one less.
    is_insertion: bool,
    /// 0 to 1.
    progress: f64,
}

impl Interpolator {
    pub(super) fn new() -> Self {
        let mut samples = Vec::with_capacity(2 * TICK_SAMPLES + 4 * TAPS);
        samples.resize(TAPS, [0.0; CHANNELS]);
        Self { filters: filters(), samples, next: TAPS, shift: None, owed: 0.0 }
    }

    /// Takes one frame, and gives it as `correction_ppm` more samples per million.
    pub(super) fn push(&mut self, frame: &AudioFrame, correction_ppm: f64, give: impl FnMut(Sample)) {
        self.owed += TICK_SAMPLES as f64 * correction_ppm * 1e-6;
        // No more than a shift that has begun, where nothing is to be corrected any more.
        if correction_ppm == 0.0 {
            self.owed = self.owed.clamp(-1.0, 1.0);
        }
        self.samples.extend(frame.0.as_chunks::<CHANNELS>().0.iter().map(|sample| sample.map(sound)));
        // A little more than is owed, or it would never be caught up.
        let rate = correction_ppm * 1e-6;
        self.read(SPEED_MIN.max(rate.abs() / (1.0 + rate) * 1.01), give);
    }

    /// Gives what is still held: the stream is over.
    pub(super) fn finish(mut self, give: impl FnMut(Sample)) {
        if self.shift.is_some() {
            self.samples.extend([[0.0; CHANNELS]; HALF_SAMPLES]);
        }
        self.owed = 0.0;
        self.read(SPEED_MIN, give);
    }

    /// Samples that have come and were not given yet.
    pub(super) fn held(&self) -> usize {
        self.samples.len() - self.next
    }

    fn read(&mut self, speed: f64, mut give: impl FnMut(Sample)) {
        while self.next < self.samples.len() {
            if self.shift.is_none() && self.owed.abs() >= 1.0 {
                self.shift = Some(Shift { is_insertion: self.owed > 0.0, progress: 0.0 });
            }
            let Some(shift) = &mut self.shift else {
                give(self.samples[self.next]);
                self.next += 1;
                continue;
            };
            // Its neighbours on both sides are needed.
            if self.next + HALF_SAMPLES >= self.samples.len() {
                break;
            }
            shift.progress += speed;
            let Shift { is_insertion, progress } = *shift;
            if progress < 1.0 {
                // An insertion falls back to the sample before, an omission hurries to the one
                // behind.
                let (from, place) = if is_insertion { (self.next - 1, 1.0 - progress) } else { (self.next, progress) };
                give(self.between(from, place));
                self.next += 1;
            } else {
                self.shift = None;
                let (owed, reached) = if is_insertion { (-1.0, self.next - 1) } else { (1.0, self.next + 1) };
                self.owed += owed;
                give(self.samples[reached]);
                self.next = reached + 1;
            }
        }
        let done = self.next.saturating_sub(TAPS);
        self.samples.drain(..done);
        self.next -= done;
    }

    /// The value `place` of the way from the sample `index` to the next.
    fn between(&self, index: usize, place: f64) -> Sample {
        let at = place * PHASES as f64;
        let phase = (at as usize).min(PHASES - 1);
        let part = (at - phase as f64) as f32;
        let (low, high) = (&self.filters[phase], &self.filters[phase + 1]);
        let first = index + 1 - HALF_SAMPLES;
        // Several sums side by side, which the processor adds at once.
        let mut sums = [[0.0f32; CHANNELS]; LANES];
        let samples = self.samples[first..first + TAPS].as_chunks::<LANES>().0;
        let weights = low.as_chunks::<LANES>().0.iter().zip(high.as_chunks::<LANES>().0);
        for (samples, (low, high)) in samples.iter().zip(weights) {
            for lane in 0..LANES {
                let weight = low[lane] + (high[lane] - low[lane]) * part;
                for channel in 0..CHANNELS {
                    sums[lane][channel] += samples[lane][channel] * weight;
                }
            }
        }
        sums.into_iter()
            .fold([0.0; CHANNELS], |[left, right], [more_left, more_right]| [left + more_left, right + more_right])
    }
}

/// The windowed sinc at each place, of unit gain. At a whole sample it is that sample alone.
fn filters() -> Vec<[f32; TAPS]> {
    let filter = |phase: usize| {
        let place = phase as f64 / PHASES as f64;
        let mut weights = [0.0f64; TAPS];
        for (tap, weight) in weights.iter_mut().enumerate() {
            let distance = tap as f64 + 1.0 - HALF_SAMPLES as f64 - place;
            *weight = sinc(distance) * window(distance / HALF_SAMPLES as f64);
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| (weight / sum) as f32)
    };
    (0..=PHASES).map(filter).collect()
}

fn sinc(distance: f64) -> f64 {
    let angle = distance * std::f64::consts::PI;
    // The zeros of a sine are exact in theory only.
    if distance == 0.0 {
        1.0
    } else if distance.fract() == 0.0 {
        0.0
    } else {
        angle.sin() / angle
    }
}

/// Blackman's window over -1 to 1.
fn window(place: f64) -> f64 {
    let angle = place.clamp(-1.0, 1.0) * std::f64::consts::PI;
    0.42 + 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SAMPLE_RATE_HZ;

    /// A sine on the left and its quadrature on the right.
    fn sine(hz: f64, sample: f64) -> [f64; CHANNELS] {
        let (sin, cos) = (sample * hz / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU).sin_cos();
        [sin * 0.5, cos * 0.5]
    }

    fn frames(hz: f64, count: usize) -> impl Iterator<Item = AudioFrame> {
        (0..count).map(move |tick| {
            let mut frame = AudioFrame::SILENCE;
            for (index, pair) in frame.0.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
                *pair = sine(hz, (tick * TICK_SAMPLES + index) as f64).map(|value| value as f32);
            }
            frame
        })
    }

    fn through(hz: f64, count: usize, ppm: f64) -> Vec<Sample> {
        let (mut interpolator, mut given) = (Interpolator::new(), Vec::new());
        for frame in frames(hz, count) {
            interpolator.push(&frame, ppm, |sample| given.push(sample));
            assert!(interpolator.held() <= HALF_SAMPLES + 1);
        }
        interpolator.finish(|sample| given.push(sample));
        given
    }

    #[test]
    fn at_rest_every_sample_passes_at_once_bit_for_bit() {
        let expected: Vec<Sample> =
            frames(997.0, 20).flat_map(|frame| frame.0.as_chunks::<CHANNELS>().0.to_vec()).collect();
        assert!(through(997.0, 20, 0.0) == expected);
    }

    #[test]
    fn the_rate_is_that_of_the_correction_and_the_pitch_follows_it_evenly() {
        for ppm in [10_000.0, -10_000.0, 3000.0, -700.0, 200.0] {
            let count = 400;
            let given = through(1000.0, count, ppm);
            let wanted = (count * TICK_SAMPLES) as f64 * (1.0 + ppm * 1e-6);
            let missing = wanted - given.len() as f64;
            assert!(missing.abs() < 40.0, "{ppm} ppm: {} samples instead of {wanted}", given.len());
            // Quadrature gives the phase at each sample: how far it moves on, against a steady 1
            // kHz.
            let steady = 1000.0 / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
            let phases = given.iter().map(|[sin, cos]| f64::from(*sin).atan2(f64::from(*cos))).collect::<Vec<_>>();
            for (index, pair) in phases.windows(2).enumerate().skip(100).take(given.len() - 300) {
                let step = (pair[1] - pair[0]).rem_euclid(std::f64::consts::TAU) / steady - 1.0;
                let most = SPEED_MIN.max(ppm.abs() * 1e-6) + 1e-3;
                assert!(step.abs() < most, "{ppm} ppm: the pitch is {step} off at sample {index}");
            }
        }
    }

    #[test]
    fn between_samples_there_is_nothing_but_the_sound_up_to_16_khz() {
        for hz in [100.0, 1000.0, 8000.0, 16_000.0] {
            let mut interpolator = Interpolator::new();
            for frame in frames(hz, 3) {
                interpolator.samples.extend(frame.0.as_chunks::<CHANNELS>().0);
            }
            let mut worst = 0.0f64;
            for step in 0..5000 {
                let (index, place) = (500 + step % 1000, f64::from(step as u32) * 0.618_033_988 % 1.0);
                let wanted = sine(hz, index as f64 + place - TAPS as f64);
                let given = interpolator.between(index, place);
                let error = given.iter().zip(wanted).map(|(given, wanted)| (f64::from(*given) - wanted).abs());
                worst = worst.max(error.fold(0.0, f64::max));
            }
            assert!(20.0 * (worst / 0.5).log10() < -70.0, "{hz} Hz: an error of {worst}");
        }
    }
}
