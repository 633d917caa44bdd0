//! The journal: the last events of the tower, numbered, for the log, the status and the page (SPEC ROUTER-8).
//!
//! Every module that has something to tell writes to it. It knows none of them: what an event says is
//! a type, in [`event`].

pub mod event;

use crate::text::cleaned;
use event::{Event, Kind};
use radio_signal::units::Serial;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use uuid::Uuid;

/// Events that are kept; older ones are forgotten.
pub const EVENTS_MAX: usize = 1000;

/// Actions of users that are kept beyond [`EVENTS_MAX`]: an encoder that dies all night must not hide who did what.
pub const ACTIONS_MAX: usize = 200;
/// The target of their lines in the log, which are written whatever the level is.
pub const AUDIT: &str = "audit";

/// One thing that happened, as it is told: in JSON `{epoch, id, time, tick, kind, data, text}`.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The life of the tower in which it happened.
    pub epoch: Uuid,
    /// Number of the event in that life, from 0.
    pub id: u64,
    /// Wall-clock time, in seconds since 1970.
    pub time: f64,
    /// The tick at which it happened.
    pub tick: Serial,
    /// What kind of thing.
    pub kind: Kind,
    /// What, for scripts.
    #[serde(serialize_with = "cleaned_data")]
    pub data: Event,
    /// A sentence for people.
    pub text: String,
    /// Who did it, if somebody did. Not for everybody's eyes, so it is shown on purpose or not at all.
    #[serde(skip)]
    pub who: Option<String>,
}

/// The last [`EVENTS_MAX`] events, and of those before them the last [`ACTIONS_MAX`] actions. Never written by the pump: its events arrive through a ring.
#[derive(Debug, Default)]
pub struct Journal {
    epoch: Uuid,
    kept: Mutex<Kept>,
    count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Number of the next.
    next: u64,
    events: VecDeque<Entry>,
    /// Older than the oldest event.
    actions: VecDeque<Entry>,
}

impl Journal {
    /// Of the life of the tower that has this epoch.
    #[must_use]
    pub fn of(epoch: Uuid) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Notes an event and logs it. Names, programs and addresses in it are strangers' words, and
    /// are cleaned.
    pub fn note(&self, tick: Serial, event: Event) {
        let (kind, text) = (event.kind(), cleaned(&event.to_string()).into_owned());
        if kind == Kind::Action {
            tracing::info!(target: AUDIT, tick, kind = kind.name(), "{text}");
        } else {
            tracing::info!(tick, kind = kind.name(), "{text}");
        }
        self.add(tick, event, text, None);
    }

    /// Notes what a user did, and logs it.
    pub fn note_by(&self, who: String, tick: Serial, event: Event) {
        let (text, who) = (cleaned(&event.to_string()).into_owned(), cleaned(&who).into_owned());
        tracing::info!(target: AUDIT, tick, kind = event.kind().name(), who, "{text}");
        self.add(tick, event, text, Some(who));
    }

    fn add(&self, tick: Serial, data: Event, text: String, who: Option<String>) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let (epoch, kind) = (self.epoch, data.kind());
        let mut kept = self.lock();
        let id = kept.next;
        kept.next += 1;
        if kept.events.len() == EVENTS_MAX
            && let Some(oldest) = kept.events.pop_front().filter(|event| event.kind == Kind::Action)
        {
            if kept.actions.len() == ACTIONS_MAX {
                kept.actions.pop_front();
            }
            kept.actions.push_back(oldest);
        }
        kept.events.push_back(Entry { epoch, id, time, tick, kind, data, text, who });
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
    pub fn from(&self, from: u64, count: usize) -> Vec<Entry> {
        let kept = self.lock();
        let first = kept.events.front().map_or(0, |event| event.id);
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        kept.events.iter().skip(skipped).take(count).cloned().collect()
    }

    /// The newest `count` events, oldest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        let kept = self.lock();
        kept.events.iter().skip(kept.events.len().saturating_sub(count)).cloned().collect()
    }

    /// The newest `count` events of which `is_wanted` is true, oldest first; of actions, older ones than of others.
    #[must_use]
    pub fn newest_of(&self, count: usize, is_wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let kept = self.lock();
        let newest_first = kept.events.iter().rev().chain(kept.actions.iter().rev());
        let mut found: Vec<Entry> = newest_first.filter(|event| is_wanted(event)).take(count).cloned().collect();
        found.reverse();
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic while noting an event leaves the queues whole; the journal goes on.
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Entry {
    /// What it is called wherever it is sent: by this, a subscriber says where to go on.
    #[must_use]
    pub fn name(&self) -> String {
        entry_name(self.epoch, Some(self.id))
    }
}

/// An event as an administrator sees it.
#[derive(Serialize)]
pub struct Audited<'a> {
    #[serde(flatten)]
    event: &'a Entry,
    who: Option<&'a str>,
}

impl<'a> Audited<'a> {
    /// Of an event.
    #[must_use]
    pub fn new(event: &'a Entry) -> Self {
        Self { event, who: event.who.as_deref() }
    }
}

/// `EPOCH-ID`; `EPOCH-` is the place before all events of that life.
#[must_use]
pub fn entry_name(epoch: Uuid, id: Option<u64>) -> String {
    format!("{epoch}-{}", id.map(|id| id.to_string()).unwrap_or_default())
}

/// As in the text, strangers' words are cleaned.
fn cleaned_data<S: Serializer>(data: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(data).map_err(serde::ser::Error::custom)?;
    clean(&mut value);
    value.serialize(serializer)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = cleaned(text).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_kept_and_their_numbers_go_on() {
        let journal = Journal::default();
        for i in 0..EVENTS_MAX as u64 + 5 {
            journal.note(i, Event::Reanchored { lost_ms: i });
        }
        let newest = journal.newest(usize::MAX);
        assert_eq!(newest.len(), EVENTS_MAX);
        assert_eq!(newest.first().map(|e| e.id), Some(5));
        let ids = |events: Vec<Entry>| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(journal.newest(2)), [1003, 1004]);
        assert_eq!(ids(journal.from(0, 2)), [5, 6], "those before are forgotten");
        assert_eq!(ids(journal.from(1003, 9)), [1003, 1004]);
        assert!(journal.from(1005, 9).is_empty());
        assert_eq!(*journal.follow().borrow(), 1005);
    }

    #[test]
    fn who_did_what_outlives_all_that_happens_by_itself() {
        let journal = Journal::default();
        let other = || Event::Reanchored { lost_ms: 1 };
        for i in 0..300 {
            journal.note_by("ann".into(), i, Event::LoggedIn);
            (0..9).for_each(|_| journal.note(i, other()));
        }
        let is_action = |event: &Entry| event.kind == Kind::Action;
        let actions = journal.newest_of(usize::MAX, is_action);
        assert_eq!(actions.len(), 100 + ACTIONS_MAX, "100 among the last 1000, and as many as are kept before them");
        assert!(actions.is_sorted_by_key(|event| event.id));
        let ids: Vec<_> = journal.newest_of(2, is_action).iter().map(|event| event.id).collect();
        assert_eq!(ids, [2980, 2990]);
        for i in 0..EVENTS_MAX as u64 {
            journal.note(i, other());
        }
        assert_eq!(journal.newest_of(usize::MAX, is_action).len(), ACTIONS_MAX);
        assert_eq!(journal.newest(usize::MAX).len(), EVENTS_MAX);
    }

    #[test]
    fn an_event_has_its_fields_for_scripts_and_its_words_for_people_and_both_are_cleaned() {
        let journal = Journal::of(Uuid::nil());
        let (skipped, next) = ("A\u{1b}[31m song".to_owned(), "B".to_owned());
        journal.note_by("ann".into(), 7, Event::SongSkipped { skipped, next });
        let entry = journal.newest(1).remove(0);
        let json = serde_json::to_value(&entry).expect("it is JSON");
        assert_eq!(json["data"], serde_json::json!({ "what": "song_skipped", "skipped": "A [31m song", "next": "B" }));
        assert_eq!((&json["kind"], &json["text"]), (&"action".into(), &"A [31m song is skipped; B follows".into()));
        assert_eq!(entry.name(), "00000000-0000-0000-0000-000000000000-0");
        let reason = radio_signal::router::Reason::HigherPriority;
        let (source, before) = ("dj".to_owned(), "play".to_owned());
        journal.note(8, Event::OnAir { source, before, reason, shortened_fade_ms: None, raised_preroll_ticks: None });
        let json = serde_json::to_value(&journal.newest(1)[0]).expect("it is JSON");
        assert_eq!(json["data"]["reason"], "higher_priority");
    }
}
