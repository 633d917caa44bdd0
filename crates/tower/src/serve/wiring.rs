//! Joins the stages of the signal path: ingest, router, pump, encoder, broadcast, fan-out.

use super::chronicle::Chronicle;
use crate::auth::credentials::Users;
use crate::auth::session::Sessions;
use crate::desk::Desk;
use crate::files::media;
use crate::files::{Backing, Levels, MediaBoard, Rounds};
use crate::http::sender::TITLES_PER_SECOND;
use crate::ingest::Inputs;
use crate::ingest::names::InputNames;
use crate::logging::Logging;
use crate::playout::outputs::{self, Beginning, HISTORY_MS, burst_frames, delay_ticks};
use crate::playout::players;
use crate::process::open_files::OpenFiles;
use crate::pump::{AudioPump, PumpFigures, PumpHandle};
use crate::recent::Recent;
use crate::request::pace::Pace;
use crate::setup::Setup;
use crate::source::SourceDoors;
use crate::state::{OnAirNow, Tower};
use crate::titles::Titles;
use crate::uplink::{self, Uplink};
use crate::webhook::Webhook;
use anyhow::Context;
use arc_swap::{ArcSwap, ArcSwapOption};
use radio_base::journal::Journal;
use radio_config::{Config, Loaded, OUTPUTS_MAX, Sources, state_dir};
use radio_decode::settings::DecoderSettings;
use radio_decode::settings::FfmpegSettings;
use radio_fanout::{Fanout, FanoutConfig, MountConfig, Publisher};
use radio_signal::fallback::{FallbackConfig, FallbackProvider};
use radio_signal::ingest::BufferReader;
use radio_signal::router::{OnAir, Router, RouterConfig, SilenceReason};
use radio_signal::units::{TICK_BYTES, TICK_MS, samples_in_ms, ticks_in_ms};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Send period of the monitor: 96 ms, since its reader wants to hear what happens now.
const MONITOR_PERIOD_TICKS: u64 = 4;
/// Rings from the pump to the chronicle.
const EVENTS_MAX: usize = 1024;

/// A tower on air, and what it takes to stop it.
pub(super) struct OnAirTower {
    /// What the doors share.
    pub tower: Arc<Tower>,
    /// To be followed by a task.
    pub chronicle: Option<Chronicle>,
    pump: PumpHandle,
    ear: Option<crate::alarms::EarHandle>,
}

impl OnAirTower {
    /// Goes off air: the clock stops, listeners get the rest of their frame, encoders end.
    pub(super) fn stop(&mut self, farewell: Duration) {
        if let Some(ear) = &mut self.ear {
            ear.stop();
        }
        self.tower.feeds.end();
        self.pump.stop();
        self.tower.fanout.shutdown(farewell);
        if let Some(media) = &self.tower.backing.media {
            media.stop();
        }
        // Dropping a player stops it.
        self.tower.players.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for output in &self.tower.setup().outputs {
            output.manager.lock().unwrap_or_else(PoisonError::into_inner).stop();
        }
    }
}

/// Builds the tower and starts its clock.
///
/// # Errors
/// Something cannot be started; what had been started is stopped again.
pub(super) fn build(loaded: Loaded, sources: Sources, log: Logging, started: Instant) -> anyhow::Result<OnAirTower> {
    let Loaded { config, origins, file, .. } = loaded;
    // Tick 0 lies this far in the past, so that the first listener gets a whole burst at once (SPEC PUMP-5).
    let past_ticks = past_ticks(&config);
    let open_files = room_for_listeners(&config);
    let (fanout, mut publishers) = start_fanout(&config, open_files.room_for_listeners())?;
    let monitor_publisher = publishers.pop().context("the monitor has no ring")?;
    let monitor = fanout.mounts().pop().context("the monitor has no mount")?;

    let (inputs, newcomers) = Inputs::new();
    let inputs = Arc::new(inputs);
    let on_air_at_start = OnAir::Silence(SilenceReason::Start);
    let titles = Arc::new(Titles::new(on_air_at_start));
    let ffmpeg = Some(FfmpegSettings::from_config(&config.encoder));
    let decoder = DecoderSettings { ffmpeg: ffmpeg.clone(), ..DecoderSettings::default() };
    let backing = Backing {
        media: Some(MediaBoard::watch(media::configured(&config))),
        rounds: state_dir(&config).and_then(|folder| Rounds::open(&folder)),
        decoders: Arc::default(),
        levels: Some(Levels::open(state_dir(&config).as_deref(), decoder.clone())),
        ffmpeg,
    };
    backing.decoders.try_decoder(decoder);
    let (fallback_player, fallback_file) =
        players::start_fallback(&config, &titles, &backing, players::GoOn::Kept).unzip();
    let fallback_gauge = fallback_file.as_ref().map(BufferReader::gauge);
    let router = build_router(&config, past_ticks, fallback_file);
    let players = fallback_player
        .into_iter()
        .chain(players::start_play(&config, &inputs, &titles, &backing, players::GoOn::Kept)?)
        .collect();

    let figures = Arc::new(PumpFigures::default());
    let epoch = uuid::Uuid::new_v4();
    let journal = Arc::new(Journal::of(epoch));
    let beginning = Beginning { first: 0, first_present: past_ticks, journal: &journal, figures: &figures };
    let mut outputs = Vec::new();
    // While a reload replaces outputs, those of before and after are there.
    let mut stages = Vec::with_capacity(2 * OUTPUTS_MAX);
    for ((output, mut publisher), mount) in config.output.iter().zip(publishers).zip(fanout.mounts()) {
        let title_publisher = publisher.take_titles();
        let (state, stage) = outputs::start(&config, output, (mount, publisher), &beginning)?;
        if let Some(publisher) = title_publisher {
            titles.write_to(state.id, publisher, output.title_charset, 0);
        }
        outputs.push(state);
        stages.push(stage);
    }

    let (events_in, events) = rtrb::RingBuffer::new(EVENTS_MAX);
    let (leavers_in, leavers) = rtrb::RingBuffer::new(crate::ingest::registry::NEWCOMERS_MAX * 2);
    let hold_or_delay_ms = outputs.iter().map(|o| o.delay_ticks * TICK_MS).fold(config.encoder.hold_max_ms, u64::max);
    let (desk, orders) = Desk::new();
    let pump = AudioPump {
        newcomers,
        orders,
        router,
        monitor: monitor_publisher,
        outputs: stages,
        ticker: fanout.ticker(),
        leavers: leavers_in,
        events: events_in,
        figures: Arc::clone(&figures),
    };
    let epoch_started = SystemTime::now() - Duration::from_millis(past_ticks * TICK_MS);
    let pump = pump.start(past_ticks, hold_or_delay_ms).context("the clock could not be started")?;

    let sessions = Sessions::new(config.server.port);
    let on_air =
        Mutex::new(OnAirNow { source: on_air_at_start, reason: "the tower has just started".into(), since_tick: 0 });
    let input_names = InputNames::new(&config);
    let setup = Setup {
        source_doors: SourceDoors::new(&config, &input_names, (&inputs, &backing.decoders), None),
        users: Users::new(&config),
        webhooks: config.webhook.iter().cloned().map(Webhook::new).map(Arc::new).collect(),
        config,
        origins,
        file,
        outputs,
        input_names,
    };
    let tower = Arc::new(Tower {
        epoch,
        epoch_started,
        started,
        setup: ArcSwap::from_pointee(setup),
        fallback_gauge: ArcSwapOption::from_pointee(fallback_gauge),
        figures,
        monitor,
        fanout,
        listeners_peak: AtomicUsize::new(0),
        uplink: Uplink::default(),
        desk,
        inputs,
        journal,
        station_events: crate::station_events::StationEvents::default(),
        refused_proxy_headers: AtomicU64::new(0),
        tls: crate::tls::Figures::default(),
        on_air,
        titles,
        title_pace: Pace::per_second(TITLES_PER_SECOND),
        bodies: crate::request::BodyBudget::default(),
        recent: Recent::default(),
        sessions,
        ear: crate::ear::Board::default(),
        players: Mutex::new(players),
        backing,
        feeds: crate::ingest::RunningInputs::default(),
        open_files,
        reader: tokio::sync::Mutex::new(radio_config::Reader::new(sources)),
        log: Some(log),
    });
    // Deaf is better than off air.
    let ear = crate::alarms::start(Arc::clone(&tower)).inspect_err(|error| tracing::warn!("{error:#}")).ok();
    Ok(OnAirTower { tower, chronicle: Some(Chronicle { events, leavers }), pump, ear })
}

/// Raises the limit of open files, and says if it is too low.
fn room_for_listeners(config: &Config) -> OpenFiles {
    let open_files = OpenFiles::raise_limit().reserving(crate::http::tls::files(&config.tls));
    if open_files.room_for_listeners() < u64::from(config.server.listeners_max) {
        tracing::warn!(
            "{} open files are room for {} listeners, not for server.listeners_max = {}; raise LimitNOFILE in the systemd \
             unit, or `ulimit -n`",
            open_files.limit(),
            open_files.room_for_listeners(),
            config.server.listeners_max
        );
    }
    open_files
}

/// One ring per output, in their order, and last the monitor's.
fn start_fanout(config: &Config, room_for_listeners: u64) -> anyhow::Result<(Fanout, Vec<Publisher>)> {
    let mut mounts: Vec<MountConfig> =
        config.output.iter().map(|output| outputs::mount_config(config, output, 0)).collect();
    mounts.push(MountConfig {
        name: crate::http::routes::MONITOR.into(),
        listeners_max: 0,
        listener_bps: uplink::listener_bps(TICK_BYTES, MONITOR_PERIOD_TICKS),
        ring_frames: ticks_in_ms(HISTORY_MS) as usize,
        ring_bytes: ticks_in_ms(HISTORY_MS) as usize * TICK_BYTES,
        period_ticks: MONITOR_PERIOD_TICKS,
        crowd_stretch: 1,
        skip_back_frames: MONITOR_PERIOD_TICKS,
        first_frame: 0,
    });
    Fanout::start(limits(config, room_for_listeners), mounts).context("the listeners' threads could not be started")
}

fn limits(config: &Config, room_for_listeners: u64) -> FanoutConfig {
    let server = &config.server;
    let defaults = FanoutConfig::default();
    FanoutConfig {
        shards: if server.shards == 0 { defaults.shards } else { server.shards },
        // One whose socket could not be opened would not even be refused.
        listeners_max: u64::from(server.listeners_max).min(room_for_listeners.max(1)) as usize,
        listeners_per_address_max: server.listeners_per_address_max as usize,
        rate_bps_max: uplink::bps(server.mbit_max),
        crowd_above: server.crowd_above,
        crowd_below: server.crowd_below,
        ..defaults
    }
}

fn build_router(config: &Config, past_ticks: u64, fallback_file: Option<BufferReader>) -> Router {
    let tone = FallbackConfig { tone_dbfs: config.fallback.tone.then_some(config.fallback.tone_dbfs) };
    let transitions = RouterConfig {
        grace_ticks: ticks_in_ms(config.router.grace_ms),
        fade_samples: samples_in_ms(config.router.fade_ms),
        first_live_tick: past_ticks,
    };
    Router::new(transitions, FallbackProvider::new(tone, fallback_file))
}

/// The frames of the past are encoded at once, so they must fit the frame buffer beside a hold.
fn past_ticks(config: &Config) -> u64 {
    let wanted = config.output.iter().map(|output| delay_ticks(output) + burst_frames(config, output)).max();
    let room = (config.encoder.buffer_frames as u64).saturating_sub(ticks_in_ms(config.encoder.hold_max_ms) + 2);
    wanted.unwrap_or(0).min(room)
}
