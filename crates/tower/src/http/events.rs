//! What happens, as it happens: the journal as Server-Sent Events (SPEC API-4).
//!
//! Whoever was away says which event was his last, and gets what came after it. Nothing waits for a subscriber: each reads
//! the journal for himself.

use super::parameters::Parameters;
use super::places::{Place, Places};
use super::routes;
use crate::auth::credentials::Edition;
use crate::auth::who::Who;
use crate::http::answer::{Peer, error};
use crate::state::Tower;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{StreamExt, iter, unfold};
use radio_base::journal::Audited;
use radio_base::journal::{Entry, entry_name};
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Subscribers at the same time.
const SUBSCRIBERS_MAX: usize = 64;
/// What somebody without a place is told to wait, in seconds.
const RETRY_AFTER_S: &str = "30";
/// Something is sent at least this often, so that neither side takes the other for dead.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);
/// Events taken from the journal at once.
const BATCH: usize = 64;

/// The route of this file.
pub fn router() -> Router<Arc<Tower>> {
    let places = Places::new(SUBSCRIBERS_MAX);
    Router::new().route(
        routes::EVENTS,
        get(
            move |tower: State<Arc<Tower>>,
                  headers: HeaderMap,
                  who: Option<Extension<Who>>,
                  peer: Option<Extension<Peer>>,
                  wanted: Parameters<Wanted>| {
                let place = places.take(peer.map(|Extension(Peer(origin))| origin.address.ip()));
                async move { subscribe(tower, headers, who, wanted, place) }
            },
        ),
    )
}

#[derive(Deserialize)]
struct Wanted {
    /// The last event that the subscriber has had; for those who cannot send `Last-Event-ID`.
    after: Option<String>,
    /// Only these kinds, separated by commas.
    kind: Option<String>,
}

fn subscribe(
    State(tower): State<Arc<Tower>>,
    headers: HeaderMap,
    who: Option<Extension<Who>>,
    Parameters(wanted): Parameters<Wanted>,
    place: Option<Place>,
) -> Response {
    let Some(place) = place else {
        let text = format!("there are {SUBSCRIBERS_MAX} subscribers already; try again later, or ask /api/events");
        return ([(RETRY_AFTER, RETRY_AFTER_S)], error(StatusCode::SERVICE_UNAVAILABLE, &text)).into_response();
    };
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).or(wanted.after.as_deref());
    let count = tower.journal.follow();
    let next = match last {
        Some(last) => after(last, &tower.epoch.to_string()),
        None => *count.borrow(),
    };
    // An ID without a message: from now on a browser knows where it is, whether anything happens or not.
    let here = sse::Event::default().id(entry_name(tower.epoch, next.checked_sub(1)));
    let kinds = wanted.kind.map(|kinds| kinds.split(',').map(|kind| kind.trim().to_owned()).collect());
    let is_local = matches!(who, Some(Extension(Who::CommandLine)));
    let let_in_by = (!is_local).then(|| tower.setup().users.edition().clone());
    let subscriber = Subscriber { let_in_by, tower, kinds, next, count, waiting: VecDeque::new(), place };
    let events = unfold(subscriber, |mut subscriber| async {
        let event = subscriber.next().await?;
        Some((subscriber.message(&event), subscriber))
    });
    Sse::new(iter([Ok(here)]).chain(events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_PERIOD)).into_response()
}

/// Number of the first event after the one with this ID; 0, and so all that are kept, if it is of another life of the
/// tower.
fn after(id: &str, epoch: &str) -> u64 {
    let number = id.rsplit_once('-').filter(|(of, _)| *of == epoch).and_then(|(_, number)| number.parse::<u64>().ok());
    number.map_or(0, |number| number.saturating_add(1))
}

struct Subscriber {
    tower: Arc<Tower>,
    /// None: over the socket of the command line, which needs no user.
    let_in_by: Option<Edition>,
    /// All, if there are none.
    kinds: Option<Vec<String>>,
    /// Number of the next event to be read.
    next: u64,
    count: watch::Receiver<u64>,
    waiting: VecDeque<Entry>,
    place: Place,
}

impl Subscriber {
    async fn next(&mut self) -> Option<Entry> {
        loop {
            // Who may still come in comes again by himself, and goes on where he was. A change of users is an event itself.
            if self.let_in_by.as_ref().is_some_and(|edition| edition != self.tower.setup().users.edition()) {
                return None;
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            // Seen before the journal is read: what comes in between ends the wait below at once.
            self.count.borrow_and_update();
            let events = self.tower.journal.from(self.next, BATCH);
            if let Some(last) = events.last() {
                self.next = last.id + 1;
                let is_wanted = |event: &Entry| {
                    self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|k| k == event.kind.name()))
                };
                self.waiting.extend(events.into_iter().filter(is_wanted));
            } else {
                tokio::select! {
                    changed = self.count.changed() => changed.ok()?,
                    () = self.place.displaced() => return None,
                }
            }
        }
    }

    fn message(&self, event: &Entry) -> Result<sse::Event, axum::Error> {
        sse::Event::default().id(event.name()).json_data(Audited::new(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_after_the_last_event_and_in_another_life_from_the_beginning() {
        assert_eq!(after("a-b-41", "a-b"), 42);
        for other in ["b-41", "41", "", "a-b-", "a-b", "start"] {
            assert_eq!(after(other, "a-b"), 0, "{other}");
        }
        assert_eq!(after(&format!("a-{}", u64::MAX), "a"), u64::MAX);
    }
}
