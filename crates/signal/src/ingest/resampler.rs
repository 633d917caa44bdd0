//! A producer whose clock is not the tower's, played a little faster or slower (SPEC IN-7).

use super::drift::DriftController;
use crate::pcm::{AudioFrame, sound};
use crate::units::{CHANNELS, TICK_SAMPLES, TICK_VALUES};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable, FixedAsync, Resampler, Slip};

/// The most samples per channel that one tick can become: one tick and the largest correction, with room to spare.
const OUTPUT_SAMPLES_MAX: usize = TICK_SAMPLES + 64;

/// Frames over which the fill to hold is measured: 10 s.
const MEASURED_FRAMES: u64 = 417;

/// Follows a producer's clock by inserting or dropping single samples under a crossfade of 128 samples. In between,
/// samples pass as they are.
pub struct DriftResampler {
    /// `None` while the fill to hold is being measured.
    controller: Option<DriftController>,
    measured_fill: u64,
    measured_frames: u64,
    // `None` only if the library refused to be built; the producer is then played as it comes.
    slip: Option<Slip<f32>>,
    input: Vec<f32>,
    output: Vec<f32>,
    pending: AudioFrame,
    pending_values: usize,
    correction_ppm: f64,
}

impl DriftResampler {
    /// Holds `target_ticks` in the producer's buffer.
    #[must_use]
    pub fn new(target_ticks: usize) -> Self {
        Self { controller: Some(DriftController::new((target_ticks * TICK_SAMPLES) as f64)), ..Self::measuring() }
    }

    /// Holds the fill that it finds: the mean over the first ten seconds, in which nothing is corrected. For a producer
    /// whose audio comes in lumps, or in a burst.
    #[must_use]
    pub fn measuring() -> Self {
        Self {
            controller: None,
            measured_fill: 0,
            measured_frames: 0,
            slip: Slip::new(TICK_SAMPLES, CHANNELS, FixedAsync::Input).ok(),
            input: vec![0.0; TICK_VALUES],
            output: vec![0.0; OUTPUT_SAMPLES_MAX * CHANNELS],
            pending: AudioFrame::SILENCE,
            pending_values: 0,
            correction_ppm: 0.0,
        }
    }

    /// The correction in force, in ppm.
    #[must_use]
    pub const fn correction_ppm(&self) -> f64 {
        self.correction_ppm
    }

    /// The buffer ran dry, or was cut off air: the fill to hold is measured anew.
    pub fn measure_again(&mut self) {
        (self.controller, self.measured_fill, self.measured_frames) = (None, 0, 0);
        self.correction_ppm = 0.0;
    }

    /// Takes one frame of the producer, whose buffer holds `fill_ticks`, and gives what it becomes to `sink`.
    pub fn push(&mut self, frame: &AudioFrame, fill_ticks: usize, mut sink: impl FnMut(&AudioFrame)) {
        let fill_samples = fill_ticks * TICK_SAMPLES + self.pending_values / CHANNELS;
        match &mut self.controller {
            Some(controller) => self.correction_ppm = controller.tick(fill_samples as f64),
            None => self.measure(fill_samples),
        }
        for (value, sample) in self.input.iter_mut().zip(&frame.0) {
            *value = sound(*sample);
        }
        match self.resample() {
            Some(count) => {
                for index in 0..count {
                    let value = self.output[index];
                    self.give(value, &mut sink);
                }
            }
            None => sink(frame),
        }
    }

    /// The producer has left: what is there is padded with zeros to a last frame.
    pub fn finish(mut self, mut sink: impl FnMut(&AudioFrame)) {
        if self.pending_values > 0 {
            self.pending.0[self.pending_values..].fill(0.0);
            sink(&self.pending);
        }
    }

    fn measure(&mut self, fill_samples: usize) {
        self.measured_fill += fill_samples as u64;
        self.measured_frames += 1;
        if self.measured_frames >= MEASURED_FRAMES {
            self.controller = Some(DriftController::new(self.measured_fill as f64 / self.measured_frames as f64));
        }
    }

    /// Fills `output`; the number of values in it, or `None` if the frame has to pass as it is.
    fn resample(&mut self) -> Option<usize> {
        let slip = self.slip.as_mut()?;
        // A ratio out of range is applied as far as it goes, which is far beyond the controller's limit.
        let _ = slip.set_resample_ratio(1.0 + self.correction_ppm * 1e-6, false);
        let input = InterleavedSlice::new(&self.input, CHANNELS, TICK_SAMPLES).ok()?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, CHANNELS, OUTPUT_SAMPLES_MAX).ok()?;
        let (_, made) = slip.process_into_buffer(&input, &mut output, None).ok()?;
        Some(made * CHANNELS)
    }

    fn give(&mut self, value: f32, sink: &mut impl FnMut(&AudioFrame)) {
        self.pending.0[self.pending_values] = value;
        self.pending_values += 1;
        if self.pending_values == TICK_VALUES {
            sink(&self.pending);
            self.pending_values = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SAMPLE_RATE_HZ;

    const HZ: f64 = 1000.0;
    const AMPLITUDE: f64 = 0.6;

    /// Two minutes of a 1 kHz producer whose clock is `drift_ppm` fast, through the resampler into a buffer from which
    /// the tower takes exactly one frame a tick. Everything that was taken, and the fill at the end.
    fn two_minutes(drift_ppm: f64) -> (Vec<f32>, usize) {
        let mut resampler = DriftResampler::new(10);
        let mut buffer: std::collections::VecDeque<AudioFrame> = vec![AudioFrame::SILENCE; 10].into();
        let (mut taken, mut sample, mut due) = (Vec::new(), 0u64, 0.0f64);
        for _ in 0..5000 {
            due += 1.0 + drift_ppm * 1e-6;
            while due >= 1.0 {
                due -= 1.0;
                let mut frame = AudioFrame::SILENCE;
                for pair in frame.0.chunks_exact_mut(2) {
                    let phase = sample as f64 * HZ / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
                    pair.fill((phase.sin() * AMPLITUDE) as f32);
                    sample += 1;
                }
                let fill = buffer.len();
                resampler.push(&frame, fill, |frame| buffer.push_back(*frame));
            }
            let frame = buffer.pop_front().expect("the buffer never runs dry");
            taken.extend(frame.0.iter().step_by(2));
        }
        (taken, buffer.len())
    }

    fn second_difference_max(samples: &[f32]) -> f64 {
        let difference = |w: &[f32]| (f64::from(w[0]) - 2.0 * f64::from(w[1]) + f64::from(w[2])).abs();
        samples.windows(3).map(difference).fold(0.0, f64::max)
    }

    #[test]
    fn a_producer_200_ppm_off_is_played_without_click_or_loss() {
        for drift_ppm in [200.0, -200.0] {
            let (taken, fill) = two_minutes(drift_ppm);
            assert!((7..=13).contains(&fill), "{drift_ppm} ppm: {fill} ticks are left");
            let steady = AMPLITUDE * (std::f64::consts::TAU * HZ / f64::from(SAMPLE_RATE_HZ)).powi(2);
            // The first ten frames were there before the producer; its own beginning is a step and not at issue.
            let worst = second_difference_max(&taken[11 * TICK_SAMPLES..]);
            assert!(worst < steady * 1.2, "{drift_ppm} ppm: {worst} against {steady}");
        }
    }

    #[test]
    fn a_producer_in_lumps_is_held_at_the_fill_it_had() {
        for drift_ppm in [200.0, -200.0] {
            let mut resampler = DriftResampler::measuring();
            // A second at a time, into a buffer that holds 20 ticks when a lump comes.
            let (mut fill, mut due, mut least, mut greatest) = (62usize, 0.0f64, usize::MAX, 0);
            for tick in 0..150_000u64 {
                due += 1.0 + drift_ppm * 1e-6;
                if tick % 42 == 41 {
                    for _ in 0..due as usize {
                        let before = fill;
                        resampler.push(&AudioFrame::SILENCE, before, |_| fill += 1);
                    }
                    due = due.fract();
                }
                fill = fill.saturating_sub(1);
                if tick > 50_000 && tick % 42 == 40 {
                    (least, greatest) = (least.min(fill), greatest.max(fill));
                }
            }
            assert!(least > 10 && greatest < 30, "{drift_ppm} ppm: {least} to {greatest} ticks before a lump");
        }
    }

    #[test]
    fn a_sample_dropped_without_crossfade_would_be_heard_as_a_click() {
        let mut sine: Vec<f32> = (0..4800)
            .map(|i| {
                let phase = f64::from(i) * HZ / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
                (phase.sin() * AMPLITUDE) as f32
            })
            .collect();
        let steady = second_difference_max(&sine);
        sine.remove(2400);
        assert!(second_difference_max(&sine) > steady * 2.0);
    }

    #[test]
    fn a_producer_on_the_towers_clock_passes_bit_exact() {
        let mut resampler = DriftResampler::new(10);
        let mut frame = AudioFrame::SILENCE;
        frame.0.iter_mut().enumerate().for_each(|(i, v)| *v = f32::from((i * 37) as i16) / 32_768.0);
        for _ in 0..100 {
            let mut got = Vec::new();
            resampler.push(&frame, 10, |out| got.push(*out));
            assert_eq!(got, [frame]);
        }
    }
}
