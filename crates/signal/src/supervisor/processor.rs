//! Whether a late process is slow because the machine is: what it got of the processor, beside what
//! its frames cost.
//!
//! A process that wants to run and is not let run is not at fault. One that got the time its frames
//! cost and made nothing of it hangs; one that does not want to run is stopped or blocked. Only the
//! first of the three is waited for.

use crate::units::MonoTime;

/// Between two looks at a process that is short of the processor.
pub(super) const LOOK_MS: u64 = 100;

/// A process is late when it got this many times what its frames cost.
const COST_FACTOR: u64 = 4;

/// Frames owed that count at most: each one that comes begins the watch anew.
const OWED_FRAMES_MAX: u64 = 10;

/// Less processor time than this says nothing.
const NEEDED_NS_MIN: u64 = 20_000_000;

/// What one frame is taken to cost before that is known.
const FRAME_NS_GUESS: u64 = 1_000_000;

/// Frames over which the cost of one is measured: those after the first of a cold start.
const MEASURED_FRAMES_MIN: u64 = super::CAUGHT_UP_FRAMES - 1;

/// Processor time of one process, with its threads and children, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessorTime {
    /// For how long it ran.
    pub ran_ns: u64,
    /// For how long it wanted to run and waited for a processor.
    pub waited_ns: u64,
    /// Whether it runs or waits for a processor now.
    pub is_runnable: bool,
}

/// Processor time that an encoder's frames cost, as its processes before have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    first_frame_ns: u64,
    frame_ns: u64,
    /// Whether a process has shown what a frame costs.
    is_measured: bool,
}

impl Cost {
    /// A guess, until a process has caught up: the first frame costs a fifth of the time that it is
    /// given.
    pub(super) fn guess(first_frame_ms: u64) -> Self {
        let first_frame_ns = first_frame_ms.saturating_mul(1_000_000) / 5;
        Self { first_frame_ns, frame_ns: FRAME_NS_GUESS, is_measured: false }
    }

    /// What one frame costs, once that is known.
    pub(super) fn measured_frame_ns(self) -> Option<u64> {
        self.is_measured.then_some(self.frame_ns)
    }

    /// Takes in what a process needed that has caught up; more counts at once, less by and by.
    fn learn(&mut self, first_frame_ns: u64, frame_ns: Option<u64>) {
        let blend = |old: u64, new: u64| if new > old { new } else { (3 * old + new) / 4 };
        self.first_frame_ns = blend(self.first_frame_ns, first_frame_ns);
        if let Some(new) = frame_ns {
            self.frame_ns = if self.is_measured { blend(self.frame_ns, new) } else { new };
            self.is_measured = true;
        }
    }

    /// Beyond this, a process that owes so many frames has had its time.
    fn needed_ns(self, is_first: bool, owed: u64) -> u64 {
        let first_ns = if is_first { self.first_frame_ns } else { 0 };
        let frames_ns = owed.min(OWED_FRAMES_MAX) * self.frame_ns;
        (COST_FACTOR * (first_ns + frames_ns)).max(NEEDED_NS_MIN)
    }
}

/// One look at a process: when, how many frames had come, and what it had had of the processor.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: MonoTime,
    came: u64,
    time: ProcessorTime,
}

/// What has been seen of one process's processor time.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The first look since its last frame.
    base: Option<Look>,
    newest: Option<Look>,
    /// Whether there was one before the newest, to compare it with.
    is_compared: bool,
    /// At its first frames, for what it costs.
    at_first_frame: Option<Look>,
    /// It waits for the processor, by the newest look.
    is_short: bool,
    /// Its processor time cannot be read, so that nothing but the clock counts.
    is_blind: bool,
}

impl Looks {
    /// Whether the clock alone decides, or the newest look is of this moment and has one to compare
    /// with.
    pub(super) fn can_judge(&self, now: MonoTime) -> bool {
        self.is_blind || (self.is_compared && self.newest.is_some_and(|look| look.at == now))
    }

    /// Whether it is slow because it waits for the processor.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    /// When it may be judged: not while the last look was a moment ago.
    pub(super) fn judge_at(&self, due: MonoTime) -> MonoTime {
        self.newest.map_or(due, |look| due.max(look.at.plus_ms(LOOK_MS)))
    }

    /// Whether there is a look since its last frame.
    pub(super) fn has_base(&self) -> bool {
        self.is_blind || self.base.is_some()
    }

    /// It owes nothing, so that nothing is to be told from what it did.
    pub(super) fn forget(&mut self) {
        (self.base, self.newest, self.is_compared, self.is_short) = (None, None, false, false);
    }

    /// Takes in what it had of the processor by `now`, when `came` of its frames had come and
    /// `owed` more had not.
    pub(super) fn look(&mut self, now: MonoTime, time: Option<ProcessorTime>, came: u64, owed: u64, cost: Cost) {
        let Some(time) = time else {
            (self.is_blind, self.is_short) = (true, false);
            return;
        };
        self.is_blind = false;
        let look = Look { at: now, came, time };
        let before = self.newest.replace(look);
        self.is_compared = before.is_some_and(|before| before.at < now);
        if came > 0 && self.at_first_frame.is_none() {
            self.at_first_frame = Some(look);
        }
        let Some(base) = self.base.filter(|base| base.came == came) else {
            // Frames came: from here on it is told anew what it makes of its time. That it waits is
            // not forgotten.
            self.base = Some(look);
            self.is_short = before.is_some_and(|before| lacks_processor(before, look));
            return;
        };
        let got_ns = time.ran_ns.saturating_sub(base.time.ran_ns);
        let waits = lacks_processor(before.unwrap_or(base), look);
        self.is_short = waits && got_ns < cost.needed_ns(came == 0, owed);
    }

    /// It has caught up: what it needed is what others of its kind will need.
    pub(super) fn measure(&self, cost: &mut Cost) {
        let (Some(first), Some(last)) = (self.at_first_frame, self.newest) else { return };
        let frames = last.came.saturating_sub(first.came);
        let frame_ns =
            (frames >= MEASURED_FRAMES_MIN).then(|| last.time.ran_ns.saturating_sub(first.time.ran_ns) / frames.max(1));
        let rest_ns = first.came * frame_ns.unwrap_or(cost.frame_ns);
        cost.learn(first.time.ran_ns.saturating_sub(rest_ns), frame_ns);
    }
}

/// Whether a process wanted to run between two looks, and for a good part of that time could not.
fn lacks_processor(before: Look, now: Look) -> bool {
    let passed_ns = now.at.since_ns(before.at);
    let ran_ns = now.time.ran_ns.saturating_sub(before.time.ran_ns);
    // The system counts a wait when it is over: of one that goes on, only the state is known.
    let waited_ns = now.time.waited_ns.saturating_sub(before.time.waited_ns);
    let wants = now.time.is_runnable || waited_ns >= passed_ns / 4;
    wants && passed_ns.saturating_sub(ran_ns) >= passed_ns / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Looks every 100 ms at a process that gets `ran_ms` of each and is in this state; says how it
    /// is seen.
    fn seen(ran_ms: u64, waited_ms: u64, is_runnable: bool, looks: u64) -> Vec<bool> {
        let mut seen = Looks::default();
        let cost = Cost { first_frame_ns: 30 * MS, frame_ns: MS, is_measured: true };
        let look = |n: u64| ProcessorTime { ran_ns: n * ran_ms * MS, waited_ns: n * waited_ms * MS, is_runnable };
        (0..looks)
            .map(|n| {
                seen.look(MonoTime(n * 100 * MS), Some(look(n)), 20, 3, cost);
                seen.is_short()
            })
            .skip(1)
            .collect()
    }

    #[test]
    fn one_that_waits_for_the_processor_is_short_until_it_got_what_its_frames_cost() {
        assert_eq!(seen(3, 97, true, 10), [true, true, true, true, true, true, false, false, false]);
        assert_eq!(seen(3, 0, true, 3), [true, true], "a wait that goes on is not counted yet");
        assert_eq!(seen(1, 50, false, 3), [true, true]);
    }

    #[test]
    fn one_that_is_stopped_blocked_or_has_the_processor_is_not_short_of_it() {
        assert_eq!(seen(0, 0, false, 3), [false, false], "stopped");
        assert_eq!(seen(1, 2, false, 3), [false, false], "blocked");
        assert_eq!(seen(100, 0, true, 3), [false, false], "it spins");
        assert_eq!(seen(80, 20, true, 3), [false, false], "it nearly spins");
    }

    #[test]
    fn where_nothing_can_be_read_the_clock_decides() {
        let mut looks = Looks::default();
        assert!(!looks.can_judge(MonoTime(5)));
        looks.look(MonoTime(5), None, 0, 1, Cost::guess(150));
        assert!(looks.can_judge(MonoTime(5)) && !looks.is_short());
    }

    #[test]
    fn what_frames_cost_is_learnt_from_those_that_caught_up() {
        let mut cost = Cost::guess(1000);
        let mut looks = Looks::default();
        let time = |ms: u64| Some(ProcessorTime { ran_ns: ms * MS, ..ProcessorTime::default() });
        looks.look(MonoTime(1), time(402), 1, 0, cost);
        looks.look(MonoTime(2), time(442), 21, 0, cost);
        looks.measure(&mut cost);
        assert_eq!((cost.first_frame_ns, cost.frame_ns), (400 * MS, 2 * MS));
        assert_eq!(cost.needed_ns(true, 200), 4 * 420 * MS, "of the frames owed, ten count");
        assert_eq!(cost.needed_ns(false, 1), NEEDED_NS_MIN);
    }
}
