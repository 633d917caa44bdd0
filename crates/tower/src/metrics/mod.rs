//! `/metrics`: every figure of the tower for Prometheus (SPEC API-2).
//!
//! Reads what the stages keep anyway, atomics and snapshots; the audio path writes nothing more because of it and
//! waits for nobody. Label values are bounded by the configuration and by enumerations: never a listener, a producer or
//! a process.
//!
//! Called by `http`. It changes nothing.

mod hearing;
mod outputs;
pub mod text;
mod webhooks;

use crate::ear::Histogram;
use crate::state::Tower;
use radio_signal::router::{OnAir, SilenceReason};
use radio_signal::units::TICK_MS;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};
use text::{Exposition, Kind};

/// The whole answer.
#[must_use]
pub fn render(tower: &Tower) -> String {
    let mut all = Exposition::default();
    process(tower, &mut all);
    clock(tower, &mut all);
    on_air(tower, &mut all);
    inputs(tower, &mut all);
    outputs::tell(tower, &mut all);
    hearing::tell(tower, &mut all);
    webhooks::tell(tower, &mut all);
    listeners(tower, &mut all);
    uplink(tower, &mut all);
    tls(tower, &mut all);
    proxies(tower, &mut all);
    all.into_text()
}

fn process(tower: &Tower, all: &mut Exposition) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    all.family(Kind::Gauge, "tower_build_info", "1, with the version of the program.").sample(&version, 1);
    let uptime_s = tower.started.elapsed().as_secs_f64();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    all.gauge("process_start_time_seconds", "When the process began to serve, since 1970.", now_s - uptime_s);
    all.gauge("process_max_fds", "Files that may be open.", tower.open_files.limit());
    all.gauge("tower_uptime_seconds", "Time since the process began to serve.", uptime_s);
    let lines_lost = tower.log.as_ref().map_or(0, crate::logging::Logging::lines_lost) as u64;
    all.counter("tower_log_lines_lost_total", "Lines of the log that could not be written in time.", lines_lost);
    let left_out = tower.log.as_ref().map_or(0, crate::logging::Logging::lines_left_out);
    let help = "Lines of libraries that were left out of the log, because one source caused too many.";
    all.counter("tower_log_lines_left_out_total", help, left_out);
    let events_lost = tower.figures.events_lost.load(Relaxed);
    all.counter("tower_events_lost_total", "Events that the journal was too slow for.", events_lost);
}

fn clock(tower: &Tower, all: &mut Exposition) {
    let figures = &tower.figures;
    let ticks = figures.ticks.load(Relaxed);
    all.counter("tower_ticks_total", "Ticks of 24 ms done, those before the start included.", ticks);
    let age_s = figures.last_tick_age_ms() as f64 / 1000.0;
    all.gauge("tower_tick_age_seconds", "Time since the last tick.", age_s);
    let lateness = figures.lateness();
    all.family(Kind::Histogram, "tower_tick_lateness_seconds", "How far ticks were behind their deadlines.").histogram(
        &[],
        &lateness.at_most,
        lateness.count,
        lateness.sum_s,
    );
    let latest_s = figures.lateness_ms_max() / 1000.0;
    all.gauge("tower_tick_lateness_max_seconds", "The latest any tick ever was.", latest_s);
    let reanchors = figures.reanchors.load(Relaxed);
    all.counter("tower_clock_reanchors_total", "Times the machine stood still too long to make up.", reanchors);
    let realtime = figures.realtime.load(Relaxed);
    all.gauge("tower_clock_realtime", "1 when the clock runs at real-time priority.", realtime);
}

fn on_air(tower: &Tower, all: &mut Exposition) {
    let now = tower.on_air.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let name = tower.on_air_name(now.source);
    let mut family = all.family(Kind::Gauge, "tower_on_air_source", "1 for what is on air, 0 for what else could be.");
    let setup = tower.setup();
    let mut names: Vec<String> = setup.input_names.iter().map(|(_, name)| name.to_owned()).collect();
    names.extend(
        [OnAir::FallbackFile, OnAir::Tone, OnAir::Silence(SilenceReason::Start)].map(|one| tower.on_air_name(one)),
    );
    for one in names {
        family.sample(&[("source", one.as_str())], u8::from(one == name));
    }
    let ticks = tower.figures.ticks.load(Relaxed).saturating_sub(now.since_tick);
    all.gauge("tower_on_air_source_seconds", "How long it has been on air.", seconds(ticks));
}

fn inputs(tower: &Tower, all: &mut Exposition) {
    let mut connected = Vec::new();
    let mut fills = Vec::new();
    let mut lost = Vec::new();
    let setup = tower.setup();
    for (id, name) in setup.input_names.iter() {
        connected.push((name, tower.inputs.of(id).iter().filter(|entry| entry.connected).count()));
        lost.push((name, tower.inputs.lost(id)));
        fills.extend(tower.buffer(name).map(|fill| (name, fill)));
    }
    let mut gauge = |name, help, values: Vec<(&str, f64)>| {
        let mut family = all.family(Kind::Gauge, name, help);
        values.into_iter().for_each(|(input, value)| family.sample(&[("input", input)], value));
    };
    let connected = connected.into_iter().map(|(input, count)| (input, count as f64)).collect();
    gauge("tower_input_producers", "Producers that are connected.", connected);
    let capacity = fills.iter().map(|(input, fill)| (*input, seconds(fill.capacity as u64))).collect();
    let held = fills.iter().map(|(input, fill)| (*input, seconds(fill.count as u64))).collect();
    gauge("tower_input_buffer_seconds", "Sound in the buffer of the newest producer.", held);
    gauge("tower_input_buffer_capacity_seconds", "Sound that this buffer holds at most.", capacity);
    let mut family =
        all.family(Kind::Counter, "tower_input_overflow_ticks_total", "Ticks dropped because a buffer was full.");
    lost.iter().for_each(|(input, lost)| family.sample(&[("input", input)], lost.overflow));
    let mut family =
        all.family(Kind::Counter, "tower_input_stale_ticks_total", "Ticks thrown away off air because they were old.");
    lost.iter().for_each(|(input, lost)| family.sample(&[("input", input)], lost.stale));
    station_events(tower, all);
}

fn station_events(tower: &Tower, all: &mut Exposition) {
    let events = &tower.station_events;
    let mut family = all.family(Kind::Counter, "tower_station_events_total", "Events that the station sent.");
    for (outcome, count) in [("taken", &events.taken), ("refused", &events.refused)] {
        family.sample(&[("outcome", outcome)], count.load(Relaxed));
    }
    let subscribers = events.subscribers() as u64;
    all.gauge("tower_station_subscribers", "WebSockets to which they are passed on.", subscribers);
    let mut family = all.family(
        Kind::Counter,
        "tower_station_subscribers_dropped_total",
        "WebSockets that were let go because they did not keep up.",
    );
    family.sample(&[], events.dropped_subscribers.load(Relaxed));
}

fn listeners(tower: &Tower, all: &mut Exposition) {
    let now = tower.fanout.snapshot();
    let (totals, setup) = (&now.totals, tower.setup());
    // While a reload replaces a mount, there are two of its name: the one that comes is not told yet, and later the one that
    // goes no more.
    let mounts: Vec<_> = setup
        .outputs
        .iter()
        .map(|output| &output.mount)
        .chain([&tower.monitor])
        .filter_map(|mount| now.of(mount))
        .collect();
    let mut family = all.family(Kind::Gauge, "tower_listeners", "Listeners connected.");
    mounts.iter().for_each(|mount| family.sample(&[("mount", &mount.name)], mount.listeners));
    let limit = tower.fanout.listeners_max() as u64;
    all.gauge("tower_listeners_limit", "Listeners that all mounts together admit.", limit);
    let peak = tower.listeners_peak.load(Relaxed);
    all.gauge("tower_listeners_peak", "The most listeners there ever were.", peak);
    let help = "How far listeners are behind the newest frame: each of them, counted once a second.";
    let mut family = all.family(Kind::Histogram, "tower_listener_lag_seconds", help);
    let lags = tower.ear.findings().lags;
    for mount in mounts {
        let lag = lags.iter().find(|(name, _)| *name == mount.name).map(|(_, lag)| lag.clone());
        let lag = lag.unwrap_or_else(Histogram::of_lags);
        family.histogram(&[("mount", &mount.name)], lag.at_most(), lag.count, lag.sum_s);
    }
    all.counter("tower_listeners_admitted_total", "Listeners that were let in.", totals.admitted);
    let mut family = all.family(Kind::Counter, "tower_listeners_left_total", "Listeners that left, by reason.");
    for (reason, count) in [
        ("hung_up", totals.left),
        ("dropped_stalled", totals.dropped_stalled),
        ("dropped_skips", totals.dropped_skips),
        ("dropped_lost", totals.dropped_lost),
        ("ended", totals.ended),
        ("kicked", totals.kicked),
    ] {
        family.sample(&[("reason", reason)], count);
    }
    all.counter("tower_listener_skips_total", "Times a slow listener was moved ahead.", totals.skips);
    let skipped = totals.skipped_frames;
    all.counter("tower_listener_skipped_frames_total", "Frames that these listeners missed.", skipped);
    all.counter("tower_sent_bytes_total", "Bytes that listeners took, heads included.", totals.bytes);
    all.counter("tower_sends_total", "Calls by which they took them.", totals.sends);
    all.counter("tower_shard_overruns_total", "Slots served later than at their tick.", totals.overruns);
    all.gauge("tower_shards_crowded", "Shards that send at the longer period.", now.crowded_shards);
}

fn uplink(tower: &Tower, all: &mut Exposition) {
    let rate = tower.fanout.rate();
    let help = "What all listeners together are sent, by the bitrates of their outputs, with all headers.";
    all.gauge("tower_uplink_bytes_per_second", help, rate.bps / 8);
    let help = "Limit of tower_uplink_bytes_per_second (server.mbit_max); 0: no limit.";
    all.gauge("tower_uplink_limit_bytes_per_second", help, rate.bps_max / 8);
    let help = "Listeners that server.mbit_max did not admit, by what they were answered.";
    let mut family = all.family(Kind::Counter, "tower_uplink_not_admitted_total", help);
    for (answer, count) in [("refused", tower.uplink.refused()), ("redirected", tower.uplink.redirected())] {
        family.sample(&[("answer", answer)], count);
    }
}

fn proxies(tower: &Tower, all: &mut Exposition) {
    let refused = tower.refused_proxy_headers.load(Relaxed);
    let about = "Connections of trusted proxies that did not begin with the PROXY header they owe.";
    all.counter("tower_refused_proxy_headers_total", about, refused);
}

fn tls(tower: &Tower, all: &mut Exposition) {
    let figures = &tower.tls;
    all.gauge("tower_tls_connections", "Connections over TLS.", figures.connections.load(Relaxed));
    all.gauge("tower_tls_listeners", "Of these, listeners and sources.", figures.seated.load(Relaxed));
    let done = figures.handshakes.load(Relaxed);
    all.counter("tower_tls_handshakes_total", "Handshakes that were done.", done);
    let failed = figures.failed_handshakes.load(Relaxed);
    all.counter("tower_tls_failed_handshakes_total", "Handshakes that were no TLS, failed, or took too long.", failed);
    let is_bad = u8::from(figures.problem().is_some());
    all.gauge("tower_tls_certificate_unusable", "1 while the files hold a certificate that cannot be used.", is_bad);
}

fn seconds(ticks: u64) -> f64 {
    (ticks * TICK_MS) as f64 / 1000.0
}
