//! When something that is wrong becomes an alarm, and when the alarm is over.
//!
//! Both take their time, so that neither a pause in the music raises an alarm nor a moment of sound ends one.

/// What has just changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has been wrong for long enough.
    Raised {
        /// Since when it has been wrong, on the caller's clock.
        since_ms: u64,
    },
    /// It has been right for long enough.
    Over {
        /// From when it was wrong first to when it was wrong last, in ms.
        lasted_ms: u64,
    },
}

/// One alarm. The caller's clock may be that of the wall or that of the stream, but always the same.
#[derive(Clone, Debug)]
pub struct Alarm {
    raise_ms: u64,
    clear_ms: u64,
    /// When it was wrong first, since it was last right for long enough (raised), or right at all (not raised).
    wrong_since_ms: Option<u64>,
    /// When it was wrong last.
    wrong_last_ms: u64,
    is_raised: bool,
}

impl Alarm {
    /// An alarm that is raised after `raise_ms` of wrong without a break, and over after `clear_ms` of right.
    #[must_use]
    pub const fn new(raise_ms: u64, clear_ms: u64) -> Self {
        Self { raise_ms, clear_ms, wrong_since_ms: None, wrong_last_ms: 0, is_raised: false }
    }

    /// From now on it takes other times; what it is now, it stays.
    pub const fn set_times(&mut self, raise_ms: u64, clear_ms: u64) {
        (self.raise_ms, self.clear_ms) = (raise_ms, clear_ms);
    }

    /// Whether it is raised.
    #[must_use]
    pub const fn is_raised(&self) -> bool {
        self.is_raised
    }

    /// The earliest time at which it may be raised or over, if it goes on as it is; none while all is
    /// well.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        if self.is_raised {
            return Some(self.wrong_last_ms.saturating_add(self.clear_ms));
        }
        self.wrong_since_ms.map(|since_ms| since_ms.saturating_add(self.raise_ms))
    }

    /// At `now_ms` it is wrong, or right.
    pub fn observe(&mut self, now_ms: u64, is_wrong: bool) -> Option<Change> {
        if is_wrong {
            self.wrong_last_ms = now_ms;
            let since_ms = *self.wrong_since_ms.get_or_insert(now_ms);
            if !self.is_raised && now_ms.saturating_sub(since_ms) >= self.raise_ms {
                self.is_raised = true;
                return Some(Change::Raised { since_ms });
            }
            return None;
        }
        if !self.is_raised {
            self.wrong_since_ms = None;
        } else if now_ms.saturating_sub(self.wrong_last_ms) >= self.clear_ms {
            self.is_raised = false;
            let since_ms = self.wrong_since_ms.take().unwrap_or(self.wrong_last_ms);
            return Some(Change::Over { lasted_ms: self.wrong_last_ms.saturating_sub(since_ms) });
        }
        None
    }
}

/// Single faults that are an alarm when there are several: counted until none came for a while.
#[derive(Clone, Debug)]
pub struct Strikes {
    limit: u64,
    calm_ms: u64,
    count: u64,
    last_ms: u64,
}

impl Strikes {
    /// `limit` faults, with less than `calm_ms` from each to the next, are too many.
    #[must_use]
    pub const fn new(limit: u64, calm_ms: u64) -> Self {
        Self { limit, calm_ms, count: 0, last_ms: 0 }
    }

    /// At `now_ms` there were `faults` more: whether there are too many.
    pub fn observe(&mut self, now_ms: u64, faults: u64) -> bool {
        if faults > 0 {
            self.count = self.count.saturating_add(faults);
            self.last_ms = now_ms;
        } else if now_ms.saturating_sub(self.last_ms) >= self.calm_ms {
            self.count = 0;
        }
        faults > 0 && self.count >= self.limit
    }

    /// Faults since there was calm.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The changes while time goes on in steps of 100 ms and `is_wrong` says how it is.
    fn changes(alarm: &mut Alarm, until_ms: u64, is_wrong: impl Fn(u64) -> bool) -> Vec<(u64, Change)> {
        let steps = (0..=until_ms).step_by(100);
        steps.filter_map(|now_ms| Some((now_ms, alarm.observe(now_ms, is_wrong(now_ms))?))).collect()
    }

    #[test]
    fn an_alarm_is_raised_after_its_time_and_over_after_its_time() {
        let mut alarm = Alarm::new(2000, 1000);
        let seen = changes(&mut alarm, 20_000, |now_ms| (5000..9000).contains(&now_ms));
        let wanted = [(7000, Change::Raised { since_ms: 5000 }), (9900, Change::Over { lasted_ms: 3900 })];
        assert_eq!(seen, wanted);
        assert!(!alarm.is_raised());
    }

    #[test]
    fn a_break_begins_the_time_anew() {
        let mut alarm = Alarm::new(2000, 1000);
        assert_eq!(changes(&mut alarm, 60_000, |now_ms| now_ms % 2000 != 0), []);
    }

    #[test]
    fn a_moment_of_right_does_not_end_it() {
        let mut alarm = Alarm::new(2000, 1000);
        let seen = changes(&mut alarm, 60_000, |now_ms| now_ms < 3000 || now_ms % 900 == 0);
        assert_eq!(seen, [(2000, Change::Raised { since_ms: 0 })]);
        assert!(alarm.is_raised());
    }

    #[test]
    fn without_a_time_to_raise_the_first_wrong_raises_it() {
        let mut alarm = Alarm::new(0, 500);
        assert_eq!(alarm.observe(7, true), Some(Change::Raised { since_ms: 7 }));
        assert_eq!(alarm.observe(507, false), Some(Change::Over { lasted_ms: 0 }));
    }

    #[test]
    fn strikes_add_up_until_there_is_calm() {
        let mut strikes = Strikes::new(3, 1000);
        assert!(!strikes.observe(0, 1) && !strikes.observe(900, 0) && !strikes.observe(1500, 1));
        assert!(strikes.observe(2000, 1), "the third");
        assert!(!strikes.observe(3000, 0));
        assert!(!strikes.observe(3100, 2), "counted anew");
        assert!(Strikes::new(1, 1000).observe(0, 1));
    }
}
