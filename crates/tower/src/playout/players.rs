//! What plays files: the tower's own programme, and the fallback.

use crate::files::{Backing, Place, Player, PlayerHandle, PlayerSettings, Playlist};
use crate::ingest::Inputs;
use crate::ingest::names::{PLAY, PLAY_ID};
use crate::source::spec;
use crate::state::Tower;
use crate::titles::Titles;
use anyhow::Context;
use radio_config::{Config, Input};
use radio_decode::ffmpeg_sandbox;
use radio_decode::media::file::TrackInfo;
use radio_decode::settings::DecoderSettings;
use radio_signal::ingest::{BufferGauge, BufferReader, Gain, SilenceGate, input_buffer};
use radio_signal::router::{InputId, Jitter, OnAir, SourceId, SourceSpec};
use radio_signal::units::ticks_in_ms;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// What the player of the fallback is called.
pub const FALLBACK: &str = "fallback";
/// What a player of files decodes ahead, beyond the longest fade: 4.8 s.
const PLAYER_BUFFER_TICKS: u64 = 200;
const PLAY_PRIORITY: i32 = 10;
/// Players of one input: while a reload or a skip replaces one, both are there.
const PLAYERS_MAX: usize = 2;

/// Where a playlist goes on.
#[derive(Clone, Copy, Debug)]
pub enum GoOn<'a> {
    /// With the song that was on air before a restart, where that is kept; else at its beginning.
    Kept,
    /// Behind this song.
    Behind(Option<&'a Place>),
}

/// A player in the registry of inputs, which its end takes out again: only so many may be there.
struct Entry {
    inputs: Arc<Inputs>,
    id: SourceId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.inputs.left(self.id);
    }
}

/// As [`announce_files`], for a player in the registry; it leaves that when it ends.
fn announce_source(
    titles: &Arc<Titles>,
    inputs: &Arc<Inputs>,
    id: SourceId,
    gauge: BufferGauge,
) -> impl FnMut(u64, &TrackInfo) + use<> {
    let entry = Entry { inputs: Arc::clone(inputs), id };
    let mut announce = announce_files(titles, OnAir::Source(id), gauge);
    move |position, info| {
        let _ends_with_the_player = &entry;
        announce(position, info);
    }
}

/// Tells `titles` of each file that a player begins, and where in the buffer it begins.
fn announce_files(titles: &Arc<Titles>, source: OnAir, gauge: BufferGauge) -> impl FnMut(u64, &TrackInfo) + use<> {
    let titles = Arc::clone(titles);
    move |position, info| {
        let cover = info.details.cover.as_ref().map(|cover| titles.covers.keep(cover)).unwrap_or_default();
        titles.announce(source, Some((&gauge, position)), info.to_title(cover));
    }
}

/// Starts the player of the fallback's files, if it has any.
#[must_use]
pub fn start_fallback(
    config: &Config,
    titles: &Arc<Titles>,
    backing: &Backing,
    from: GoOn<'_>,
) -> Option<(PlayerHandle, BufferReader)> {
    if config.fallback.paths.is_empty() {
        return None;
    }
    let (writer, reader) = input_buffer(player_buffer_ticks(config.router.fade_ms));
    let started = announce_files(titles, OnAir::FallbackFile, reader.gauge());
    let settings = settings(FALLBACK, &config.fallback.paths, config.fallback.shuffle, backing, from)
        .joined(config.fallback.joining());
    // It plays with every disk hung.
    let player = Player::start(PlayerSettings { keeps_files: true, ..settings }, writer, started);
    Some((player, reader))
}

/// Starts the player of the tower's own programme, if it has one.
///
/// # Errors
/// The router has no place for it.
pub fn start_play(
    config: &Config,
    inputs: &Arc<Inputs>,
    titles: &Arc<Titles>,
    backing: &Backing,
    from: GoOn<'_>,
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
        .admit(spec, player_buffer_ticks(config.router.fade_ms), PLAYERS_MAX)
        .context("the player has no place in the router")?;
    let started = announce_source(titles, inputs, id, writer.gauge());
    let settings = settings(PLAY, &config.play.paths, config.play.shuffle, backing, from).joined(config.play.joining());
    Ok(Some(Player::start(settings, writer, started)))
}

/// Starts the player of an input that is a playlist.
///
/// # Errors
/// The router has no place for it.
pub fn start_list(
    config: &Config,
    id: InputId,
    input: &Input,
    (inputs, titles, backing): (&Arc<Inputs>, &Arc<Titles>, &Backing),
    from: GoOn<'_>,
) -> anyhow::Result<PlayerHandle> {
    let spec = spec::of(id, input);
    let (id, writer) = inputs
        .admit(
            spec,
            player_buffer_ticks(input.fade_ms(config.router.fade_ms)).max(input.preroll_ticks + 2),
            PLAYERS_MAX,
        )
        .context("a playlist has no place in the router")?;
    let started = announce_source(titles, inputs, id, writer.gauge());
    let settings = settings(&input.name, &input.paths, input.shuffle, backing, from).joined(input.joining());
    Ok(Player::start(settings, writer, started))
}

/// Stops players of files, which may wait for a dead disk.
pub fn stop(tower: &Tower, name: &str) {
    let mut players = tower.players.lock().unwrap_or_else(PoisonError::into_inner);
    let stopped: Vec<_> = players.extract_if(.., |player| player.name() == name).collect();
    drop(players);
    tokio::task::spawn_blocking(move || drop(stopped));
}

/// A player of these files.
fn settings(name: &str, paths: &[PathBuf], shuffle: bool, backing: &Backing, from: GoOn<'_>) -> PlayerSettings {
    let kept = || backing.rounds.as_ref().and_then(|rounds| rounds.place(name, paths));
    let has_ffmpeg = backing.ffmpeg.as_ref().is_some_and(|ffmpeg| ffmpeg_sandbox::resolved(&ffmpeg.program).is_some());
    let playlist = Playlist::new(paths.to_vec(), shuffle).lacking_ffmpeg(!has_ffmpeg);
    let playlist = match from {
        GoOn::Kept => playlist.going_on(kept()),
        GoOn::Behind(place) => playlist.going_on_behind(place.cloned()),
    };
    let decoder = DecoderSettings { ffmpeg: backing.ffmpeg.clone(), ..DecoderSettings::default() };
    PlayerSettings { playlist, backing: backing.clone(), decoder, ..PlayerSettings::new(name, paths, shuffle) }
}

const fn player_buffer_ticks(fade_ms: u64) -> usize {
    (PLAYER_BUFFER_TICKS + ticks_in_ms(fade_ms)) as usize
}
