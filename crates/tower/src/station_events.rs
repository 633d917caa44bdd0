//! What the station says of itself, passed on to the clients that listen at this moment (SPEC API-4). Nothing is stored.

use crate::request::pace::Pace;
use axum::extract::ws::Utf8Bytes;
use radio_base::title::Details;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;
use uuid::Uuid;

/// Events that a subscriber may be behind; one more, and it is let go.
pub const BEHIND_EVENTS_MAX: usize = 256;
/// Events of one address that are taken in a second: a station has a few a minute, and each goes to every subscriber.
pub const EVENTS_PER_SECOND: u32 = 100;
/// Characters of an event's type at most.
const TYPE_CHARS_MAX: usize = 64;

/// What a station sends.
#[derive(Clone, Debug, Deserialize)]
pub struct StationEvent {
    /// Such as `song_playing`.
    pub event_type: String,
    /// When it happened, by the station's clock: seconds since 1970.
    pub timestamp: f64,
    /// Whatever belongs to it.
    pub metadata: Map<String, Value>,
}

/// What subscribers get.
#[derive(Serialize)]
struct Received<'a> {
    event_type: &'a str,
    timestamp: f64,
    tower_received_at: f64,
    event_id: String,
    metadata: &'a Map<String, Value>,
}

/// An event on its way.
#[derive(Debug)]
pub struct Passing {
    /// Its type.
    pub event_type: String,
    /// All of it, as JSON.
    pub text: Utf8Bytes,
}

/// Where events come in and go out.
#[derive(Debug)]
pub struct StationEvents {
    passing: broadcast::Sender<Arc<Passing>>,
    /// How often an address may send one.
    pub pace: Pace,
    /// Events taken in.
    pub taken: AtomicU64,
    /// Events refused.
    pub refused: AtomicU64,
    /// Subscribers let go because they did not keep up.
    pub dropped_subscribers: AtomicU64,
}

impl Default for StationEvents {
    fn default() -> Self {
        let (taken, refused, dropped_subscribers) = Default::default();
        let (passing, pace) = (broadcast::Sender::new(BEHIND_EVENTS_MAX), Pace::per_second(EVENTS_PER_SECOND));
        Self { passing, pace, taken, refused, dropped_subscribers }
    }
}

impl StationEvent {
    /// Reads what a station sent.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        const SHAPE: &str =
            "send {\"event_type\": \"song_playing\", \"timestamp\": seconds since 1970, \"metadata\": {...}}";
        let event: Self = serde_json::from_slice(body).map_err(|error| format!("{error}; {SHAPE}"))?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let length = event.event_type.chars().count();
        if !(1..=TYPE_CHARS_MAX).contains(&length) || !event.event_type.chars().all(is_name) {
            return Err(format!(
                "event_type must be 1 to {TYPE_CHARS_MAX} of a to z, 0 to 9 and _, such as song_playing"
            ));
        }
        Ok(event)
    }

    /// Artist and title, if it says what is playing from now on.
    #[must_use]
    pub fn song(&self) -> Option<(&str, &str)> {
        let text = |name| self.metadata.get(name).and_then(Value::as_str).unwrap_or_default();
        let song = (text("artist"), text("title"));
        (self.event_type == "song_playing" && !song.1.is_empty()).then_some(song)
    }
}

impl StationEvent {
    /// What else it says of a song: each field that is of the kind that it should be. Automation writes
    /// numbers as texts, and null for what it does not know.
    #[must_use]
    pub fn details(&self) -> Details {
        let mut taken = Map::new();
        for name in Details::FIELDS {
            let Some(value) = self.metadata.get(name) else { continue };
            let number = value.as_str().and_then(|text| serde_json::from_str::<serde_json::Number>(text.trim()).ok());
            for value in std::iter::once(value.clone()).chain(number.map(Value::Number)) {
                let mut more = taken.clone();
                more.insert(name.to_owned(), value);
                if serde_json::from_value::<Details>(Value::Object(more.clone())).is_ok() {
                    taken = more;
                    break;
                }
            }
        }
        serde_json::from_value(Value::Object(taken)).unwrap_or_default()
    }
}

impl StationEvents {
    /// Passes an event on to whoever is there.
    pub fn pass(&self, event: &StationEvent) {
        let StationEvent { event_type, timestamp, metadata } = event;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let received = Received {
            event_type,
            timestamp: *timestamp,
            tower_received_at: now,
            event_id: Uuid::new_v4().to_string(),
            metadata,
        };
        self.taken.fetch_add(1, Relaxed);
        if let Ok(text) = serde_json::to_string(&received) {
            // That nobody is there is no fault.
            let _ = self.passing.send(Arc::new(Passing { event_type: event_type.clone(), text: text.into() }));
        }
    }

    /// What is passed on from now on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Arc<Passing>> {
        self.passing.subscribe()
    }

    /// Subscribers now.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.passing.receiver_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_a_song_counts_by_itself() {
        let metadata = serde_json::json!({
            "title": "T", "album": null, "label": "Dim", "isrc": 7, "year": " 1999", "duration_sec": "215.5", "mood": {}
        });
        let Value::Object(metadata) = metadata else { unreachable!() };
        let event = StationEvent { event_type: "song_playing".into(), timestamp: 0.0, metadata };
        let details = event.details();
        assert_eq!((details.album.as_str(), details.record_label.as_str(), details.isrc.as_str()), ("", "Dim", ""));
        assert_eq!((details.year, details.duration_s), (Some(1999), Some(215.5)));
    }

    #[test]
    fn an_event_has_a_type_a_time_and_metadata_or_is_refused_with_its_shape() {
        let good =
            br#"{"event_type": "song_playing", "timestamp": 1.5, "metadata": {"title": "T", "artist": "A"}, "x": 1}"#;
        assert_eq!(StationEvent::parse(good).expect("good").song(), Some(("A", "T")));
        for bad in [
            &b""[..],
            b"{",
            b"[]",
            br#"{"event_type": "a", "timestamp": "now", "metadata": {}}"#,
            br#"{"event_type": "a", "timestamp": 1, "metadata": []}"#,
            br#"{"event_type": "a", "timestamp": 1}"#,
            br#"{"event_type": 7, "timestamp": 1, "metadata": {}}"#,
        ] {
            let error = StationEvent::parse(bad).expect_err("bad");
            assert!(error.contains("send {\"event_type\""), "{error}");
        }
        for bad_type in ["", "Song Playing", "a\n", &"a".repeat(65)] {
            let body = serde_json::json!({"event_type": bad_type, "timestamp": 1, "metadata": {}}).to_string();
            assert!(StationEvent::parse(body.as_bytes()).expect_err("bad").contains("event_type must be"));
        }
        let deep = [&br#"{"event_type": "a", "timestamp": 1, "metadata": {"a": "#[..], &[b'['; 30_000]].concat();
        assert!(StationEvent::parse(&deep).is_err());
    }

    #[test]
    fn only_a_song_with_a_title_is_what_is_playing() {
        let song = |event_type: &str, metadata: &str| {
            let body = format!("{{\"event_type\": \"{event_type}\", \"timestamp\": 1, \"metadata\": {metadata}}}");
            StationEvent::parse(body.as_bytes())
                .expect("good")
                .song()
                .map(|(artist, title)| format!("{artist}/{title}"))
        };
        assert_eq!(song("song_playing", r#"{"title": "T"}"#).as_deref(), Some("/T"));
        assert_eq!(song("song_playing", r#"{"artist": "A"}"#), None);
        assert_eq!(song("song_playing", r#"{"title": 7}"#), None);
        assert_eq!(song("segment_playing", r#"{"title": "T"}"#), None);
    }
}
