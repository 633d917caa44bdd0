//! What is playing, as `/status` and the API show it.

use crate::files::PlayerHandle;
use crate::playout::players::FALLBACK;
use crate::state::Tower;
use crate::titles::Heard;
use radio_base::title::{Details, Title};
use radio_signal::router::OnAir;
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::UNIX_EPOCH;

/// As the API shows it.
#[must_use]
pub fn to_json(tower: &Tower, heard: &Heard) -> Value {
    let title = heard.title.as_deref();
    let detail =
        |field: fn(&Details) -> &String| title.map(|title| field(&title.details)).filter(|text| !text.is_empty());
    let started = tower.time_of(heard.serial).duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    json!({
        "label": title.map(Title::label),
        "artist": title.map(|title| &title.artist),
        "title": title.map(|title| &title.title),
        "url": title.map(|title| &title.url).filter(|url| !url.is_empty()),
        "album": detail(|details| &details.album),
        "record_label": detail(|details| &details.record_label),
        "isrc": detail(|details| &details.isrc),
        "year": title.and_then(|title| title.details.year),
        "duration_s": title.and_then(|title| title.details.duration_s),
        "cover": detail(|details| &details.cover),
        "source": tower.on_air_name(heard.source),
        "serial": heard.serial,
        "started_at": started,
    })
}

/// What is playing, with how much is left of it and what is next, where a player of files knows.
#[must_use]
pub fn current(tower: &Tower) -> Option<Value> {
    let heard = tower.titles.now()?;
    let name = match heard.source {
        OnAir::FallbackFile => FALLBACK.to_owned(),
        source => tower.on_air_name(source),
    };
    let players = tower.players.lock().unwrap_or_else(PoisonError::into_inner);
    let player = players.iter().find(|player| player.name() == name);
    let song = player.and_then(PlayerHandle::on_air);
    let mut json = to_json(tower, &heard);
    json["remaining_ms"] = json!(song.as_ref().and_then(|song| song.remaining_ms));
    json["next"] = json!(song.and_then(|song| song.next));
    Some(json)
}
