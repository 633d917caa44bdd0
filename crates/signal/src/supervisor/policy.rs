//! How soon a dead encoder is replaced (SPEC ENC-10).
//!
//! One that had caught up was healthy: its death costs nothing but a token, of which there are 60 a minute. One that
//! dies before that may have a fault that the next one shares: two chances at once, then with growing waits, then
//! rarely, for ever.

use super::words::Settings;
use crate::units::MonoTime;

/// Deaths of healthy processes that may follow each other at once; one more a second.
const TOKENS_MAX: u64 = 60;
const TOKEN_MS: u64 = 60_000 / TOKENS_MAX;

/// Deaths before catching up, in a row, that are answered without a wait.
const AT_ONCE_MAX: u32 = 2;

/// Wait where none is configured.
const BACKOFF_MS_DEFAULT: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    AtOnce,
    After { wait_ms: u64 },
    Failed { wait_ms: u64 },
}

#[derive(Debug)]
pub(super) struct RestartPolicy {
    backoff_ms: Vec<u64>,
    restarts_max: u32,
    recovery_retry_ms: u64,
    failures_in_a_row: u32,
    tokens: u64,
    /// Since when the tokens are counted; meaningless while all are there.
    refilled_at: MonoTime,
}

impl RestartPolicy {
    pub(super) fn new(settings: &Settings, recovery_retry_ms: u64) -> Self {
        Self {
            backoff_ms: settings.backoff_ms.clone(),
            restarts_max: settings.restarts_max,
            recovery_retry_ms,
            failures_in_a_row: 0,
            tokens: TOKENS_MAX,
            refilled_at: MonoTime(0),
        }
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    pub(super) fn caught_up(&mut self) {
        self.failures_in_a_row = 0;
    }

    pub(super) fn died(&mut self, now: MonoTime, had_caught_up: bool) -> Verdict {
        if had_caught_up {
            return if self.take_token(now) { Verdict::AtOnce } else { Verdict::After { wait_ms: self.backoff_ms(0) } };
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let Some(waits_before) = self.failures_in_a_row.checked_sub(AT_ONCE_MAX + 1) else {
            return Verdict::AtOnce;
        };
        if waits_before < self.restarts_max {
            Verdict::After { wait_ms: self.backoff_ms(waits_before as usize) }
        } else {
            Verdict::Failed { wait_ms: self.recovery_retry_ms }
        }
    }

    /// One died while there was too little of the processor: the next one is tried soon, however
    /// often.
    pub(super) fn excused(&self, had_caught_up: bool) -> Verdict {
        if had_caught_up { Verdict::AtOnce } else { Verdict::After { wait_ms: self.backoff_ms(0) } }
    }

    /// The wait of this step; the last one repeats.
    fn backoff_ms(&self, step: usize) -> u64 {
        self.backoff_ms.get(step).or(self.backoff_ms.last()).copied().unwrap_or(BACKOFF_MS_DEFAULT)
    }

    fn take_token(&mut self, now: MonoTime) -> bool {
        let earned = now.since_ms(self.refilled_at) / TOKEN_MS;
        if self.tokens.saturating_add(earned) >= TOKENS_MAX {
            self.tokens = TOKENS_MAX;
            self.refilled_at = now;
        } else {
            self.tokens += earned;
            self.refilled_at = self.refilled_at.plus_ms(earned * TOKEN_MS);
        }
        let taken = self.tokens > 0;
        self.tokens -= u64::from(taken);
        taken
    }
}
