//! How the tower is: `/status`, `/healthz`, `/tower/buffer` (SPEC API-2, API-3).

pub mod now_playing;
mod public;

use crate::ear::{Heard, Kind as Alarm, Loudness, Severity};
use crate::setup::OutputState;
use crate::state::Tower;
use crate::uplink::mbit;
use radio_config::Role;
use radio_fanout::{LAG_FRAMES, MountFigures};
use radio_signal::router::{InputId, OnAir};
use radio_signal::units::TICK_MS;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::UNIX_EPOCH;

/// Events shown in `/status`.
const EVENTS_SHOWN: usize = 50;
/// A pump that has not ticked for this long is reported.
const TICK_AGE_MS_MAX: u64 = 1000;

/// A clock that has stood still for so long is taken for dead. Long, because a restart cuts every
/// listener.
const DEAD_TICK_AGE_MS: u64 = 10_000;

/// How the tower is.
#[derive(Clone, Debug)]
pub struct Health {
    /// Why it is not well; empty when it is.
    pub reasons: Vec<String>,
    /// What is to be mended, though listeners notice nothing.
    pub warnings: Vec<String>,
}

impl Health {
    /// As `/healthz` and `/status` show it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "ok": self.reasons.is_empty(), "reasons": self.reasons, "warnings": self.warnings })
    }
}

/// Fill of a producer's buffer, in ticks.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BufferFill {
    /// Ticks it holds at most.
    pub capacity: usize,
    /// Ticks it holds now.
    pub count: usize,
    /// Ticks dropped because it was full.
    pub overflow_count: u64,
    /// `count / capacity`.
    pub ratio: f64,
}

impl Tower {
    /// Fill of the buffer of the newest producer of the input `name`; `None` if there is no such input.
    #[must_use]
    pub fn buffer(&self, name: &str) -> Option<BufferFill> {
        let setup = self.setup();
        let id = setup.input_names.id(name)?;
        let newest = self.inputs.of(id).pop();
        let (capacity, count, overflow_count) = newest.map_or((setup.config.station.capacity_ticks, 0, 0), |entry| {
            let count = if entry.connected { entry.gauge.count() } else { 0 };
            (entry.gauge.capacity(), count, entry.gauge.overflow_count())
        });
        Some(BufferFill { capacity, count, overflow_count, ratio: count as f64 / capacity.max(1) as f64 })
    }

    /// Whether the clock ticks, which is all that a restart could mend; and since when it last did, in ms.
    #[must_use]
    pub fn is_live(&self) -> (bool, u64) {
        let age_ms = self.figures.last_tick_age_ms();
        (age_ms < DEAD_TICK_AGE_MS, age_ms)
    }

    /// The mounts that have sent nothing yet: while there are any, no listener should be sent here.
    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        let silent = |output: &&Arc<OutputState>| output.mount.frames().is_empty();
        self.setup().outputs.iter().filter(silent).map(|output| output.config.mount.clone()).collect()
    }

    /// What is wrong, in sentences.
    #[must_use]
    pub fn health(&self) -> Health {
        let (mut reasons, mut warnings, setup) = (Vec::new(), Vec::new(), self.setup());
        let alarms = self.ear.findings().alarms;
        let is_raised = |kind| alarms.iter().any(|alarm| alarm.alarm == kind);
        // Whoever asks about a clock that stands still may find the ear standing still as well. A second is its time.
        let age_ms = self.figures.last_tick_age_ms();
        if age_ms > TICK_AGE_MS_MAX && !is_raised(Alarm::ClockStopped) {
            reasons.push(format!("the clock has not ticked for {age_ms} ms"));
        }
        // The start is no fault, but nobody is to be sent here yet. An output that a reload adds has frames before it is seen.
        reasons.extend(self.not_ready().iter().map(|mount| format!("{mount}: nothing has been sent yet")));
        warnings.extend(self.wishes_to_remember());
        warnings.extend(self.tls.warning());
        warnings.extend(setup.webhooks.iter().filter_map(|webhook| webhook.warning()));
        // Whatever comes and goes has its time there: an encoder that is replaced before anybody hears of it is no reason.
        for alarm in alarms {
            let told = if alarm.severity == Severity::Failing { &mut reasons } else { &mut warnings };
            told.push(alarm.public_text.clone());
        }
        Health { reasons, warnings }
    }

    /// Everything, as JSON; for somebody who has no role, what is for everybody.
    #[must_use]
    pub fn status(&self, asker: Option<Role>) -> Value {
        let everything = self.everything();
        if asker.is_some() { everything } else { public::view(everything) }
    }

    fn everything(&self) -> Value {
        let on_air = lock(&self.on_air).clone();
        let (listeners, rate) = (self.fanout.snapshot(), self.fanout.rate());
        let heard = self.ear.findings().clone();
        let setup = self.setup();
        let output_status = |output: &Arc<OutputState>| {
            let figures = listeners.of(&output.mount).cloned().unwrap_or_default();
            output_status(output, &figures, heard.of(output.id))
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "epoch": self.epoch.to_string(),
            "epoch_started_at": self.epoch_started.duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64()),
            "tick": self.figures.tick(),
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
            "on_air": {
                "source": self.on_air_name(on_air.source),
                "reason": on_air.reason,
                "since_tick": on_air.since_tick,
            },
            "operator": self.operator_status(),
            "now_playing": now_playing::current(self),
            "programme": heard.programme,
            "alarms": heard.alarms,
            "health": self.health().to_json(),
            "inputs": self.inputs_status(on_air.source),
            "players": lock(&self.players).iter().map(crate::files::PlayerHandle::status).collect::<Vec<_>>(),
            "outputs": setup.outputs.iter().map(output_status).collect::<Vec<_>>(),
            "listeners": {
                "now": listeners.listeners,
                "peak": self.listeners_peak.load(Relaxed),
                "limit": self.fanout.listeners_max(),
                "mbit": mbit(rate.bps),
                "mbit_max": (rate.bps_max > 0).then(|| mbit(rate.bps_max)),
                "refused_by_mbit_max": self.uplink.refused(),
                "redirected_by_mbit_max": self.uplink.redirected(),
                "admitted": listeners.totals.admitted,
                "left": listeners.totals.left,
                "dropped_stalled": listeners.totals.dropped_stalled,
                "dropped_skips": listeners.totals.dropped_skips,
                "dropped_lost": listeners.totals.dropped_lost,
                "kicked": listeners.totals.kicked,
                "skips": listeners.totals.skips,
                "skipped_frames": listeners.totals.skipped_frames,
                "overruns": listeners.totals.overruns,
                "overrun_ticks_max": listeners.totals.overrun_ticks_max,
                "crowded_shards": listeners.crowded_shards,
                "open_files_limit": self.open_files.limit(),
                "bytes": listeners.totals.bytes,
                "sends": listeners.totals.sends,
            },
            "lateness_ms": {
                "p50": self.figures.lateness_ms(0.5),
                "p99": self.figures.lateness_ms(0.99),
                "p999": self.figures.lateness_ms(0.999),
                "max": self.figures.lateness_ms_max(),
            },
            "realtime": self.figures.realtime.load(Relaxed) == 1,
            "machine": heard.machine.to_json(),
            "reanchors": self.figures.reanchors.load(Relaxed),
            "events_lost": self.figures.events_lost.load(Relaxed),
            "log_lines_lost": self.log.as_ref().map_or(0, crate::logging::Logging::lines_lost),
            "tls": self.tls.to_json(&setup.config.tls),
            "webhooks": setup.webhooks.iter().map(|webhook| webhook.to_json()).collect::<Vec<_>>(),
            "events": self.journal.newest(EVENTS_SHOWN),
        })
    }

    /// What the operator wants over the head of the rules, and what a forced fallback would sound like.
    #[must_use]
    pub fn operator_status(&self) -> Value {
        let (wishes, setup) = (self.desk.wishes(), self.setup());
        let off_air = setup.input_names.iter().filter(|(id, _)| !wishes.allows(*id)).map(|(_, name)| name);
        let has_file = self.fallback_gauge.load().as_ref().is_some_and(|gauge| gauge.count() > 0);
        json!({
            "fallback_forced": wishes.fallback_forced(),
            "preferred": wishes.preferred().map(|id| setup.input_names.of(id)),
            "off_air": off_air.collect::<Vec<_>>(),
            "fallback": if has_file { "fallback file" } else if setup.config.fallback.tone { "tone" } else { "silence" },
        })
    }

    /// What keeps a programme off air because somebody wanted it so, and how to end it.
    fn wishes_to_remember(&self) -> Vec<String> {
        let (wishes, setup) = (self.desk.wishes(), self.setup());
        let mut told = Vec::new();
        if wishes.fallback_forced() {
            told.push("the operator forces the fallback, so no programme is on air; release it at /admin".to_owned());
        }
        let off_air = setup.input_names.iter().filter(|(id, _)| !wishes.allows(*id));
        told.extend(off_air.map(|(_, name)| format!("the operator keeps {name} off air; allow it again at /admin")));
        told
    }

    fn inputs_status(&self, on_air: OnAir) -> Vec<Value> {
        let setup = self.setup();
        let one = |(id, name): (InputId, &str)| {
            let producers: Vec<Value> = self
                .inputs
                .of(id)
                .iter()
                .map(|entry| {
                    json!({
                        "id": entry.id.producer,
                        "connected": entry.connected,
                        "count": entry.gauge.count(),
                        "capacity": entry.gauge.capacity(),
                        "lump_ticks": entry.gauge.expected_lump_ticks(),
                        "overflow_count": entry.gauge.overflow_count(),
                        "stale_count": entry.gauge.stale_count(),
                        "silent": entry.gauge.is_silent(),
                        "peak_dbfs": if entry.connected { entry.gauge.peak_dbfs() } else { None },
                        "on_air": on_air == OnAir::Source(entry.id),
                    })
                })
                .collect();
            let configured = setup.config.input.iter().find(|input| input.name == name);
            json!({
                "name": name,
                "source": setup.source_doors.status(id),
                "feed": self.feeds.status(name, configured),
                "producers": producers,
            })
        };
        setup.input_names.iter().map(one).collect()
    }
}

fn output_status(output: &OutputState, listeners: &MountFigures, sound: Option<(Loudness, Heard)>) -> Value {
    let lag: Vec<Value> = (LAG_FRAMES.iter().map(|frames| json!(frames * TICK_MS)).chain([Value::Null]))
        .zip(listeners.lag)
        .map(|(at_most_ms, listeners)| json!({ "at_most_ms": at_most_ms, "listeners": listeners }))
        .collect();
    let manager = lock(&output.manager);
    let frames = manager.frame_buffer();
    json!({
        "mount": output.config.mount,
        "name": output.config.name,
        "codec": output.config.codec,
        "bitrate_kbps": output.config.bitrate_kbps,
        "sample_rate_hz": output.config.sample_rate_hz,
        "channels": output.config.channels,
        "encoder": manager.status(),
        "encoder_history": output.past.changes(),
        "buffer": {
            "capacity": frames.capacity(),
            "count": frames.count(),
            "dropped": frames.dropped_count(),
            "late": frames.late_count(),
            "duplicates": frames.duplicate_count(),
            "mismatches": frames.mismatch_count(),
        },
        "frame": output.figures.frames.load(Relaxed),
        "holds": output.figures.holds.load(Relaxed),
        "behind_ticks": output.figures.behind_ticks.load(Relaxed),
        "behind_ticks_max": output.figures.behind_ticks_max.load(Relaxed),
        "silent_frames": output.figures.silent_frames.load(Relaxed),
        "is_silent": output.figures.is_silent.load(Relaxed),
        "playout_delay_ticks": output.delay_ticks,
        "loudness": sound.map(|(loudness, _)| loudness),
        "heard": sound.map(|(_, heard)| heard),
        "listeners": listeners.listeners,
        "listeners_max": output.config.listeners_max,
        "lag": lag,
    })
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
