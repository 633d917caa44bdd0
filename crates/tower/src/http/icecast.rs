//! Statistics and commands in the shapes that scripts for Icecast read.

use super::actions::{kick_listener, note};
use super::address::{base, xml};
use super::api::Peer;
use super::now_playing::iceresponse;
use super::query::Query;
use super::who::Who;
use crate::encoder::Format;
use crate::setup::OutputState;
use crate::state::Tower;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_fanout::PageCursor;
use radio_signal::units::TICK_MS;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Listeners taken from the engine at once.
const PAGE: usize = 500;

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new()
        .route("/status-json.xsl", get(status_json))
        .route("/admin/stats", get(stats))
        .route("/admin/listmounts", get(list_mounts))
        .route("/admin/listclients", get(list_clients))
        .route("/admin/killclient", get(kill_client).post(kill_client))
        .route("/admin/killsource", get(kill_source).post(kill_source))
}

/// What is told of a mount, by Icecast's names.
fn source(tower: &Tower, output: &OutputState, listeners: u64, is_only_one: bool, base: &str) -> Map<String, Value> {
    let config = &output.config;
    let heard = tower.titles.now().and_then(|heard| heard.title);
    let fields = json!({
        "audio_info": format!("channels={};samplerate={};bitrate={}", config.channels, config.sample_rate_hz, config.bitrate_kbps),
        "artist": heard.as_ref().map(|title| &title.artist),
        "bitrate": config.bitrate_kbps,
        "channels": config.channels,
        "genre": config.genre,
        "ice-bitrate": config.bitrate_kbps,
        "listeners": listeners,
        "listenurl": format!("{base}{}", config.mount),
        "samplerate": config.sample_rate_hz,
        "server_description": config.description,
        "server_url": config.url,
        "server_name": config.name,
        "server_type": Format::of(config).content_type(),
        "stream_start": httpdate::fmt_http_date(tower.epoch_started),
        "stream_start_iso8601": iso8601(tower.epoch_started),
        // Icecast's own sources put all of it into the title when they name no artist.
        "title": heard.as_ref().map(|title| if title.artist.is_empty() { title.label() } else { title.title.clone() }),
    });
    let Value::Object(mut fields) = fields else { return Map::new() };
    fields.retain(|_, value| !value.is_null() && *value != "");
    // The most there ever were is known of the whole tower.
    if is_only_one {
        let peak = tower.listeners_peak.load(std::sync::atomic::Ordering::Relaxed);
        fields.insert("listener_peak".into(), peak.into());
    }
    fields
}

/// All mounts, at one moment.
fn sources(tower: &Tower, base: &str) -> Vec<Map<String, Value>> {
    let (setup, figures) = (tower.setup(), tower.fanout.snapshot());
    let listeners = |output: &OutputState| figures.of(&output.mount).map_or(0, |figures| figures.listeners);
    let is_only_one = setup.outputs.len() == 1;
    setup.outputs.iter().map(|output| source(tower, output, listeners(output), is_only_one, base)).collect()
}

fn iso8601(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+0000", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The Gregorian date so many days after 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    // From here on a year begins in March, so that the leap day is its last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Whoever asks over the Unix socket is told the configured address.
fn base_of(tower: &Tower, peer: Option<Extension<Peer>>) -> String {
    base(tower, peer.as_ref().map(|Extension(Peer(origin))| origin))
}

async fn status_json(State(tower): State<Arc<Tower>>, peer: Option<Extension<Peer>>) -> Response {
    let base = base_of(&tower, peer);
    let mut sources: Vec<Value> = sources(&tower, &base).into_iter().map(Value::Object).collect();
    let mut stats = json!({
        "host": base.split_once("://").map_or(base.as_str(), |(_, host)| host),
        "server_id": concat!("Radio Tower ", env!("CARGO_PKG_VERSION")),
        "server_start": httpdate::fmt_http_date(tower.epoch_started),
        "server_start_iso8601": iso8601(tower.epoch_started),
    });
    // One is no list: so it is with Icecast, and programs depend on it.
    stats["source"] = if sources.len() == 1 { sources.remove(0) } else { sources.into() };
    let mut response = Json(json!({ "icestats": stats })).into_response();
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response
}

fn xml_answer(elements: &str) -> Response {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<icestats>{elements}</icestats>\n");
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], body).into_response()
}

fn element(name: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("<{name}>{}</{name}>", xml(&text))
}

async fn stats(State(tower): State<Arc<Tower>>, peer: Option<Extension<Peer>>) -> Response {
    let base = base_of(&tower, peer);
    let mut text = element("server_id", &json!(concat!("Radio Tower ", env!("CARGO_PKG_VERSION"))));
    text += &element("server_start_iso8601", &json!(iso8601(tower.epoch_started)));
    text += &element("listeners", &json!(tower.fanout.listeners_now()));
    let (setup, sources) = (tower.setup(), sources(&tower, &base));
    text += &element("sources", &json!(sources.len()));
    for (output, fields) in setup.outputs.iter().zip(sources) {
        let _ = write!(text, "<source mount=\"{}\">", xml(&output.config.mount));
        fields.iter().for_each(|(name, value)| text += &element(name, value));
        text += "</source>";
    }
    xml_answer(&text)
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
    let mount = Query::parse(query.unwrap_or_default().as_bytes()).text("mount").unwrap_or_default().to_owned();
    let setup = tower.setup();
    let Some(output) = setup.output_at(&mount) else {
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
    xml_answer(&format!("<source mount=\"{}\"><Listeners>{count}</Listeners>{text}</source>", xml(&mount)))
}

async fn kill_client(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.unwrap_or_default().as_bytes());
    match query.text("id").map(str::parse) {
        Some(Ok(id)) if kick_listener(&tower, &who, id) => iceresponse(StatusCode::OK, "Client removed"),
        _ => iceresponse(StatusCode::BAD_REQUEST, "there is no such client; /admin/listclients names their ids"),
    }
}

async fn kill_source(
    State(tower): State<Arc<Tower>>,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Response {
    let mount = Query::parse(query.unwrap_or_default().as_bytes()).text("mount").unwrap_or_default().to_owned();
    if !tower.setup().source_doors.end_source(&mount) {
        return iceresponse(StatusCode::BAD_REQUEST, "no source is connected there; /status names those that are");
    }
    note(&tower, who, format!("the source at {mount} is ended"));
    iceresponse(StatusCode::OK, "Source Removed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| iso8601(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00+0000");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00+0000");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59+0000");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00+0000");
    }

    #[test]
    fn values_become_elements_whatever_they_are() {
        assert_eq!(element("listeners", &json!(3)), "<listeners>3</listeners>");
        assert_eq!(element("title", &json!("a < b")), "<title>a &lt; b</title>");
    }
}
