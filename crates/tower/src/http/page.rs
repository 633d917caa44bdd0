//! The public page: plain files, embedded in the executable.

use crate::state::Tower;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "../../web"]
struct Files;

/// The routes of the page.
pub fn router() -> axum::Router<Arc<Tower>> {
    axum::Router::new()
        .route("/", get(|| file("index.html", "text/html; charset=utf-8")))
        .route("/player.js", get(|| file("player.js", "text/javascript; charset=utf-8")))
        .route("/style.css", get(|| file("style.css", "text/css; charset=utf-8")))
}

async fn file(name: &'static str, content_type: &'static str) -> Response {
    let bytes = Files::get(name).map(|file| file.data.into_owned()).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'; media-src 'self'; frame-ancestors 'self'"),
    ];
    (headers, bytes).into_response()
}
