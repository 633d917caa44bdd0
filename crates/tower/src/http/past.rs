//! What has been: the journal with who did what, and the last ten minutes.

use super::parameters::Parameters;
use crate::state::Tower;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_base::journal::{Audited, EVENTS_MAX};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Events of one answer if the request does not say.
const EVENTS_LIMIT: usize = 100;

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new().route("/api/events", get(events)).route("/api/recent", get(recent))
}

#[derive(Deserialize)]
struct EventsQuery {
    /// Only what came after this event.
    after: Option<u64>,
    limit: Option<usize>,
    /// Only these kinds, separated by commas; of actions, more are kept.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct RecentQuery {
    /// Only what came after this tick.
    after: Option<u64>,
}

async fn recent(State(tower): State<Arc<Tower>>, Parameters(query): Parameters<RecentQuery>) -> Response {
    let period_ms = crate::recent::PERIOD.as_millis() as u64;
    Json(json!({ "period_ms": period_ms, "moments": tower.recent.to_json(|source| tower.on_air_name(source), query.after) })).into_response()
}

async fn events(State(tower): State<Arc<Tower>>, Parameters(query): Parameters<EventsQuery>) -> Response {
    let limit = query.limit.unwrap_or(EVENTS_LIMIT).min(EVENTS_MAX);
    let kinds: Option<Vec<&str>> = query.kind.as_deref().map(|kinds| kinds.split(',').map(str::trim).collect());
    let mut events = match kinds {
        Some(kinds) => tower.journal.newest_of(limit, |event| kinds.contains(&event.kind.name())),
        None => tower.journal.newest(limit),
    };
    events.retain(|event| query.after.is_none_or(|after| event.id > after));
    let shown: Vec<Audited<'_>> = events.iter().map(Audited::new).collect();
    Json(json!({ "events": shown })).into_response()
}
