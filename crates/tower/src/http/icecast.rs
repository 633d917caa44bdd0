//! Statistics and commands in the shapes that scripts for Icecast read. What they say is in [`icestats`](super::icestats).

use super::actions::{kick_listener, note};
use super::address::{base, xml};
use super::icestats::{Fields, mounts, server, sources};
use super::now_playing::iceresponse;
use crate::auth::who::Who;
use crate::http::answer::Peer;
use crate::request::query::Query;
use crate::source::claim::mount_in;
use crate::state::Tower;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_base::journal::event::Event;
use radio_encoder::Format;
use radio_fanout::{ListenerId, PageCursor};
use radio_signal::units::TICK_MS;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// What BUTT calls itself when it asks for statistics, and no browser does: it looks for the mount that it sends to.
const BUTT: &str = "Mozilla";
/// Listeners taken from the engine at once.
const PAGE: usize = 500;

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new()
        .route("/status-json.xsl", get(status_json))
        .route("/admin/stats", get(stats))
        .route("/admin/stats.xml", get(stats))
        .route("/admin/streamlist.txt", get(stream_list))
        .route("/admin/listmounts", get(list_mounts))
        .route("/admin/listclients", get(list_clients))
        .route("/admin/killclient", get(kill_client).post(kill_client))
        .route("/admin/killsource", get(kill_source).post(kill_source))
}

/// Whoever asks over the Unix socket is told the configured address.
fn base_of(tower: &Tower, peer: Option<Extension<Peer>>) -> String {
    base(tower, peer.as_ref().map(|Extension(Peer(origin))| origin))
}

async fn status_json(
    State(tower): State<Arc<Tower>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let (base, query) = (base_of(&tower, peer), parsed(query));
    let mut told = mounts(&tower, mount_in(&query), &base);
    if headers.get(USER_AGENT).is_some_and(|agent| agent == BUTT) {
        told.extend(sources(&tower, &base));
    }
    let mut sources: Vec<Value> = told.into_iter().map(|(_, fields)| fields.into()).collect();
    let mut stats = server(&tower, &base);
    // One is no list, and none is nothing: so it is with Icecast, and programs depend on it.
    match sources.len() {
        0 => {}
        1 => _ = stats.insert("source".into(), sources.remove(0)),
        _ => _ = stats.insert("source".into(), sources.into()),
    }
    let mut response = Json(json!({ "icestats": stats })).into_response();
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response
}

fn parsed(query: Option<String>) -> Query {
    Query::parse(query.unwrap_or_default().as_bytes())
}

fn xml_answer(elements: &str) -> Response {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<icestats>{elements}</icestats>\n");
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], body).into_response()
}

fn element(name: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("<{name}>{}</{name}>", xml(&text))
}

async fn stats(State(tower): State<Arc<Tower>>, peer: Option<Extension<Peer>>, RawQuery(query): RawQuery) -> Response {
    let (base, query) = (base_of(&tower, peer), parsed(query));
    let mounts = mounts(&tower, mount_in(&query), &base);
    let mut stats = server(&tower, &base);
    stats.insert("listeners".into(), tower.fanout.listeners_now().into());
    stats.insert("sources".into(), mounts.len().into());
    let elements = |fields: &Fields| fields.iter().map(|(name, value)| element(name, value)).collect::<String>();
    let mut text = elements(&stats);
    for (mount, fields) in mounts {
        let _ = write!(text, "<source mount=\"{}\">{}</source>", xml(&mount), elements(&fields));
    }
    xml_answer(&text)
}

async fn stream_list(State(tower): State<Arc<Tower>>) -> Response {
    let mounts: String = tower.setup().outputs.iter().map(|output| format!("{}\r\n", output.config.mount)).collect();
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], mounts).into_response()
}

async fn list_mounts(State(tower): State<Arc<Tower>>) -> Response {
    let (mut text, setup, figures) = (String::new(), tower.setup(), tower.fanout.snapshot());
    for output in &setup.outputs {
        let seconds = tower.started.elapsed().as_secs();
        let _ = write!(
            text,
            "<source mount=\"{}\"><fallback/><listeners>{}</listeners><Connected>{seconds}</Connected>\
             <content-type>{}</content-type></source>",
            xml(&output.config.mount),
            figures.of(&output.mount).map_or(0, |figures| figures.listeners),
            Format::of(&output.config).content_type(),
        );
    }
    xml_answer(&text)
}

async fn list_clients(State(tower): State<Arc<Tower>>, RawQuery(query): RawQuery) -> Response {
    let query = parsed(query);
    let mount = query.text("mount").unwrap_or_default();
    let setup = tower.setup();
    let Some(output) = setup.output_at(mount) else {
        return iceresponse(StatusCode::BAD_REQUEST, "there is no such mount; /admin/listmounts names them");
    };
    let (mut text, mut count, mut from) = (String::new(), 0, Some(PageCursor(0)));
    while let Some(cursor) = from {
        let page = tower.fanout.listeners(cursor, PAGE);
        for row in page.rows.iter().filter(|row| row.mount == output.config.mount) {
            count += 1;
            let address = row.address.map_or_else(String::new, |address| address.ip().to_canonical().to_string());
            let _ = write!(
                text,
                "<listener id=\"{id}\"><ID>{id}</ID><IP>{address}</IP><UserAgent>{}</UserAgent><lag>{}</lag>\
                 <Connected>{}</Connected></listener>",
                xml(&row.user_agent),
                row.lag_frames * TICK_MS,
                row.connected_secs,
                id = row.id.0,
            );
        }
        from = page.next;
        // Twenty thousand of them take a while: whoever else waits comes first.
        tokio::task::yield_now().await;
    }
    xml_answer(&format!("<source mount=\"{}\"><Listeners>{count}</Listeners>{text}</source>", xml(mount)))
}

async fn kill_client(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Response {
    let (query, setup) = (parsed(query), tower.setup());
    let mount = mount_in(&query).map(|mount| setup.output_at(mount).map_or(mount, |output| &output.config.mount));
    let is_there = |id| {
        let row = tower.fanout.listener(ListenerId(id));
        row.is_some_and(|row| mount.is_none_or(|mount| row.mount == mount))
    };
    match query.text("id").map(str::parse) {
        Some(Ok(id)) if is_there(id) && kick_listener(&tower, &who, id) => {
            iceresponse(StatusCode::OK, "Client removed")
        }
        _ => iceresponse(
            StatusCode::BAD_REQUEST,
            "there is no such client at this mount; /admin/listclients names their ids",
        ),
    }
}

async fn kill_source(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = parsed(query);
    let mount = query.text("mount").unwrap_or_default();
    if !tower.setup().source_doors.end_source(mount) {
        return iceresponse(StatusCode::BAD_REQUEST, "no source is connected there; /status names those that are");
    }
    note(&tower, who, Event::SourceEnded { mount: mount.to_owned() });
    iceresponse(StatusCode::OK, "Source Removed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_elements_whatever_they_are() {
        assert_eq!(element("listeners", &json!(3)), "<listeners>3</listeners>");
        assert_eq!(element("title", &json!("a < b")), "<title>a &lt; b</title>");
    }
}
