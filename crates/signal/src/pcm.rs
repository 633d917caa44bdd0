//! One tick of PCM, and the one place where f32 arithmetic is rounded back to 16 bits (SPEC SIG-1).

use crate::units::{TICK_BYTES, TICK_VALUES};

/// One tick of programme: 1152 samples of left and right, interleaved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PcmFrame(pub [i16; TICK_VALUES]);

impl PcmFrame {
    /// Digital silence.
    pub const SILENCE: Self = Self([0; TICK_VALUES]);

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
