//! What becomes of a listener that falls behind (SPEC LIS-4): a pure state machine, stepped with tick numbers.
//!
//! A full socket buffer is no fault: the listener keeps its place. It is dropped when its socket took nothing for too
//! long, or when its place was overwritten too often.

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
}

/// One listener's state.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Tick at which the socket first refused, if it has taken nothing since.
    refusing_since: Option<u64>,
    /// Ticks of the skips within the window, at most `skips_max` of them.
    skips: Vec<u64>,
}

impl Lag {
    /// The socket took bytes, or there is nothing to send.
    pub fn progressed(&mut self) {
        self.refusing_since = None;
    }

    /// The socket took nothing of what there is.
    pub fn refused(&mut self, tick: u64, policy: &LagPolicy) -> Result<(), LagFault> {
        let since = *self.refusing_since.get_or_insert(tick);
        if tick.saturating_sub(since) >= policy.stall_ticks_max { Err(LagFault::Stalled) } else { Ok(()) }
    }

    /// The place was overwritten: may the listener skip?
    pub fn overwritten(&mut self, tick: u64, policy: &LagPolicy) -> Result<(), LagFault> {
        self.skips.retain(|&then| tick.saturating_sub(then) < policy.skips_window_ticks);
        if self.skips.len() < policy.skips_max { Ok(()) } else { Err(LagFault::SkippedTooOften) }
    }

    /// The listener has skipped: the first byte from its new place was taken.
    pub fn skipped(&mut self, tick: u64) {
        self.skips.push(tick);
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
            assert_eq!(lag.overwritten(tick, &POLICY), Ok(()));
            lag.skipped(tick);
        }
        assert_eq!(lag.overwritten(13_499, &POLICY), Err(LagFault::SkippedTooOften));
        assert_eq!(lag.overwritten(13_500, &POLICY), Ok(()));
    }

    #[test]
    fn a_skip_not_yet_made_does_not_count() {
        let mut lag = Lag::default();
        for tick in 0..100 {
            assert_eq!(lag.overwritten(tick, &POLICY), Ok(()));
        }
    }

    #[test]
    fn the_record_of_skips_stays_small_over_years() {
        let mut lag = Lag::default();
        for tick in (0..1_300_000_000).step_by(12_500) {
            assert_eq!(lag.overwritten(tick, &POLICY), Ok(()));
            lag.skipped(tick);
            assert!(lag.skips.len() <= POLICY.skips_max);
        }
    }
}
