//! What is playing, to be read and to be set: the tower's own routes, and those that DJ software and automation know from
//! Icecast and Shoutcast.

use super::address::xml;
use super::parameters::Parameters;
use super::sender::{Sender, refused};
use crate::auth::who::Who;
use crate::http::answer::error;
use crate::request::query::Query;
use crate::state::Tower;
use crate::status::now_playing::{current, to_json};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use radio_base::journal::event::Event;
use radio_base::title::decode;
use radio_base::title::{Details, Title};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes of this file.
pub fn router() -> axum::Router<Arc<Tower>> {
    axum::Router::new()
        .route("/api/now-playing", get(now_playing).put(set))
        .route("/api/history", get(history))
        .route("/api/cover", get(cover))
        .route("/admin/metadata", get(icecast).post(icecast))
        .route("/admin.cgi", get(shoutcast).post(shoutcast))
}

async fn now_playing(State(tower): State<Arc<Tower>>) -> Response {
    Json(current(&tower)).into_response()
}

async fn history(State(tower): State<Arc<Tower>>) -> Response {
    let songs: Vec<Value> = tower.titles.history().iter().map(|heard| to_json(&tower, heard)).collect();
    Json(json!({ "songs": songs })).into_response()
}

#[derive(Deserialize)]
struct WantedCover {
    id: String,
}

/// A picture of a file that was played lately.
async fn cover(State(tower): State<Arc<Tower>>, Parameters(wanted): Parameters<WantedCover>) -> Response {
    match tower.titles.covers.get(&wanted.id) {
        // Its name is made of what it holds.
        Some(cover) => {
            let head = [(CONTENT_TYPE, cover.media_type), (CACHE_CONTROL, "public, max-age=86400, immutable")];
            (head, Bytes::from_owner(cover.bytes)).into_response()
        }
        None => {
            error(StatusCode::NOT_FOUND, "there is no such picture; `cover` of /api/now-playing names those that are")
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewTitle {
    artist: String,
    title: String,
    url: String,
    album: String,
    #[serde(alias = "label")]
    record_label: String,
    isrc: String,
    year: Option<u16>,
    #[serde(alias = "duration")]
    duration_s: Option<f64>,
    cover: String,
}

async fn set(State(tower): State<Arc<Tower>>, Extension(who): Extension<Who>, body: Bytes) -> Response {
    let new: NewTitle = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(fault) => {
            return error(StatusCode::BAD_REQUEST, &format!("{fault}; send {{\"artist\": ..., \"title\": ...}}"));
        }
    };
    let NewTitle { artist, title, url, album, record_label, isrc, year, duration_s, cover } = new;
    let details = Details { album, record_label, isrc, year, duration_s, cover };
    let title = Title::new(&artist, &title, &url).with(&details);
    if title.is_empty() {
        return error(
            StatusCode::BAD_REQUEST,
            "there is neither an artist nor a title; send {\"artist\": ..., \"title\": ...}",
        );
    }
    note_title(&tower, Some(who), &title);
    let in_ms = tower.title_arrives(title);
    (StatusCode::ACCEPTED, Json(json!({ "heard_in_ms": in_ms }))).into_response()
}

/// A source, who is no user, tells its own titles; those are events anyhow.
fn note_title(tower: &Tower, who: Option<Who>, title: &Title) {
    let Some(who) = who else { return };
    super::actions::note(tower, who, Event::TitleSet { label: title.label() });
}

/// The parameters of the request line, and behind them those of a form.
fn parameters(query: Option<&str>, body: &[u8]) -> Query {
    Query::parse(query.unwrap_or_default().as_bytes()).or(Query::parse(body))
}

/// `song`, or `artist` and `title`, in whatever charset the sender has. `None`: it says nothing of a title.
#[must_use]
pub fn title_of(query: &Query) -> Option<Title> {
    let charset = query.text("charset");
    let field = |name| query.bytes(name).map(|bytes| decode(bytes, charset));
    let (artist, title) = match field("song") {
        Some(song) => (String::new(), song),
        None => (field("artist").unwrap_or_default(), field("title").unwrap_or_default()),
    };
    let is_given = ["song", "artist", "title"].iter().any(|name| query.bytes(name).is_some());
    is_given.then(|| Title::new(&artist, &title, &field("url").unwrap_or_default()))
}

async fn icecast(State(tower): State<Arc<Tower>>, sender: Sender, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let query = parameters(query.as_deref(), &body);
    let (source, who) = match sender.means(&tower, &query) {
        Ok(meant) => meant,
        Err(refusal) => return refused(&refusal, iceresponse),
    };
    if query.text("mode").is_some_and(|mode| mode != "updinfo") {
        return iceresponse(StatusCode::BAD_REQUEST, "the only mode is updinfo");
    }
    match title_of(&query) {
        Some(title) => {
            note_title(&tower, who, &title);
            tower.title_arrives_at(source, title);
            iceresponse(StatusCode::OK, "Metadata update successful")
        }
        None => iceresponse(StatusCode::BAD_REQUEST, "send song, or artist and title"),
    }
}

/// Icecast's answer to a command; `<return>` is what scripts look at.
pub fn iceresponse(status: StatusCode, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<iceresponse><message>{}</message><return>{}</return></iceresponse>\n",
        xml(message),
        u8::from(status.is_success())
    );
    (status, [(CONTENT_TYPE, "text/xml; charset=utf-8")], body).into_response()
}

async fn shoutcast(
    State(tower): State<Arc<Tower>>,
    sender: Sender,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = parameters(query.as_deref(), &body);
    let (source, who) = match sender.means(&tower, &query) {
        Ok(meant) => meant,
        Err(refusal) => return refused(&refusal, |status, line| (status, format!("{line}\r\n")).into_response()),
    };
    match title_of(&query) {
        Some(title) if query.text("mode") == Some("updinfo") => {
            note_title(&tower, who, &title);
            tower.title_arrives_at(source, title);
            "OK2\r\n".into_response()
        }
        _ => (StatusCode::BAD_REQUEST, "send mode=updinfo and song\r\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(query: &str) -> Option<Title> {
        title_of(&Query::parse(query.as_bytes()))
    }

    #[test]
    fn every_spelling_of_a_title_is_understood() {
        assert_eq!(title("song=A+-+B"), Some(Title::new("", "A - B", "")));
        assert_eq!(title("artist=A&title=B&url=http%3A%2F%2Fx"), Some(Title::new("A", "B", "http://x")));
        assert_eq!(title("title=B%F6"), Some(Title::new("", "Bö", "")));
        assert_eq!(title("song=%D0%9F"), Some(Title::new("", "П", "")));
        assert_eq!(title("song=%CF&charset=windows-1251"), Some(Title::new("", "П", "")));
        assert_eq!(title("song="), Some(Title::default()), "an empty title takes the last one away");
        assert_eq!(title("mode=updinfo"), None);
    }
}
