//! The stages of one output: encoder, broadcast, mount.

use crate::auth::credentials::Credentials;
use crate::broadcast::OutputId;
use crate::broadcast::{Broadcast, BroadcastFigures};
use crate::pump::{PumpFigures, Stage};
use crate::setup::OutputState;
use crate::uplink;
use anyhow::Context;
use radio_base::journal::Journal;
use radio_base::journal::event::Event;
use radio_config::{Config, EncoderKind, Latency, Output};
use radio_encoder::{
    EncoderConfig, EncoderManager, EncoderNews, Format, Past, ReplayReport, SilentFrames, StateChange,
};
use radio_fanout::{Mount, MountConfig, Publisher};
use radio_signal::release::Release;
use radio_signal::units::{Serial, ticks_in_ms};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Depth of each stream's shared history: a minute, the longest a listener may lag (SPEC LIS-4), and four seconds in which
/// one that is about to lose its place is noticed.
pub const HISTORY_MS: u64 = 64_000;
/// How many times longer the send period is for a crowd (SPEC LIS-3).
const CROWD_STRETCH: u64 = 2;

/// The ring of an output whose first frame is `first`.
#[must_use]
pub fn mount_config(config: &Config, output: &Output, first: Serial) -> MountConfig {
    MountConfig {
        name: output.mount.clone(),
        listeners_max: output.listeners_max as usize,
        listener_bps: uplink::listener_bps(Format::of(output).tick_bytes(), period_ticks(config, output)),
        ring_frames: ticks_in_ms(HISTORY_MS) as usize,
        ring_bytes: ticks_in_ms(HISTORY_MS) as usize * Format::of(output).tick_bytes(),
        period_ticks: period_ticks(config, output),
        crowd_stretch: crowd_stretch(output),
        skip_back_frames: burst_frames(config, output),
        first_frame: first,
    }
}

/// When an output begins, and whom it tells.
pub struct Beginning<'a> {
    /// Its first frame.
    pub first: Serial,
    /// The first tick that is not in the past.
    pub first_present: Serial,
    /// What happened.
    pub journal: &'a Arc<Journal>,
    /// The pump's.
    pub figures: &'a Arc<PumpFigures>,
}

/// Starts the encoder of an output. An ffmpeg that is not installed is no obstacle where the
/// built-in encoder stands in for it.
///
/// # Errors
/// The encoder is not installed and has no stand-in, or the system refuses a thread.
pub fn start(
    config: &Config,
    output: &Output,
    (mount, publisher): (Mount, Publisher),
    beginning: &Beginning<'_>,
) -> anyhow::Result<(Arc<OutputState>, Box<Stage>)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Beginning { first, first_present, journal, figures } = *beginning;
    let id = OutputId(NEXT.fetch_add(1, Relaxed));
    let encoder = EncoderConfig::from_config(&config.encoder, output);
    if config.encoder.enabled
        && let Err(error) = encoder.check_installed()
    {
        // A command of the operator's own that is not there is a slip of the pen.
        if encoder.stand_in.is_none() || output.encoder != EncoderKind::Ffmpeg {
            return Err(error).with_context(|| format!("the output {} cannot be encoded", output.mount));
        }
        // It may come at any time, and is tried again and again.
        let missing = Event::EncoderMissing { mount: output.mount.clone(), error: error.to_string() };
        tracing::warn!("{missing}");
        journal.note(figures.tick().unwrap_or(0), missing);
    }
    let mut manager = EncoderManager::starting_at(first, encoder, None)?;
    let silence = SilentFrames::new(Format::of(output))?;
    let (name, journal, ticks) = (output.mount.clone(), Arc::clone(journal), Arc::clone(figures));
    let past = Arc::new(Past::default());
    let remembered = Arc::clone(&past);
    let feed = manager
        .start(move |news| {
            let tick = ticks.tick().unwrap_or(0);
            remembered.note(tick, &news);
            journal.note(tick, event_of(news, name.clone()));
        })
        .with_context(|| format!("the encoder of {} could not be started", output.mount))?;
    // Without an encoder there is nothing to wait for.
    let hold_ticks = if config.encoder.enabled { ticks_in_ms(config.encoder.hold_max_ms) } else { 0 };
    let delay_ticks = delay_ticks(output);
    let release = Release::starting_at(first, delay_ticks, hold_ticks, first_present);
    let frames = Arc::clone(manager.frame_buffer());
    let figures = Arc::new(BroadcastFigures::default());
    let broadcast = Broadcast::new(frames, silence, release, publisher, Arc::clone(&figures));
    let state = OutputState {
        id,
        config: output.clone(),
        credentials: Credentials::of_listeners(&output.password),
        manager: Arc::new(Mutex::new(manager)),
        past,
        figures,
        mount,
        delay_ticks,
        burst_frames_min: burst_frames_min(config, output),
    };
    Ok((Arc::new(state), Box::new(Stage { output: id, feed, broadcast })))
}

/// What an encoder's driver has told, as an event of its output.
fn event_of(news: EncoderNews, mount: String) -> Event {
    match news {
        EncoderNews::State(StateChange { from, to, reason, counters }) => Event::EncoderState {
            mount,
            from: from.to_string(),
            to: to.to_string(),
            reason: reason.to_string(),
            starts: counters.starts,
            deaths: counters.deaths,
        },
        EncoderNews::Poison { tick } => Event::Poison { mount, tick },
        EncoderNews::Unmatched(ReplayReport { start_tick, compared, next_frame, .. }) => {
            Event::ReplayUnmatched { mount, start_tick, compared, next_frame }
        }
        EncoderNews::CanBeCompared => Event::EncoderCompared { mount },
    }
}

/// The playout delay of an output.
#[must_use]
pub const fn delay_ticks(output: &Output) -> u64 {
    ticks_in_ms(output.playout_delay_ms)
}

const fn period_ticks(config: &Config, output: &Output) -> u64 {
    match output.latency {
        Latency::Normal => ticks_in_ms(config.server.period_ms),
        Latency::Low => 1,
    }
}

const fn crowd_stretch(output: &Output) -> u64 {
    match output.latency {
        Latency::Normal => CROWD_STRETCH,
        Latency::Low => 1,
    }
}

/// Two send periods and a hold must fit a burst, or a listener could run dry (SPEC LIS-2); on low-latency mounts two
/// periods. In a crowd, whose period is longer, it is more.
const fn burst_frames_min(config: &Config, output: &Output) -> u64 {
    let two_periods = 2 * period_ticks(config, output);
    match output.latency {
        Latency::Normal => two_periods + ticks_in_ms(config.encoder.hold_max_ms),
        Latency::Low => two_periods,
    }
}

/// Frames that a newcomer is sent at once.
#[must_use]
pub fn burst_frames(config: &Config, output: &Output) -> u64 {
    ticks_in_ms(output.burst_ms).max(burst_frames_min(config, output))
}
