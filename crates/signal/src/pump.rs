//! The schedule of ticks: absolute deadlines, so that the long-run rate is exact (SPEC PUMP-1, 3, 5).

use crate::units::{MonoTime, Serial, TICK_NS};

/// One tick that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueTick {
    /// Its serial.
    pub serial: Serial,
    /// How far behind its deadline it is, in ns; 0 for the ticks that lie before the tower's start.
    pub late_ns: u64,
    /// Set when the schedule had to be re-anchored before this tick: the time that was given up, in ns.
    pub reanchored_ns: Option<u64>,
}

/// When each tick is due.
///
/// The ticks before the first of the present are due at once: they fill the playout delay and the burst of the first
/// listener. From then on tick `t` is due at an absolute time, so lateness of one tick never moves the next.
#[derive(Clone, Debug)]
pub struct Schedule {
    anchor_serial: Serial,
    anchor_time: MonoTime,
    next: Serial,
    late_ns_max: u64,
}

impl Schedule {
    /// Starts at tick 0, which lies `past_ticks` before `now`. Ticks later than `late_ms_max` are not made up.
    #[must_use]
    pub const fn new(now: MonoTime, past_ticks: u64, late_ms_max: u64) -> Self {
        Self { anchor_serial: past_ticks, anchor_time: now, next: 0, late_ns_max: late_ms_max * 1_000_000 }
    }

    /// The serial that comes next.
    #[must_use]
    pub const fn next_serial(&self) -> Serial {
        self.next
    }

    /// When the next tick is due.
    #[must_use]
    pub const fn deadline(&self) -> MonoTime {
        self.anchor_time.plus_ns(self.next.saturating_sub(self.anchor_serial) * TICK_NS)
    }

    /// The next tick, if it is due at `now`. Call until `None`: late ticks are made up one by one.
    pub fn take(&mut self, now: MonoTime) -> Option<DueTick> {
        let deadline = self.deadline();
        if now < deadline {
            return None;
        }
        let in_the_past = self.next < self.anchor_serial;
        let late_ns = if in_the_past { 0 } else { now.since_ns(deadline) };
        let reanchored_ns = (late_ns > self.late_ns_max).then(|| self.reanchor(now));
        let late_ns = if reanchored_ns.is_some() { 0 } else { late_ns };
        let serial = self.next;
        self.next += 1;
        Some(DueTick { serial, late_ns, reanchored_ns })
    }

    /// Makes the next tick due at `now` instead of making up what was missed, and returns the time given up, in ns.
    /// No serial is skipped. Called by [`Self::take`] when it is too late, and by the shell after a suspend.
    pub fn reanchor(&mut self, now: MonoTime) -> u64 {
        let given_up_ns = now.since_ns(self.deadline());
        if self.next >= self.anchor_serial {
            self.anchor_serial = self.next;
            self.anchor_time = now;
        }
        given_up_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: MonoTime = MonoTime(1_000_000_000);

    fn drain(schedule: &mut Schedule, now: MonoTime) -> Vec<DueTick> {
        std::iter::from_fn(|| schedule.take(now)).collect()
    }

    #[test]
    fn the_past_is_due_at_once_and_the_present_on_time() {
        let mut schedule = Schedule::new(START, 103, 1000);
        let due = drain(&mut schedule, START);
        assert_eq!(due.len(), 104, "103 ticks of the past and the first of the present");
        assert!(due.iter().all(|d| d.late_ns == 0 && d.reanchored_ns.is_none()));
        assert_eq!(schedule.deadline(), START.plus_ms(24));
    }

    #[test]
    fn late_ticks_are_made_up_and_the_rate_stays_exact() {
        let mut schedule = Schedule::new(START, 0, 1000);
        drain(&mut schedule, START);
        let late = drain(&mut schedule, START.plus_ms(24 * 10 + 5));
        assert_eq!(late.iter().map(|d| d.serial).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
        assert_eq!(late[0].late_ns, (24 * 9 + 5) * 1_000_000);
        assert_eq!(late[9].late_ns, 5_000_000);
        assert_eq!(schedule.deadline(), START.plus_ms(24 * 11), "one late tick does not move the next");
    }

    #[test]
    fn beyond_the_limit_the_schedule_is_reanchored_and_no_serial_is_skipped() {
        let mut schedule = Schedule::new(START, 0, 1000);
        drain(&mut schedule, START);
        let now = START.plus_ms(24 + 5000);
        let due = drain(&mut schedule, now);
        assert_eq!(due, [DueTick { serial: 1, late_ns: 0, reanchored_ns: Some(5_000_000_000) }]);
        assert_eq!(schedule.deadline(), now.plus_ms(24));
    }

    #[test]
    fn after_a_suspend_the_shell_reanchors() {
        let mut schedule = Schedule::new(START, 0, 1000);
        drain(&mut schedule, START);
        schedule.reanchor(START.plus_ms(500));
        assert_eq!(drain(&mut schedule, START.plus_ms(500)).len(), 1);
        assert_eq!(schedule.next_serial(), 2);
    }

    #[test]
    fn a_hundred_years_of_ticks_end_on_the_nanosecond() {
        let ticks = 100 * 365 * 86_400 * 1000 / 24;
        let mut schedule = Schedule::new(START, 0, 1000);
        schedule.next = ticks;
        assert_eq!(schedule.deadline(), START.plus_ms(ticks * 24));
    }
}
