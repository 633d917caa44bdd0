//! What all doors of a running tower share: who it is, what it is made of, and how it is.

use crate::broadcast::BroadcastFigures;
use crate::config::{Config, Output};
use crate::encoder::EncoderManager;
use crate::files::PlayerHandle;
use crate::http::auth::Secret;
use crate::ingest::Inputs;
use crate::life::journal::Journal;
use crate::life::open_files::OpenFiles;
use crate::pump::PumpFigures;
use radio_fanout::{Fanout, Mount};
use radio_signal::router::{InputId, OnAir};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};
use uuid::Uuid;

/// Name and number of the input behind the PCM socket.
pub const STATION: &str = "station";
/// Number of the input behind the PCM socket.
pub const STATION_ID: InputId = InputId(0);
/// Name of the input that plays files.
pub const PLAY: &str = "play";
/// Number of the input that plays files.
pub const PLAY_ID: InputId = InputId(1);

/// What is on air, as far as the journal has heard.
#[derive(Clone, Debug)]
pub struct OnAirNow {
    /// Where the audio comes from.
    pub source: OnAir,
    /// Why it is on air.
    pub reason: String,
    /// Since which tick.
    pub since_tick: u64,
}

/// One output: its encoder and its listeners.
pub struct OutputState {
    /// As configured.
    pub config: Output,
    /// The encoder's manager.
    pub manager: Mutex<EncoderManager>,
    /// What its broadcast counts.
    pub figures: Arc<BroadcastFigures>,
    /// Where listeners join.
    pub mount: Mount,
    /// The playout delay, in ticks.
    pub delay_ticks: u64,
    /// A burst is never shorter than this (SPEC LIS-2).
    pub burst_frames_min: u64,
}

/// A running tower.
pub struct Tower {
    /// Name of this life of the tower.
    pub epoch: Uuid,
    /// Wall-clock time of tick 0.
    pub epoch_started: SystemTime,
    /// When this process began to serve.
    pub started: Instant,
    /// The configuration in force.
    pub config: Config,
    /// What the pump counts.
    pub figures: Arc<PumpFigures>,
    /// The outputs, in the order of the configuration.
    pub outputs: Vec<OutputState>,
    /// The router's PCM.
    pub monitor: Mount,
    /// The listeners.
    pub fanout: Fanout,
    /// The most listeners there ever were.
    pub listeners_peak: AtomicUsize,
    /// The producers.
    pub inputs: Arc<Inputs>,
    /// What happened.
    pub journal: Arc<Journal>,
    /// What is on air.
    pub on_air: Mutex<OnAirNow>,
    /// Players of files: programme and fallback.
    pub players: Mutex<Vec<PlayerHandle>>,
    /// The limit of open files.
    pub open_files: OpenFiles,
    /// What the administrator knows.
    pub secret: Secret,
    /// Log lines that could not be written.
    pub log: Option<crate::life::logging::Logging>,
}

impl Tower {
    /// The inputs that the configuration has.
    #[must_use]
    pub fn input_ids(&self) -> Vec<InputId> {
        let play = (!self.config.play.paths.is_empty()).then_some(PLAY_ID);
        std::iter::once(STATION_ID).chain(play).collect()
    }

    /// The output of a mount's path, with or without `.mp3`.
    #[must_use]
    pub fn output_at(&self, path: &str) -> Option<usize> {
        let bare = path.strip_suffix(".mp3").unwrap_or(path);
        self.outputs.iter().position(|output| {
            let mount = output.config.mount.as_str();
            mount == path || mount.strip_suffix(".mp3").unwrap_or(mount) == bare
        })
    }
}

/// A name for people and scripts.
#[must_use]
pub fn on_air_name(on_air: OnAir) -> &'static str {
    match on_air {
        OnAir::Source(id) => input_name(id.input),
        OnAir::FallbackFile => "fallback file",
        OnAir::Tone => "tone",
        OnAir::Silence(_) => "silence",
    }
}

/// The name of an input.
#[must_use]
pub fn input_name(id: InputId) -> &'static str {
    if id == STATION_ID { STATION } else { PLAY }
}
