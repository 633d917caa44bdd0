//! The processes of one role, one after the other: when the next one is due.

use super::policy::{RestartPolicy, Verdict};
use super::processor::Cost;
use super::words::{LineSettings, Reason, Role, Settings};
use crate::units::MonoTime;

/// How long a process may owe a frame, where it is not short of the processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) first_frame_ms: u64,
    pub(super) suspicion_ms: u64,
    pub(super) stall_ms: u64,
}

/// What happened to a process that was wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// It ended, or did what ends a process.
    Died,
    /// It had the processor and is late: its supervisor replaces it.
    Hung,
}

/// What else is known when it happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) had_caught_up: bool,
    pub(super) another_is_well: bool,
    /// A process waited for the processor a short while ago.
    pub(super) is_short: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) role: Role,
    pub(super) policy: RestartPolicy,
    /// How long a frame may be owed.
    pub(super) patience: Patience,
    /// What its frames cost.
    pub(super) cost: Cost,
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
            patience: Patience {
                first_frame_ms: line.first_frame_ms,
                suspicion_ms: settings.suspicion_ms,
                stall_ms: settings.stall_threshold_ms,
            },
            cost: Cost::guess(line.first_frame_ms),
            spawn_at: None,
            failed: false,
        }
    }

    /// Without another process that is well, the next one is due as the policy says. On a machine
    /// that is too busy nothing counts.
    pub(super) fn has_trouble(&mut self, now: MonoTime, trouble: Trouble, how: Circumstances) {
        let Circumstances { had_caught_up, another_is_well, is_short } = how;
        let verdict = match trouble {
            _ if is_short => self.policy.excused(had_caught_up),
            Trouble::Died => self.policy.died(now, had_caught_up),
            Trouble::Hung => self.policy.hung(now, had_caught_up),
        };
        let wait_ms = match verdict {
            Verdict::AtOnce => 0,
            Verdict::After { wait_ms } => wait_ms,
            Verdict::Failed { wait_ms } => {
                self.failed = true;
                wait_ms
            }
        };
        if !another_is_well {
            let due = now.plus_ms(wait_ms);
            self.spawn_at = Some(self.spawn_at.map_or(due, |at| at.max(due)));
        }
    }

    /// One of its processes does what it should: all is forgiven.
    pub(super) fn is_well(&mut self) {
        self.policy.caught_up();
        self.spawn_at = None;
        self.failed = false;
    }

    /// Why the state changes: `cause`, or that restarts are used up.
    pub(super) fn reason(&self, cause: Reason) -> Reason {
        if self.failed { Reason::RestartsUsedUp } else { cause }
    }
}
