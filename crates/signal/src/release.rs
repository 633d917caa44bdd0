//! When a numbered frame goes to the listeners: the arithmetic of the playout delay (SPEC PUMP-2, ENC-11).

use crate::units::{FrameNumber, Serial};

/// What to do when the frame that is due is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Listeners hold seconds of audio: wait for the right bytes.
    Hold,
    /// It was due more than `hold_max` ago: silence takes its slot.
    Silence,
}

/// Releases the frames of one output, each when tick `frame + delay` comes.
#[derive(Clone, Debug)]
pub struct Release {
    next: FrameNumber,
    delay_ticks: u64,
    hold_ticks_max: u64,
    first_present: Serial,
}

impl Release {
    /// Frames are due `delay_ticks` after their own tick, but none before `first_present`, the first tick that is not
    /// in the past at start.
    #[must_use]
    pub const fn new(delay_ticks: u64, hold_ticks_max: u64, first_present: Serial) -> Self {
        Self::starting_at(0, delay_ticks, hold_ticks_max, first_present)
    }

    /// As [`new`](Self::new), for a stream whose first frame is `first`.
    #[must_use]
    pub const fn starting_at(first: FrameNumber, delay_ticks: u64, hold_ticks_max: u64, first_present: Serial) -> Self {
        Self { next: first, delay_ticks, hold_ticks_max, first_present }
    }

    /// The frame that is due at `tick` and not released yet. Call [`Self::released`] and ask again, until `None`.
    #[must_use]
    pub fn due(&self, tick: Serial) -> Option<FrameNumber> {
        (self.due_tick() <= tick).then_some(self.next)
    }

    /// What to do at `tick` about the due frame, which is not in the frame buffer.
    #[must_use]
    pub fn missing(&self, tick: Serial) -> Missing {
        if tick > self.due_tick() + self.hold_ticks_max { Missing::Silence } else { Missing::Hold }
    }

    /// How many ticks the next frame is behind its due tick at `tick`; 0 if it is not due.
    #[must_use]
    pub fn behind_ticks(&self, tick: Serial) -> u64 {
        tick.saturating_sub(self.due_tick())
    }

    /// The next frame has gone to the listeners.
    pub const fn released(&mut self) {
        self.next += 1;
    }

    /// The frame that goes next.
    #[must_use]
    pub const fn next(&self) -> FrameNumber {
        self.next
    }

    fn due_tick(&self) -> Serial {
        (self.next + self.delay_ticks).max(self.first_present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_due_its_delay_after_its_tick() {
        let mut release = Release::new(20, 41, 0);
        assert_eq!(release.due(19), None);
        assert_eq!(release.due(20), Some(0));
        release.released();
        assert_eq!(release.due(20), None);
        assert_eq!(release.due(21), Some(1));
    }

    #[test]
    fn the_past_is_due_at_the_first_present_tick_and_held_from_there() {
        let mut release = Release::new(20, 41, 103);
        assert_eq!(release.due(102), None);
        assert_eq!(release.missing(103 + 41), Missing::Hold);
        assert_eq!(release.missing(103 + 42), Missing::Silence);
        let mut count = 0;
        while release.due(103).is_some() {
            release.released();
            count += 1;
        }
        assert_eq!(count, 84, "frames 0 to 83: the whole burst");
    }

    #[test]
    fn silence_takes_each_slot_only_after_its_own_hold() {
        let mut release = Release::new(2, 41, 0);
        assert_eq!(release.missing(2 + 41), Missing::Hold);
        assert_eq!(release.missing(2 + 42), Missing::Silence);
        release.released();
        assert_eq!(release.missing(2 + 42), Missing::Hold, "the next frame was due a tick later");
        assert_eq!(release.behind_ticks(2 + 42), 41);
    }
}
