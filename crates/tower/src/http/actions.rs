//! What an operator can do to a tower on air. Each action is in the journal, with who did it.

use super::routes::SKIP;
use crate::auth::who::Who;
use crate::http::answer::error;
use crate::playout::skip::Skipped;
use crate::state::Tower;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use radio_base::journal::event::Event;
use radio_fanout::ListenerId;
use radio_signal::router::{Command, InputId};
use radio_signal::units::TICK_MS;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new()
        .route("/api/inputs/allowed", put(allow))
        .route("/api/inputs/preferred", put(prefer))
        .route("/api/fallback/forced", put(force_fallback))
        .route("/api/encoder/restart", post(restart_encoder))
        .route("/api/listeners/kick", post(kick))
        .route(SKIP, post(skip))
}

/// Reads the JSON of a request.
///
/// # Errors
/// The answer that says what is wrong, and what should have been sent.
pub fn body<T: DeserializeOwned>(bytes: &[u8], example: &str) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|fault| Refused(StatusCode::BAD_REQUEST, format!("{fault}; send {example}")))
}

/// An action that is not done, and why.
pub struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        error(self.0, &self.1)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    input: String,
    allowed: bool,
}

async fn allow(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Allowed { input, allowed } = body(&bytes, "{\"input\": \"station\", \"allowed\": false}")?;
    let command = Command::Allow { input: input_called(&tower, &input)?, allowed };
    command_router(&tower, who, command, Event::InputAllowed { input, allowed })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preferred {
    /// `null` must be said: nothing at all is a mistake.
    #[serde(deserialize_with = "Option::deserialize")]
    input: Option<String>,
}

async fn prefer(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Preferred { input } = body(&bytes, "{\"input\": \"station\"}, or null for none")?;
    let called = input.as_ref().map(|name| input_called(&tower, name)).transpose()?;
    command_router(&tower, who, Command::Prefer { input: called }, Event::InputPreferred { input })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forced {
    forced: bool,
}

async fn force_fallback(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Forced { forced } = body(&bytes, "{\"forced\": true}")?;
    command_router(&tower, who, Command::ForceFallback { forced }, Event::FallbackForced { forced })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    mount: String,
}

async fn restart_encoder(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Restart { mount } = body(&bytes, "{\"mount\": \"/stream\"}")?;
    let setup = tower.setup();
    let Some(output) = setup.outputs.iter().find(|output| output.config.mount == mount) else {
        let mounts: Vec<&str> = setup.outputs.iter().map(|output| output.config.mount.as_str()).collect();
        let text = format!("there is no output {mount:?}; there are {}", mounts.join(", "));
        return Err(Refused(StatusCode::NOT_FOUND, text));
    };
    if !output.manager.lock().unwrap_or_else(PoisonError::into_inner).replace() {
        let text = "there is no encoder to restart: encoder.enabled = false".into();
        return Err(Refused(StatusCode::CONFLICT, text));
    }
    note(&tower, who, Event::EncoderRestarted { mount: mount.clone() });
    Ok((StatusCode::ACCEPTED, Json(json!({ "mount": mount }))).into_response())
}

async fn skip(State(tower): State<Arc<Tower>>, Extension(who): Extension<Who>) -> Result<Response, Refused> {
    let Skipped { skipped, next } =
        crate::playout::skip::skip(&tower).await.map_err(|fault| Refused(StatusCode::CONFLICT, fault.to_string()))?;
    note(&tower, who, Event::SongSkipped { skipped: skipped.clone(), next: next.clone() });
    Ok((StatusCode::ACCEPTED, Json(json!({ "skipped": skipped, "next": next }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kick {
    id: u64,
}

async fn kick(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Kick { id } = body(&bytes, "{\"id\": 17}, as /admin/listeners gives it")?;
    match kick_listener(&tower, &who, id) {
        true => Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response()),
        false => {
            let text = format!("there is no listener {id}: /admin/listeners names those that are there");
            Err(Refused(StatusCode::NOT_FOUND, text))
        }
    }
}

/// Sends a listener away; false if it is not there.
pub fn kick_listener(tower: &Tower, who: &Who, id: u64) -> bool {
    let Some(listener) = tower.fanout.kick(ListenerId(id)) else { return false };
    let address = listener.address.map(|address| address.ip().to_canonical().to_string());
    note(tower, who.clone(), Event::ListenerDropped { id, address });
    true
}

fn input_called(tower: &Tower, name: &str) -> Result<InputId, Refused> {
    let setup = tower.setup();
    setup.input_names.id(name).ok_or_else(|| {
        let names: Vec<&str> = setup.input_names.iter().map(|(_, name)| name).collect();
        Refused(StatusCode::NOT_FOUND, format!("there is no input {name:?}; there are {}", names.join(", ")))
    })
}

/// Hands a command to the pump. What is so already is answered like what is done now, but not noted again.
fn command_router(tower: &Tower, who: Who, command: Command, event: Event) -> Result<Response, Refused> {
    let changed = tower.desk.command(command).map_err(|fault| {
        let text = fault.to_string();
        Refused(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    if changed {
        note(tower, who, event);
    }
    let delay_ticks = tower.setup().outputs.iter().map(|output| output.delay_ticks).max().unwrap_or(0);
    let answer = json!({ "heard_in_ms": (delay_ticks + 1) * TICK_MS, "operator": tower.operator_status() });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// Puts an action into the journal.
pub fn note(tower: &Tower, who: Who, event: Event) {
    tower.journal.note_by(who.to_string(), tower.figures.tick().unwrap_or(0), event);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_request_is_told_with_what_to_send() {
        for wrong in ["", "{}", "[]", "{\"forced\": 1}", "{\"forced\": true, \"for\": 3}"] {
            let Err(Refused(status, text)) = body::<Forced>(wrong.as_bytes(), "{\"forced\": true}") else {
                panic!("{wrong} was taken");
            };
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(text.ends_with("send {\"forced\": true}"), "{text}");
        }
        assert!(body::<Preferred>(b"{\"input\": null}", "").is_ok_and(|preferred| preferred.input.is_none()));
        assert!(body::<Preferred>(b"{}", "").is_err(), "nobody is released by mistake");
    }
}
