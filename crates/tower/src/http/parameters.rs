//! The parameters of a request to the API; what cannot be read is refused as JSON (SPEC API-6).

use crate::http::answer::error;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(fault) => {
                let text = format!("{}; /api/openapi.json says what can be asked for", fault.body_text());
                Err(error(StatusCode::BAD_REQUEST, &text))
            }
        }
    }
}
