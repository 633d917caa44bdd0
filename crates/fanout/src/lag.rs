//! What becomes of a listener that falls behind (SPEC LIS-4): a pure state machine, stepped with tick numbers.
//!
//! A full socket buffer is no fault: the listener keeps its place. It is dropped when its socket took nothing for too
//! long, or when its place was overwritten too often.

use crate::sync::{AtomicU64, Ordering};

/// Words of a listener's lag in the given memory.
pub(crate) const LAG_WORDS: usize = 8;
/// Most skips that may be allowed in a window.
pub(crate) const SKIPS_MAX: usize = 2;
/// Value of [`Lag::target`] when none has been chosen.
pub(crate) const NO_TARGET: u64 = u64::MAX;

/// The limits, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LagPolicy {
    pub stall_ticks_max: u64,
    pub skips_max: usize,
    pub skips_window_ticks: u64,
}

/// Why a listener is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LagFault {
    /// Its socket took nothing for the longest time allowed.
    Stalled,
    /// It would skip once more than is allowed.
    SkippedTooOften,
    /// The frame that it was in is gone.
    Lost,
}

/// One listener's state. Ticks are kept plus one, 0 for none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Tick at which the socket first refused, if it has taken nothing since.
    refusing_since: u64,
    /// Number of the frame that begins where it is to jump.
    pub jump_frame: u64,
    /// Where it goes on, if that has been chosen.
    pub target: u64,
    /// Frames that its skips have left out.
    pub skipped_frames: u64,
    /// `skipped_frames`, as it will be once the first byte at `target` has gone.
    pub skipped_frames_then: u64,
    /// Ticks of its last skips.
    skips: [u64; SKIPS_MAX],
    /// When it was admitted.
    pub admitted_tick: u64,
}

impl Lag {
    pub(crate) fn new(admitted_tick: u64) -> Self {
        Self { target: NO_TARGET, admitted_tick, ..Self::default() }
    }

    /// The socket took bytes, or there is nothing to send.
    pub(crate) fn progressed(&mut self) {
        self.refusing_since = 0;
    }

    /// The socket took nothing of what there is.
    pub(crate) fn refused(&mut self, tick: u64, policy: &LagPolicy) -> Result<(), LagFault> {
        if self.refusing_since == 0 {
            self.refusing_since = tick + 1;
        }
        if self.is_stalled(tick, policy) { Err(LagFault::Stalled) } else { Ok(()) }
    }

    /// Whether the socket has taken nothing for too long.
    pub(crate) fn is_stalled(&self, tick: u64, policy: &LagPolicy) -> bool {
        self.refusing_since != 0 && (tick + 1).saturating_sub(self.refusing_since) >= policy.stall_ticks_max
    }

    /// The place was overwritten: may the listener skip?
    pub(crate) fn may_skip(&self, tick: u64, policy: &LagPolicy) -> Result<(), LagFault> {
        let is_recent = |&then: &u64| then != 0 && (tick + 1).saturating_sub(then) < policy.skips_window_ticks;
        let recent = self.skips.iter().copied().filter(is_recent).count();
        if recent < policy.skips_max { Ok(()) } else { Err(LagFault::SkippedTooOften) }
    }

    /// It has skipped: the first byte at the target has gone.
    pub(crate) fn skipped(&mut self, tick: u64) {
        self.skipped_frames = self.skipped_frames_then;
        self.target = NO_TARGET;
        self.skips.rotate_right(1);
        self.skips[0] = tick + 1;
    }

    pub(crate) fn load(words: &[AtomicU64]) -> Self {
        let word = |n: usize| words[n].load(Ordering::Relaxed);
        Self {
            refusing_since: word(0),
            jump_frame: word(1),
            target: word(2),
            skipped_frames: word(3),
            skipped_frames_then: word(4),
            skips: [word(5), word(6)],
            admitted_tick: word(7),
        }
    }

    pub(crate) fn store(&self, words: &[AtomicU64]) {
        let Self { refusing_since, jump_frame, target, skipped_frames, skipped_frames_then, skips, admitted_tick } =
            *self;
        let values = [
            refusing_since,
            jump_frame,
            target,
            skipped_frames,
            skipped_frames_then,
            skips[0],
            skips[1],
            admitted_tick,
        ];
        values.into_iter().zip(words).for_each(|(value, word)| word.store(value, Ordering::Release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: LagPolicy = LagPolicy { stall_ticks_max: 2500, skips_max: 2, skips_window_ticks: 12_500 };

    #[test]
    fn a_full_socket_is_borne_until_the_limit_and_no_longer() {
        let mut lag = Lag::default();
        assert_eq!(lag.refused(10, &POLICY), Ok(()));
        assert_eq!(lag.refused(10 + 2499, &POLICY), Ok(()));
        assert_eq!(lag.refused(10 + 2500, &POLICY), Err(LagFault::Stalled));
    }

    #[test]
    fn any_progress_starts_the_limit_anew() {
        let mut lag = Lag::default();
        for tick in (0..1_000_000).step_by(2499) {
            assert_eq!(lag.refused(tick, &POLICY), Ok(()));
            assert_eq!(lag.refused(tick + 2498, &POLICY), Ok(()));
            lag.progressed();
        }
    }

    #[test]
    fn two_skips_in_five_minutes_are_borne_and_a_third_is_not() {
        let mut lag = Lag::default();
        for tick in [1000, 5000] {
            assert_eq!(lag.may_skip(tick, &POLICY), Ok(()));
            lag.skipped(tick);
        }
        assert_eq!(lag.may_skip(13_499, &POLICY), Err(LagFault::SkippedTooOften));
        assert_eq!(lag.may_skip(13_500, &POLICY), Ok(()));
    }

    #[test]
    fn a_skip_not_yet_made_does_not_count() {
        let lag = Lag::default();
        assert!((0..100).all(|tick| lag.may_skip(tick, &POLICY).is_ok()));
    }

    #[cfg(not(loom))]
    #[test]
    fn it_is_the_same_after_a_stay_in_memory() {
        let words: Vec<AtomicU64> = (0..LAG_WORDS).map(|_| AtomicU64::new(0)).collect();
        let mut lag = Lag::new(7);
        lag.skipped(3);
        let _ = lag.refused(9, &POLICY);
        (lag.jump_frame, lag.target, lag.skipped_frames_then) = (1, 2, 5);
        lag.store(&words);
        assert_eq!(Lag::load(&words), lag);
    }
}
