//! The driver, the supervisor and the release of frames, on virtual time, among encoders that do everything wrong.
//!
//! What is simulated is the system: processes, pipes, the clock, the scheduler. Everything else is the code that is on
//! air. A schedule of faults is a seed; `cargo xtask simulate --seed N` runs it again and tells what happened.

mod actor;
mod machine;
mod overload;
mod schedule;

use super::commands::EncoderConfig;
use super::delivery::Delivery;
use super::driver::Driver;
use super::feed::Tick;
use super::history::PcmHistory;
use super::ledger::Ledger;
use super::news::EncoderNews;
use super::process::ReadBuffer;
use super::status::{Agreement, Shared};
use actor::{Stage, World};
use machine::Machine;
use radio_config::EncoderKind;
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get};
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::pcm::PcmFrame;
use radio_signal::release::{Missing, Release};
use radio_signal::supervisor::{PROCESSES_MAX, State};
use radio_signal::units::{MonoTime, TICK_MS, TICK_NS, TICK_SAMPLES};
use schedule::{Happening, Schedule};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// When a schedule begins.
const START_NS: u64 = 1_000_000_000;

/// What is sent where no encoder delivered.
const SILENCE: &[u8] = b"silence";

/// PCM that tells its tick.
fn pcm(serial: u64) -> PcmFrame {
    let mut frame = PcmFrame::SILENCE;
    for (i, value) in frame.0[..4].iter_mut().enumerate() {
        *value = (serial >> (16 * i)) as i16;
    }
    frame.0[4] = 1;
    frame
}

fn hash_of_tick(bytes: &[u8]) -> u64 {
    let (head, rest) = bytes.split_at(16);
    debug_assert!(rest.iter().all(|&byte| byte == 0));
    head.as_chunks::<8>()
        .0
        .iter()
        .fold(7, |hash, &word| (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
}

/// A frame of 128 kbit/s that depends on these ticks.
fn frame(past: &[u64]) -> Vec<u8> {
    let hash =
        past.iter().fold(11, |hash: u64, tick| (hash ^ tick).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31));
    let mut bytes = vec![0xFF, 0xFB, 0x94, 0x64];
    bytes.resize(384, (hash >> 57) as u8);
    bytes[40..48].copy_from_slice(&hash.to_le_bytes());
    bytes
}

/// What happened in one schedule.
#[derive(Debug, Default)]
struct Outcome {
    frames: u64,
    /// How often the driver woke up.
    turns: u64,
    silent: Vec<u64>,
    wrong: Vec<u64>,
    holds: u64,
    poisoned: Vec<u64>,
    /// States of the configured encoder, in order.
    states: Vec<State>,
    /// Processes that ended unasked or were given up.
    deaths: u64,
    /// How often a process was late enough for a replacement.
    suspicions: u64,
    /// When something was last wrong: a frame late, or not one process at work.
    unwell_ms: u64,
}

impl Outcome {
    /// The longest silence that a listener hears, in ms.
    fn longest_silence_ms(&self) -> u64 {
        let runs = self.silent.chunk_by(|&frame, &next| next == frame + 1);
        runs.map(|run| run.len() as u64 * TICK_MS).max().unwrap_or(0)
    }
}

struct Simulation {
    world: Rc<World>,
    driver: Driver<Stage>,
    shared: Arc<Shared>,
    frames: Arc<FrameRingBuffer>,
    release: Release,
    /// Hashes of all ticks so far, for the uninterrupted encoder that everything is compared with.
    truth: Vec<u64>,
    ticks_on_their_way: VecDeque<Tick>,
    next_tick: u64,
    buffer: Box<ReadBuffer>,
    outcome: Outcome,
    states: Arc<Mutex<Vec<State>>>,
    holding: bool,
    trace: bool,
}

impl Simulation {
    fn new(schedule: &Schedule, trace: bool) -> Self {
        let machine = Machine::new(schedule.loads.clone(), START_NS);
        let world = Rc::new(World { machine, ..World::default() });
        world.external.set(schedule.external);
        let output = radio_config::Output {
            encoder: schedule.encoder,
            stand_in: schedule.stand_in,
            playout_delay_ms: schedule.delay_ms,
            ..Default::default()
        };
        let encoder = radio_config::Encoder { recovery_retry_minutes: 1, ..Default::default() };
        let mut config = EncoderConfig::from_config(&encoder, &output);
        config.supervision.main.recovery_retry_ms = 10_000;
        let frames = Arc::new(FrameRingBuffer::new(config.buffer_frames, 384));
        let shared = Arc::<Shared>::default();
        if config.stand_in.is_some() {
            shared.board().agreement = if schedule.agree { Agreement::Exact } else { Agreement::Approx };
        }
        let delivery = Delivery::new(Ledger::starting_at(0), Arc::clone(&frames));
        let release = Release::new(config.playout_delay_ticks, config.hold_ticks_max, 0);
        let states = Arc::<Mutex<Vec<State>>>::default();
        let passed = Arc::clone(&states);
        let news = Box::new(move |news| {
            if trace {
                println!("         {news:?}");
            }
            if let EncoderNews::State(change) = news {
                passed.lock().expect("no panic").push(change.to);
            }
        });
        let stage = Stage(Rc::clone(&world));
        world.now_ns.set(START_NS);
        let mut driver = Driver::new(config, stage, PcmHistory::starting_at(0), delivery, Arc::clone(&shared), news);
        driver.start();
        Self {
            world,
            driver,
            shared,
            frames,
            release,
            truth: Vec::new(),
            ticks_on_their_way: VecDeque::new(),
            next_tick: 0,
            buffer: Box::new([0; PUSH_BYTES_MAX]),
            outcome: Outcome::default(),
            states,
            holding: false,
            trace,
        }
    }

    fn run(mut self, schedule: &Schedule) -> Outcome {
        let start_ns = self.world.now_ns.get();
        let mut happenings = schedule.happenings.iter().peekable();
        let (mut driver_awake_ns, mut pump_awake_ns) = (start_ns, start_ns);
        let mut lag = schedule.scheduler();
        while self.next_tick * TICK_NS < schedule.end_ms * 1_000_000 {
            let now = self.world.now_ns.get();
            let tick_at = (start_ns + self.next_tick * TICK_NS).max(pump_awake_ns);
            let driver_at = self.driver_wants_ns(now).max(driver_awake_ns);
            let happens_at = happenings.peek().map_or(u64::MAX, |(ms, _)| start_ns + ms * 1_000_000);
            let next = tick_at.min(driver_at).min(happens_at).max(now);
            self.world.now_ns.set(next);
            if next == happens_at {
                match happenings.next().map(|(_, happening)| *happening) {
                    Some(Happening::DriverSleeps { ms }) => driver_awake_ns = next + ms * 1_000_000,
                    Some(Happening::PumpSleeps { ms }) => pump_awake_ns = next + ms * 1_000_000,
                    Some(other) => self.strike(other),
                    None => {}
                }
            } else if next == tick_at {
                self.tick();
            } else {
                self.turn();
                let turn_ns = lag.turn_ns(self.world.machine.round_ns_at(next));
                driver_awake_ns = driver_awake_ns.max(next + lag.next_ns() + turn_ns);
            }
            self.check_bounds();
        }
        self.check_recovery(schedule);
        self.outcome.poisoned.clone_from(&self.shared.board().poisoned_ticks);
        let counters = self.driver.supervisor.counters();
        (self.outcome.deaths, self.outcome.suspicions) = (counters.deaths, counters.suspicions);
        self.outcome.states = std::mem::take(&mut self.states.lock().expect("no panic"));
        self.outcome
    }

    /// When the driver has a reason to wake up.
    fn driver_wants_ns(&self, now: u64) -> u64 {
        let tick = self.driver.history.end() + self.driver.turn_ticks() - 1;
        let has_tick = self.ticks_on_their_way.back().is_some_and(|newest| newest.serial >= tick);
        if has_tick || self.driver.processes.iter().any(|p| self.has_news(p)) {
            return now;
        }
        let deadline = self.driver.deadline().map(|deadline| deadline.0);
        let frames = if self.driver.collects_at_ticks() { None } else { self.world.next_event_ns() };
        deadline.into_iter().chain(frames).min().unwrap_or(u64::MAX)
    }

    fn has_news(&self, process: &super::process::Process<actor::Player>) -> bool {
        super::child::Child::end(&process.child).is_some()
    }

    fn strike(&self, happening: Happening) {
        let living = self.world.living();
        match happening {
            Happening::Strikes { whom, fault } if !living.is_empty() => {
                let pid = living[whom as usize % living.len()];
                self.say(|| format!("{fault:?} strikes {pid} ({:?})", self.world.actors.borrow()[pid].kind));
                self.world.strike(pid, fault);
            }
            Happening::StrikesAll { fault } => {
                self.say(|| format!("{fault:?} strikes {living:?}"));
                living.into_iter().for_each(|pid| self.world.strike(pid, fault));
            }
            Happening::Weather { kind, weather, ms } => {
                self.say(|| format!("{kind:?}: {weather:?} for {ms} ms"));
                self.world.weather.borrow_mut().push((kind, self.world.ms() + ms, weather));
            }
            Happening::Poison => {
                self.say(|| format!("tick {} is poison", self.next_tick));
                self.world.poison.set(Some(self.next_tick));
            }
            _ => {}
        }
    }

    fn tick(&mut self) {
        let serial = self.next_tick;
        self.next_tick += 1;
        let frame = pcm(serial);
        self.truth.push(hash_of_tick(&frame.to_le_bytes()));
        self.ticks_on_their_way.push_back(Tick { serial, at: MonoTime(self.world.now_ns.get()), frame });
        assert!(self.ticks_on_their_way.len() <= 256, "the feed would overflow");
        let mut held = false;
        while let Some(n) = self.release.due(serial) {
            let mut got = FrameBuf::new();
            let get = self.frames.get_frame(n, &mut got);
            if get != Get::Frame {
                if get == Get::NotYet && self.release.missing(serial) == Missing::Hold {
                    held = true;
                    break;
                }
                let _ = self.frames.push(n, SILENCE);
                got.set(SILENCE);
                self.outcome.silent.push(n);
                self.say(|| format!("frame {n} is silence"));
            } else if got.as_slice() != frame_of(&self.truth, n) {
                self.outcome.wrong.push(n);
                self.say(|| format!("frame {n} is not that of an uninterrupted encoder"));
            }
            self.frames.advance_to(n + 1);
            self.release.released();
            self.outcome.frames = n + 1;
        }
        if held && !self.holding {
            self.outcome.holds += 1;
            self.say(|| format!("hold at frame {}", self.release.next()));
        }
        self.holding = held;
        if held || !self.driver.supervisor.all_is_well() {
            self.outcome.unwell_ms = self.world.ms() - START_NS / 1_000_000;
        }
    }

    fn turn(&mut self) {
        while let Some(tick) = self.ticks_on_their_way.pop_front() {
            self.driver.take_tick(&tick);
        }
        self.driver.turn(&mut self.buffer);
        self.outcome.turns += 1;
    }

    /// What must hold after every step.
    fn check_bounds(&self) {
        assert!(self.driver.processes.len() <= PROCESSES_MAX);
        assert_eq!(self.driver.processes.len(), self.driver.supervisor.live().count());
        assert!(self.frames.count() <= self.frames.capacity());
        let behind = self.next_tick.saturating_sub(self.release.next());
        assert!(behind <= 200, "frame {} is {behind} ticks behind the clock", self.release.next());
        assert_eq!((self.frames.gap_count(), self.frames.dropped_count()), (0, 0), "no frame is given up unheard");
    }

    /// The faults have ended some time ago.
    fn check_recovery(&self, schedule: &Schedule) {
        let board = self.shared.board();
        assert_eq!(board.state, State::Running, "it recovers");
        assert!(self.driver.supervisor.all_is_well(), "one process is at work: {:#?}", board.processes);
        assert_eq!(board.carried_by, Some(schedule.encoder));
        let last = self.outcome.silent.iter().chain(&self.outcome.wrong).max();
        let settled = self.release.next().saturating_sub(100);
        assert!(last.is_none_or(|&last| last < settled), "frame {last:?} of {} is wrong", self.release.next());
        let launches = self.world.launches_ms.borrow();
        for window in launches.windows(30) {
            let ms = window[29].1 - window[0].1;
            assert!(ms >= 1000, "30 starts in {ms} ms");
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>8} {}", self.world.ms() - START_NS / 1_000_000, what());
        }
    }
}

/// Frame `n` of an encoder that has run since tick 0.
fn frame_of(truth: &[u64], n: u64) -> Vec<u8> {
    let n = n as usize;
    frame(&truth[n.saturating_sub(9)..=n])
}

const _: () = assert!(TICK_SAMPLES == 1152);

/// What a seed makes happen.
type MakeSchedule = fn(u64) -> Schedule;

fn run(seed: u64, make: MakeSchedule, trace: bool) -> (Schedule, Outcome) {
    let schedule = make(seed);
    let outcome = Simulation::new(&schedule, trace).run(&schedule);
    schedule.judge(&outcome);
    (schedule, outcome)
}

/// The same, and how to see it if it fails.
fn run_and_tell(seed: u64, make: MakeSchedule, trace: bool) -> (Schedule, Outcome) {
    let Ok((schedule, outcome)) = std::panic::catch_unwind(|| run(seed, make, trace)) else {
        panic!("seed {seed} fails; see it happen: cargo xtask simulate --seed {seed}\n{:#?}", make(seed));
    };
    if trace {
        println!("{schedule:#?}\n{outcome:#?}");
    }
    (schedule, outcome)
}

/// Seeds to run, as `first` and `count`; `cargo xtask simulate` sets them.
fn seeds() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("RADIO_SEED").unwrap_or(0), number("RADIO_SCHEDULES").unwrap_or(500))
}

/// Runs all these seeds, on all cores.
fn run_all(seeds: Range<u64>, make: MakeSchedule, trace: bool) -> Vec<(Schedule, Outcome)> {
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let of_worker = |worker: u64| {
        let seeds = seeds.clone().filter(move |seed| seed % workers == worker);
        seeds.map(|seed| run_and_tell(seed, make, trace)).collect::<Vec<_>>()
    };
    let of_worker = &of_worker;
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || of_worker(worker))).collect();
        running.into_iter().flat_map(|worker| worker.join().expect("no seed fails")).collect()
    })
}

/// Each of these found something: death by age taken for poison, a replay cut too short, a slow process that nobody
/// replaced, a stand-in that was not wanted when it was needed.
#[test]
fn schedules_that_failed_once_do_not_fail_again() {
    for seed in [9, 33, 98, 229, 237, 1025] {
        run(seed, Schedule::random, false);
    }
}

#[test]
fn whatever_happens_to_encoders_the_stream_goes_on_and_recovers() {
    let (first, count) = seeds();
    let results = run_all(first..first + count, Schedule::random, count == 1);
    let (mut kinds, mut totals) = (Vec::new(), Outcome::default());
    for (schedule, outcome) in results {
        kinds.push((schedule.encoder == EncoderKind::Ffmpeg, schedule.gentle));
        totals.frames += outcome.frames;
        totals.holds += outcome.holds;
        totals.silent.extend(outcome.silent);
    }
    println!("{count} schedules: {} frames, {} holds, {} silent", totals.frames, totals.holds, totals.silent.len());
    if count >= 100 {
        for kind in [(false, false), (false, true), (true, false), (true, true)] {
            assert!(kinds.contains(&kind), "every kind of schedule is tried");
        }
        assert!(!totals.silent.is_empty() && totals.holds > 0, "the faults are strong enough to be heard");
    }
}
