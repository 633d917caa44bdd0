//! Encoder processes that are not there: virtual time, bounded pipes, and every fault that has a name.

use super::super::child::{Child, Launcher};
use super::super::commands::Program;
use crate::config::EncoderKind;
use radio_signal::supervisor::Reason;
use radio_signal::units::{MonoTime, TICK_BYTES, TICK_SAMPLES};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// Ticks that a frame depends on, beside its own: fewer than the shortest replay, so that every replay is long enough.
const MEMORY_TICKS: u64 = 9;

const PIPE_BYTES: usize = 64 * 1024;

/// Something that goes wrong with a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Kill,
    Crash,
    Stop { ms: u64 },
    Slow { percent: u64 },
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
}

pub(super) struct Actor {
    pub(super) kind: EncoderKind,
    pub(super) end: Option<Reason>,
    put_down: bool,
    latency_samples: u64,
    tick_cost_ns: u64,
    /// When it can begin with the next tick.
    ready_ns: u64,
    stdin_closed: bool,
    stdout_closed: bool,
    input: VecDeque<u8>,
    output: VecDeque<u8>,
    ticks: Vec<u64>,
    frames: u64,
    dies_after: Option<u64>,
    /// Happens with the next frame.
    fault: Option<Fault>,
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
        let actors = self.actors.borrow();
        let at_work = actors.iter().filter(|actor| actor.end.is_none() && !actor.put_down);
        let busy = at_work.filter(|actor| actor.input.len() >= TICK_BYTES || actor.dies_after == Some(0));
        busy.map(|actor| actor.ready_ns + actor.tick_cost_ns).filter(|&at| at > self.now_ns.get()).min()
    }

    pub(super) fn strike(&self, pid: usize, fault: Fault) {
        let actor = &mut self.actors.borrow_mut()[pid];
        let now = self.now_ns.get();
        match fault {
            Fault::Kill => actor.end = Some(Reason::Signalled { signal: 9 }),
            Fault::Crash => actor.end = Some(Reason::Signalled { signal: 11 }),
            Fault::HitsMemoryLimit => actor.end = Some(Reason::Signalled { signal: 6 }),
            Fault::Stop { ms } => actor.ready_ns = actor.ready_ns.max(now) + ms * 1_000_000,
            Fault::Slow { percent } => actor.tick_cost_ns = 24_000_000 * percent / 100,
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
    fn work(&mut self, now_ns: u64, poison: Option<u64>) {
        while self.end.is_none() && self.dies_after == Some(self.frames) && now_ns >= self.ready_ns {
            self.end = Some(Reason::Exited { status: 1 });
        }
        while self.end.is_none() && self.input.len() >= TICK_BYTES && self.ready_ns + self.tick_cost_ns <= now_ns {
            self.ready_ns = self.ready_ns.max(now_ns.saturating_sub(self.tick_cost_ns)) + self.tick_cost_ns;
            let tick: Vec<u8> = self.input.drain(..TICK_BYTES).collect();
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

/// Starts actors in place of processes.
pub(super) struct Stage(pub(super) Rc<World>);

pub(super) struct Player {
    world: Rc<World>,
    pid: usize,
}

impl Launcher for Stage {
    type Child = Player;

    fn now(&self) -> MonoTime {
        MonoTime(self.0.now_ns.get())
    }

    fn launch(&mut self, program: &Program, _memory_bytes_max: u64) -> io::Result<Player> {
        let world = &self.0;
        world.launches_ms.borrow_mut().push((program.kind, world.ms()));
        let weather = world.weather_of(program.kind);
        if weather == Some(Weather::CannotBeStarted) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (start_ms, tick_cost_ns) = if program.kind == EncoderKind::Builtin { (8, 250_000) } else { (70, 600_000) };
        let start_ms = match weather {
            Some(Weather::StartsSlowly { ms }) => ms,
            Some(Weather::HangsAtStart) => 1_000_000_000,
            _ => start_ms,
        };
        let mut actors = world.actors.borrow_mut();
        actors.push(Actor {
            kind: program.kind,
            end: None,
            put_down: false,
            latency_samples: program.latency_samples,
            tick_cost_ns,
            ready_ns: world.now_ns.get() + start_ms * 1_000_000,
            stdin_closed: false,
            stdout_closed: false,
            input: VecDeque::new(),
            output: VecDeque::new(),
            ticks: Vec::new(),
            frames: 0,
            dies_after: match weather {
                Some(Weather::ExitsAtOnce) => Some(0),
                Some(Weather::DiesAfter { frames }) => Some(frames),
                _ => None,
            },
            fault: None,
        });
        Ok(Player { world: Rc::clone(world), pid: actors.len() - 1 })
    }

    fn put_down(&mut self, child: Player) {
        let actor = &mut child.world.actors.borrow_mut()[child.pid];
        actor.put_down = true;
        actor.input = VecDeque::new();
        actor.ticks = Vec::new();
    }
}

impl Player {
    fn act<T>(&self, act: impl FnOnce(&mut Actor) -> T) -> T {
        let actor = &mut self.world.actors.borrow_mut()[self.pid];
        actor.work(self.world.now_ns.get(), self.world.poison.get());
        act(actor)
    }
}

impl Child for Player {
    fn pid(&self) -> u32 {
        self.pid as u32
    }

    fn write(&mut self, pcm: &[u8]) -> Result<usize, Errno> {
        self.act(|actor| {
            if actor.stdin_closed || actor.end.is_some() {
                return Err(Errno::PIPE);
            }
            let room = PIPE_BYTES - actor.input.len();
            if room == 0 {
                return Err(Errno::AGAIN);
            }
            let written = pcm.len().min(room);
            actor.input.extend(&pcm[..written]);
            Ok(written)
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.act(|actor| {
            let read = actor.output.len().min(buffer.len());
            if read == 0 {
                return if actor.stdout_closed || actor.end.is_some() { Ok(0) } else { Err(Errno::AGAIN) };
            }
            for (place, byte) in buffer.iter_mut().zip(actor.output.drain(..read)) {
                *place = byte;
            }
            Ok(read)
        })
    }

    fn read_diagnostics(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.act(|actor| {
            if actor.end == Some(Reason::Signalled { signal: 6 }) {
                let words = b"memory allocation failed\n";
                buffer[..words.len()].copy_from_slice(words);
                actor.end = Some(Reason::Exited { status: 134 });
                return Ok(words.len());
            }
            Err(Errno::AGAIN)
        })
    }

    fn unread_bytes(&self) -> u64 {
        self.act(|actor| actor.input.len() as u64)
    }

    fn end(&self) -> Option<Reason> {
        self.act(|actor| actor.end)
    }

    fn end_soon(&self) -> Option<Reason> {
        self.end()
    }
}
