//! Any rate to 48 kHz, and the one rounding to 16 bits.

use radio_signal::pcm::round_dithered;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};

/// Samples of the lower of the two rates that the anti-aliasing filter spans: it passes up to 97 % of the band.
const FILTER_SAMPLES_MIN: usize = 1024;

/// Rates that are believed. A rate without a useful common factor with 48 kHz needs a filter of that many samples.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;
const BLOCK_SAMPLES_MAX: u32 = 48_000;

/// Whether a [`Converter`] takes audio at this rate.
#[must_use]
pub fn is_convertible(rate_hz: u32) -> bool {
    RATES_HZ.contains(&rate_hz) && rate_hz / gcd(rate_hz, SAMPLE_RATE_HZ) <= BLOCK_SAMPLES_MAX
}

/// Turns stereo at any rate into 48 kHz, 16 bits.
///
/// It outlives the file: as long as the rate stays the same, a new file goes on in the same filter, so that a
/// loop or an album without pauses has no seam. When the rate changes, the rest of the old stream is put out first.
///
/// What already is 48 kHz and 16 bits passes bit for bit.
#[derive(Default)]
pub struct Converter {
    /// None at 48 kHz.
    stretch: Option<Stretch>,
    rounder: Rounder,
}

/// The one rounding to 16 bits. Its dither depends on the number of the sample alone.
#[derive(Debug, Default)]
pub struct Rounder {
    /// Interleaved values put out, which numbers the dither.
    position: u64,
}

impl Rounder {
    /// Appends a block in steps of 16 bits to `out`. A block of whole steps is kept; any other is
    /// rounded with dither.
    pub fn round(&mut self, stereo: &[f32], out: &mut Vec<i16>) {
        let is_16_bit = |value: &f32| value.fract() == 0.0 && (-32_768.0..=32_767.0).contains(value);
        if stereo.iter().all(is_16_bit) {
            out.extend(stereo.iter().map(|&value| value as i16));
        } else {
            let numbered = stereo.iter().zip(self.position..);
            out.extend(numbered.map(|(&value, position)| round_dithered(value, position)));
        }
        self.position += stereo.len() as u64;
    }
}

impl Converter {
    /// A converter at the beginning of a programme.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes interleaved stereo in steps of 16 bits (full scale +-32768) and appends what is ready to `out`.
    /// At a rate that is not [convertible](is_convertible) nothing comes out.
    pub fn push(&mut self, rate_hz: u32, stereo: &[f32], out: &mut Vec<i16>) {
        let mut rounder = std::mem::take(&mut self.rounder);
        self.push_with(rate_hz, stereo, |ready| rounder.round(ready, out));
        self.rounder = rounder;
    }

    /// As [`push`](Self::push), and nothing is rounded or clamped.
    pub fn push_unrounded(&mut self, rate_hz: u32, stereo: &[f32], out: &mut Vec<f32>) {
        self.push_with(rate_hz, stereo, |ready| out.extend_from_slice(ready));
    }

    fn push_with(&mut self, rate_hz: u32, stereo: &[f32], mut ready: impl FnMut(&[f32])) {
        if self.stretch.as_ref().is_some_and(|stretch| stretch.rate_hz != rate_hz) {
            self.finish_with(&mut ready);
        }
        if rate_hz == SAMPLE_RATE_HZ {
            ready(stereo);
            return;
        }
        if self.stretch.is_none() {
            self.stretch = Stretch::new(rate_hz);
        }
        if let Some(stretch) = &mut self.stretch {
            stretch.push(stereo, ready);
        }
    }

    /// Appends what the filter still holds: n samples at rate r have then become n * 48000 / r, rounded.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        let mut rounder = std::mem::take(&mut self.rounder);
        self.finish_with(|ready| rounder.round(ready, out));
        self.rounder = rounder;
    }

    /// As [`finish`](Self::finish), and nothing is rounded or clamped.
    pub fn finish_unrounded(&mut self, out: &mut Vec<f32>) {
        self.finish_with(|ready| out.extend_from_slice(ready));
    }

    /// Samples that [`finish`](Self::finish) would append.
    #[must_use]
    pub fn held_samples(&self) -> u64 {
        self.stretch.as_ref().map_or(0, |stretch| stretch.frames_due().saturating_sub(stretch.frames_out))
    }

    fn finish_with(&mut self, ready: impl FnMut(&[f32])) {
        if let Some(stretch) = self.stretch.take() {
            stretch.finish(ready);
        }
    }
}

/// A resampler that hides its delay: sample 0 out is the instant of sample 0 in.
struct Stretch {
    rate_hz: u32,
    fft: Fft<f32>,
    chunk_in: usize,
    /// Not yet a whole chunk, interleaved.
    pending: Vec<f32>,
    chunk_out: Vec<f32>,
    frames_in: u64,
    frames_out: u64,
    /// Frames of the filter's delay that are still to be dropped.
    delay_left: usize,
}

impl Stretch {
    /// None at a rate that is not convertible.
    fn new(rate_hz: u32) -> Option<Self> {
        if !is_convertible(rate_hz) {
            return None;
        }
        let (rate_in, rate_out) = (rate_hz as usize, SAMPLE_RATE_HZ as usize);
        let filter_in = FILTER_SAMPLES_MIN * rate_in.div_ceil(rate_out);
        // An even number of the smallest block, so that the filter's delay is whole on both sides.
        let block_in = rate_in / gcd(rate_hz, SAMPLE_RATE_HZ) as usize;
        let chunk = block_in * filter_in.div_ceil(block_in).next_multiple_of(2);
        let fft = Fft::new_custom(
            rate_in,
            rate_out,
            chunk,
            1,
            CHANNELS,
            rubato::WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .ok()?;
        let (chunk_in, chunk_out) = (fft.input_frames_next(), fft.output_frames_next());
        Some(Self {
            rate_hz,
            chunk_in,
            pending: Vec::with_capacity(chunk_in * CHANNELS),
            chunk_out: vec![0.0; chunk_out * CHANNELS],
            frames_in: 0,
            frames_out: 0,
            delay_left: fft.output_delay(),
            fft,
        })
    }

    /// Frames that have come, at 48 kHz.
    fn frames_due(&self) -> u64 {
        let rate = u64::from(self.rate_hz);
        (self.frames_in * u64::from(SAMPLE_RATE_HZ) + rate / 2) / rate
    }

    fn push(&mut self, mut stereo: &[f32], mut ready: impl FnMut(&[f32])) {
        self.frames_in += (stereo.len() / CHANNELS) as u64;
        while !stereo.is_empty() {
            let room = self.chunk_in * CHANNELS - self.pending.len();
            let (now, later) = stereo.split_at(room.min(stereo.len()));
            self.pending.extend_from_slice(now);
            stereo = later;
            if now.len() == room {
                self.convert_chunk(u64::MAX, &mut ready);
            }
        }
    }

    fn finish(mut self, mut ready: impl FnMut(&[f32])) {
        let frames_due = self.frames_due();
        while self.frames_out < frames_due {
            self.pending.resize(self.chunk_in * CHANNELS, 0.0);
            if !self.convert_chunk(frames_due, &mut ready) {
                return;
            }
        }
    }

    /// Converts the pending chunk; `frames_due` is where the stream ends, if it ends here. False if it cannot.
    fn convert_chunk(&mut self, frames_due: u64, ready: &mut impl FnMut(&[f32])) -> bool {
        let frames = self.chunk_out.len() / CHANNELS;
        let converted = InterleavedSlice::new(&self.pending[..], CHANNELS, self.chunk_in).is_ok_and(|input| {
            InterleavedSlice::new_mut(&mut self.chunk_out[..], CHANNELS, frames)
                .is_ok_and(|mut output| self.fft.process_into_buffer(&input, &mut output, None::<&Indexing>).is_ok())
        });
        self.pending.clear();
        if !converted {
            return false;
        }
        let dropped = self.delay_left.min(frames);
        self.delay_left -= dropped;
        let kept = ((frames - dropped) as u64).min(frames_due - self.frames_out) as usize;
        self.frames_out += kept as u64;
        ready(&self.chunk_out[dropped * CHANNELS..(dropped + kept) * CHANNELS]);
        true
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn sine(rate_hz: u32, frequency_hz: f64, frames: usize) -> Vec<f32> {
        let value = |n: usize| (10_000.0 * (TAU * frequency_hz * n as f64 / f64::from(rate_hz)).sin()) as f32;
        (0..frames).flat_map(|n| [value(n), -value(n)]).collect()
    }

    #[test]
    fn sixteen_bits_at_48_khz_pass_bit_for_bit() {
        let values: Vec<i16> = (0..=u16::MAX).map(|bits| bits as i16).collect();
        let stereo: Vec<f32> = values.iter().map(|&v| f32::from(v)).collect();
        let mut out = Vec::new();
        Converter::new().push(48_000, &stereo, &mut out);
        assert_eq!(out, values);
    }

    #[test]
    fn length_and_time_are_exact_at_every_rate_and_in_any_pieces() {
        for rate_hz in [8_000, 11_025, 22_050, 32_000, 44_100, 44_101, 88_200, 96_000, 192_000] {
            let frames_in = rate_hz as usize * 3 / 2 + 1;
            let stereo = sine(rate_hz, 1000.0, frames_in);
            let (mut converter, mut out) = (Converter::new(), Vec::new());
            for piece in stereo.chunks(2 * 577) {
                converter.push(rate_hz, piece, &mut out);
            }
            converter.finish(&mut out);
            let expected = (frames_in as f64 * 48_000.0 / f64::from(rate_hz)).round() as usize;
            assert_eq!(out.len(), 2 * expected, "{rate_hz} Hz");
            // Away from its two ends the sine is the one that was sampled at 48 kHz: no shift in time.
            let ideal = sine(48_000, 1000.0, expected);
            let worst =
                (2 * 4800..ideal.len() - 2 * 4800).map(|i| (f32::from(out[i]) - ideal[i]).abs()).fold(0.0, f32::max);
            assert!(worst <= 2.5, "{rate_hz} Hz: off by {worst} steps");
        }
    }

    #[test]
    fn a_loop_at_another_rate_has_no_seam() {
        let second = sine(44_100, 1000.0, 44_100);
        let (mut converter, mut out) = (Converter::new(), Vec::new());
        for _ in 0..3 {
            converter.push(44_100, &second, &mut out);
        }
        converter.finish(&mut out);
        assert_eq!(out.len(), 2 * 3 * 48_000);
        let ideal = sine(48_000, 1000.0, 3 * 48_000);
        let worst = (2 * 4800..ideal.len() - 2 * 4800).map(|i| (f32::from(out[i]) - ideal[i]).abs());
        assert!(worst.fold(0.0, f32::max) <= 2.5);
    }

    #[test]
    fn a_change_of_rate_loses_nothing() {
        let (mut converter, mut out) = (Converter::new(), Vec::new());
        converter.push(44_100, &sine(44_100, 1000.0, 44_100), &mut out);
        converter.push(48_000, &sine(48_000, 1000.0, 48_000), &mut out);
        converter.push(96_000, &sine(96_000, 1000.0, 96_000), &mut out);
        converter.finish(&mut out);
        assert_eq!(out.len(), 2 * 3 * 48_000);
    }
}
