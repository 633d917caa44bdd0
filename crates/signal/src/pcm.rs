//! One tick of sound: in f32 on its way to the mix, in 16 bits behind it, and the one rounding in
//! between (SPEC SIG-1).

use crate::units::{CHANNELS, Serial, TICK_BYTES, TICK_SAMPLES, TICK_VALUES};

/// Full scale of 16 bits: the value of an [`AudioFrame`] times this is in steps of a [`PcmFrame`].
const STEPS: f32 = 32_768.0;

/// Values beyond this, +96 dBFS, are damage and not sound. The bound keeps every sum of a mix
/// finite.
const VALUE_MAX: f32 = 65_536.0;

/// How the bytes of PCM hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    /// Signed 16 bits, little-endian; full scale is 32,768.
    S16Le,
    /// 32-bit float, little-endian; full scale is 1.
    F32Le,
}

impl SampleFormat {
    /// Bytes of one value.
    #[must_use]
    pub const fn value_bytes(self) -> usize {
        match self {
            Self::S16Le => 2,
            Self::F32Le => 4,
        }
    }

    /// Bytes of one tick.
    #[must_use]
    pub const fn tick_bytes(self) -> usize {
        TICK_VALUES * self.value_bytes()
    }

    /// Bytes of one sample of all channels.
    #[must_use]
    pub const fn sample_bytes(self) -> usize {
        CHANNELS * self.value_bytes()
    }
}

/// One tick of sound before the mix: 1152 samples of left and right, interleaved, in f32.
///
/// Full scale is 1. Values beyond it are kept: they are clamped once, where the mix is rounded.
#[derive(Clone, Copy, PartialEq)]
pub struct AudioFrame(pub [f32; TICK_VALUES]);

impl AudioFrame {
    /// Digital silence.
    pub const SILENCE: Self = Self([0.0; TICK_VALUES]);

    /// Reads one tick of PCM; what is missing of it is silence.
    #[must_use]
    pub fn from_bytes(format: SampleFormat, bytes: &[u8]) -> Self {
        let mut frame = Self::SILENCE;
        match format {
            SampleFormat::S16Le => {
                for (value, bytes) in frame.0.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *value = f32::from(i16::from_le_bytes(*bytes)) / STEPS;
                }
            }
            SampleFormat::F32Le => {
                for (value, bytes) in frame.0.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
        }
        frame
    }

    /// Begins as `other`, and goes over into what it is within the tick.
    pub(crate) fn fade_from(&mut self, other: &Self) {
        let pairs = self.0.chunks_exact_mut(CHANNELS).zip(other.0.chunks_exact(CHANNELS));
        for (index, (values, others)) in pairs.enumerate() {
            let x = index as f32 / TICK_SAMPLES as f32;
            let (rising, falling) = (x * x * (3.0 - 2.0 * x) * std::f32::consts::FRAC_PI_2).sin_cos();
            for (value, other) in values.iter_mut().zip(others) {
                *value = *value * rising + *other * falling;
            }
        }
    }

    /// Takes over `other`; what is no sound becomes 0. Returns how far its loudest value is from
    /// zero.
    pub(crate) fn take(&mut self, other: &Self) -> f32 {
        let mut peak = 0.0f32;
        for (value, other) in self.0.iter_mut().zip(&other.0) {
            *value = sound(*other);
            peak = peak.max(value.abs());
        }
        peak
    }
}

/// A value as it may be heard: one that is not finite, or beyond all sense, is 0.
pub(crate) fn sound(value: f32) -> f32 {
    // Written so that NaN fails the comparison.
    if value.abs() <= VALUE_MAX { value } else { 0.0 }
}

/// Exact: 16 bits fit into an f32 and come back as they were.
impl From<&PcmFrame> for AudioFrame {
    fn from(pcm: &PcmFrame) -> Self {
        Self(pcm.0.map(|value| f32::from(value) / STEPS))
    }
}

impl std::fmt::Debug for AudioFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peak = self.0.iter().fold(0.0f32, |peak, value| peak.max(value.abs()));
        write!(f, "AudioFrame(peak {peak})")
    }
}

/// One tick of programme: 1152 samples of left and right, interleaved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PcmFrame(pub [i16; TICK_VALUES]);

impl PcmFrame {
    /// Digital silence.
    pub const SILENCE: Self = Self([0; TICK_VALUES]);

    /// Rounds and clamps `audio`, the one time on the way to the encoders; `tick` numbers the
    /// dither.
    ///
    /// A value that is a whole step was not touched by any gain, or is digital silence: it needs no
    /// rounding and no dither, so a 16-bit station passes bit for bit.
    pub fn round(&mut self, audio: &AudioFrame, tick: Serial) {
        let first_position = tick.wrapping_mul(TICK_VALUES as u64);
        for ((value, sample), position) in audio.0.iter().zip(&mut self.0).zip(first_position..) {
            let steps = *value * STEPS;
            // `as` saturates at the ends of i16, and makes 0 of what is no number.
            *sample = if steps.fract() == 0.0 { steps as i16 } else { round_dithered(steps, position) };
        }
    }

    /// Reads one tick of signed 16-bit little-endian PCM.
    #[must_use]
    pub fn from_le_bytes(bytes: &[u8; TICK_BYTES]) -> Self {
        let mut frame = Self::SILENCE;
        for (value, pair) in frame.0.iter_mut().zip(bytes.chunks_exact(2)) {
            *value = i16::from_le_bytes([pair[0], pair[1]]);
        }
        frame
    }

    /// Writes this tick as signed 16-bit little-endian PCM.
    pub fn write_le_bytes(&self, bytes: &mut [u8; TICK_BYTES]) {
        for (value, pair) in self.0.iter().zip(bytes.chunks_exact_mut(2)) {
            pair.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// This tick as little-endian bytes.
    #[must_use]
    pub fn to_le_bytes(&self) -> [u8; TICK_BYTES] {
        let mut bytes = [0; TICK_BYTES];
        self.write_le_bytes(&mut bytes);
        bytes
    }

    /// Whether every sample is zero.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.0.iter().all(|&value| value == 0)
    }
}

impl Default for PcmFrame {
    fn default() -> Self {
        Self::SILENCE
    }
}

impl std::fmt::Debug for PcmFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peak = self.0.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
        write!(f, "PcmFrame(peak {peak})")
    }
}

/// Rounds `value` (in units of one 16-bit step) with triangular dither, saturating.
///
/// The dither is a function of `position` (index of the interleaved value since tick 0), so that two towers fed the
/// same PCM round alike. Its peak is +-1 step (TPDF; Lipshitz, Wannamaker, Vanderkooy, "Quantization and Dither",
/// JAES 40, 1992).
#[must_use]
pub fn round_dithered(value: f32, position: u64) -> i16 {
    let noise = mix64(position);
    let uniform = |bits: u64| (bits & 0xFFFF) as f32 / 65_536.0;
    let triangular = uniform(noise) - uniform(noise >> 16);
    // `as` saturates at the ends of i16.
    (value + triangular).round() as i16
}

/// SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
const fn mix64(position: u64) -> u64 {
    let mut z = position.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_round_trip() {
        let mut frame = PcmFrame::SILENCE;
        for (i, value) in frame.0.iter_mut().enumerate() {
            *value = (i as i16).wrapping_mul(997);
        }
        assert_eq!(PcmFrame::from_le_bytes(&frame.to_le_bytes()), frame);
    }

    #[test]
    fn all_16_bit_values_pass_through_f32_bit_for_bit_at_any_tick() {
        let values: Vec<i16> = (0..=u16::MAX).map(|bits| bits as i16).collect();
        for (tick, values) in values.chunks(TICK_VALUES).enumerate() {
            let mut pcm = PcmFrame::SILENCE;
            pcm.0[..values.len()].copy_from_slice(values);
            let mut taken = AudioFrame::SILENCE;
            taken.take(&AudioFrame::from(&pcm));
            assert!(taken == AudioFrame::from_bytes(SampleFormat::S16Le, &pcm.to_le_bytes()));
            let mut rounded = PcmFrame([7; TICK_VALUES]);
            rounded.round(&taken, (tick as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            assert!(rounded == pcm, "from {}", values[0]);
        }
    }

    #[test]
    fn what_is_no_sound_becomes_0_and_what_is_beyond_full_scale_is_kept() {
        let mut frame = AudioFrame::SILENCE;
        frame.0[..9].copy_from_slice(&[
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN,
            -1e6,
            4.0,
            -65_536.0,
            f32::MIN_POSITIVE,
        ]);
        let bytes: Vec<u8> = frame.0.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut taken = AudioFrame::SILENCE;
        assert_eq!(taken.take(&AudioFrame::from_bytes(SampleFormat::F32Le, &bytes)), 65_536.0);
        assert_eq!(taken.0[..10], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, -65_536.0, f32::MIN_POSITIVE, 0.0]);
        let mut rounded = PcmFrame::SILENCE;
        rounded.round(&frame, 3);
        assert_eq!(rounded.0[..8], [0, i16::MAX, i16::MIN, i16::MAX, i16::MIN, i16::MIN, i16::MAX, i16::MIN]);
    }

    #[test]
    fn dither_has_no_bias_and_at_most_one_step_beyond_rounding() {
        let n = 200_000u64;
        let mut sum = 0.0f64;
        for position in 0..n {
            let rounded = round_dithered(100.25, position);
            assert!((99..=102).contains(&rounded), "{rounded}");
            sum += f64::from(rounded);
        }
        assert!((sum / n as f64 - 100.25).abs() < 0.01);
    }

    #[test]
    fn rounding_saturates() {
        assert_eq!(round_dithered(1e9, 0), i16::MAX);
        assert_eq!(round_dithered(-1e9, 0), i16::MIN);
        assert_eq!(round_dithered(f32::NAN, 0), 0);
    }
}
