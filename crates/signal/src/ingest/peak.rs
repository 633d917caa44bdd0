//! How loud a producer is, on air or not: the loudest sample of what came lately. An operator looks at it before he puts
//! somebody on air.

/// A peak is shown for so many ticks at least, 408 ms, and twice that at most: long enough to be seen.
const HOLD_TICKS: u32 = 17;

/// The loudest of the last [`HOLD_TICKS`] frames and of those shortly before.
#[derive(Debug, Default)]
pub(super) struct PeakHold {
    ticks: u32,
    newer: f32,
    older: f32,
}

impl PeakHold {
    /// Takes in the peak of a frame; gives the one to show.
    pub(super) fn observe(&mut self, peak: f32) -> f32 {
        if self.ticks == HOLD_TICKS {
            (self.ticks, self.older, self.newer) = (0, self.newer, 0.0);
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
        (0..HOLD_TICKS - 1).for_each(|_| assert_eq!(hold.observe(0.5), 0.5));
        assert_eq!(hold.observe(0.9), 0.9, "at the end of its window");
        (0..HOLD_TICKS).for_each(|_| assert_eq!(hold.observe(0.5), 0.9));
        assert_eq!(hold.observe(0.5), 0.5);
    }
}
