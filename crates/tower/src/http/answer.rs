//! What answers to requests have in common.

use crate::request::origin::Origin;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What browsers need before they let a page of another origin play the stream.
pub const CORS: &str = "Access-Control-Allow-Origin: *\r\n\
    Access-Control-Allow-Headers: Icy-MetaData, Range\r\n\
    Access-Control-Expose-Headers: icy-br, icy-description, icy-genre, icy-metaint, icy-name, icy-pub, icy-url, \
    X-Tower-Epoch, X-Tower-Frame, X-Tower-Serial\r\n";

/// The header that says which API this is: what is in its description stays while this number does.
pub const VERSION_HEADER: &str = "x-tower-api";
/// Its number.
pub const VERSION: &str = "1";

/// Where a request comes from. None over the Unix socket.
#[derive(Clone, Debug)]
pub struct Peer(pub Origin);

/// An error of the API (SPEC API-6).
pub fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
