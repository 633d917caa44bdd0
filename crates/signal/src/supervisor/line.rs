//! The processes of one role, one after the other: when the next one is due.

use super::policy::{RestartPolicy, Verdict};
use super::words::{LineSettings, Reason, Role, Settings};
use crate::units::MonoTime;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) role: Role,
    pub(super) settings: LineSettings,
    pub(super) policy: RestartPolicy,
    /// When the next process is to be started.
    pub(super) spawn_at: Option<MonoTime>,
    /// Its restarts are used up, and nothing has been delivered since.
    pub(super) failed: bool,
}

impl Line {
    pub(super) fn new(role: Role, line: LineSettings, settings: &Settings) -> Self {
        Self {
            role,
            policy: RestartPolicy::new(settings, line.recovery_retry_ms),
            settings: line,
            spawn_at: None,
            failed: false,
        }
    }

    /// A process died or fell under suspicion. Without another that is well, the next one is due as the policy says.
    pub(super) fn has_trouble(&mut self, now: MonoTime, had_caught_up: bool, another_is_well: bool) {
        let wait_ms = match self.policy.died(now, had_caught_up) {
            Verdict::AtOnce => 0,
            Verdict::After { wait_ms } => wait_ms,
            Verdict::Failed { wait_ms } => {
                self.failed = true;
                wait_ms
            }
        };
        if !another_is_well && self.spawn_at.is_none() {
            self.spawn_at = Some(now.plus_ms(wait_ms));
        }
    }

    /// One of its processes does what it should: all is forgiven.
    pub(super) fn is_well(&mut self) {
        self.policy.caught_up();
        self.spawn_at = None;
        self.failed = false;
    }

    /// What a state machine that watches this line says when restarts are used up.
    pub(super) fn reason(&self, cause: Reason) -> Reason {
        if self.failed { Reason::RestartsUsedUp } else { cause }
    }
}
