//! What plays files: the tower's own programme, and the fallback.

use crate::config::{Config, Input};
use crate::files::{Backing, Player, PlayerHandle, Playlist, TrackInfo};
use crate::ingest::Inputs;
use crate::ingest::names::{PLAY, PLAY_ID};
use crate::source::doors;
use crate::titles::{Title, Titles};
use anyhow::Context;
use radio_signal::ingest::{BufferGauge, BufferReader, Gain, SilenceGate, input_buffer};
use radio_signal::router::{InputId, Jitter, OnAir, SourceSpec};
use radio_signal::units::ticks_in_ms;
use std::path::PathBuf;
use std::sync::Arc;

/// What the player of the fallback is called.
pub const FALLBACK: &str = "fallback";
/// What a player of files decodes ahead, beyond the longest fade: 4.8 s.
const PLAYER_BUFFER_TICKS: u64 = 200;
const PLAY_PRIORITY: i32 = 10;

/// Tells `titles` of each file that a player begins, and where in the buffer it begins.
fn announce_files(titles: &Arc<Titles>, source: OnAir, gauge: BufferGauge) -> impl FnMut(u64, &TrackInfo) + use<> {
    let titles = Arc::clone(titles);
    move |position, info| {
        let cover = info.details.cover.as_ref().map(|cover| titles.covers.keep(cover)).unwrap_or_default();
        titles.announce(source, Some((&gauge, position)), Title::of_file(info, cover));
    }
}

/// Starts the player of the fallback's files, if it has any.
#[must_use]
pub fn start_fallback(
    config: &Config,
    titles: &Arc<Titles>,
    backing: &Backing,
) -> Option<(PlayerHandle, BufferReader)> {
    if config.fallback.paths.is_empty() {
        return None;
    }
    let (writer, reader) = input_buffer(player_buffer_ticks(config.router.fade_ms));
    let started = announce_files(titles, OnAir::FallbackFile, reader.gauge());
    let (paths, shuffle) = (&config.fallback.paths, config.fallback.shuffle);
    let playlist = playlist(FALLBACK, paths, shuffle, backing);
    let player = Player::start_with(FALLBACK, paths, playlist, backing.clone(), writer, started);
    Some((player, reader))
}

/// Starts the player of the tower's own programme, if it has one.
///
/// # Errors
/// The router has no place for it.
pub fn start_play(
    config: &Config,
    inputs: &Inputs,
    titles: &Arc<Titles>,
    backing: &Backing,
) -> anyhow::Result<Option<PlayerHandle>> {
    if config.play.paths.is_empty() {
        return Ok(None);
    }
    let spec = SourceSpec {
        input: PLAY_ID,
        priority: PLAY_PRIORITY,
        preroll_ticks: config.station.preroll_ticks,
        when_full: radio_signal::router::WhenFull::Wait,
        grace_ticks: None,
        fade_samples: None,
        jitter: Jitter::NONE,
        gate: SilenceGate::default(),
        gain: Gain::UNITY,
    };
    let (id, writer) = inputs
        .admit(spec, player_buffer_ticks(config.router.fade_ms), 1)
        .context("the player has no place in the router")?;
    let started = announce_files(titles, OnAir::Source(id), writer.gauge());
    let playlist = playlist(PLAY, &config.play.paths, config.play.shuffle, backing);
    Ok(Some(Player::start_with(PLAY, &config.play.paths, playlist, backing.clone(), writer, started)))
}

/// Starts the player of an input that is a playlist.
///
/// # Errors
/// The router has no place for it.
pub fn start_list(
    config: &Config,
    id: InputId,
    input: &Input,
    (inputs, titles, backing): (&Inputs, &Arc<Titles>, &Backing),
) -> anyhow::Result<PlayerHandle> {
    let spec = doors::spec(id, input);
    // While a reload replaces it, those of before and after are there.
    let (id, writer) = inputs
        .admit(spec, player_buffer_ticks(input.fade_ms(config)).max(input.preroll_ticks + 2), 2)
        .context("a playlist has no place in the router")?;
    let started = announce_files(titles, OnAir::Source(id), writer.gauge());
    let playlist = playlist(&input.name, &input.paths, input.shuffle, backing);
    Ok(Player::start_with(&input.name, &input.paths, playlist, backing.clone(), writer, started))
}

/// A playlist that goes on where it was.
fn playlist(name: &str, paths: &[PathBuf], shuffle: bool, backing: &Backing) -> Playlist {
    let place = backing.rounds.as_ref().and_then(|rounds| rounds.place(name, paths));
    Playlist::new(paths.to_vec(), shuffle).going_on(place)
}

const fn player_buffer_ticks(fade_ms: u64) -> usize {
    (PLAYER_BUFFER_TICKS + ticks_in_ms(fade_ms)) as usize
}
