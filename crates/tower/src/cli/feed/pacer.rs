//! When each frame is to be sent.

use radio_signal::units::{MonoTime, TICK_NS};

/// Ticks sent at once in the beginning: more than the default pre-roll of 10, so that the tower goes on air at once
/// and has something in hand.
const LEAD_TICKS: u64 = 14;

/// Absolute deadlines: a frame that is late does not make the next one late.
#[derive(Debug)]
pub(super) struct Pacer {
    start: MonoTime,
    frames: u64,
}

impl Pacer {
    pub(super) fn new(now: MonoTime) -> Self {
        Self { start: now, frames: 0 }
    }

    /// When the next frame is due. Call once for each frame.
    ///
    /// After a delay of more than the lead (the source paused, the machine slept) the tower has run dry, and the
    /// schedule begins anew: catching up would flood its buffer.
    pub(super) fn next_due(&mut self, now: MonoTime) -> MonoTime {
        if now.since_ns(self.due()) > LEAD_TICKS * TICK_NS {
            *self = Self::new(now);
        }
        let due = self.due();
        self.frames += 1;
        due
    }

    fn due(&self) -> MonoTime {
        self.start.plus_ns((self.frames + 1).saturating_sub(LEAD_TICKS).saturating_mul(TICK_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_sent_at_once_and_then_one_frame_a_tick() {
        let mut pacer = Pacer::new(MonoTime(1000));
        let mut now = MonoTime(1000);
        for _ in 0..14 {
            assert_eq!(pacer.next_due(now), MonoTime(1000));
        }
        for tick in 1..=1000 {
            let due = pacer.next_due(now);
            assert_eq!(due, MonoTime(1000).plus_ns(tick * TICK_NS));
            // Each frame leaves 5 ms late, which no later deadline takes over.
            now = due.plus_ms(5);
        }
    }

    #[test]
    fn a_long_pause_is_not_made_up() {
        let mut pacer = Pacer::new(MonoTime(0));
        for _ in 0..100 {
            pacer.next_due(MonoTime(86 * TICK_NS));
        }
        let back = MonoTime(10_000 * TICK_NS);
        for _ in 0..14 {
            assert_eq!(pacer.next_due(back), back);
        }
        assert_eq!(pacer.next_due(back), back.plus_ns(TICK_NS));
    }
}
