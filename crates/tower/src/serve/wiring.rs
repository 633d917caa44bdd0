//! Joins the stages of the signal path: ingest, router, pump, encoder, broadcast, fan-out.

use super::chronicle::Chronicle;
use crate::broadcast::{Broadcast, BroadcastFigures};
use crate::config::{Config, Latency, Output, WhenFull};
use crate::desk::Desk;
use crate::encoder::{EncoderConfig, EncoderManager, EncoderNews, SilentFrames};
use crate::files::{Player, PlayerHandle, TrackInfo};
use crate::http::auth::Secret;
use crate::http::session::Sessions;
use crate::ingest::Inputs;
use crate::ingest::names::{InputNames, PLAY, PLAY_ID, STATION_ID};
use crate::life::{journal::Journal, logging::Logging, open_files::OpenFiles};
use crate::pump::{AudioPump, PumpFigures, PumpHandle};
use crate::recent::Recent;
use crate::source::SourceDoors;
use crate::state::{OnAirNow, OutputState, Tower};
use crate::titles::{Charset, Title, Titles};
use crate::webhook::Webhook;
use anyhow::Context;
use radio_fanout::{Fanout, FanoutConfig, Mount, MountConfig, Publisher, TitlePublisher};
use radio_signal::fallback::{FallbackConfig, FallbackProvider};
use radio_signal::ingest::{BufferGauge, BufferReader, input_buffer};
use radio_signal::release::Release;
use radio_signal::router::{Jitter, OnAir, Router, RouterConfig, SilenceReason, SourceSpec};
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_BYTES, TICK_MS, ticks_in_ms};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Depth of each stream's shared history: a minute, the longest a listener may lag (SPEC LIS-4), and four seconds in which
/// one that is about to lose its place is noticed.
const HISTORY_MS: u64 = 64_000;
/// How many times longer the send period is for a crowd (SPEC LIS-3).
const CROWD_STRETCH: u64 = 2;
/// Send period of the monitor: 96 ms, since its reader wants to hear what happens now.
const MONITOR_PERIOD_TICKS: u64 = 4;
/// What a player of files decodes ahead, beyond the longest fade: 4.8 s.
const PLAYER_BUFFER_TICKS: u64 = 200;
/// Rings from the pump to the chronicle.
const EVENTS_MAX: usize = 1024;
const STATION_PRIORITY: i32 = 20;
const PLAY_PRIORITY: i32 = 10;

/// A tower on air, and what it takes to stop it.
pub struct OnAirTower {
    /// What the doors share.
    pub tower: Arc<Tower>,
    /// To be followed by a task.
    pub chronicle: Option<Chronicle>,
    pump: PumpHandle,
    ear: Option<crate::ear::EarHandle>,
}

impl OnAirTower {
    /// Goes off air: the clock stops, listeners get the rest of their frame, encoders end.
    pub fn stop(&mut self, farewell: Duration) {
        if let Some(ear) = &mut self.ear {
            ear.stop();
        }
        self.pump.stop();
        self.tower.fanout.shutdown(farewell);
        // Dropping a player stops it.
        self.tower.players.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for output in &self.tower.outputs {
            output.manager.lock().unwrap_or_else(PoisonError::into_inner).stop();
        }
    }
}

/// How the router treats producers of the PCM socket.
#[must_use]
pub fn station_spec(config: &Config) -> SourceSpec {
    SourceSpec {
        input: STATION_ID,
        priority: STATION_PRIORITY,
        preroll_ticks: config.station.preroll_ticks,
        when_full: when_full(config.station.when_full),
        grace_ticks: config.station.grace_ms.map(ticks_in_ms),
        jitter: Jitter::NONE,
    }
}

/// Builds the tower and starts its clock.
///
/// # Errors
/// Something cannot be started; what had been started is stopped again.
pub fn build(config: Config, log: Logging, started: Instant) -> anyhow::Result<OnAirTower> {
    // Tick 0 lies this far in the past, so that the first listener gets a whole burst at once (SPEC PUMP-5).
    let past_ticks = past_ticks(&config);
    let open_files = OpenFiles::raise_limit().reserving(crate::tls::files(&config.tls));
    if open_files.room_for_listeners() < u64::from(config.server.listeners_max) {
        tracing::warn!(
            "{} open files are room for {} listeners, not for server.listeners_max = {}; raise LimitNOFILE in the systemd \
             unit, or `ulimit -n`",
            open_files.limit(),
            open_files.room_for_listeners(),
            config.server.listeners_max
        );
    }
    let (fanout, mut publishers) = start_fanout(&config, open_files.room_for_listeners())?;
    let monitor_publisher = publishers.pop().context("the monitor has no ring")?;
    let monitor = fanout.mounts().last().cloned().context("the monitor has no mount")?;

    let (inputs, newcomers) = Inputs::new();
    let inputs = Arc::new(inputs);
    let mut players = Vec::new();
    let on_air_at_start = OnAir::Silence(SilenceReason::Start);
    let titles = Arc::new(Titles::new(title_mounts(&config, &mut publishers), on_air_at_start));
    let (router, fallback_gauge) = build_router(&config, past_ticks, &mut players, &titles);
    players.extend(start_play(&config, &inputs, &titles)?);

    let figures = Arc::new(PumpFigures::default());
    let journal = Arc::new(Journal::default());
    let mut outputs = Vec::new();
    let mut stages = Vec::new();
    for ((output, publisher), mount) in config.output.iter().zip(publishers).zip(fanout.mounts()) {
        let (state, stage) = start_output(&config, output, publisher, mount.clone(), past_ticks, &journal, &figures)?;
        outputs.push(state);
        stages.push(stage);
    }

    let (events_in, events) = rtrb::RingBuffer::new(EVENTS_MAX);
    let (leavers_in, leavers) = rtrb::RingBuffer::new(crate::ingest::registry::NEWCOMERS_MAX * 2);
    let hold_or_delay_ms = outputs.iter().map(|o| o.delay_ticks * TICK_MS).fold(config.encoder.hold_max_ms, u64::max);
    let (desk, commands) = Desk::new();
    let pump = AudioPump {
        newcomers,
        commands,
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

    let (input_names, source_doors) = (InputNames::new(&config), SourceDoors::new(&config, &inputs));
    let sessions = Sessions::new(config.server.port);
    let secret = Secret::from_password(&config.admin.password);
    let on_air =
        Mutex::new(OnAirNow { source: on_air_at_start, reason: "the tower has just started".into(), since_tick: 0 });
    let webhooks = config.webhook.iter().cloned().map(Webhook::new).map(Arc::new).collect();
    let tower = Tower {
        epoch: uuid::Uuid::new_v4(),
        epoch_started,
        started,
        config,
        figures,
        outputs,
        monitor,
        fanout,
        listeners_peak: AtomicUsize::new(0),
        input_names,
        desk,
        source_doors,
        inputs,
        journal,
        tls: crate::tls::Figures::default(),
        webhooks,
        on_air,
        titles,
        recent: Recent::default(),
        sessions,
        ear: crate::ear::Board::default(),
        fallback_gauge,
        players: Mutex::new(players),
        open_files,
        secret,
        log: Some(log),
    };
    let tower = Arc::new(tower);
    // Deaf is better than off air.
    let ear = crate::ear::start(Arc::clone(&tower)).inspect_err(|error| tracing::warn!("{error:#}")).ok();
    Ok(OnAirTower { tower, chronicle: Some(Chronicle { events, leavers }), pump, ear })
}

/// One ring per output, in their order, and last the monitor's.
fn start_fanout(config: &Config, room_for_listeners: u64) -> anyhow::Result<(Fanout, Vec<Publisher>)> {
    let mut mounts: Vec<MountConfig> = config
        .output
        .iter()
        .map(|output| MountConfig {
            name: output.mount.clone(),
            listeners_max: output.listeners_max as usize,
            ring_frames: ticks_in_ms(HISTORY_MS) as usize,
            ring_bytes: ticks_in_ms(HISTORY_MS) as usize * frame_bytes(output),
            period_ticks: period_ticks(config, output),
            crowd_stretch: crowd_stretch(output),
            skip_back_frames: burst_frames(config, output),
            first_frame: 0,
        })
        .collect();
    mounts.push(MountConfig {
        name: crate::http::routes::MONITOR.into(),
        listeners_max: 0,
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
        crowd_above: server.crowd_above,
        crowd_below: server.crowd_below,
        ..defaults
    }
}

/// Who writes the titles of each output, and how.
fn title_mounts(config: &Config, publishers: &mut [Publisher]) -> Vec<(TitlePublisher, Charset)> {
    let of = |(publisher, output): (&mut Publisher, &Output)| Some((publisher.take_titles()?, output.title_charset));
    publishers.iter_mut().zip(&config.output).filter_map(of).collect()
}

/// Tells `titles` of each file that a player begins, and where in the buffer it begins.
fn announce_files(titles: &Arc<Titles>, source: OnAir, gauge: BufferGauge) -> impl FnMut(u64, &TrackInfo) + use<> {
    let titles = Arc::clone(titles);
    move |position, info| titles.announce(source, Some((&gauge, position)), Title::of_file(info))
}

fn build_router(
    config: &Config,
    past_ticks: u64,
    players: &mut Vec<PlayerHandle>,
    titles: &Arc<Titles>,
) -> (Router, Option<BufferGauge>) {
    let file = (!config.fallback.paths.is_empty()).then(|| {
        let (writer, reader) = input_buffer(player_buffer_ticks(config));
        let started = announce_files(titles, OnAir::FallbackFile, reader.gauge());
        players.push(Player::start("fallback", &config.fallback.paths, config.fallback.shuffle, writer, started));
        reader
    });
    let gauge = file.as_ref().map(BufferReader::gauge);
    let tone = FallbackConfig { tone_dbfs: config.fallback.tone.then_some(config.fallback.tone_dbfs) };
    let transitions = RouterConfig {
        grace_ticks: ticks_in_ms(config.router.grace_ms),
        fade_samples: (config.router.fade_ms * u64::from(SAMPLE_RATE_HZ) / 1000) as usize,
        first_live_tick: past_ticks,
    };
    (Router::new(transitions, FallbackProvider::new(tone, file)), gauge)
}

fn start_play(config: &Config, inputs: &Inputs, titles: &Arc<Titles>) -> anyhow::Result<Option<PlayerHandle>> {
    if config.play.paths.is_empty() {
        return Ok(None);
    }
    let spec = SourceSpec {
        input: PLAY_ID,
        priority: PLAY_PRIORITY,
        preroll_ticks: config.station.preroll_ticks,
        when_full: when_full(WhenFull::Wait),
        grace_ticks: None,
        jitter: Jitter::NONE,
    };
    let (id, writer) =
        inputs.admit(spec, player_buffer_ticks(config), 1).context("the player has no place in the router")?;
    let started = announce_files(titles, OnAir::Source(id), writer.gauge());
    Ok(Some(Player::start(PLAY, &config.play.paths, config.play.shuffle, writer, started)))
}

fn start_output(
    config: &Config,
    output: &Output,
    publisher: Publisher,
    mount: Mount,
    past_ticks: u64,
    journal: &Arc<Journal>,
    figures: &Arc<PumpFigures>,
) -> anyhow::Result<(OutputState, (crate::encoder::PcmFeed, Broadcast))> {
    let encoder = EncoderConfig::from_config(&config.encoder, output);
    if config.encoder.enabled {
        encoder.check_installed().with_context(|| format!("the output {} cannot be encoded", output.mount))?;
    }
    let mut manager = EncoderManager::new(encoder, None)?;
    let silence = SilentFrames::new(crate::encoder::format(output))?;
    let (name, journal, ticks) = (output.mount.clone(), Arc::clone(journal), Arc::clone(figures));
    let feed = manager
        .start(move |news| {
            let kind = if matches!(news, EncoderNews::Poison { .. }) { "alarm" } else { "encoder" };
            journal.note(ticks.tick().unwrap_or(0), kind, format!("{name}: {news}"));
        })
        .with_context(|| format!("the encoder of {} could not be started", output.mount))?;
    // Without an encoder there is nothing to wait for.
    let hold_ticks = if config.encoder.enabled { ticks_in_ms(config.encoder.hold_max_ms) } else { 0 };
    let delay_ticks = delay_ticks(output);
    let release = Release::new(delay_ticks, hold_ticks, past_ticks);
    let frames = Arc::clone(manager.frame_buffer());
    let figures = Arc::new(BroadcastFigures::default());
    let broadcast = Broadcast::new(frames, silence, release, publisher, Arc::clone(&figures));
    let state = OutputState {
        config: output.clone(),
        manager: Mutex::new(manager),
        figures,
        mount,
        delay_ticks,
        burst_frames_min: burst_frames_min(config, output),
    };
    Ok((state, (feed, broadcast)))
}

const fn player_buffer_ticks(config: &Config) -> usize {
    (PLAYER_BUFFER_TICKS + ticks_in_ms(config.router.fade_ms)) as usize
}

/// The frames of the past are encoded at once, so they must fit the frame buffer beside a hold.
fn past_ticks(config: &Config) -> u64 {
    let wanted = config.output.iter().map(|output| delay_ticks(output) + burst_frames(config, output)).max();
    let room = (config.encoder.buffer_frames as u64).saturating_sub(ticks_in_ms(config.encoder.hold_max_ms) + 2);
    wanted.unwrap_or(0).min(room)
}

/// The router's word for it.
#[must_use]
pub const fn when_full(when_full: WhenFull) -> radio_signal::router::WhenFull {
    match when_full {
        WhenFull::Drop => radio_signal::router::WhenFull::Drop,
        WhenFull::Wait => radio_signal::router::WhenFull::Wait,
    }
}

const fn delay_ticks(output: &Output) -> u64 {
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

fn burst_frames(config: &Config, output: &Output) -> u64 {
    ticks_in_ms(output.burst_ms).max(burst_frames_min(config, output))
}

/// Bytes of a frame at 48 kHz: 144 * bitrate / 48000, that is 3 a kbit/s (SPEC SIG-5).
const fn frame_bytes(output: &Output) -> usize {
    output.bitrate_kbps as usize * 3
}
