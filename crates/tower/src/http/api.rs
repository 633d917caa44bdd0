//! The API: small JSON answers over axum (SPEC API-2, API-3, API-6).

use super::answer::{Peer, VERSION, VERSION_HEADER, error};
use super::bodies;
use super::parameters::Parameters;
use crate::auth::who::Who;
use crate::ingest::Acceptor;
use crate::state::Tower;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use radio_fanout::{ListenerRow, PageCursor};
use radio_signal::units::TICK_MS;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;

/// Bytes of an answer that wait for their reader; an answer that is there as a whole may be longer.
const BUFFER_BYTES_MAX: usize = 32 * 1024;
/// Who takes nothing of an answer for so long is let go.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// The handlers of every route but the streams.
pub fn router(tower: Arc<Tower>) -> axum::Router {
    axum::Router::new()
        .route("/healthz", get(healthz))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/tower/buffer", get(buffer))
        .route("/admin/listeners", get(listeners))
        .merge(super::actions::router())
        .merge(super::events::router())
        .merge(super::icecast::router())
        .merge(super::login::router())
        .merge(super::now_playing::router())
        .merge(super::openapi::router())
        .merge(super::page::router())
        .merge(super::past::router())
        .merge(super::reload::router())
        .merge(super::shoutcast::router())
        .merge(super::station::router())
        .fallback(|| async { error(StatusCode::NOT_FOUND, "nothing here; the tower's page is at /") })
        .layer(from_fn_with_state(tower.bodies.clone(), bodies::bounded))
        .layer(map_response(secured))
        .with_state(tower)
}

/// When an answer has lost its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// When it takes nothing more. One that has only said all it has to say still counts: libshout sends a title and hangs
    /// up before it is answered, and the title is meant.
    Takes,
    /// Also when it says that it will say no more: an answer without an end frees its place at once.
    Stays,
}

/// Answers one request on `stream`, for `who` if it has been let in. One request a connection: a second
/// one may want a stream, and a socket can only be given away by the front door.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    api: axum::Router,
    who: Option<Who>,
    peer: Option<Peer>,
    reader: Reader,
) {
    let api = TowerToHyperService::new(api);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        who.clone().map(|who| request.extensions_mut().insert(who));
        peer.clone().map(|peer| request.extensions_mut().insert(peer));
        api.call(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME_MAX));
    let stream = TokioIo::new(Box::pin(stream));
    let mut http = http1::Builder::new();
    http.keep_alive(false).half_close(reader == Reader::Takes).max_buf_size(BUFFER_BYTES_MAX);
    let served = http.serve_connection(stream, service).with_upgrades().await;
    if let Err(error) = served {
        tracing::debug!(%error, "an API connection ended early");
    }
}

/// Which API this is; and what a browser must not do with an answer, unless the answer itself says otherwise.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(HeaderName::from_static(VERSION_HEADER)).or_insert(HeaderValue::from_static(VERSION));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// Answers requests on the Unix socket of the command line, until the task is dropped.
pub async fn serve_unix(mut socket: Acceptor, tower: Arc<Tower>, api: axum::Router) {
    loop {
        match socket.accept(|event| tower.note(event)).await {
            Ok(stream) => {
                tokio::spawn(serve_connection(stream, api.clone(), Some(Who::CommandLine), None, Reader::Stays));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn healthz(State(tower): State<Arc<Tower>>) -> Response {
    let health = tower.health();
    let status = if health.reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health.to_json())).into_response()
}

async fn livez(State(tower): State<Arc<Tower>>) -> Response {
    let (is_live, tick_age_ms) = tower.is_live();
    answer_to_probe(is_live, json!({ "ok": is_live, "tick_age_ms": tick_age_ms }))
}

async fn readyz(State(tower): State<Arc<Tower>>) -> Response {
    let (waiting, (is_live, _)) = (tower.not_ready(), tower.is_live());
    let is_ready = is_live && waiting.is_empty();
    answer_to_probe(is_ready, json!({ "ok": is_ready, "not_sent_yet": waiting }))
}

fn answer_to_probe(is_well: bool, body: serde_json::Value) -> Response {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

async fn status(State(tower): State<Arc<Tower>>, who: Option<Extension<Who>>) -> Response {
    Json(tower.status(who.map(|Extension(who)| who.role()))).into_response()
}

async fn metrics(State(tower): State<Arc<Tower>>) -> Response {
    ([(CONTENT_TYPE, crate::metrics::text::CONTENT_TYPE)], crate::metrics::render(&tower)).into_response()
}

#[derive(Deserialize)]
struct BufferQuery {
    input: Option<String>,
}

async fn buffer(State(tower): State<Arc<Tower>>, Parameters(query): Parameters<BufferQuery>) -> Response {
    let name = query.input.as_deref().unwrap_or(crate::ingest::names::STATION);
    match tower.buffer(name) {
        Some(fill) => Json(fill).into_response(),
        None => error(StatusCode::NOT_FOUND, &format!("there is no input {name:?}; /status lists them")),
    }
}

/// Rows of one answer if the request does not say; the engine gives 1000 at most.
const LISTENERS_LIMIT: usize = 100;

#[derive(Deserialize)]
struct ListenersQuery {
    /// `next` of the page before.
    #[serde(default)]
    from: usize,
    limit: Option<usize>,
}

/// What each listener was sent (SPEC LIS-7). A page at a time: the rest of the tower waits for none of it.
async fn listeners(State(tower): State<Arc<Tower>>, Parameters(query): Parameters<ListenersQuery>) -> Response {
    let page = tower.fanout.listeners(PageCursor(query.from), query.limit.unwrap_or(LISTENERS_LIMIT).max(1));
    let row = |row: &ListenerRow| {
        json!({
            "id": row.id.0,
            "address": row.address.map(|address| address.to_string()),
            "user_agent": row.user_agent.as_ref(),
            "mount": row.mount,
            "joined": row.joined_frame,
            "sent_through": row.sent_through_frame,
            "skipped": row.skipped_frames,
            "bytes": row.bytes,
            "lag_ms": row.lag_frames * TICK_MS,
            "period_ms": row.period_ticks * TICK_MS,
            "titles": row.metaint > 0,
            "connected_seconds": row.connected_secs,
        })
    };
    Json(json!({
        "listeners": page.rows.iter().map(row).collect::<Vec<_>>(),
        "next": page.next.map(|next| next.0),
        "total": tower.fanout.listeners_now(),
    }))
    .into_response()
}
