//! The thread that listens.

use super::ears::Ears;
use super::uplink::UplinkWatch;
use super::{advice, batch, disk};
use crate::ear::kind::Kind;
use crate::ear::output::{Notice, ProgrammeEar};
use crate::ear::watch::{AlarmText, Moment, Watch};
use crate::ear::{Findings, Histogram, LIKENESS_MIN, Listened, pressure::has_turn};
use crate::pump::clock;
use crate::setup::Setup;
use crate::state::Tower;
use anyhow::Context;
use radio_encoder::State;
use radio_signal::alarm::Strikes;
use radio_signal::likeness::Second;
use radio_signal::router::OnAir;
use radio_signal::units::{TICK_MS, TICK_NS};
use rustix::thread::ClockId;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often it looks whether all is well. Sound is decoded and measured less often, see `batch`.
const PERIOD: Duration = Duration::from_millis(200);
/// A look may be late by a tick, so that it can share the wake-up of another thread.
const TIMER_SLACK_NS: u64 = TICK_NS;
/// How often it looks at the listeners.
const LISTENERS_PERIOD: Duration = Duration::from_secs(1);
/// How often it looks at the disks.
const DISK_PERIOD: Duration = Duration::from_secs(5);
/// Niceness: whatever else runs on this machine comes first.
const NICE: i32 = 10;
/// Silence ends at a little more than the level at which it begins, in dB.
const SILENCE_HYSTERESIS_DB: f32 = 3.0;
/// A difference of level ends at a little less than that at which it begins, in dB.
const DIFFERENCE_HYSTERESIS_DB: f32 = 1.0;
/// A clock that has not ticked for this long has stopped.
const TICK_AGE_MS_MAX: u64 = 1000;
/// An encoder that has not been RUNNING for this long is told of, though it has not been given up yet. Any that was killed
/// is back long before.
const NOT_RUNNING_MS_MAX: u64 = 10_000;

/// Stops the ear.
pub struct EarHandle {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl EarHandle {
    /// Ends the thread, and waits for it.
    pub fn stop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Begins to listen.
///
/// # Errors
/// The system refuses another thread or memory.
pub fn start(tower: Arc<Tower>) -> anyhow::Result<EarHandle> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    // First of all: a tower that cannot listen to itself says so as well.
    let presence = Presence::begin(Arc::clone(&tower), Arc::clone(&stop));
    let mut ear = Ear::new(tower)?;
    let thread = std::thread::Builder::new().name("ear".into()).spawn(move || {
        let _presence = presence;
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
            tracing::debug!(%error, "the tower listens to itself at normal priority");
        }
        // Where the system refuses it, a look costs a wake-up of its own.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(TIMER_SLACK_NS));
        while !stopped.load(Relaxed) {
            ear.listen();
            std::thread::park_timeout(PERIOD);
        }
    });
    Ok(EarHandle { stop, thread: Some(thread.context("the tower cannot listen to itself")?) })
}

/// Says so when the thread ends unasked.
struct Presence {
    tower: Arc<Tower>,
    stop: Arc<AtomicBool>,
}

impl Presence {
    /// It begins to listen, and is expected to go on.
    fn begin(tower: Arc<Tower>, stop: Arc<AtomicBool>) -> Self {
        tower.ear.lock().listened = Some(Listened { at: Instant::now(), tick: 0, was_last: false });
        Self { tower, stop }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.stop.load(Relaxed)
            && let Some(listened) = &mut self.tower.ear.lock().listened
        {
            listened.was_last = true;
        }
    }
}

struct Ear {
    tower: Arc<Tower>,
    /// What it knows of; the tower may have another by now.
    setup: Arc<Setup>,
    outputs: Vec<Ears>,
    programme: ProgrammeEar,
    watch: Watch,
    started: Instant,
    notices: Vec<Notice>,
    disk_seen: Option<Instant>,
    listeners_seen: Option<Instant>,
    /// Of each mount, by its name.
    lags: Vec<(String, Histogram)>,
    uplink: UplinkWatch,
    /// Some shard sends at the longer period.
    is_crowded: bool,
}

impl Ear {
    fn new(tower: Arc<Tower>) -> anyhow::Result<Self> {
        let setup = tower.setup();
        let mut ear = Self {
            programme: ProgrammeEar::new(setup.config.alarm.silence_dbfs),
            outputs: Vec::new(),
            watch: Watch::new(),
            setup,
            tower,
            started: Instant::now(),
            notices: Vec::new(),
            disk_seen: None,
            listeners_seen: None,
            lags: Vec::new(),
            uplink: UplinkWatch::default(),
            is_crowded: false,
        };
        ear.look_at_setup()?;
        Ok(ear)
    }

    /// Follows the outputs that there are now. Those that were there before are followed on.
    fn look_at_setup(&mut self) -> anyhow::Result<()> {
        let setup = self.tower.setup();
        let limits = setup.config.alarm;
        self.programme.set_silence(limits.silence_dbfs);
        let mut before = std::mem::take(&mut self.outputs);
        for output in &setup.outputs {
            let same = before.iter().position(|ears| ears.id == output.id);
            let mut ears = match same {
                Some(index) => before.swap_remove(index),
                None => Ears::new(output, limits)?,
            };
            ears.ear.set_silence(limits.silence_dbfs);
            if limits.damaged_frames != self.setup.config.alarm.damaged_frames {
                ears.strikes = Strikes::new(limits.damaged_frames, limits.clear_ms);
            }
            self.outputs.push(ears);
        }
        let outputs: Vec<_> = setup.outputs.iter().map(|output| (output.id, output.config.mount.as_str())).collect();
        let tick = self.tower.figures.tick().unwrap_or(0);
        self.watch.set(&setup.config, &outputs, tick, &self.tower.journal);
        self.setup = setup;
        Ok(())
    }

    /// Whether sound is to be measured now: of all outputs at once, and of the programme.
    fn is_sound_due(&self) -> bool {
        let Self { tower, setup, outputs, programme, watch, .. } = self;
        let batch_ms = batch::batch_ms(&setup.config.alarm);
        let of_output = |ears: &Ears| {
            let alarm_due_ms = watch.sound_due_ms(ears.id);
            batch::is_due(ears.ear.next_frame(), &ears.output.mount.frames(), alarm_due_ms, batch_ms)
        };
        batch::is_due(programme.next_tick(), &tower.monitor.frames(), None, batch_ms) || outputs.iter().any(of_output)
    }

    /// Listens to what is new, looks around, and says what it has found.
    fn listen(&mut self) {
        if !Arc::ptr_eq(&self.setup, &self.tower.setup())
            && let Err(error) = self.look_at_setup()
        {
            tracing::warn!("an output is not listened to: {error:#}");
        }
        let is_due = self.is_sound_due();
        if is_due {
            self.programme.listen(&self.tower.monitor);
        }
        let programme = self.programme.read();
        let tick = self.tower.figures.tick().unwrap_or(0);
        let now = Moment { now_ms: self.started.elapsed().as_millis() as u64, tick };
        let is_shedding = self.tower.ear.is_shedding();
        let mut heard = Vec::new();
        for index in 0..self.outputs.len() {
            let has_turn = has_turn(is_shedding, index, self.outputs.len(), now.now_ms);
            if has_turn && is_due {
                self.listen_to(index, programme.silent_ms, tick);
            } else if !has_turn {
                let Ears { ear, output, .. } = &mut self.outputs[index];
                ear.leave_out(&output.mount);
            }
            self.look_at(index, now);
            let Ears { id, ear, .. } = &mut self.outputs[index];
            let (loudness, compared) = ear.read();
            heard.push((*id, loudness, compared));
        }
        self.look_around(now);
        self.look_at_listeners(now);
        self.measure_delays();
        let delays = self.outputs.iter().map(|ears| (ears.id, ears.delays.clone())).collect();
        let lags = self.lags.clone();
        let (alarms, tallies) = (self.watch.raised(), self.watch.tallies());
        let spent = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
        let cpu_s = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
        let listened = Some(Listened { at: Instant::now(), tick, was_last: false });
        *self.tower.ear.lock() = Findings {
            listened,
            programme,
            outputs: heard,
            delays,
            lags,
            alarms,
            tallies,
            cpu_s,
            ..Findings::default()
        };
    }

    /// What listeners of an output hear. Time is that of the stream, so a busy machine changes nothing.
    fn listen_to(&mut self, index: usize, programme_silent_ms: u64, tick: u64) {
        let Self { tower, setup, outputs, watch, notices, .. } = self;
        let (limits, ears) = (setup.config.alarm, &mut outputs[index]);
        notices.clear();
        ears.ear.listen(&ears.output.mount, &tower.monitor, |notice| notices.push(notice));
        for notice in notices.drain(..) {
            match notice {
                Notice::Frame { frame, level_dbfs, is_good } => {
                    let now = Moment { now_ms: frame * TICK_MS, tick };
                    let silence = (Kind::Silence, Some(ears.id));
                    let margin_db = if watch.is_raised(silence.0, silence.1) { SILENCE_HYSTERESIS_DB } else { 0.0 };
                    let is_silent = level_dbfs < limits.silence_dbfs + margin_db;
                    let silent_ms = lasted(&mut ears.silent_since_ms, now.now_ms, is_silent);
                    watch.observe(silence, now, is_silent, &tower.journal, || {
                        let status = ears.encoder_status();
                        let encoder = ears.about(&status);
                        advice::silence(silent_ms, programme_silent_ms, tower.on_air_source(), encoder)
                    });
                    Self::damage(watch, tower, ears, now, u64::from(!is_good));
                }
                Notice::Second { frame, second } => {
                    let now = Moment { now_ms: frame * TICK_MS, tick };
                    let differs = (Kind::Differs, Some(ears.id));
                    let margin_db = if watch.is_raised(differs.0, differs.1) { DIFFERENCE_HYSTERESIS_DB } else { 0.0 };
                    let is_wrong = is_another(&second, limits.differs_db - margin_db);
                    let lasted_ms = lasted(&mut ears.differs_since_ms, now.now_ms, is_wrong);
                    let text = || {
                        let status = ears.encoder_status();
                        advice::differs(&second, lasted_ms, ears.about(&status))
                    };
                    watch.observe(differs, now, is_wrong, &tower.journal, text);
                    Self::damage(watch, tower, ears, now, second.damaged_ticks);
                }
            }
        }
    }

    fn damage(watch: &mut Watch, tower: &Tower, ears: &mut Ears, now: Moment, frames: u64) {
        let is_wrong = ears.strikes.observe(now.now_ms, frames);
        let count = ears.strikes.count();
        let text = || advice::damaged_frames(count);
        watch.observe((Kind::DamagedFrames, Some(ears.id)), now, is_wrong, &tower.journal, text);
    }

    /// How an output's encoder and its broadcast are.
    fn look_at(&mut self, index: usize, now: Moment) {
        let Self { tower, outputs, watch, .. } = self;
        let ears = &mut outputs[index];
        let (id, output) = (ears.id, Arc::clone(&ears.output));
        let encoder = ears.encoder_status();
        ears.look_at_processor(encoder.shortages, now.now_ms);
        let behind_ticks = output.figures.behind_ticks.load(Relaxed);
        let trouble = output.figures.holds.load(Relaxed) + output.figures.silent_frames.load(Relaxed);
        let is_late = behind_ticks > 0 || trouble > ears.trouble;
        ears.trouble = trouble;
        let lasted_ms = lasted(&mut ears.late_since_ms, now.now_ms, is_late);
        let state = encoder.state;
        let not_running_ms = lasted(&mut ears.not_running_since_ms, now.now_ms, state != State::Running);
        let about = ears.about(&encoder);
        let mut tell = |kind, is_wrong, text: &dyn Fn() -> AlarmText| {
            watch.observe((kind, Some(id)), now, is_wrong, &tower.journal, text);
        };
        tell(Kind::FramesLate, is_late, &|| advice::frames_late(behind_ticks, lasted_ms, about));
        let is_failed = state == State::Failed || not_running_ms >= NOT_RUNNING_MS_MAX;
        let is_carried = encoder.is_carried_by_stand_in() && behind_ticks == 0;
        tell(Kind::EncoderFailed, is_failed && !is_carried, &|| advice::encoder_failed(about));
        tell(Kind::EncoderStandIn, is_failed && is_carried, &|| advice::encoder_stand_in(about));
    }

    /// How far behind each listener is. It reads what the shards note anyway, so no send knows of it.
    fn look_at_listeners(&mut self, moment: Moment) {
        if self.listeners_seen.is_some_and(|seen| seen.elapsed() < LISTENERS_PERIOD) {
            return;
        }
        self.listeners_seen = Some(Instant::now());
        let now = self.tower.fanout.snapshot();
        self.is_crowded = now.crowded_shards > 0;
        self.uplink.look(moment, &self.tower, &now, &mut self.watch);
        let mounts = self.setup.outputs.iter().map(|output| &output.mount).chain([&self.tower.monitor]);
        let mounts: Vec<_> = mounts.filter_map(|mount| now.of(mount)).collect();
        self.lags.retain(|(name, _)| mounts.iter().any(|mount| mount.name == *name));
        for mount in mounts {
            let known = self.lags.iter().position(|(name, _)| *name == mount.name);
            let place = known.unwrap_or(self.lags.len());
            if known.is_none() {
                self.lags.push((mount.name.clone(), Histogram::of_lags()));
            }
            self.lags[place].1.add(&mount.lag, in_seconds(mount.behind_frames));
        }
    }

    /// What arrives now at the source on air waits in its buffer, then in the encoder, and then while listeners hold; and
    /// for half a send period in the mean.
    fn measure_delays(&mut self) {
        let source = self.tower.on_air_source();
        let Some(gauge) = self.tower.gauge_of(source).filter(|_| matches!(source, OnAir::Source(_))) else { return };
        let waiting_ticks = gauge.count() as u64;
        for ears in &mut self.outputs {
            let behind_ticks = ears.output.figures.behind_ticks.load(Relaxed);
            let config = ears.output.mount.config();
            let period_ticks = config.period_ticks * if self.is_crowded { config.crowd_stretch } else { 1 };
            let ticks = waiting_ticks + ears.output.delay_ticks + behind_ticks;
            ears.delays.observe(in_seconds(ticks) + in_seconds(period_ticks) / 2.0);
        }
    }

    /// How the rest of the tower is.
    fn look_around(&mut self, now: Moment) {
        let Self { tower, setup, watch, .. } = self;
        let on_air = tower.on_air.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_without = !matches!(on_air.source, OnAir::Source(_));
        // A programme may be interrupted by another kind of none: what counts is the time without any.
        let limit_ms = setup.config.alarm.no_programme_ms;
        let text = || advice::no_programme(limit_ms, &tower.on_air_name(on_air.source));
        watch.observe((Kind::NoProgramme, None), now, is_without, &tower.journal, text);

        let ticked_ns = tower.figures.last_tick_ns.load(Relaxed);
        let age_ms = clock::now().0.saturating_sub(ticked_ns) / 1_000_000;
        let is_stopped = ticked_ns > 0 && age_ms > TICK_AGE_MS_MAX;
        let text = || advice::clock_stopped(age_ms);
        watch.observe((Kind::ClockStopped, None), now, is_stopped, &tower.journal, text);

        let problem = tower.backing.decoders.sandbox_problem();
        let text = || advice::decoder_sandbox(problem.as_deref().unwrap_or_default());
        watch.observe((Kind::DecoderSandbox, None), now, problem.is_some(), &tower.journal, text);
        let (count, last) = tower.backing.decoders.given_up();
        let (path, reason) = last.clone().unwrap_or_default();
        let text = || advice::decoder_killed(count, &path, reason);
        watch.observe((Kind::DecoderKilled, None), now, last.is_some(), &tower.journal, text);

        let missing = tower.backing.media.as_ref().map(|media| media.missing()).unwrap_or_default();
        let text = || advice::media_missing(&missing);
        watch.observe((Kind::MediaMissing, None), now, !missing.is_empty(), &tower.journal, text);

        if self.disk_seen.is_none_or(|seen| seen.elapsed() >= DISK_PERIOD) {
            self.disk_seen = Some(Instant::now());
            if let Some((place, free_mib)) = disk::least_free(&setup.config) {
                let is_full = free_mib < setup.config.alarm.disk_free_mib;
                let text = || advice::disk_full(&place, free_mib);
                watch.observe((Kind::DiskFull, None), now, is_full, &tower.journal, text);
            }
        }
    }
}

fn in_seconds(ticks: u64) -> f64 {
    (ticks * TICK_MS) as f64 / 1000.0
}

/// Whether a second is not what should be heard.
fn is_another(second: &Second, louder_db_max: f32) -> bool {
    second.louder_db.abs() > louder_db_max || second.likeness.is_some_and(|likeness| likeness < LIKENESS_MIN)
}

/// For how long it has been so, in ms.
fn lasted(since_ms: &mut Option<u64>, now_ms: u64, is_so: bool) -> u64 {
    if !is_so {
        *since_ms = None;
        return 0;
    }
    now_ms.saturating_sub(*since_ms.get_or_insert(now_ms))
}
