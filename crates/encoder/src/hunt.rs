//! Feeding one process tick by tick, so that the tick that kills it is known (SPEC ENC-10).

use radio_signal::units::{MonoTime, Serial};
use std::ops::Range;

/// A tick that kills does so within this time after it has been read, and mostly within a fraction of it.
const DIGESTION_MS: u64 = 5;

/// How often it is asked whether a tick has been read.
const LOOK_AGAIN_MS: u64 = 1;

/// The stretch being searched, and how far.
#[derive(Clone, Debug)]
pub(super) struct Hunt {
    stretch: Range<Serial>,
    /// First tick that may not be fed yet.
    feed_to: Serial,
    /// Since when all that was fed has been read.
    digests_since: Option<MonoTime>,
    next_look: MonoTime,
}

impl Hunt {
    pub(super) fn new(stretch: Range<Serial>, now: MonoTime) -> Self {
        Self { feed_to: stretch.start, stretch, digests_since: None, next_look: now.plus_ms(LOOK_AGAIN_MS) }
    }

    /// First tick that may not be fed yet.
    pub(super) fn feed_to(&self) -> Serial {
        self.feed_to
    }

    /// When to call [`Self::step`] again at the latest.
    pub(super) fn next_look(&self) -> MonoTime {
        self.next_look
    }

    /// Whether `tick` is one that it has fed alone.
    pub(super) fn searches(&self, tick: Serial) -> bool {
        self.stretch.start <= tick && tick < self.feed_to
    }

    /// The process lives: lets it have the next tick when it has had time to die of the last. `fed_to` is the first
    /// tick not fed whole. Says whether the stretch is done with.
    pub(super) fn step(&mut self, now: MonoTime, fed_to: Serial, all_read: bool) -> bool {
        if now < self.next_look {
            return false;
        }
        self.next_look = now.plus_ms(LOOK_AGAIN_MS);
        if !all_read || fed_to < self.feed_to {
            self.digests_since = None;
            return false;
        }
        let since = *self.digests_since.get_or_insert(now);
        if now.since_ms(since) < DIGESTION_MS {
            return false;
        }
        self.digests_since = None;
        self.feed_to += 1;
        self.feed_to > self.stretch.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: MonoTime = MonoTime(1_000_000_000);

    #[test]
    fn each_tick_of_the_stretch_is_fed_alone_and_digested() {
        let mut hunt = Hunt::new(100..103, START);
        let (mut now, mut fed, mut steps) = (START, 100, Vec::new());
        loop {
            now = now.plus_ms(1);
            if hunt.step(now, fed, true) {
                break;
            }
            if hunt.feed_to() > fed {
                fed = hunt.feed_to();
                steps.push((fed, now.since_ms(START)));
            }
        }
        assert_eq!(steps, [(101, 6), (102, 12), (103, 18)]);
        assert!(hunt.searches(102) && !hunt.searches(99));
    }

    #[test]
    fn what_has_not_been_read_has_not_been_survived() {
        let mut hunt = Hunt::new(100..103, START);
        for ms in 1..1000 {
            assert!(!hunt.step(START.plus_ms(ms), 100, false));
        }
        assert_eq!(hunt.feed_to(), 100);
    }
}
