//! What all doors of a running tower share: who it is, what it is made of, and how it is.

use crate::broadcast::BroadcastFigures;
use crate::config::{Config, Output};
use crate::desk::Desk;
use crate::encoder::EncoderManager;
use crate::files::PlayerHandle;
use crate::http::auth::Secret;
use crate::http::session::Sessions;
use crate::ingest::Inputs;
use crate::ingest::names::InputNames;
use crate::life::journal::Journal;
use crate::life::open_files::OpenFiles;
use crate::pump::PumpFigures;
use crate::recent::Recent;
use crate::source::SourceDoors;
use crate::titles::{Title, Titles};
use crate::webhook::Webhook;
use radio_fanout::{Fanout, Mount};
use radio_signal::ingest::BufferGauge;
use radio_signal::router::OnAir;
use radio_signal::units::{Serial, TICK_MS};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

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
    /// What the inputs are called.
    pub input_names: InputNames,
    /// The door for TLS.
    pub tls: crate::tls::Figures,
    /// What the operator wants.
    pub desk: Desk,
    /// The doors for DJ software.
    pub source_doors: SourceDoors,
    /// What happened.
    pub journal: Arc<Journal>,
    /// Who elsewhere is told of it.
    pub webhooks: Vec<Arc<Webhook>>,
    /// What is on air.
    pub on_air: Mutex<OnAirNow>,
    /// What is playing.
    pub titles: Arc<Titles>,
    /// The fallback file's buffer, if there is one.
    pub fallback_gauge: Option<BufferGauge>,
    /// The last ten minutes.
    pub recent: Recent,
    /// Who is logged in.
    pub sessions: Sessions,
    /// What the tower hears of itself.
    pub ear: crate::ear::Board,
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
    /// A name for people and scripts.
    #[must_use]
    pub fn on_air_name(&self, on_air: OnAir) -> &str {
        match on_air {
            OnAir::Source(id) => self.input_names.of(id.input),
            OnAir::FallbackFile => "fallback file",
            OnAir::Tone => "tone",
            OnAir::Silence(_) => "silence",
        }
    }

    /// The wall-clock time of a tick.
    #[must_use]
    pub fn time_of(&self, serial: Serial) -> SystemTime {
        self.epoch_started + Duration::from_millis(serial * TICK_MS)
    }

    /// What is on air now.
    #[must_use]
    pub fn on_air_source(&self) -> OnAir {
        self.on_air.lock().unwrap_or_else(PoisonError::into_inner).source
    }

    /// The buffer that `source` is played from.
    #[must_use]
    pub fn gauge_of(&self, source: OnAir) -> Option<BufferGauge> {
        match source {
            OnAir::Source(id) => self.inputs.of(id.input).into_iter().find(|entry| entry.id == id).map(|e| e.gauge),
            OnAir::FallbackFile => self.fallback_gauge.clone(),
            OnAir::Tone | OnAir::Silence(_) => None,
        }
    }

    /// A title that somebody has just sent belongs to what arrives now at the source on air. Returns how long it takes
    /// until that is heard, in ms.
    pub fn title_arrives(&self, title: Title) -> u64 {
        self.title_arrives_at(self.on_air_source(), title)
    }

    /// As [`title_arrives`](Self::title_arrives), for a source that may not be on air yet.
    pub fn title_arrives_at(&self, source: OnAir, title: Title) -> u64 {
        let gauge = self.gauge_of(source);
        self.titles.announce(source, gauge.as_ref().map(|gauge| (gauge, gauge.offered())), title);
        let delay_ticks = self.outputs.iter().map(|output| output.delay_ticks).max().unwrap_or(0);
        (gauge.map_or(0, |gauge| gauge.count() as u64) + delay_ticks) * TICK_MS
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
