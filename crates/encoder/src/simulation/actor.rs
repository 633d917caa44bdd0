//! Encoder processes that are not there: virtual time, bounded pipes, and every fault that has a name.

mod stage;

pub(super) use stage::{Player, Stage};

use super::machine::{Got, Machine};
use radio_config::EncoderKind;
use radio_signal::supervisor::Reason;
use radio_signal::units::{TICK_BYTES, TICK_SAMPLES};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Read;

/// Ticks that a frame depends on, beside its own: fewer than the shortest replay, so that every replay is long enough.
const MEMORY_TICKS: u64 = 9;

/// What the system grants of a pipe.
const PIPE_BYTES_MAX: usize = 64 * 1024;

/// What a read takes.
const READ_NS: u64 = 1000;

/// Longer than any schedule.
const FOR_EVER_NS: u64 = 1 << 60;

/// Something that goes wrong with a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Kill,
    Crash,
    Stop {
        ms: u64,
    },
    Slow {
        percent: u64,
    },
    /// It takes all the processor time that it gets, and makes nothing of it.
    Spin,
    /// It waits for something that never happens.
    Block,
    CloseStdout,
    CloseStdin,
    HalfAFrame,
    GarbageBetweenFrames,
    GarbageInAFrame,
    WrongBitrate,
    Tag,
    TwiceTheSame,
    HitsMemoryLimit,
}

/// What meets every process of an encoder that is started while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    CannotBeStarted,
    ExitsAtOnce,
    HangsAtStart,
    DiesAfter { frames: u64 },
    StartsSlowly { ms: u64 },
}

/// Virtual time, and everything that lives in it.
#[derive(Default)]
pub(super) struct World {
    pub(super) now_ns: Cell<u64>,
    pub(super) actors: RefCell<Vec<Actor>>,
    pub(super) weather: RefCell<Vec<(EncoderKind, u64, Weather)>>,
    pub(super) launches_ms: RefCell<Vec<(EncoderKind, u64)>>,
    /// A tick whose PCM every encoder dies of.
    pub(super) poison: Cell<Option<u64>>,
    pub(super) machine: Machine,
    /// What the external encoder needs.
    pub(super) external: Cell<Needs>,
}

/// Processor time that an encoder needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// From its start to when it reads its first PCM.
    pub(super) load_ns: u64,
    /// From then on to when it begins with it.
    pub(super) open_ns: u64,
    /// For each tick.
    pub(super) tick_ns: u64,
}

impl Needs {
    /// The built-in encoder.
    pub(super) const BUILTIN: Self = Self { load_ns: 6_000_000, open_ns: 2_000_000, tick_ns: 250_000 };

    /// The part of a core that it needs to keep up.
    pub(super) fn share(self) -> f64 {
        self.tick_ns as f64 / 24e6
    }
}

impl Default for Needs {
    /// An external encoder that makes MP3.
    fn default() -> Self {
        Self { load_ns: 50_000_000, open_ns: 20_000_000, tick_ns: 600_000 }
    }
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It starts, and has not read anything.
    Loads,
    /// It waits for its first PCM.
    Loaded,
    /// It has read some of it.
    Opens,
    /// It waits for the next tick.
    Waits,
    /// It encodes one.
    Encodes,
}

pub(super) struct Actor {
    pub(super) kind: EncoderKind,
    pub(super) end: Option<Reason>,
    put_down: bool,
    latency_samples: u64,
    needs: Needs,
    step: Step,
    /// Processor time until the step is done.
    left_ns: u64,
    /// Until when its life has been lived.
    lived_to_ns: u64,
    /// Until then it does nothing.
    stopped_until_ns: u64,
    stdin_closed: bool,
    stdout_closed: bool,
    /// What is in the pipe.
    input: VecDeque<u8>,
    /// What it has read and not encoded.
    held: VecDeque<u8>,
    output: VecDeque<u8>,
    ticks: Vec<u64>,
    frames: u64,
    dies_after: Option<u64>,
    /// Happens with the next frame.
    fault: Option<Fault>,
    /// Processor time that it got, and for how long it waited for more.
    ran_ns: u64,
    waited_ns: u64,
    waits_ns: u64,
    pipe_bytes: usize,
}

impl World {
    pub(super) fn ms(&self) -> u64 {
        self.now_ns.get() / 1_000_000
    }

    pub(super) fn living(&self) -> Vec<usize> {
        let actors = self.actors.borrow();
        (0..actors.len()).filter(|&pid| actors[pid].end.is_none() && !actors[pid].put_down).collect()
    }

    /// When a process will have something to tell.
    pub(super) fn next_event_ns(&self) -> Option<u64> {
        let living = self.living();
        living.iter().for_each(|&pid| self.live(pid));
        let done = |pid: usize| {
            let actor = &self.actors.borrow()[pid];
            let begins_ns = actor.lived_to_ns.max(actor.stopped_until_ns);
            let work_ns = actor.work_ns().filter(|&work_ns| work_ns < FOR_EVER_NS / 2)?;
            Some(self.machine.run(pid, begins_ns, u64::MAX, work_ns, self.others(pid)).at_ns)
        };
        living.into_iter().filter_map(done).filter(|&at| at > self.now_ns.get()).min()
    }

    /// Lets a process do what it can have done by now.
    fn live(&self, pid: usize) {
        let others = self.others(pid);
        let actor = &mut self.actors.borrow_mut()[pid];
        let run = |from_ns, until_ns, work_ns| self.machine.run(pid, from_ns, until_ns, work_ns, others);
        actor.live(self.now_ns.get(), self.poison.get(), run);
    }

    /// Other encoder processes that want to run.
    fn others(&self, pid: usize) -> u64 {
        let actors = self.actors.borrow();
        let wants = |&other: &usize| {
            let actor: &Actor = &actors[other];
            other != pid && actor.work_ns().is_some() && actor.stopped_until_ns <= self.now_ns.get()
        };
        self.living().iter().filter(|other| wants(other)).count() as u64
    }

    pub(super) fn strike(&self, pid: usize, fault: Fault) {
        self.live(pid);
        let actor = &mut self.actors.borrow_mut()[pid];
        let now = self.now_ns.get();
        match fault {
            Fault::Kill => actor.end = Some(Reason::Signalled { signal: 9 }),
            Fault::Crash => actor.end = Some(Reason::Signalled { signal: 11 }),
            Fault::HitsMemoryLimit => actor.end = Some(Reason::Signalled { signal: 6 }),
            Fault::Stop { ms } => actor.stopped_until_ns = actor.stopped_until_ns.max(now) + ms * 1_000_000,
            Fault::Block => actor.stopped_until_ns = FOR_EVER_NS,
            Fault::Spin => (actor.step, actor.left_ns) = (Step::Encodes, FOR_EVER_NS),
            Fault::Slow { percent } => actor.needs.tick_ns = 24_000_000 * percent / 100,
            Fault::CloseStdin => actor.stdin_closed = true,
            Fault::CloseStdout => actor.stdout_closed = true,
            at_next_frame => actor.fault = Some(at_next_frame),
        }
    }

    fn weather_of(&self, kind: EncoderKind) -> Option<Weather> {
        let weather = self.weather.borrow();
        weather.iter().find(|(of, until_ms, _)| *of == kind && self.ms() < *until_ms).map(|(_, _, weather)| *weather)
    }
}

impl Actor {
    /// Processor time until it has done what it is at; none while it waits for PCM.
    fn work_ns(&self) -> Option<u64> {
        match self.step {
            Step::Loads | Step::Opens | Step::Encodes => Some(self.left_ns),
            Step::Loaded => (!self.input.is_empty()).then_some(READ_NS),
            Step::Waits if self.dies_after == Some(self.frames) => Some(0),
            Step::Waits => (self.held.len() + self.input.len() >= TICK_BYTES).then_some(self.needs.tick_ns),
        }
    }

    fn live(&mut self, now_ns: u64, poison: Option<u64>, run: impl Fn(u64, u64, u64) -> Got) {
        while self.end.is_none() && self.lived_to_ns < now_ns {
            self.lived_to_ns = self.lived_to_ns.max(self.stopped_until_ns.min(now_ns));
            let Some(work_ns) = self.work_ns() else {
                self.lived_to_ns = now_ns;
                break;
            };
            if self.lived_to_ns == now_ns {
                break;
            }
            self.begin();
            let got = run(self.lived_to_ns, now_ns, work_ns);
            self.ran_ns += got.ran_ns;
            // The system counts a wait when it is over.
            self.waits_ns += got.at_ns - self.lived_to_ns - got.ran_ns;
            if got.ran_ns > 0 {
                self.waited_ns += std::mem::take(&mut self.waits_ns);
            }
            self.lived_to_ns = got.at_ns;
            self.left_ns = work_ns - got.ran_ns;
            if self.left_ns == 0 {
                self.finish(poison);
            }
        }
    }

    /// Begins the next step, if it was waiting for it.
    fn begin(&mut self) {
        match self.step {
            Step::Waits if self.dies_after != Some(self.frames) => {
                let lacks = TICK_BYTES.saturating_sub(self.held.len());
                self.hold(lacks);
                self.step = Step::Encodes;
            }
            _ => {}
        }
    }

    fn finish(&mut self, poison: Option<u64>) {
        let was = std::mem::replace(&mut self.step, Step::Waits);
        match was {
            Step::Loads => self.step = Step::Loaded,
            Step::Loaded => {
                self.hold(self.input.len());
                (self.step, self.left_ns) = (Step::Opens, self.needs.open_ns);
            }
            Step::Encodes => self.encode(poison),
            Step::Opens => {}
            Step::Waits => self.end = Some(Reason::Exited { status: 1 }),
        }
        if self.step == Step::Loaded && self.dies_after == Some(0) {
            self.end = Some(Reason::Exited { status: 1 });
        }
    }

    /// Reads so many bytes of its pipe.
    fn hold(&mut self, bytes: usize) {
        // Not byte by byte: all that the simulation does beside this takes a fifth of the time.
        let (first, second) = self.input.as_slices();
        let here = bytes.min(first.len());
        self.held.extend(&first[..here]);
        self.held.extend(&second[..bytes - here]);
        self.input.drain(..bytes);
    }

    fn encode(&mut self, poison: Option<u64>) {
        let mut tick = [0; TICK_BYTES];
        self.held.read_exact(&mut tick).expect("a tick was waited for");
        if poison.is_some_and(|poison| tick == super::pcm(poison).to_le_bytes()) {
            self.end = Some(Reason::Signalled { signal: 11 });
            return;
        }
        self.ticks.push(super::hash_of_tick(&tick));
        let samples = self.ticks.len() as u64 * TICK_SAMPLES as u64;
        while samples >= self.frames * TICK_SAMPLES as u64 + self.latency_samples {
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let n = self.frames as usize;
        let past = &self.ticks[n.saturating_sub(MEMORY_TICKS as usize)..=n];
        let frame = super::frame(past);
        self.frames += 1;
        let out = &mut self.output;
        match self.fault.take() {
            None => out.extend(frame),
            Some(Fault::TwiceTheSame) => out.extend([frame.clone(), frame].concat()),
            Some(Fault::HalfAFrame) => {
                out.extend(&frame[..192]);
                self.end = Some(Reason::Exited { status: 1 });
            }
            Some(Fault::GarbageInAFrame) => out.extend([&frame[..100], &[0x55; 500], &frame[100..]].concat()),
            Some(Fault::GarbageBetweenFrames) => out.extend([&[0x55; 77], &frame[..]].concat()),
            Some(Fault::WrongBitrate) => out.extend([&[0xFF, 0xFB, 0x84, 0x64], &frame[4..336]].concat()),
            Some(Fault::Tag) => out.extend([b"ID3\x04\x00\x00\x00\x00\x00\x0Asome thing", &frame[..]].concat()),
            Some(other) => unreachable!("{other:?} does not wait for a frame"),
        }
        if self.dies_after == Some(self.frames) {
            self.end = Some(Reason::Exited { status: 1 });
        }
    }
}
