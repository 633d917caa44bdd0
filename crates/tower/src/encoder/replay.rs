//! Where a new process joins the stream (SPEC ENC-9): the one place that decides how much it is fed of what has been.

use super::status::ReplayReport;
use radio_signal::units::{FrameNumber, Serial};

/// Ticks after which an encoder without bit reservoir has forgotten how it began (docs/measured.md).
const REPLAY_TICKS: u64 = 200;

/// With fewer, the join would be heard.
const WARM_UP_TICKS_MIN: u64 = 10;

/// How one process joins. Its `j`-th frame has number `start_tick + j`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) start_tick: Serial,
    /// Frames below this are for comparison only.
    pub(super) deliver_from: FrameNumber,
}

/// `next_frame` is the first that listeners still need, `kept` what the history holds.
pub(super) fn plan(next_frame: FrameNumber, kept: std::ops::Range<Serial>) -> Plan {
    let start_tick = next_frame.saturating_sub(REPLAY_TICKS).max(kept.start).min(kept.end);
    // From tick 0 on, a new process is what the first one was.
    let warm_up = if start_tick == 0 { 0 } else { WARM_UP_TICKS_MIN };
    Plan { start_tick, deliver_from: next_frame.max(start_tick + warm_up) }
}

/// Equal frames in a row that prove a join.
const PROOF_FRAMES: u64 = 10;

impl ReplayReport {
    pub(super) fn begin(plan: Plan) -> Self {
        let ticks = plan.deliver_from.saturating_sub(plan.start_tick);
        Self { start_tick: plan.start_tick, next_frame: plan.deliver_from, ticks, ..Self::default() }
    }

    pub(super) fn compare(&mut self, equal: bool) {
        self.compared += 1;
        self.equal += u64::from(equal);
        self.equal_in_a_row = if equal { self.equal_in_a_row + 1 } else { 0 };
        self.proved = self.equal_in_a_row >= PROOF_FRAMES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joins(next_frame: u64, kept: std::ops::Range<u64>) -> (u64, u64) {
        let plan = plan(next_frame, kept);
        (plan.start_tick, plan.deliver_from)
    }

    #[test]
    fn a_replacement_replays_200_ticks_or_what_there_is() {
        assert_eq!(joins(0, 0..0), (0, 0));
        assert_eq!(joins(150, 0..152), (0, 150));
        assert_eq!(joins(10_000, 9_490..10_002), (9_800, 10_000));
        assert_eq!(joins(600, 500..1012), (500, 600));
    }

    #[test]
    fn what_can_no_longer_be_replayed_is_not_delivered_raw() {
        assert_eq!(joins(100, 5_000..5_512), (5_000, 5_010));
        assert_eq!(joins(5_003, 5_000..5_512), (5_000, 5_010));
    }

    #[test]
    fn a_join_is_proved_by_ten_equal_frames_at_its_end() {
        let mut report = ReplayReport::default();
        (0..190).for_each(|_| report.compare(true));
        assert!(report.proved);
        report.compare(false);
        (0..9).for_each(|_| report.compare(true));
        assert!(!report.proved);
        report.compare(true);
        assert!(report.proved);
    }
}
