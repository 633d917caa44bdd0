//! Logging in at the dashboard, and out.

use super::actions::{Refused, body, note};
use super::admission::tell_of_guesses;
use crate::auth::credentials::Shown;
use crate::auth::session::{Session, Sessions, TOKEN_HEADER};
use crate::auth::who::Who;
use crate::http::answer::{Peer, error};
use crate::state::Tower;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_base::journal::event::Event;
use radio_config::ADMIN;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// The routes of this file. Everybody may knock; what is behind the door is another matter.
pub fn router() -> Router<Arc<Tower>> {
    Router::new().route("/api/session", get(session).post(log_in).delete(log_out))
}

/// Whether this browser is logged in. Its token is for the tower's own page: no other can read the answer.
async fn session(State(tower): State<Arc<Tower>>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Response {
    let is_own_host = peer.is_none_or(|Extension(Peer(origin))| origin.is_own_host);
    Json(shown(current(&tower, &headers).filter(|_| is_own_host).as_ref())).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    user: Option<String>,
    password: String,
}

async fn log_in(
    State(tower): State<Arc<Tower>>,
    peer: Option<Extension<Peer>>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Some(Extension(Peer(origin))) = peer else {
        let text = "over this socket you may do everything without logging in; browsers log in where the dashboard is";
        return Ok(error(StatusCode::CONFLICT, text));
    };
    let Given { user, password } = body(&bytes, "{\"user\": \"admin\", \"password\": \"...\"}")?;
    let address = origin.address.ip();
    let (now, setup) = (Instant::now(), tower.setup());
    let guesses = &setup.source_doors.guesses;
    let name = user.as_deref().unwrap_or(ADMIN);
    if guesses.must_wait(address, name, now) {
        return Ok(error(StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords; wait a minute and try again"));
    }
    let user = match setup.users.check(name, &password) {
        Shown::User(user) => user,
        Shown::Busy => return Ok(error(StatusCode::TOO_MANY_REQUESTS, "too many log in just now; try again")),
        Shown::Nothing | Shown::Wrong => {
            guesses.note_wrong(address, name, now);
            tracing::warn!(%address, "wrong password at the dashboard");
            tell_of_guesses(&tower, address);
            let text = "this is not the password; that of admin is admin.password, or the token printed when the tower started";
            return Ok(error(StatusCode::UNAUTHORIZED, text));
        }
    };
    guesses.note_right(address, &user.name);
    let Some(session) = tower.sessions.open(user.clone(), now) else {
        let text = "as many as there is room for are logged in, all of a higher role; let one of them log out";
        return Ok(error(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    note(&tower, Who::Session { user, address }, Event::LoggedIn);
    let cookie = tower.sessions.set_cookie(Some(&session), origin.is_https);
    Ok(([(SET_COOKIE, cookie)], Json(shown(Some(&session)))).into_response())
}

async fn log_out(State(tower): State<Arc<Tower>>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Response {
    let is_https = peer.is_some_and(|Extension(Peer(origin))| origin.is_https);
    if let Some(session) = current(&tower, &headers) {
        if !Sessions::is_token(&session, text(&headers, TOKEN_HEADER)) {
            return error(StatusCode::FORBIDDEN, crate::request::head::FORBIDDEN.line);
        }
        tower.sessions.close(text(&headers, COOKIE.as_str()), Instant::now());
    }
    ([(SET_COOKIE, tower.sessions.set_cookie(None, is_https))], Json(shown(None))).into_response()
}

fn current(tower: &Tower, headers: &HeaderMap) -> Option<Session> {
    tower.sessions.find(text(headers, COOKIE.as_str()), Instant::now())
}

fn shown(session: Option<&Session>) -> Value {
    json!({
        "logged_in": session.is_some(),
        "token": session.map(|session| &session.token),
        "user": session.map(|session| &*session.user.name),
        "role": session.map(|session| session.user.role),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
