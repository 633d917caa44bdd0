//! What happened: the last events of the tower, numbered, for the log, the status and the page (SPEC ROUTER-8).

use crate::text::cleaned;
use radio_signal::units::Serial;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Events that are kept; older ones are forgotten.
pub const EVENTS_MAX: usize = 1000;

/// Every kind of event, for scripts; docs/operating.md says what each means.
pub const KINDS: [&str; 14] = [
    "action",
    "alarm",
    "alarm_over",
    "encoder",
    "files",
    "hold",
    "on_air",
    "reanchor",
    "silence",
    "socket",
    "source",
    "title",
    "tls",
    "uplink",
];

/// The kind of what somebody did, or tried.
const ACTION: &str = "action";
/// Of those, how many are kept beyond [`EVENTS_MAX`]: an encoder that dies all night must not hide who did what.
pub const ACTIONS_MAX: usize = 200;
/// The target of their lines in the log, which are written whatever the level is.
pub const AUDIT: &str = "audit";

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Number of the event in this life of the tower, from 0.
    pub id: u64,
    /// Wall-clock time, in seconds since 1970.
    pub time: f64,
    /// The tick at which it happened.
    pub tick: Serial,
    /// What kind of thing, one of [`KINDS`].
    pub kind: &'static str,
    /// A sentence for people.
    pub text: String,
    /// Who did it, if somebody did. Not for everybody's eyes, so it is shown on purpose or not at all.
    #[serde(skip)]
    pub who: Option<String>,
}

/// The last [`EVENTS_MAX`] events, and of those before them the last [`ACTIONS_MAX`] actions. Never written by the pump: its events arrive through a ring.
#[derive(Debug, Default)]
pub struct Journal {
    kept: Mutex<Kept>,
    count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Number of the next.
    next: u64,
    events: VecDeque<Event>,
    /// Older than the oldest event.
    actions: VecDeque<Event>,
}

impl Journal {
    /// Notes an event and logs it. Names, programs and addresses in it are strangers' words, and
    /// are cleaned.
    pub fn note(&self, tick: Serial, kind: &'static str, text: String) {
        let text = cleaned(&text).into_owned();
        if kind == ACTION {
            tracing::info!(target: AUDIT, tick, kind, "{text}");
        } else {
            tracing::info!(tick, kind, "{text}");
        }
        self.add(tick, kind, text, None);
    }

    /// Notes what somebody did, and logs it.
    pub fn note_by(&self, who: String, tick: Serial, kind: &'static str, text: String) {
        let (text, who) = (cleaned(&text).into_owned(), cleaned(&who).into_owned());
        tracing::info!(target: AUDIT, tick, kind, who, "{text}");
        self.add(tick, kind, text, Some(who));
    }

    fn add(&self, tick: Serial, kind: &'static str, text: String, who: Option<String>) {
        debug_assert!(KINDS.contains(&kind), "{kind} is missing in KINDS");
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut kept = self.lock();
        let id = kept.next;
        kept.next += 1;
        if kept.events.len() == EVENTS_MAX
            && let Some(oldest) = kept.events.pop_front().filter(|event| event.kind == ACTION)
        {
            if kept.actions.len() == ACTIONS_MAX {
                kept.actions.pop_front();
            }
            kept.actions.push_back(oldest);
        }
        kept.events.push_back(Event { id, time, tick, kind, text, who });
        // Under the lock, or two writers could tell their counts in the wrong order.
        self.count.send_replace(id + 1);
    }

    /// The number that the next event gets, and a way to wait for it.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The oldest `count` events from number `from` on that are still kept.
    #[must_use]
    pub fn from(&self, from: u64, count: usize) -> Vec<Event> {
        let kept = self.lock();
        let first = kept.events.front().map_or(0, |event| event.id);
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        kept.events.iter().skip(skipped).take(count).cloned().collect()
    }

    /// The newest `count` events, oldest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Event> {
        let kept = self.lock();
        kept.events.iter().skip(kept.events.len().saturating_sub(count)).cloned().collect()
    }

    /// The newest `count` events of which `is_wanted` is true, oldest first; of actions, older ones than of others.
    #[must_use]
    pub fn newest_of(&self, count: usize, is_wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let kept = self.lock();
        let newest_first = kept.events.iter().rev().chain(kept.actions.iter().rev());
        let mut found: Vec<Event> = newest_first.filter(|event| is_wanted(event)).take(count).cloned().collect();
        found.reverse();
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic while noting an event leaves the queues whole; the journal goes on.
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_kept_and_their_numbers_go_on() {
        let journal = Journal::default();
        for i in 0..EVENTS_MAX as u64 + 5 {
            journal.note(i, "on_air", format!("event {i}"));
        }
        let newest = journal.newest(usize::MAX);
        assert_eq!(newest.len(), EVENTS_MAX);
        assert_eq!(newest.first().map(|e| e.id), Some(5));
        let ids = |events: Vec<Event>| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(journal.newest(2)), [1003, 1004]);
        assert_eq!(ids(journal.from(0, 2)), [5, 6], "those before are forgotten");
        assert_eq!(ids(journal.from(1003, 9)), [1003, 1004]);
        assert!(journal.from(1005, 9).is_empty());
        assert_eq!(*journal.follow().borrow(), 1005);
    }

    #[test]
    fn who_did_what_outlives_all_that_happens_by_itself() {
        let journal = Journal::default();
        for i in 0..300 {
            journal.note_by("ann".into(), i, "action", "an action".into());
            (0..9).for_each(|_| journal.note(i, "encoder", "it died".into()));
        }
        let actions = journal.newest_of(usize::MAX, |event| event.kind == "action");
        assert_eq!(actions.len(), 100 + ACTIONS_MAX, "100 among the last 1000, and as many as are kept before them");
        assert!(actions.is_sorted_by_key(|event| event.id));
        let ids: Vec<_> = journal.newest_of(2, |event| event.kind == "action").iter().map(|event| event.id).collect();
        assert_eq!(ids, [2980, 2990]);
        for i in 0..EVENTS_MAX as u64 {
            journal.note(i, "encoder", "it died".into());
        }
        assert_eq!(journal.newest_of(usize::MAX, |event| event.kind == "action").len(), ACTIONS_MAX);
        assert_eq!(journal.newest(usize::MAX).len(), EVENTS_MAX);
    }
}
