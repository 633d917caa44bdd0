//! Bytes of any sizes, cut into ticks by sample count (SPEC IN-2, IN-3).

use crate::pcm::PcmFrame;
use crate::units::{CHANNELS, TICK_BYTES};

/// Bytes of one sample of all channels.
const SAMPLE_BYTES: usize = CHANNELS * 2;

/// Collects the bytes of one producer until they are a whole tick. Each producer has its own, so that nothing it leaves
/// behind can reach another.
#[derive(Clone, Debug)]
pub struct Accumulator {
    bytes: [u8; TICK_BYTES],
    filled: usize,
}

impl Accumulator {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; TICK_BYTES], filled: 0 }
    }

    /// Takes `bytes`, which may begin and end anywhere, and gives every tick that they complete to `sink`.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&PcmFrame)) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(TICK_BYTES - self.filled));
            self.bytes[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == TICK_BYTES {
                sink(&PcmFrame::from_le_bytes(&self.bytes));
                self.filled = 0;
            }
        }
    }

    /// The producer has left: what is there is padded with zeros to a last tick. A sample cut in the middle is dropped.
    pub fn finish(mut self, mut sink: impl FnMut(&PcmFrame)) {
        let whole = self.filled - self.filled % SAMPLE_BYTES;
        if whole > 0 {
            self.bytes[whole..].fill(0);
            sink(&PcmFrame::from_le_bytes(&self.bytes));
        }
    }
}

impl Default for Accumulator {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<PcmFrame> {
        let mut frames = Vec::new();
        let mut accumulator = Accumulator::new();
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
        assert_eq!(frames[0].0[..3], [0x0201, 0x0403, 0]);
        assert!(frames[0].0[2..].iter().all(|&v| v == 0));
        assert!(cut(&[1, 2, 3], &[3]).is_empty(), "less than one sample is nothing");
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            length in 0usize..20_000,
            sizes in proptest::collection::vec(1usize..6000, 1..8),
        ) {
            let bytes = noise(length);
            prop_assert_eq!(cut(&bytes, &sizes), cut(&bytes, &[length.max(1)]));
        }
    }
}
