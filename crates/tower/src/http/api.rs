//! The API: small JSON answers over axum (SPEC API-2, API-3, API-6).

use crate::state::Tower;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// The handlers of every route but the streams.
pub fn router(tower: Arc<Tower>) -> axum::Router {
    axum::Router::new()
        .route("/healthz", get(healthz))
        .route("/status", get(status))
        .route("/tower/buffer", get(buffer))
        .merge(super::page::router())
        .fallback(|| async { error(StatusCode::NOT_FOUND, "nothing here; the tower's page is at /") })
        .with_state(tower)
}

/// Answers one request on `stream`. One request a connection: a second one may want a stream, and a socket can only be
/// given away by the front door.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, api: axum::Router) {
    let service = TowerToHyperService::new(api);
    let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "an API connection ended early");
    }
}

/// Answers requests on the Unix socket of the command line, until the task is dropped.
pub async fn serve_unix(listener: tokio::net::UnixListener, api: axum::Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, api.clone()));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn healthz(State(tower): State<Arc<Tower>>) -> Response {
    let reasons = tower.health();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn status(State(tower): State<Arc<Tower>>) -> Response {
    Json(tower.status()).into_response()
}

#[derive(Deserialize)]
struct BufferQuery {
    input: Option<String>,
}

async fn buffer(State(tower): State<Arc<Tower>>, Query(query): Query<BufferQuery>) -> Response {
    let name = query.input.as_deref().unwrap_or(crate::state::STATION);
    match tower.buffer(name) {
        Some(fill) => Json(fill).into_response(),
        None => error(StatusCode::NOT_FOUND, &format!("there is no input {name:?}; /status lists them")),
    }
}

fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
