//! What Icecast's statistics say: of the tower, of what can be listened to, of a source.

use crate::setup::OutputState;
use crate::state::Tower;
use radio_base::title::Title;
use radio_encoder::Format;
use radio_fanout::Snapshot;
use radio_signal::router::OnAir;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is told of something, by Icecast's names.
pub type Fields = Map<String, Value>;

/// What is told of a mount.
fn output(tower: &Tower, output: &OutputState, figures: &Snapshot, base: &str) -> Fields {
    let (config, of_mount) = (&output.config, figures.of(&output.mount));
    let heard = tower.titles.now().and_then(|heard| heard.title);
    told(json!({
        "audio_info": format!("channels={};samplerate={};bitrate={}", config.channels, config.sample_rate_hz, config.bitrate_kbps),
        "artist": heard.as_ref().map(|title| &title.artist),
        "bitrate": config.bitrate_kbps,
        "channels": config.channels,
        "genre": config.genre,
        "ice-bitrate": config.bitrate_kbps,
        "listener_peak": of_mount.map_or(0, |figures| figures.listeners_peak),
        "listeners": of_mount.map_or(0, |figures| figures.listeners),
        "listenurl": format!("{base}{}", config.mount),
        "samplerate": config.sample_rate_hz,
        "server_description": config.description,
        "server_url": config.url,
        "server_name": config.name,
        "server_type": Format::of(config).content_type(),
        "stream_start": httpdate::fmt_http_date(tower.epoch_started),
        "stream_start_iso8601": iso8601(tower.epoch_started),
        "title": heard.as_ref().map(|title| song(title)),
    }))
}

/// What is told of a source that is connected at `mount`. Whoever listens to the tower listens to it, or will.
fn source(tower: &Tower, mount: &str, base: &str) -> Option<Fields> {
    let setup = tower.setup();
    let doors = &setup.source_doors;
    let (is, mut status) = (doors.connected(mount).map(OnAir::Source)?, doors.status(doors.input_at(mount)?));
    let source = status["connected"].take();
    let since = SystemTime::now().checked_sub(Duration::try_from_secs_f64(source["seconds"].as_f64()?).ok()?)?;
    let heard = tower.titles.now().filter(|heard| heard.source == is).and_then(|heard| heard.title);
    Some(told(json!({
        "artist": heard.as_ref().map(|title| &title.artist),
        "genre": source["genre"],
        "listener_peak": tower.listeners_peak.load(Relaxed),
        "listeners": tower.fanout.listeners_now(),
        "listenurl": format!("{base}{mount}"),
        "samplerate": source["rate_hz"],
        "server_description": source["description"],
        "server_url": source["url"],
        "server_name": source["name"],
        "server_type": source["content_type"],
        "stream_start": httpdate::fmt_http_date(since),
        "stream_start_iso8601": iso8601(since),
        "title": heard.as_ref().map(|title| song(title)),
    })))
}

/// Icecast's own sources put all of it into the title when they name no artist.
fn song(title: &Title) -> String {
    if title.artist.is_empty() { title.label() } else { title.title.clone() }
}

/// The fields that say something.
fn told(fields: Value) -> Fields {
    let Value::Object(mut fields) = fields else { return Map::new() };
    fields.retain(|_, value| !value.is_null() && *value != "");
    fields
}

/// The mounts that can be listened to, at one moment: who is connected as a source changes nothing about that, and scripts
/// that expect one object go on to find one. If a `mount` is asked for, that one; it may be a source's.
pub fn mounts(tower: &Tower, mount: Option<&str>, base: &str) -> Vec<(String, Fields)> {
    let (setup, figures) = (tower.setup(), tower.fanout.snapshot());
    let of = |state: &Arc<OutputState>| (state.config.mount.clone(), output(tower, state, &figures, base));
    match mount.map(|mount| (mount, setup.output_at(mount))) {
        None => setup.outputs.iter().map(of).collect(),
        Some((_, Some(state))) => vec![of(state)],
        Some((mount, None)) => {
            source(tower, mount, base).map(|fields| (mount.to_owned(), fields)).into_iter().collect()
        }
    }
}

/// The mounts at which sources are connected.
pub fn sources(tower: &Tower, base: &str) -> Vec<(String, Fields)> {
    let setup = tower.setup();
    let inputs = setup.config.input.iter().filter(|input| !input.mount.is_empty());
    inputs.filter_map(|input| Some((input.mount.clone(), source(tower, &input.mount, base)?))).collect()
}

/// What is told of the tower itself.
pub fn server(tower: &Tower, base: &str) -> Fields {
    let config = &tower.setup().config.server;
    let fields = json!({
        "admin": config.admin_contact,
        "host": base.split_once("://").map_or(base, |(_, host)| host),
        "location": config.location,
        "server_id": concat!("Radio Tower ", env!("CARGO_PKG_VERSION")),
        "server_start": httpdate::fmt_http_date(tower.epoch_started),
        "server_start_iso8601": iso8601(tower.epoch_started),
    });
    let Value::Object(fields) = fields else { return Map::new() };
    fields
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| iso8601(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00+0000");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00+0000");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59+0000");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00+0000");
    }
}
