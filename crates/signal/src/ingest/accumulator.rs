//! Bytes of any sizes, cut into ticks by sample count (SPEC IN-2, IN-3).

use crate::pcm::{AudioFrame, SampleFormat};
use crate::units::TICK_VALUES;

/// Collects the bytes of one producer until they are a whole tick. Each producer has its own, so that nothing it leaves
/// behind can reach another.
#[derive(Clone, Debug)]
pub struct Accumulator {
    format: SampleFormat,
    /// As many as one tick takes in the wider format.
    bytes: [u8; TICK_VALUES * SampleFormat::F32Le.value_bytes()],
    filled: usize,
}

impl Accumulator {
    /// An empty one, for bytes of `format`.
    #[must_use]
    pub const fn new(format: SampleFormat) -> Self {
        Self { format, bytes: [0; TICK_VALUES * SampleFormat::F32Le.value_bytes()], filled: 0 }
    }

    /// Takes `bytes`, which may begin and end anywhere, and gives every tick that they complete to `sink`.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&AudioFrame)) {
        let tick_bytes = self.format.tick_bytes();
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(tick_bytes - self.filled));
            self.bytes[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == tick_bytes {
                sink(&AudioFrame::from_bytes(self.format, &self.bytes[..tick_bytes]));
                self.filled = 0;
            }
        }
    }

    /// The producer has left: what is there is padded with zeros to a last tick. A sample cut in the middle is dropped.
    pub fn finish(self, mut sink: impl FnMut(&AudioFrame)) {
        let whole = self.filled - self.filled % self.format.sample_bytes();
        if whole > 0 {
            sink(&AudioFrame::from_bytes(self.format, &self.bytes[..whole]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<AudioFrame> {
        cut_as(SampleFormat::S16Le, bytes, sizes)
    }

    fn cut_as(format: SampleFormat, bytes: &[u8], sizes: &[usize]) -> Vec<AudioFrame> {
        let mut frames = Vec::new();
        let mut accumulator = Accumulator::new(format);
        let mut rest = bytes;
        for &size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at(size.min(rest.len()));
            accumulator.push(now, |frame| frames.push(*frame));
            rest = later;
        }
        accumulator.finish(|frame| frames.push(*frame));
        frames
    }

    fn noise(count: usize) -> Vec<u8> {
        (0..count).map(|i| (i * i / 7 + i) as u8).collect()
    }

    #[test]
    fn blocks_of_4096_and_of_4608_are_served_alike() {
        let bytes = noise(4608 * 8);
        assert_eq!(cut(&bytes, &[4096]), cut(&bytes, &[4608]));
        assert_eq!(cut(&bytes, &[4096]).len(), 8);
    }

    #[test]
    fn a_last_partial_frame_is_padded_and_a_partial_sample_dropped() {
        let frames = cut(&[1, 2, 3, 4, 5, 6, 7], &[7]);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].0[..2], [513.0 / 32_768.0, 1027.0 / 32_768.0]);
        assert!(frames[0].0[2..].iter().all(|&v| v == 0.0));
        assert!(cut(&[1, 2, 3], &[3]).is_empty(), "less than one sample is nothing");
        let floats: Vec<u8> = [0.5f32, -2.0, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let frames = cut_as(SampleFormat::F32Le, &floats, &[5]);
        assert_eq!(frames[0].0[..3], [0.5, -2.0, 0.0], "a sample has two values of four bytes");
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            length in 0usize..20_000,
            sizes in proptest::collection::vec(1usize..6000, 1..8),
        ) {
            let bytes = noise(length);
            for format in [SampleFormat::S16Le, SampleFormat::F32Le] {
                // NaN is among the noise, and equals nothing.
                let bits = |sizes: &[usize]| -> Vec<u32> {
                    cut_as(format, &bytes, sizes).iter().flat_map(|frame| frame.0.map(f32::to_bits)).collect()
                };
                prop_assert_eq!(bits(&sizes), bits(&[length.max(1)]));
            }
        }
    }
}
