//! Loudness and true peak after EBU R 128 (ITU-R BS.1770), a tick at a time.
//!
//! The K-weighted power of each 100 ms is summed up once, and all three loudnesses are computed from
//! these sums. So nothing of the sound itself is kept but the 12 samples that the oversampling filter
//! of the true peak reaches back.

use crate::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES};
use std::collections::VecDeque;
use std::f64::consts::PI;

/// Samples of a step: 100 ms, by which momentary loudness and gating blocks advance.
const STEP_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 10;
/// Steps of momentary loudness, and of a gating block: 400 ms.
const MOMENTARY_STEPS: usize = 4;
/// Steps of short-term loudness: 3 s.
const SHORT_TERM_STEPS: usize = 30;
/// Gating blocks that integrated loudness is computed from: ten minutes, pauses not counted.
const BLOCKS_MAX: usize = 6000;
/// Quieter gating blocks are left out, in LUFS.
const ABSOLUTE_GATE_LUFS: f64 = -70.0;
/// And so are those that are this much quieter than the mean of the others, as a ratio of powers:
/// 10 LU.
const RELATIVE_GATE: f64 = 0.1;
/// State of the filters that is smaller than this is set to 0: processors are slow with denormal
/// numbers, which a pause would end in.
const STATE_MIN: f64 = 1e-30;

/// Measures stereo sound at 48 kHz.
#[derive(Clone, Debug)]
pub struct LoudnessMeter {
    shelf: Biquad,
    high_pass: Biquad,
    /// Power of the step that is not complete yet, and its samples.
    sum: [f64; CHANNELS],
    samples: usize,
    /// Mean powers of the newest steps, the newest last.
    steps: [f64; SHORT_TERM_STEPS],
    /// Steps until there is a whole gating block.
    steps_wanting: usize,
    /// Mean powers of the gating blocks above the absolute gate.
    blocks: VecDeque<f32>,
    peaks: [TruePeak; CHANNELS],
    taps: Taps,
}

impl Default for LoudnessMeter {
    fn default() -> Self {
        Self {
            // BS.1770, tables 1 and 2.
            shelf: Biquad::new(
                [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
                [-1.690_659_293_182_41, 0.732_480_774_215_85],
            ),
            high_pass: Biquad::new([1.0, -2.0, 1.0], [-1.990_047_454_833_98, 0.990_072_250_366_21]),
            sum: [0.0; CHANNELS],
            samples: 0,
            steps: [0.0; SHORT_TERM_STEPS],
            steps_wanting: MOMENTARY_STEPS,
            blocks: VecDeque::new(),
            peaks: [TruePeak::default(); CHANNELS],
            taps: Taps::new(),
        }
    }
}

impl LoudnessMeter {
    /// Adds ticks of left and right, full scale 1. Of two planes that differ in length, the shorter
    /// one counts; of a part of a tick the true peak is not looked at.
    pub fn add(&mut self, planes: [&[f32]; CHANNELS]) {
        let [left, right] = planes;
        let mut samples = left.iter().zip(right);
        while samples.len() > 0 {
            let part = samples.len().min(STEP_SAMPLES - self.samples);
            self.add_to_step(samples.by_ref().take(part));
            self.samples += part;
            if self.samples == STEP_SAMPLES {
                self.end_step();
            }
        }
        self.shelf.settle();
        self.high_pass.settle();
        for (peak, plane) in self.peaks.iter_mut().zip(planes) {
            peak.add(plane, &self.taps);
        }
    }

    fn add_to_step<'a>(&mut self, samples: impl Iterator<Item = (&'a f32, &'a f32)>) {
        // Copies, so that they stay in registers.
        let (mut shelf, mut high_pass, mut sum) = (self.shelf, self.high_pass, self.sum);
        for (left, right) in samples {
            let weighted = high_pass.step(shelf.step([f64::from(*left), f64::from(*right)]));
            sum = [sum[0] + weighted[0] * weighted[0], sum[1] + weighted[1] * weighted[1]];
        }
        (self.shelf, self.high_pass, self.sum) = (shelf, high_pass, sum);
    }

    fn end_step(&mut self) {
        self.steps.rotate_left(1);
        self.steps[SHORT_TERM_STEPS - 1] = self.sum.iter().sum::<f64>() / STEP_SAMPLES as f64;
        (self.sum, self.samples) = ([0.0; CHANNELS], 0);
        self.steps_wanting = self.steps_wanting.saturating_sub(1);
        let block = self.mean_of_last(MOMENTARY_STEPS);
        if self.steps_wanting == 0 && lufs(block) >= ABSOLUTE_GATE_LUFS {
            if self.blocks.len() == BLOCKS_MAX {
                self.blocks.pop_front();
            }
            self.blocks.push_back(block as f32);
        }
    }

    fn mean_of_last(&self, steps: usize) -> f64 {
        self.steps[SHORT_TERM_STEPS - steps..].iter().sum::<f64>() / steps as f64
    }

    /// Loudness of the last 400 ms, in LUFS, new each 100 ms; minus infinity for silence.
    #[must_use]
    pub fn momentary_lufs(&self) -> f64 {
        lufs(self.mean_of_last(MOMENTARY_STEPS))
    }

    /// Loudness of the last 3 s, in LUFS; minus infinity for silence.
    #[must_use]
    pub fn short_term_lufs(&self) -> f64 {
        lufs(self.mean_of_last(SHORT_TERM_STEPS))
    }

    /// Gated loudness of the last ten minutes that were no pause, in LUFS; minus infinity if all was.
    #[must_use]
    pub fn integrated_lufs(&self) -> f64 {
        let mean_above = |gate: f64| {
            let above = self.blocks.iter().map(|&block| f64::from(block)).filter(|block| *block >= gate);
            let (count, sum) = above.fold((0_u32, 0.0), |(count, sum), block| (count + 1, sum + block));
            if count == 0 { 0.0 } else { sum / f64::from(count) }
        };
        lufs(mean_above(RELATIVE_GATE * mean_above(0.0)))
    }

    /// The highest true peak of both channels since this was asked last, full scale 1.
    pub fn take_true_peak(&mut self) -> f32 {
        self.peaks.iter_mut().map(|peak| std::mem::take(&mut peak.highest)).fold(0.0, f32::max)
    }
}

fn lufs(power: f64) -> f64 {
    10.0 * power.log10() - 0.691
}

/// A filter of second order for two channels at once, in transposed direct form II.
#[derive(Clone, Copy, Debug)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [[f64; CHANNELS]; 2],
}

impl Biquad {
    const fn new(b: [f64; 3], a: [f64; 2]) -> Self {
        Self { b, a, state: [[0.0; CHANNELS]; 2] }
    }

    #[inline]
    fn step(&mut self, input: [f64; CHANNELS]) -> [f64; CHANNELS] {
        let Self { b, a, state: [first, second] } = self;
        let mut output = [0.0; CHANNELS];
        for channel in 0..CHANNELS {
            let (x, y) = (input[channel], b[0] * input[channel] + first[channel]);
            first[channel] = (b[1] * x + second[channel]) - a[0] * y;
            second[channel] = b[2] * x - a[1] * y;
            output[channel] = y;
        }
        output
    }

    fn settle(&mut self) {
        for value in self.state.as_flattened_mut() {
            if value.abs() < STATE_MIN {
                *value = 0.0;
            }
        }
    }
}

/// Values between two samples that are computed, that is fourfold oversampling.
const PHASES: usize = 3;
/// Samples that each is computed from.
const TAPS: usize = 12;
/// Samples that are looked at together.
const CHUNK: usize = 48;
const _: () = assert!(TICK_SAMPLES.is_multiple_of(CHUNK));

/// The oversampling filter: a sinc in a Hann window of 49 values, of which every fourth is a sample.
#[derive(Clone, Debug)]
struct Taps {
    phases: [[f32; TAPS]; PHASES],
    /// By what factor a value in between can exceed the samples around it, at most.
    gain_max: f32,
}

impl Taps {
    fn new() -> Self {
        let length = (PHASES + 1) * TAPS;
        let tap = |place: usize| {
            let distance = (place as f64 - length as f64 / 2.0) * PI / (PHASES + 1) as f64;
            distance.sin() / distance * 0.5 * (1.0 - (2.0 * PI * place as f64 / length as f64).cos())
        };
        let phases: [[f32; TAPS]; PHASES] =
            std::array::from_fn(|phase| std::array::from_fn(|index| tap(index * (PHASES + 1) + phase + 1) as f32));
        let gain = |taps: &[f32; TAPS]| taps.iter().map(|tap| tap.abs()).sum::<f32>();
        let gain_max = phases.iter().map(gain).fold(1.0, f32::max);
        Self { phases, gain_max }
    }
}

/// The true peak of one channel.
#[derive(Clone, Copy, Debug)]
struct TruePeak {
    /// The samples before the chunk, and the chunk.
    window: [f32; TAPS + CHUNK],
    highest: f32,
}

impl Default for TruePeak {
    fn default() -> Self {
        Self { window: [0.0; TAPS + CHUNK], highest: 0.0 }
    }
}

impl TruePeak {
    fn add(&mut self, plane: &[f32], taps: &Taps) {
        for chunk in plane.as_chunks::<CHUNK>().0 {
            self.window.copy_within(CHUNK.., 0);
            self.window[TAPS..].copy_from_slice(chunk);
            let samples = highest(&self.window);
            // What cannot exceed the highest need not be computed.
            if samples * taps.gain_max > self.highest {
                let between = taps.phases.iter().map(|taps| self.highest_between(taps));
                self.highest = between.fold(self.highest.max(samples), f32::max);
            }
        }
    }

    fn highest_between(&self, taps: &[f32; TAPS]) -> f32 {
        let mut values = [0.0; CHUNK];
        for (index, tap) in taps.iter().enumerate() {
            let from = TAPS - index;
            for (value, sample) in values.iter_mut().zip(&self.window[from..from + CHUNK]) {
                *value += tap * sample;
            }
        }
        highest(&values)
    }
}

/// The highest absolute value; four at a time, so that they are compared together.
fn highest<const N: usize>(values: &[f32; N]) -> f32 {
    let (lanes, rest) = values.as_chunks::<4>();
    let mut most = [0.0_f32; 4];
    for lane in lanes {
        for (most, value) in most.iter_mut().zip(lane) {
            *most = if value.abs() > *most { value.abs() } else { *most };
        }
    }
    most.iter().chain(rest).fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
#[path = "loudness_tests.rs"]
mod tests;
