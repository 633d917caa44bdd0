//! How loud a producer is, on air or not: the loudest sample of what came lately. An operator looks at it before he puts
//! somebody on air.

use crate::pcm::PcmFrame;

/// A peak is shown for so many ticks at least, 408 ms, and twice that at most: long enough to be seen.
const HOLD_TICKS: u32 = 17;

/// How far the loudest sample of a frame is from zero, 0 to 32768.
#[must_use]
pub(super) fn peak(frame: &PcmFrame) -> u16 {
    frame.0.iter().fold(0, |peak, value| peak.max(value.unsigned_abs()))
}

/// The loudest of the last [`HOLD_TICKS`] frames and of those shortly before.
#[derive(Debug, Default)]
pub(super) struct PeakHold {
    ticks: u32,
    newer: u16,
    older: u16,
}

impl PeakHold {
    /// Takes in the peak of a frame; gives the one to show.
    pub(super) fn observe(&mut self, peak: u16) -> u16 {
        if self.ticks == HOLD_TICKS {
            (self.ticks, self.older, self.newer) = (0, self.newer, 0);
        }
        self.ticks += 1;
        self.newer = self.newer.max(peak);
        self.newer.max(self.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_held_for_its_time_and_then_forgotten() {
        let mut hold = PeakHold::default();
        (0..HOLD_TICKS - 1).for_each(|_| assert_eq!(hold.observe(5), 5));
        assert_eq!(hold.observe(900), 900, "at the end of its window");
        (0..HOLD_TICKS).for_each(|_| assert_eq!(hold.observe(5), 900));
        assert_eq!(hold.observe(5), 5);
    }

    #[test]
    fn the_most_negative_sample_is_full_scale() {
        let mut frame = PcmFrame::SILENCE;
        assert_eq!(peak(&frame), 0);
        frame.0[7] = i16::MIN;
        assert_eq!(peak(&frame), 32_768);
    }
}
