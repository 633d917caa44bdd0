//! Where a new process joins the stream (SPEC ENC-9): the one place that decides how much it is fed of what has been.

use super::status::ReplayReport;
use radio_signal::units::{FrameNumber, Serial, TICK_MS};
use std::ops::Range;

/// Ticks to replay below the configured maximum, the longest that can be afforded (docs/measured.md): after 200 every encoder without bit reservoir
/// has forgotten how it began, whatever it was fed; after 130 all but a few; after 40 with every programme that is not
/// made to resist; with 10 the join is not heard.
const REPLAY_TICKS: [u64; 4] = [200, 130, 40, REPLAY_TICKS_MIN];

/// With fewer, the join would be heard.
pub(super) const REPLAY_TICKS_MIN: u64 = 10;

/// A replay of fewer ticks than this may not give the right bytes: then it is better to be late than to be in time.
pub(super) const SURE_ENOUGH_TICKS: u64 = 40;

/// How one process joins. Its `j`-th frame has number `start_tick + j`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) start_tick: Serial,
    /// Frames below this are for comparison only.
    pub(super) deliver_from: FrameNumber,
}

/// `next_frame` is the first that listeners still need, `kept` what the history holds, `replay_ticks` how much of it to
/// take, of which `head_start` ticks may be left out down to what cannot be heard. A process starts where a frame of its
/// codec begins with a tick, each `grid_ticks`: rather a little earlier, or, if that is no longer kept, later.
pub(super) fn plan(
    next_frame: FrameNumber,
    kept: Range<Serial>,
    replay_ticks: u64,
    head_start: u64,
    grid_ticks: u64,
) -> Plan {
    let there = replay_ticks.min(next_frame.saturating_sub(kept.start));
    let start_tick = next_frame.saturating_sub(there.saturating_sub(head_start).max(there.min(REPLAY_TICKS_MIN)));
    let start_tick = start_tick.clamp(kept.start, kept.end);
    let earlier = start_tick - start_tick % grid_ticks;
    let start_tick = if earlier >= kept.start { earlier } else { earlier + grid_ticks };
    // From tick 0 on, a new process is what the first one was.
    let warm_up = if start_tick == 0 { 0 } else { replay_ticks.min(REPLAY_TICKS_MIN) };
    Plan { start_tick, deliver_from: next_frame.max(start_tick + warm_up) }
}

/// How fast the processes of one program replay, from the last ones that did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From its start to its first frame.
    pub(super) first_frame_us: u64,
    /// For each further frame.
    pub(super) frame_us: u64,
}

impl Pace {
    /// Time to replay so many ticks and deliver the frame after them.
    pub(super) fn replay_ms(self, ticks: u64) -> i64 {
        ((self.first_frame_us + ticks * self.frame_us) / 1000) as i64
    }

    /// Takes in a replay of so many frames; slower ones count at once, faster ones by and by.
    pub(super) fn learn(&mut self, first_frame_us: u64, frames: u64, rest_us: u64) {
        let blend = |old: u64, new: u64| if new > old { new } else { (3 * old + new) / 4 };
        self.first_frame_us = blend(self.first_frame_us, first_frame_us);
        if let Some(frame_us) = rest_us.checked_div(frames) {
            self.frame_us = blend(self.frame_us, frame_us);
        }
    }
}

/// How much is replayed: as much as lets the next frame be on time; where only too little would, it is late, and as
/// much as `hold_max` allows. `until_due_ms` may have passed already, and is negative then.
pub(super) fn replay_ticks(pace: Pace, until_due_ms: i64, hold_ticks_max: u64, ticks_max: u64) -> u64 {
    let lengths = std::iter::once(ticks_max).chain(REPLAY_TICKS.into_iter().filter(|&ticks| ticks < ticks_max));
    let longest_within = |ms: i64| lengths.clone().find(|&ticks| pace.replay_ms(ticks) <= ms);
    let until_silence_ms = until_due_ms + (hold_ticks_max * TICK_MS) as i64;
    longest_within(until_due_ms)
        .filter(|&ticks| ticks >= SURE_ENOUGH_TICKS)
        .or_else(|| longest_within(until_silence_ms))
        .unwrap_or(REPLAY_TICKS_MIN)
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
        let all_from_tick_0 = self.start_tick == 0 && self.equal == self.compared;
        self.proved = self.equal_in_a_row >= PROOF_FRAMES || all_from_tick_0;
    }

    /// Whether enough frames were compared, those of `forgetting_ticks`, for an encoder to have
    /// forgotten how it began, and none was equal: the two processes made different frames of the
    /// same PCM, or frames of different ticks were compared.
    pub(super) fn is_unmatched(&self, forgetting_ticks: u64) -> bool {
        self.compared >= forgetting_ticks && self.equal == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joins(next_frame: u64, kept: Range<u64>) -> (u64, u64) {
        let plan = plan(next_frame, kept, 200, 0, 1);
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
    fn a_head_start_shortens_the_replay_but_never_below_ten_ticks() {
        let start_tick = |next_frame, head_start| plan(next_frame, 0..next_frame + 2, 200, head_start, 1).start_tick;
        assert_eq!([0, 19, 57].map(|head_start| start_tick(10_000, head_start)), [9_800, 9_819, 9_857]);
        assert_eq!([0, 19, 57].map(|head_start| start_tick(50, head_start)), [0, 19, 40]);
        assert_eq!([0, 19].map(|head_start| start_tick(4, head_start)), [0, 0]);
    }

    #[test]
    fn a_process_starts_where_a_frame_begins_with_a_tick() {
        let joins = |next_frame, kept: Range<u64>| {
            let plan = plan(next_frame, kept, 200, 0, 160);
            (plan.start_tick, plan.deliver_from)
        };
        assert_eq!(joins(10_000, 9_490..10_002), (9_760, 10_000), "a longer replay");
        assert_eq!(joins(10_000, 9_790..10_302), (9_920, 10_000), "or, where that is not kept, a shorter one");
        assert_eq!(joins(150, 0..152), (0, 150));
    }

    #[test]
    fn what_makes_nothing_of_a_replay_gets_none() {
        assert_eq!(plan(10_000, 9_490..10_002, 0, 0, 1), Plan { start_tick: 10_000, deliver_from: 10_000 });
    }

    #[test]
    fn the_replay_is_as_long_as_the_playout_delay_allows_and_else_as_hold_max_does() {
        let pace = Pace { first_frame_us: 20_000, frame_us: 250 };
        let ticks = |until_due_ms| replay_ticks(pace, until_due_ms, 41, 200);
        assert_eq!([500, 70, 69, 51, 30].map(ticks), [200, 200, 130, 40, 40]);
        // 29 ms are enough for ten frames, but with 41 ticks in hand all of it is better late than nearly right.
        assert_eq!([29, 0, -900].map(ticks), [200, 200, 200]);
        assert_eq!([-920, -950, -960, -2000].map(ticks), [130, 40, 10, 10]);
        assert_eq!([500, 30, -920].map(|until_due_ms| replay_ticks(pace, until_due_ms, 41, 100)), [100, 40, 100]);
    }

    #[test]
    fn a_slow_machine_is_believed_at_once_and_a_fast_one_by_and_by() {
        let mut pace = Pace { first_frame_us: 20_000, frame_us: 250 };
        pace.learn(40_000, 100, 100_000);
        assert_eq!((pace.first_frame_us, pace.frame_us), (40_000, 1000));
        pace.learn(20_000, 100, 20_000);
        assert_eq!((pace.first_frame_us, pace.frame_us), (35_000, 800));
    }

    #[test]
    fn a_join_is_proved_by_ten_equal_frames_at_its_end() {
        let mut report = ReplayReport::begin(Plan { start_tick: 50, deliver_from: 250 });
        (0..190).for_each(|_| report.compare(true));
        assert!(report.proved);
        report.compare(false);
        (0..9).for_each(|_| report.compare(true));
        assert!(!report.proved);
        report.compare(true);
        assert!(report.proved);
    }

    #[test]
    fn a_replay_without_one_equal_frame_of_forty_is_unmatched() {
        let mut report = ReplayReport::begin(Plan { start_tick: 85, deliver_from: 289 });
        (0..39).for_each(|_| report.compare(false));
        assert!(
            !report.is_unmatched(SURE_ENOUGH_TICKS),
            "a short replay may end before the encoder has forgotten how it began"
        );
        (0..165).for_each(|_| report.compare(false));
        assert!(report.is_unmatched(SURE_ENOUGH_TICKS) && !report.proved);
        report.compare(true);
        assert!(
            !report.is_unmatched(SURE_ENOUGH_TICKS),
            "one equal frame: both number their frames alike, and convergence is late"
        );
    }

    #[test]
    fn a_replay_from_tick_0_is_proved_by_being_equal_throughout() {
        let mut report = ReplayReport::begin(Plan { start_tick: 0, deliver_from: 3 });
        (0..3).for_each(|_| report.compare(true));
        assert!(report.proved);
        report.compare(false);
        assert!(!report.proved);
    }
}
