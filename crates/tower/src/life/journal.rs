//! What happened: the last events of the tower, numbered, for the log, the status and the page (SPEC ROUTER-8).

use radio_signal::units::Serial;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Events that are kept; older ones are forgotten.
pub const EVENTS_MAX: usize = 1000;

/// Every kind of event, for scripts; docs/operating.md says what each means.
pub const KINDS: [&str; 12] = [
    "action",
    "alarm",
    "alarm_over",
    "encoder",
    "files",
    "hold",
    "on_air",
    "reanchor",
    "silence",
    "source",
    "title",
    "tls",
];

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

/// The last [`EVENTS_MAX`] events. Never written by the pump: its events arrive through a ring.
#[derive(Debug, Default)]
pub struct Journal {
    events: Mutex<(u64, VecDeque<Event>)>,
    count: watch::Sender<u64>,
}

impl Journal {
    /// Notes an event and logs it.
    pub fn note(&self, tick: Serial, kind: &'static str, text: String) {
        tracing::info!(tick, kind, "{text}");
        self.add(tick, kind, text, None);
    }

    /// Notes what somebody did, and logs it.
    pub fn note_by(&self, who: String, tick: Serial, kind: &'static str, text: String) {
        tracing::info!(tick, kind, who, "{text}");
        self.add(tick, kind, text, Some(who));
    }

    fn add(&self, tick: Serial, kind: &'static str, text: String, who: Option<String>) {
        debug_assert!(KINDS.contains(&kind), "{kind} is missing in KINDS");
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut events = self.lock();
        let id = events.0;
        events.0 += 1;
        if events.1.len() == EVENTS_MAX {
            events.1.pop_front();
        }
        events.1.push_back(Event { id, time, tick, kind, text, who });
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
        let events = self.lock();
        let first = events.1.front().map_or(0, |event| event.id);
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        events.1.iter().skip(skipped).take(count).cloned().collect()
    }

    /// The newest `count` events, oldest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Event> {
        let events = self.lock();
        events.1.iter().skip(events.1.len().saturating_sub(count)).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, VecDeque<Event>)> {
        // A panic while noting an event leaves the queue whole; the journal goes on.
        self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
}
