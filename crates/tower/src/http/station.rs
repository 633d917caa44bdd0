//! What the station tells the tower, and who hears of it: events in by POST, out by WebSocket (SPEC API-4).

use super::parameters::Parameters;
use super::places::{Place, Places};
use super::routes;
use crate::http::answer::{Peer, error};
use crate::ingest::names::STATION_ID;
use crate::state::Tower;
use crate::station_events::{EVENTS_PER_SECOND, Passing, StationEvent};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use radio_base::title::Title;
use radio_signal::router::OnAir;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Subscribers at the same time.
const SUBSCRIBERS_MAX: usize = 64;
/// What somebody without a place is told to wait, in seconds.
const RETRY_AFTER_S: &str = "30";
/// A subscriber has nothing to say; a ping is at most 125 bytes.
const MESSAGE_BYTES_MAX: usize = 4096;
/// How often a subscriber is asked whether it is there.
const PING_PERIOD: Duration = Duration::from_secs(30);
/// One of which nothing is heard for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(100);

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    let places = Places::new(SUBSCRIBERS_MAX);
    let subscribe = move |tower: State<Arc<Tower>>,
                          peer: Option<Extension<Peer>>,
                          wanted: Parameters<Wanted>,
                          upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
        subscribe(tower, peer, wanted, upgrade, Arc::clone(&places))
    };
    Router::new().route(routes::STATION_INGEST, post(ingest)).route(routes::STATION_EVENTS, get(subscribe))
}

async fn ingest(
    State(tower): State<Arc<Tower>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let events = &tower.station_events;
    let refused = |status, text: &str| {
        events.refused.fetch_add(1, Relaxed);
        error(status, text)
    };
    if peer.is_some_and(|Extension(Peer(origin))| !events.pace.allows(origin.address.ip(), std::time::Instant::now())) {
        let text = format!("{EVENTS_PER_SECOND} events a second are taken from one address; send fewer");
        return refused(StatusCode::TOO_MANY_REQUESTS, &text);
    }
    let parsed = match headers.contains_key(CONTENT_LENGTH) {
        true => StationEvent::parse(&body),
        false => Err("there is no Content-Length; send one".into()),
    };
    match parsed {
        Ok(event) => {
            events.pass(&event);
            take_title(&tower, &event);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(text) => refused(StatusCode::BAD_REQUEST, &text),
    }
}

/// A song that begins belongs to the PCM that arrives now from the station's newest producer.
fn take_title(tower: &Tower, event: &StationEvent) {
    let newest = tower.inputs.of(STATION_ID).into_iter().rfind(|producer| producer.connected);
    if let (Some((artist, title)), Some(producer)) = (event.song(), newest) {
        tower.title_arrives_at(OnAir::Source(producer.id), Title::new(artist, title, "").with(&event.details()));
    }
}

#[derive(Deserialize)]
struct Wanted {
    /// Only events of this type.
    event_type: Option<String>,
}

async fn subscribe(
    State(tower): State<Arc<Tower>>,
    peer: Option<Extension<Peer>>,
    Parameters(wanted): Parameters<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    places: Arc<Places>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(fault) => {
            let text = format!("this is a WebSocket (RFC 6455): {}", fault.body_text());
            return error(StatusCode::BAD_REQUEST, &text);
        }
    };
    let Some(place) = places.take(peer.map(|Extension(Peer(origin))| origin.address.ip())) else {
        let text = format!("there are {SUBSCRIBERS_MAX} subscribers already; try again later");
        return ([(RETRY_AFTER, RETRY_AFTER_S)], error(StatusCode::SERVICE_UNAVAILABLE, &text)).into_response();
    };
    // From here on, so that nothing is missed between the answer and the first wait.
    let events = tower.station_events.follow();
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| pass_on(socket, events, wanted.event_type, tower, place))
}

/// Sends what comes until either side ends. A socket that takes nothing ends with the connection's own limit.
async fn pass_on(
    mut socket: WebSocket,
    mut events: Receiver<Arc<Passing>>,
    event_type: Option<String>,
    tower: Arc<Tower>,
    place: Place,
) {
    let mut pings = interval(PING_PERIOD);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let let_in_by = tower.setup().users.edition().clone();
    loop {
        let message = tokio::select! {
            event = events.recv() => match event {
                Ok(event) if event_type.as_ref().is_some_and(|wanted| *wanted != event.event_type) => continue,
                Ok(event) => Message::Text(event.text.clone()),
                Err(RecvError::Lagged(_)) => {
                    tower.station_events.dropped_subscribers.fetch_add(1, Relaxed);
                    let reason = "events came faster than they were taken; connect again".into();
                    let _ = socket.send(Message::Close(Some(CloseFrame { code: close_code::AGAIN, reason }))).await;
                    return;
                }
                Err(RecvError::Closed) => return,
            },
            // Pings are answered in there, and a farewell, after which there is nothing more.
            said = socket.recv() => match said {
                Some(Err(_)) | None => return,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            () = place.displaced() => {
                let reason = "another address has no place, and yours has many; connect again".into();
                let _ = socket.send(Message::Close(Some(CloseFrame { code: close_code::AGAIN, reason }))).await;
                return;
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE_MAX {
                    return;
                }
                Message::Ping(Bytes::new())
            }
        };
        // Found with the next ping at the latest. Who may still come in comes again.
        if let_in_by != *tower.setup().users.edition() {
            return;
        }
        if socket.send(message).await.is_err() {
            tower.station_events.dropped_subscribers.fetch_add(1, Relaxed);
            return;
        }
    }
}
