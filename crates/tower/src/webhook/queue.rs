//! What waits for a receiver, in its order, and when it is tried next. Knows no network and no clock: time is a parameter,
//! counted from any beginning.
//!
//! One message is under way at a time, so order is kept whatever fails. The wait after a failure is the receiver's, not the
//! message's: one that is away is not asked more often because more happens.

use std::collections::VecDeque;
use std::time::Duration;

/// Messages that wait for one receiver; of more the oldest is dropped.
pub const QUEUE_MAX: usize = 256;
/// A message that could not be delivered for so long is given up.
pub const AGE_MAX: Duration = Duration::from_secs(3600);
/// Wait after a failure; it doubles with each further one,
pub const WAIT_MIN: Duration = Duration::from_secs(1);
/// up to this.
pub const WAIT_MAX: Duration = Duration::from_secs(300);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It may work later.
    Failed,
    /// The receiver wants nothing any more, ever.
    Gone,
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The receiver has them.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Failures since the last success.
    pub failed_in_a_row: u32,
    /// Dropped because there were too many.
    pub dropped_full: u64,
    /// Given up because they were too old.
    pub dropped_old: u64,
}

/// The queue of one receiver.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: VecDeque<(Duration, T)>,
    under_way: Option<(Duration, T)>,
    not_before: Duration,
    is_gone: bool,
    counts: Counts,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: None,
            not_before: Duration::ZERO,
            is_gone: false,
            counts: Counts::default(),
        }
    }
}

impl<T> Queue<T> {
    /// Takes a message in.
    pub fn push(&mut self, now: Duration, message: T) {
        if self.is_gone {
            return;
        }
        self.waiting.push_back((now, message));
        self.keep_to_the_limit();
    }

    /// When [`next`](Self::next) is to be asked; `None` while a message is under way or none waits.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        (self.under_way.is_none() && !self.waiting.is_empty()).then_some(self.not_before)
    }

    /// The message to be tried now, if it is time. Its end is to be told to [`done`](Self::done).
    pub fn next(&mut self, now: Duration) -> Option<&T> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let before = self.waiting.len();
        self.waiting.retain(|(since, _)| !is_old(*since, now));
        self.counts.dropped_old += (before - self.waiting.len()) as u64;
        self.under_way = self.waiting.pop_front();
        self.under_way.as_ref().map(|(_, message)| message)
    }

    /// How the attempt with the message under way ended.
    pub fn done(&mut self, now: Duration, outcome: Outcome) {
        let Some((since, message)) = self.under_way.take() else { return };
        match outcome {
            Outcome::Delivered => {
                self.counts.delivered += 1;
                self.counts.failed_in_a_row = 0;
                self.not_before = now;
            }
            Outcome::Failed => {
                self.not_before = now + wait(self.counts.failed_in_a_row);
                self.counts.failed_attempts += 1;
                self.counts.failed_in_a_row = self.counts.failed_in_a_row.saturating_add(1);
                if is_old(since, now) {
                    self.counts.dropped_old += 1;
                } else {
                    self.waiting.push_front((since, message));
                    self.keep_to_the_limit();
                }
            }
            Outcome::Gone => {
                self.is_gone = true;
                self.waiting.clear();
            }
        }
    }

    /// What became of the messages so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Messages that are not delivered yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.under_way.is_some())
    }

    /// Whether all is delivered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the receiver wants nothing any more.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.is_gone
    }

    fn keep_to_the_limit(&mut self) {
        while self.len() > QUEUE_MAX && self.waiting.pop_front().is_some() {
            self.counts.dropped_full += 1;
        }
    }
}

fn is_old(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= AGE_MAX
}

/// The wait after a failure that had so many before it.
fn wait(failures_before: u32) -> Duration {
    WAIT_MIN.saturating_mul(1u32.checked_shl(failures_before).unwrap_or(u32::MAX)).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn with(messages: impl IntoIterator<Item = u32>) -> Queue<u32> {
        let mut queue = Queue::default();
        messages.into_iter().for_each(|message| queue.push(s(0), message));
        queue
    }

    #[test]
    fn one_after_the_other_and_never_two_at_once() {
        let mut queue = with([1, 2]);
        assert_eq!(queue.next(s(0)), Some(&1));
        assert!(queue.due().is_none() && queue.next(s(0)).is_none(), "one is under way");
        queue.push(s(0), 3);
        queue.done(s(1), Outcome::Delivered);
        for message in [2, 3] {
            assert_eq!(queue.next(s(1)), Some(&message));
            queue.done(s(1), Outcome::Delivered);
        }
        assert!(queue.is_empty() && queue.due().is_none());
        assert_eq!(queue.counts(), Counts { delivered: 3, ..Counts::default() });
    }

    #[test]
    fn the_same_message_is_tried_again_with_waits_that_double_up_to_their_limit() {
        let mut queue = with([1, 2]);
        let mut now = s(0);
        let mut waits = Vec::new();
        while waits.len() < 11 {
            assert_eq!(queue.next(now), Some(&1), "order is kept");
            queue.done(now, Outcome::Failed);
            let due = queue.due().expect("it waits");
            assert_eq!(queue.next(due - Duration::from_millis(1)), None, "not before its time");
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(queue.next(now), Some(&1));
        queue.done(now, Outcome::Delivered);
        assert_eq!(queue.next(now), Some(&2), "at once");
        queue.done(now, Outcome::Failed);
        assert_eq!(queue.due(), Some(now + WAIT_MIN), "a success begins the waits anew");
        assert_eq!(wait(u32::MAX), WAIT_MAX);
    }

    #[test]
    fn what_could_not_be_delivered_in_time_is_given_up_and_the_next_follows() {
        let mut queue = with([1]);
        queue.push(AGE_MAX / 2, 2);
        assert_eq!(queue.next(s(0)), Some(&1));
        queue.done(s(0), Outcome::Failed);
        assert_eq!(queue.next(AGE_MAX), Some(&2), "the first is too old to be tried");
        queue.done(AGE_MAX * 2, Outcome::Failed);
        assert!(queue.is_empty(), "its attempt took too long");
        assert_eq!(queue.counts().dropped_old, 2);
        queue.push(AGE_MAX * 2, 3);
        let due = queue.due().expect("it waits");
        assert_eq!(due, AGE_MAX * 2 + s(2), "the receiver is still the one that failed twice");
        assert_eq!(queue.next(due), Some(&3));
    }

    #[test]
    fn of_too_many_the_oldest_is_dropped_also_when_it_was_under_way() {
        let count = QUEUE_MAX as u32;
        let mut queue = with(0..count + 2);
        assert_eq!((queue.len(), queue.counts().dropped_full), (QUEUE_MAX, 2));
        assert_eq!(queue.next(s(0)), Some(&2));
        queue.push(s(0), count + 2);
        assert_eq!((queue.len(), queue.counts().dropped_full), (QUEUE_MAX, 3), "3 made room, for 2 is under way");
        queue.done(s(0), Outcome::Failed);
        assert_eq!(queue.next(s(1)), Some(&2));
        queue.done(s(1), Outcome::Delivered);
        assert_eq!(queue.next(s(1)), Some(&4));
    }

    #[test]
    fn a_receiver_that_is_gone_is_never_asked_again() {
        let mut queue = with([1, 2]);
        assert_eq!(queue.next(s(0)), Some(&1));
        queue.done(s(0), Outcome::Gone);
        queue.push(s(1), 3);
        assert!(queue.is_gone() && queue.is_empty() && queue.due().is_none());
        assert_eq!(queue.next(s(9)), None);
    }
}
