//! What plays files: the tower's own programme, and the fallback.

use crate::config::{Config, Input};
use crate::decode::board::Board;
use crate::decode::process::DecoderSettings;
use crate::files::{Player, PlayerHandle, PlayerSettings, TrackInfo};
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
    move |position, info| titles.announce(source, Some((&gauge, position)), Title::of_file(info))
}

/// Starts the player of the fallback's files, if it has any.
#[must_use]
pub fn start_fallback(
    config: &Config,
    titles: &Arc<Titles>,
    board: &Arc<Board>,
) -> Option<(PlayerHandle, BufferReader)> {
    if config.fallback.paths.is_empty() {
        return None;
    }
    let (writer, reader) = input_buffer(player_buffer_ticks(config.router.fade_ms));
    let started = announce_files(titles, OnAir::FallbackFile, reader.gauge());
    // It plays with every disk hung.
    let kept = PlayerSettings {
        keeps_files: true,
        ..settings(FALLBACK, &config.fallback.paths, config.fallback.shuffle, board)
    };
    Some((Player::start(kept, writer, started), reader))
}

/// Starts the player of the tower's own programme, if it has one.
///
/// # Errors
/// The router has no place for it.
pub fn start_play(
    config: &Config,
    inputs: &Inputs,
    titles: &Arc<Titles>,
    board: &Arc<Board>,
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
    Ok(Some(Player::start(settings(PLAY, &config.play.paths, config.play.shuffle, board), writer, started)))
}

/// Starts the player of an input that is a playlist.
///
/// # Errors
/// The router has no place for it.
pub fn start_list(
    config: &Config,
    id: InputId,
    input: &Input,
    inputs: &Inputs,
    titles: &Arc<Titles>,
    board: &Arc<Board>,
) -> anyhow::Result<PlayerHandle> {
    let spec = doors::spec(id, input);
    // While a reload replaces it, those of before and after are there.
    let (id, writer) = inputs
        .admit(spec, player_buffer_ticks(input.fade_ms(config)).max(input.preroll_ticks + 2), 2)
        .context("a playlist has no place in the router")?;
    let started = announce_files(titles, OnAir::Source(id), writer.gauge());
    Ok(Player::start(settings(&input.name, &input.paths, input.shuffle, board), writer, started))
}

fn settings(name: &str, paths: &[PathBuf], shuffle: bool, board: &Arc<Board>) -> PlayerSettings {
    PlayerSettings {
        name: name.to_owned(),
        paths: paths.to_vec(),
        shuffle,
        keeps_files: false,
        decoder: DecoderSettings::default(),
        board: Arc::clone(board),
    }
}

const fn player_buffer_ticks(fade_ms: u64) -> usize {
    (PLAYER_BUFFER_TICKS + ticks_in_ms(fade_ms)) as usize
}
