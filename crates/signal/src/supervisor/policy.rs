//! How soon a dead encoder is replaced (SPEC ENC-10).
//!
//! One that had caught up was healthy: its death costs nothing but a token, of which there are 60 a minute. One that
//! dies before that may have a fault that the next one shares: two chances at once, then with growing waits, then
//! rarely, for ever.
//!
//! A process that its supervisor gives up because it is late has not died, and counts nowhere among
//! the deaths. Processes that hang have their own spacing: tokens of their own, and before catching
//! up two at once, then with waits of 1, 2, 4, 8 s and 10 s from then on.

use super::words::Settings;
use crate::units::MonoTime;

/// Deaths of healthy processes that may follow each other at once; one more a second.
const TOKENS_MAX: u64 = 60;
const TOKEN_MS: u64 = 60_000 / TOKENS_MAX;

/// Deaths before catching up, in a row, that are answered without a wait.
const AT_ONCE_MAX: u32 = 2;

/// Wait where none is configured.
const BACKOFF_MS_DEFAULT: u64 = 1000;

/// From a process that hung to the next one: at first, and at most.
const HUNG_RETRY_MS: u64 = 1000;
const HUNG_RETRY_MS_MAX: u64 = 10_000;

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
    deaths: Tokens,
    hangs_in_a_row: u32,
    hangs: Tokens,
    excused_in_a_row: u32,
}

/// So many may follow each other at once.
#[derive(Debug)]
struct Tokens {
    count: u64,
    /// Since when they are counted; meaningless while all are there.
    refilled_at: MonoTime,
}

impl RestartPolicy {
    pub(super) fn new(settings: &Settings, recovery_retry_ms: u64) -> Self {
        Self {
            backoff_ms: settings.backoff_ms.clone(),
            restarts_max: settings.restarts_max,
            recovery_retry_ms,
            failures_in_a_row: 0,
            deaths: Tokens::all(),
            hangs_in_a_row: 0,
            hangs: Tokens::all(),
            excused_in_a_row: 0,
        }
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    pub(super) fn caught_up(&mut self) {
        (self.failures_in_a_row, self.hangs_in_a_row, self.excused_in_a_row) = (0, 0, 0);
    }

    pub(super) fn died(&mut self, now: MonoTime, had_caught_up: bool) -> Verdict {
        if had_caught_up {
            return if self.deaths.take(now) {
                Verdict::AtOnce
            } else {
                Verdict::After { wait_ms: self.backoff_ms(0) }
            };
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

    /// One had the processor and made nothing. It is no death, however often it happens.
    pub(super) fn hung(&mut self, now: MonoTime, had_caught_up: bool) -> Verdict {
        if had_caught_up {
            return if self.hangs.take(now) { Verdict::AtOnce } else { Verdict::After { wait_ms: HUNG_RETRY_MS } };
        }
        self.hangs_in_a_row = self.hangs_in_a_row.saturating_add(1);
        let Some(waits_before) = self.hangs_in_a_row.checked_sub(AT_ONCE_MAX + 1) else { return Verdict::AtOnce };
        let wait_ms = HUNG_RETRY_MS << waits_before.min(HUNG_RETRY_MS_MAX.ilog2());
        Verdict::After { wait_ms: wait_ms.min(HUNG_RETRY_MS_MAX) }
    }

    /// One died while there was too little of the processor: as on an idle machine the first two are
    /// replaced at once, and the next one is tried soon, however often.
    pub(super) fn excused(&mut self, had_caught_up: bool) -> Verdict {
        if had_caught_up {
            return Verdict::AtOnce;
        }
        self.excused_in_a_row = self.excused_in_a_row.saturating_add(1);
        if self.excused_in_a_row <= AT_ONCE_MAX {
            return Verdict::AtOnce;
        }
        Verdict::After { wait_ms: self.backoff_ms(0) }
    }

    /// The wait of this step; the last one repeats.
    fn backoff_ms(&self, step: usize) -> u64 {
        self.backoff_ms.get(step).or(self.backoff_ms.last()).copied().unwrap_or(BACKOFF_MS_DEFAULT)
    }
}

impl Tokens {
    const fn all() -> Self {
        Self { count: TOKENS_MAX, refilled_at: MonoTime(0) }
    }

    fn take(&mut self, now: MonoTime) -> bool {
        let earned = now.since_ms(self.refilled_at) / TOKEN_MS;
        if self.count.saturating_add(earned) >= TOKENS_MAX {
            *self = Self { count: TOKENS_MAX, refilled_at: now };
        } else {
            self.count += earned;
            self.refilled_at = self.refilled_at.plus_ms(earned * TOKEN_MS);
        }
        let taken = self.count > 0;
        self.count -= u64::from(taken);
        taken
    }
}
