//! The public page and the dashboard: plain files, embedded in the executable.

use crate::state::Tower;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "../../web"]
struct Files;

/// What the public page may do: its own files and streams, and be framed by the station's site on the same host.
const PLAYER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/// What the dashboard may do: its own files and the API; no page frames it.
const DESK_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Path, file, content type and policy of each.
const PAGES: [(&str, &str, &str, &str); 10] = [
    ("/", "index.html", HTML, PLAYER_POLICY),
    ("/player.js", "player.js", SCRIPT, PLAYER_POLICY),
    ("/style.css", "style.css", STYLE, PLAYER_POLICY),
    ("/admin", "admin/index.html", HTML, DESK_POLICY),
    ("/admin/desk.css", "admin/desk.css", STYLE, DESK_POLICY),
    ("/admin/desk.js", "admin/desk.js", SCRIPT, DESK_POLICY),
    ("/admin/api.js", "admin/api.js", SCRIPT, DESK_POLICY),
    ("/admin/actions.js", "admin/actions.js", SCRIPT, DESK_POLICY),
    ("/admin/strip.js", "admin/strip.js", SCRIPT, DESK_POLICY),
    ("/admin/views.js", "admin/views.js", SCRIPT, DESK_POLICY),
];

/// Where the pages are.
pub fn paths() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(path, ..)| *path)
}

/// The routes of the pages.
pub fn router() -> axum::Router<Arc<Tower>> {
    PAGES.iter().fold(axum::Router::new(), |router, &(path, name, content_type, policy)| {
        router.route(path, get(move || file(name, content_type, policy)))
    })
}

async fn file(name: &'static str, content_type: &'static str, policy: &'static str) -> Response {
    let bytes = Files::get(name).map(|file| file.data.into_owned()).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_there() {
        for (path, name, ..) in PAGES {
            assert!(Files::get(name).is_some_and(|file| !file.data.is_empty()), "{path}");
        }
    }
}
