//! Skips the song on air: another player takes the place of the one on air, behind that song
//! (SPEC SONG-4).
//!
//! What the player on air has decoded ahead is not played: the router crossfades to the new one as
//! to any other source, as soon as that has its pre-roll; the fallback's buffer is exchanged for the new one.

use super::players::{self, FALLBACK, GoOn};
use crate::files::PlayerHandle;
use crate::files::songs::Song;
use crate::ingest::names::PLAY;
use crate::pump::Order;
use crate::state::Tower;
use radio_signal::ingest::BufferReader;
use radio_signal::router::OnAir;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The next song must be decoded within this time, on a disk that must be read anew too.
const READY_MAX: Duration = Duration::from_secs(10);
/// Ticks that must have been decoded of a fallback before the one on air is given up: half a second.
const READY_TICKS: u64 = 21;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What was skipped, and what follows, for people.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The song that was on air.
    pub skipped: String,
    /// The song that follows.
    pub next: String,
}

/// Why nothing was skipped.
#[derive(Debug, thiserror::Error)]
pub enum NotSkipped {
    /// What is on air is no playlist.
    #[error("{0} is on air, which is no playlist: there is no song to skip; take it off air instead")]
    NoPlaylist(String),
    /// The playlist is on air, and no song of it has been heard yet.
    #[error("no song of {0} has been heard yet; try again")]
    NoSong(String),
    /// The one before is not over.
    #[error("{0} is being skipped or reloaded; try again in a second")]
    Busy(String),
    /// The rest of the playlist cannot be played.
    #[error(
        "nothing else of {0} can be played within 10 s, so its song goes on; the log says whether its files or its disk are at fault"
    )]
    NothingElse(String),
}

/// Skips the song on air.
///
/// # Errors
/// Nothing was skipped, and why.
pub async fn skip(tower: &Tower) -> Result<Skipped, NotSkipped> {
    let source = tower.on_air.lock().unwrap_or_else(PoisonError::into_inner).source;
    let name = match source {
        OnAir::Source(_) => tower.on_air_name(source),
        OnAir::FallbackFile => FALLBACK.to_owned(),
        OnAir::Tone | OnAir::Silence(_) => return Err(NotSkipped::NoPlaylist(tower.on_air_name(source))),
    };
    // A reload replaces players, too.
    let Ok(_turn) = tower.reader.try_lock() else { return Err(NotSkipped::Busy(name)) };
    let (song, place) = {
        let all = tower.players.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(player) = all.iter().find(|player| player.name() == name) else {
            return Err(NotSkipped::NoPlaylist(name));
        };
        let Some(on_air) = player.on_air() else { return Err(NotSkipped::NoSong(name)) };
        (on_air.song.label(), on_air.song.place.clone())
    };
    let (setup, from) = (tower.setup(), GoOn::Behind(place.as_ref()));
    let (inputs, titles, backing) = (&tower.inputs, &tower.titles, &tower.backing);
    let config = &setup.config;
    let started = match source {
        OnAir::Source(_) if name == PLAY => players::start_play(config, inputs, titles, backing, from),
        OnAir::Source(id) => {
            let input = config.input.iter().find(|input| input.name == name);
            input.map(|input| players::start_list(config, id.input, input, (inputs, titles, backing), from)).transpose()
        }
        _ => Ok(None),
    };
    let (new, buffer): (PlayerHandle, Option<BufferReader>) = match started {
        Ok(Some(new)) => (new, None),
        Ok(None) if source == OnAir::FallbackFile => match players::start_fallback(config, titles, backing, from) {
            Some((new, buffer)) => (new, Some(buffer)),
            None => return Err(NotSkipped::NoPlaylist(name)),
        },
        Ok(None) | Err(_) => return Err(NotSkipped::Busy(name)),
    };
    let gauge = buffer.as_ref().map(BufferReader::gauge);
    let is_ready = || gauge.as_ref().is_none_or(|gauge| gauge.offered() >= READY_TICKS);
    let until = Instant::now() + READY_MAX;
    let next = loop {
        if let Some(playing) = new.now_playing().filter(|_| is_ready()) {
            break Song { info: (*playing).clone(), place: None }.label();
        }
        if Instant::now() >= until {
            tokio::task::spawn_blocking(move || drop(new));
            return Err(NotSkipped::NothingElse(name));
        }
        tokio::time::sleep(LOOK).await;
    };
    if let Some(buffer) = buffer {
        tower.fallback_gauge.store(gauge.map(Arc::new));
        if tower.desk.order(Order::FallbackFile(Some(buffer))).await.is_err() {
            return Err(NotSkipped::Busy(name));
        }
    }
    let replaced: Vec<PlayerHandle> = {
        let mut all = tower.players.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = all.extract_if(.., |player| player.name() == name).collect();
        all.push(new);
        replaced
    };
    // Ending one waits for its thread.
    tokio::task::spawn_blocking(move || replaced.into_iter().for_each(PlayerHandle::give_way));
    Ok(Skipped { skipped: song, next })
}
