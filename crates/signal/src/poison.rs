//! Finds the tick of PCM that kills encoders (SPEC ENC-10).
//!
//! ```text
//!  a process dies by itself       three in a row, their stretches share a tick
//!      WATCHING --------------------------------------------> HUNTING: the next process is fed tick by tick
//!         ^                                                      |      where the stretches meet
//!         |   one catches up, or dies for a reason of its own    |  dies after tick p
//!         +------------------------------------------------------+------------> tick p is the poison
//! ```
//!
//! The stretch of a death is what the process had read and not yet answered with frames. A process that keeps PCM back
//! before it works on it dies a tick or two after the poison: if the tick at which it died has been replaced by zeros
//! already, the tick before it is taken for the poison.
//!
//! A process may also die of its age, whatever it is fed. So that this is not taken for poison, each process of a row is
//! started at another tick ([`PoisonHunt::head_start`]): then it dies at another place.

use crate::units::Serial;
use std::ops::Range;

/// Deaths after the same stretch that make it suspect.
const DEATHS: u32 = 3;

/// A process keeps back no more than this before it works on it.
const KEPT_BACK_TICKS: u64 = 2;

/// By so much later does each process of a row start: more than what is read ahead through a pipe (64 KiB, 15 ticks).
const HEAD_START_TICKS: u64 = 19;

/// Ticks given up to one hunt. An encoder that dies of whatever it is fed is not helped by silence.
pub const POISON_TICKS_MAX: usize = 8;

/// Follows the deaths of the processes of one kind of encoder; see the [module](self).
#[derive(Clone, Debug, Default)]
pub struct PoisonHunt {
    /// Processes that died in a row, each by itself.
    deaths: u32,
    /// What all of them had read and not answered.
    shared: Option<Range<Serial>>,
    /// Ticks found since a process has caught up.
    found: Vec<Serial>,
}

impl PoisonHunt {
    /// A process that was fed without a pause died by itself, having read PCM up to the end of `unanswered`, and
    /// delivered no frame for any of it.
    pub fn died(&mut self, unanswered: Range<Serial>) {
        let shared = match &self.shared {
            Some(before) => before.start.max(unanswered.start)..before.end.min(unanswered.end),
            None => unanswered.clone(),
        };
        if shared.is_empty() {
            // It begins a new row, if it had read anything.
            self.deaths = u32::from(!unanswered.is_empty());
            self.shared = (!unanswered.is_empty()).then_some(unanswered);
        } else {
            self.deaths += 1;
            self.shared = Some(shared);
        }
    }

    /// A process was killed from outside, put down, or has caught up: what happened before proves nothing.
    pub fn row_ends(&mut self) {
        (self.deaths, self.shared) = (0, None);
    }

    /// A process has caught up.
    pub fn caught_up(&mut self) {
        *self = Self::default();
    }

    /// Where the next process is to be fed tick by tick, if it is.
    #[must_use]
    pub fn stretch(&self) -> Option<Range<Serial>> {
        let hunting = self.deaths >= DEATHS && self.found.len() < POISON_TICKS_MAX;
        self.shared.clone().filter(|_| hunting)
    }

    /// Ticks by which the next process is to start later than it would.
    #[must_use]
    pub fn head_start(&self) -> u64 {
        // From the third death on it is not their age: they were started at three different ticks.
        if self.deaths < DEATHS { u64::from(self.deaths) * HEAD_START_TICKS } else { 0 }
    }

    /// A process that was fed tick by tick died by itself, `last` being the tick it had been fed last. The tick that
    /// is to become zeros, if one is to.
    pub fn found(&mut self, last: Serial) -> Option<Serial> {
        self.stretch()?;
        let kept_back = last.saturating_sub(KEPT_BACK_TICKS)..=last;
        let tick = kept_back.rev().find(|tick| !self.found.contains(tick))?;
        self.found.push(tick);
        Some(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_deaths_after_the_same_stretch_begin_a_hunt_where_they_meet() {
        let mut hunt = PoisonHunt::default();
        hunt.died(90..110);
        hunt.died(100..120);
        assert_eq!(hunt.stretch(), None);
        hunt.died(95..104);
        assert_eq!(hunt.stretch(), Some(100..104));
        assert_eq!(hunt.found(102), Some(102));
        assert_eq!(hunt.stretch(), Some(100..104), "there may be more of it");
        hunt.caught_up();
        assert_eq!(hunt.stretch(), None);
    }

    #[test]
    fn deaths_at_different_places_or_with_nothing_read_are_no_poison() {
        let mut hunt = PoisonHunt::default();
        for start in 0..100 {
            hunt.died(start * 10..start * 10 + 10);
            assert_eq!(hunt.stretch(), None);
        }
        let mut hunt = PoisonHunt::default();
        for _ in 0..100 {
            hunt.died(50..50);
            assert_eq!(hunt.stretch(), None);
        }
    }

    #[test]
    fn a_kill_from_outside_ends_the_row() {
        let mut hunt = PoisonHunt::default();
        hunt.died(10..20);
        hunt.died(10..20);
        hunt.row_ends();
        hunt.died(10..20);
        assert_eq!(hunt.stretch(), None);
    }

    #[test]
    fn a_tick_that_is_zeros_already_means_the_one_before() {
        let mut hunt = PoisonHunt::default();
        (0..3).for_each(|_| hunt.died(100..110));
        assert_eq!(hunt.head_start(), 0, "the search itself needs no other place to start");
        assert_eq!([(); 4].map(|()| hunt.found(105)), [Some(105), Some(104), Some(103), None]);
    }

    #[test]
    fn processes_that_die_of_their_age_are_started_where_that_shows() {
        let mut hunt = PoisonHunt::default();
        for _ in 0..100 {
            let start = 1000 + hunt.head_start();
            hunt.died(start + 140..start + 155);
            assert_eq!(hunt.stretch(), None);
        }
    }

    #[test]
    fn an_encoder_that_dies_of_everything_costs_eight_ticks_at_most() {
        let mut hunt = PoisonHunt::default();
        (0..3).for_each(|_| hunt.died(100..200));
        let found = (100..200).filter_map(|tick| hunt.found(tick)).count();
        assert_eq!((found, hunt.stretch()), (POISON_TICKS_MAX, None));
    }
}
