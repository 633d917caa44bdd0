//! The state of a running tower, as all of the control plane shares it.

use crate::auth::session::Sessions;
use crate::desk::Desk;
use crate::files::PlayerHandle;
use crate::ingest::Inputs;
use crate::process::open_files::OpenFiles;
use crate::pump::PumpFigures;
use crate::recent::Recent;
use crate::request::pace::Pace;
use crate::setup::Setup;
use crate::source::SourceHost;
use crate::titles::Titles;
use arc_swap::{ArcSwap, ArcSwapOption};
use radio_base::journal::Journal;
use radio_base::journal::event::Event;
use radio_base::title::Title;
use radio_fanout::{Fanout, Mount};
use radio_signal::ingest::BufferGauge;
use radio_signal::router::{OnAir, SourceId};
use radio_signal::units::{Serial, TICK_MS};
use std::sync::atomic::{AtomicU64, AtomicUsize};
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

/// A running tower.
pub struct Tower {
    /// Name of this life of the tower.
    pub epoch: Uuid,
    /// Wall-clock time of tick 0.
    pub epoch_started: SystemTime,
    /// When this process began to serve.
    pub started: Instant,
    /// What the configuration makes of it; see [`setup`](Self::setup).
    pub setup: ArcSwap<Setup>,
    /// The fallback file's buffer, if there is one.
    pub fallback_gauge: ArcSwapOption<BufferGauge>,
    /// What the pump counts.
    pub figures: Arc<PumpFigures>,
    /// The router's PCM.
    pub monitor: Mount,
    /// The listeners.
    pub fanout: Fanout,
    /// The most listeners there ever were.
    pub listeners_peak: AtomicUsize,
    /// Newcomers that the limit of the uplink did not admit.
    pub uplink: crate::uplink::Uplink,
    /// The producers.
    pub inputs: Arc<Inputs>,
    /// What the station says.
    pub station_events: crate::station_events::StationEvents,
    /// Connections of trusted proxies that did not begin with the header they owe.
    pub refused_proxy_headers: AtomicU64,
    /// The door for TLS.
    pub tls: crate::tls::Figures,
    /// What the operator wants.
    pub desk: Desk,
    /// What happened.
    pub journal: Arc<Journal>,
    /// What is on air.
    pub on_air: Mutex<OnAirNow>,
    /// What is playing.
    pub titles: Arc<Titles>,
    /// How often an address may say what is playing.
    pub title_pace: Pace,
    /// Memory for the bodies of requests.
    pub bodies: crate::request::BodyBudget,
    /// The last ten minutes.
    pub recent: Recent,
    /// Who is logged in.
    pub sessions: Sessions,
    /// What the tower hears of itself.
    pub ear: crate::ear::Board,
    /// Players of files: programme and fallback.
    pub players: Mutex<Vec<PlayerHandle>>,
    /// What players share: what is missing, and where rounds are kept.
    pub backing: crate::files::Backing,
    /// Inputs that the tower tends itself.
    pub feeds: crate::ingest::RunningInputs,
    /// The limit of open files.
    pub open_files: OpenFiles,
    /// Where the configuration is read again from.
    pub reader: tokio::sync::Mutex<radio_config::Reader>,
    /// Log lines that could not be written.
    pub log: Option<crate::logging::Logging>,
}

impl SourceHost for Tower {
    fn note(&self, event: Event) {
        Self::note(self, event);
    }

    fn title_arrives(&self, source: SourceId, title: Title) {
        self.title_arrives_at(OnAir::Source(source), title);
    }
}

impl Tower {
    /// Writes an event of the current tick into the journal.
    pub fn note(&self, event: Event) {
        self.journal.note(self.figures.tick().unwrap_or(0), event);
    }

    /// The tower as it is configured now.
    #[must_use]
    pub fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// A name for people and scripts.
    #[must_use]
    pub fn on_air_name(&self, on_air: OnAir) -> String {
        match on_air {
            OnAir::Source(id) => self.setup().input_names.of(id.input).to_owned(),
            OnAir::FallbackFile => "fallback file".into(),
            OnAir::Tone => "tone".into(),
            OnAir::Silence(_) => "silence".into(),
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
            OnAir::FallbackFile => self.fallback_gauge.load().as_deref().cloned(),
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
        let (gauge, setup) = (self.gauge_of(source), self.setup());
        let shift_ticks = setup.title_delay_ms(source) / TICK_MS as i64;
        let at = gauge.as_ref().map(|gauge| {
            let taken = gauge.taken();
            (gauge, gauge.offered().saturating_add_signed(shift_ticks).max(taken), taken)
        });
        self.titles.announce(source, at.map(|(gauge, position, _)| (gauge, position)), title);
        let delay_ticks = setup.outputs.iter().map(|output| output.delay_ticks).max().unwrap_or(0);
        (at.map_or(0, |(_, position, taken)| position - taken) + delay_ticks) * TICK_MS
    }
}
