//! What a process leaves out that gets too little of the processor (SPEC ENC-13).
//!
//! A process is fed one page first. When it has read that, it is up, and where it joins the stream
//! is decided anew by how long that took. One that runs and falls behind by more than `hold_max`
//! leaves out what is overdue, in one piece, and goes on at what is being played now. So none has
//! to encode faster than real time for longer than the playout delay.

use super::child::{Child, Launcher};
use super::driver::Driver;
use super::replay::{Pace, REPLAY_TICKS_MIN, plan, replay_ticks};
use radio_signal::supervisor::ProcessorTime;
use radio_signal::units::{FrameNumber, MonoTime, Serial, TICK_MS};

/// With this part of a core or more a process joins where it was to.
const SHARE_MIN: f64 = 0.5;

/// A process that waited for less than this got what it wanted: any scheduler makes a process wait.
const WAITED_NS_MIN: u64 = 50_000_000;

/// How long an encoder takes to open its codec, as a part of what loading its program took.
const OPENING_PER_LOADING: f64 = 0.5;

/// While another process delivers, no more ticks than these wait for their frames.
const CARRIED_TICKS_MAX: u64 = 10;

/// The part of a core that a process got when it wanted one; none if it got enough.
fn scarce_share(time: ProcessorTime) -> Option<f64> {
    let share = time.ran_ns.max(1) as f64 / (time.ran_ns + time.waited_ns).max(1) as f64;
    (share < SHARE_MIN && time.waited_ns >= WAITED_NS_MIN).then_some(share)
}

/// The first frame that a process delivers: the next one owed, if it comes before silence takes its
/// slot or if the process catches up within the playout delay and `hold_max`, as at the start, where
/// several encoders open at once and have the past to make; else the first that it can deliver in
/// time. The newest tick is the latest to join at.
fn first_frame(next: FrameNumber, end: Serial, until_due_ms: i64, pace: Pace, delay_ticks: u64, hold_ms: i64) -> u64 {
    let soonest_ms = pace.replay_ms(REPLAY_TICKS_MIN);
    let catches_up_ms = pace.replay_ms(end.saturating_sub(next) + REPLAY_TICKS_MIN);
    if soonest_ms <= until_due_ms + hold_ms || catches_up_ms <= (delay_ticks * TICK_MS) as i64 + hold_ms {
        return next;
    }
    let lead_ticks = (soonest_ms.max(0) as u64).div_ceil(TICK_MS);
    (end + lead_ticks).saturating_sub(delay_ticks).min(end).max(next)
}

impl<L: Launcher> Driver<L> {
    /// A process has read its first PCM, so it is up: it gets the rest, from where it can be in
    /// time.
    pub(super) fn join(&mut self, index: usize, now: MonoTime) {
        let process = &self.processes[index];
        let time = process.child.processor_time();
        // Nothing waits for a process while another one delivers: it may take its time for the whole replay.
        let waiting_ticks = self.history.end().saturating_sub(self.delivery.next_owed());
        let is_carried = self.processes.len() > 1 && waiting_ticks <= CARRIED_TICKS_MAX;
        let Some(share) = time.and_then(scarce_share).filter(|_| process.may_join_later() && !is_carried) else {
            self.processes[index].join();
            return;
        };
        let opening_us = time.map_or(0.0, |time| time.ran_ns as f64 / 1000.0) * OPENING_PER_LOADING;
        let at_share = |us: f64| (us / share) as u64;
        let pace = self.pace(process.role);
        let pace = Pace { first_frame_us: at_share(opening_us), frame_us: at_share(pace.frame_us as f64) };
        let (next, end) = (self.delivery.next_owed(), self.history.end());
        let until_due_ms = self.until_due_ms(next, now);
        let (delay_ticks, hold_ticks) = (self.config.playout_delay_ticks, self.config.hold_ticks_max);
        let hold_ms = (hold_ticks * TICK_MS) as i64;
        let first = first_frame(next, end, until_due_ms, pace, delay_ticks, hold_ms);
        let ticks = replay_ticks(pace, until_due_ms, hold_ticks, self.config.replay_ticks_max);
        let grid_ticks = self.config.start_grid_ticks(self.processes[index].role);
        let plan = plan(first, self.history.oldest()..end, ticks, 0, grid_ticks);
        let process = &mut self.processes[index];
        process.share = share;
        let left_out = plan.start_tick.saturating_sub(process.plan.start_tick);
        if left_out > 0 {
            process.leave_out(0, left_out, plan.deliver_from);
        }
        process.join();
        let (pid, deliver_from) = (process.child.pid(), process.plan.deliver_from);
        tracing::info!(pid, share, left_out, deliver_from, until_due_ms, "encoder gets little of the processor");
        self.give_up_before(deliver_from);
    }

    /// What is overdue beyond `hold_max` will be silence: a process that waits for the processor
    /// leaves it out.
    pub(super) fn leave_out_overdue(&mut self) {
        let [process] = &mut self.processes[..] else { return };
        if !process.may_leave_out() || !self.supervisor.is_short(process.id) {
            return;
        }
        let now = self.launcher.now();
        let next = self.delivery.next_owed();
        let hold_ms = (self.config.hold_ticks_max * TICK_MS) as i64;
        if self.until_due_ms(next, now) >= -hold_ms {
            return;
        }
        let [process] = &mut self.processes[..] else { return };
        let fed = process.ticks_fed();
        let backlog = (self.history.end()).saturating_sub(process.plan.start_tick + fed + REPLAY_TICKS_MIN);
        let left_out = backlog - backlog % self.config.start_grid_ticks(process.role);
        if left_out <= REPLAY_TICKS_MIN {
            return;
        }
        let deliver_from = process.plan.start_tick + fed + left_out + REPLAY_TICKS_MIN;
        process.leave_out(fed, left_out, deliver_from);
        let pid = process.child.pid();
        tracing::warn!(pid, left_out, deliver_from, "encoder waits for the processor and leaves out what is overdue");
        self.give_up_before(deliver_from);
    }

    /// Frames below `n` that are not there will not come, unless another process makes them:
    /// silence takes their slots.
    fn give_up_before(&self, n: FrameNumber) {
        if self.processes.len() == 1 && n > self.delivery.next_owed() {
            self.delivery.give_up_before(n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_got_what_it_wanted_joins_as_planned() {
        let share = |ran_ms: u64, waited_ms: u64| {
            let (ran_ns, waited_ns) = (ran_ms * 1_000_000, waited_ms * 1_000_000);
            scarce_share(ProcessorTime { ran_ns, waited_ns, is_runnable: true })
        };
        assert_eq!([share(50, 0), share(90, 89), share(1, 49), share(0, 0)], [None; 4]);
        assert_eq!(share(10, 90), Some(0.1));
    }

    #[test]
    fn one_that_cannot_deliver_before_silence_joins_where_it_is_in_time() {
        let pace = |first_frame_ms: u64| Pace { first_frame_us: first_frame_ms * 1000, frame_us: 10_000 };
        // 500 ms of playout delay; the newest tick is 1000.
        let first =
            |next, until_due_ms, first_frame_ms| first_frame(next, 1000, until_due_ms, pace(first_frame_ms), 21, 984);
        assert_eq!(first(980, 0, 800), 980, "in time, or late by less than hold_max");
        assert_eq!(first(960, -2000, 3), 960, "a process that is fast catches up");
        assert_eq!(first(940, -2000, 700), 940, "and so does one that opens slowly and has little to make");
        assert_eq!(first(800, -2000, 100), 988, "200 ms from now is the turn of this one");
        assert_eq!(first(940, -984, 3000), 1000, "the newest tick at the latest");
        assert_eq!(first(995, -2000, 100), 995, "never one that is out already");
    }
}
