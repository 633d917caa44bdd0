//! Statistics in the shapes that programs made for Shoutcast read: `/7.html`, `/stats`,
//! `/currentsong`. Streams are numbered as the outputs are configured; `sid` names one, as in
//! Shoutcast 2, and the first is meant without it.

use super::address::xml;
use crate::http::answer::error;
use crate::request::query::Query;
use crate::setup::OutputState;
use crate::state::Tower;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_base::title::Title;
use radio_config::Config;
use radio_encoder::Format;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new().route("/7.html", get(seven)).route("/stats", get(stats)).route("/currentsong", get(current_song))
}

/// The output that `sid` in a query means, counted from 1.
#[must_use]
pub fn output_of<'a>(outputs: &'a [Arc<OutputState>], query: &Query) -> Option<&'a Arc<OutputState>> {
    let number = query.text("sid").map_or(Some(1), |sid| sid.parse::<usize>().ok())?;
    outputs.get(number.checked_sub(1)?)
}

/// What is told of one stream.
struct Stream {
    listeners: u64,
    listeners_peak: u64,
    listeners_max: u32,
    bitrate_kbps: u32,
    song: String,
    output: Arc<OutputState>,
}

impl Stream {
    fn of(tower: &Tower, config: &Config, output: &Arc<OutputState>) -> Self {
        let figures = tower.fanout.snapshot();
        let figures = figures.of(&output.mount);
        let title = tower.titles.now().and_then(|heard| heard.title);
        Self {
            listeners: figures.map_or(0, |figures| figures.listeners),
            listeners_peak: figures.map_or(0, |figures| figures.listeners_peak),
            listeners_max: match output.config.listeners_max {
                0 => config.server.listeners_max,
                limit => limit,
            },
            bitrate_kbps: output.config.bitrate_kbps,
            song: title.as_deref().map_or_else(String::new, Title::label),
            output: Arc::clone(output),
        }
    }

    /// Shoutcast 2's fields, in its order. A stream is always on the air (`streamstatus`); listeners
    /// are not told apart by person, so all of them are unique.
    fn fields(&self, tower: &Tower) -> Vec<(&'static str, Value)> {
        let config = &self.output.config;
        vec![
            ("currentlisteners", self.listeners.into()),
            ("peaklisteners", self.listeners_peak.into()),
            ("maxlisteners", self.listeners_max.into()),
            ("uniquelisteners", self.listeners.into()),
            ("servergenre", config.genre.as_str().into()),
            ("serverurl", config.url.as_str().into()),
            ("servertitle", config.name.as_str().into()),
            ("songtitle", self.song.as_str().into()),
            ("streamstatus", 1.into()),
            ("streampath", config.mount.as_str().into()),
            ("streamuptime", tower.started.elapsed().as_secs().into()),
            ("bitrate", self.bitrate_kbps.to_string().into()),
            ("samplerate", config.sample_rate_hz.to_string().into()),
            ("content", Format::of(config).content_type().into()),
            ("version", concat!("Radio Tower ", env!("CARGO_PKG_VERSION")).into()),
        ]
    }
}

/// The answer about the stream that the query means, or 404.
fn about(tower: &Tower, query: Option<String>, answer: impl FnOnce(&Stream, &Query) -> Response) -> Response {
    let query = Query::parse(query.unwrap_or_default().as_bytes());
    let setup = tower.setup();
    let mut response = match output_of(&setup.outputs, &query) {
        Some(output) => answer(&Stream::of(tower, &setup.config, output), &query),
        None => {
            let line = format!("sid is the number of a stream, 1 to {}; without it, the first", setup.outputs.len());
            error(StatusCode::NOT_FOUND, &line)
        }
    };
    // Pages of other sites show it.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn text(content_type: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

/// Shoutcast 1: listeners, status, peak, limit, unique listeners, bitrate, song.
async fn seven(State(tower): State<Arc<Tower>>, RawQuery(query): RawQuery) -> Response {
    about(&tower, query, |stream, _| {
        let Stream { listeners, listeners_peak, listeners_max, bitrate_kbps, song, .. } = stream;
        let body = format!("{listeners},1,{listeners_peak},{listeners_max},{listeners},{bitrate_kbps},{}", xml(song));
        text("text/html; charset=utf-8", format!("<html><body>{body}</body></html>"))
    })
}

async fn current_song(State(tower): State<Arc<Tower>>, RawQuery(query): RawQuery) -> Response {
    about(&tower, query, |stream, _| text("text/plain; charset=utf-8", stream.song.clone()))
}

/// Shoutcast 2: XML, or JSON with `json=1`.
async fn stats(State(tower): State<Arc<Tower>>, RawQuery(query): RawQuery) -> Response {
    about(&tower, query, |stream, query| {
        let fields = stream.fields(&tower);
        if query.text("json") == Some("1") {
            return Json(fields.into_iter().collect::<HashMap<_, _>>()).into_response();
        }
        let mut elements = String::new();
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let name = name.to_ascii_uppercase();
            let _infallible = write!(elements, "<{name}>{}</{name}>", xml(&value));
        }
        let body = format!("<SHOUTCASTSERVER>{elements}</SHOUTCASTSERVER>");
        text("text/xml; charset=utf-8", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
    })
}
