//! The configuration: what it is, what a reload would change, and the reload itself (SPEC CFG-2).

use super::actions::note;
use crate::auth::who::Who;
use crate::http::answer::error;
use crate::reload::{self, Refused, Report};
use crate::state::Tower;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use radio_base::journal::event::Event;
use radio_config::{Loaded, masked, shown};
use std::sync::Arc;

/// The routes of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new().route("/api/config", get(config)).route("/admin/reload", get(dry_run).post(reload_now))
}

async fn config(State(tower): State<Arc<Tower>>) -> Response {
    let setup = tower.setup();
    let (config, origins, file) = (masked(&setup.config), setup.origins.clone(), setup.file.clone());
    match shown::to_json(&Loaded { config, origins, file, warnings: Vec::new() }) {
        Ok(json) => Json(json).into_response(),
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, &fault.to_string()),
    }
}

async fn dry_run(State(tower): State<Arc<Tower>>, Extension(who): Extension<Who>) -> Response {
    answer(reload::reload(&tower, &who.to_string(), true).await)
}

/// Goes on even if whoever asked for it hangs up: a reload is done as a whole.
async fn reload_now(State(tower): State<Arc<Tower>>, Extension(who): Extension<Who>) -> Response {
    let reload = tokio::spawn(async move {
        let done = reload::reload(&tower, &who.to_string(), false).await;
        if let Err(refused) = &done {
            note(&tower, who, Event::ReloadRefused { why: refused.to_string().replace('\n', "; ") });
        }
        done
    });
    match reload.await {
        Ok(done) => answer(done),
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, &fault.to_string()),
    }
}

fn answer(done: Result<Report, Refused>) -> Response {
    match done {
        Ok(report) => Json(report).into_response(),
        Err(refused) => error(StatusCode::CONFLICT, &refused.to_string()),
    }
}
