//! Actors in place of processes, as the driver sees them.

use super::{Actor, FOR_EVER_NS, Needs, PIPE_BYTES_MAX, Step, Weather, World};
use crate::child::{Child, Launcher};
use crate::commands::Program;
use radio_config::EncoderKind;
use radio_signal::supervisor::{ProcessorTime, Reason};
use radio_signal::units::MonoTime;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// Starts actors in place of processes.
pub(in crate::simulation) struct Stage(pub(in crate::simulation) Rc<World>);

pub(in crate::simulation) struct Player {
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
        let mut needs = if program.kind == EncoderKind::Builtin { Needs::BUILTIN } else { world.external.get() };
        let now_ns = world.now_ns.get();
        let stopped_until_ns = match weather {
            Some(Weather::StartsSlowly { ms }) => {
                (needs.load_ns, needs.open_ns) = (0, 0);
                now_ns + ms * 1_000_000
            }
            Some(Weather::HangsAtStart) => FOR_EVER_NS,
            _ => now_ns,
        };
        let mut actors = world.actors.borrow_mut();
        actors.push(Actor {
            kind: program.kind,
            end: None,
            put_down: false,
            latency_samples: program.latency_samples,
            needs,
            step: Step::Loads,
            left_ns: needs.load_ns,
            lived_to_ns: now_ns,
            stopped_until_ns,
            stdin_closed: false,
            stdout_closed: false,
            input: VecDeque::new(),
            held: VecDeque::new(),
            output: VecDeque::new(),
            ticks: Vec::new(),
            frames: 0,
            dies_after: match weather {
                Some(Weather::ExitsAtOnce) => Some(0),
                Some(Weather::DiesAfter { frames }) => Some(frames),
                _ => None,
            },
            fault: None,
            ran_ns: 0,
            waited_ns: 0,
            waits_ns: 0,
            pipe_bytes: PIPE_BYTES_MAX,
        });
        Ok(Player { world: Rc::clone(world), pid: actors.len() - 1 })
    }

    fn put_down(&mut self, child: Player) {
        let actor = &mut child.world.actors.borrow_mut()[child.pid];
        actor.put_down = true;
        actor.input = VecDeque::new();
        actor.held = VecDeque::new();
        actor.ticks = Vec::new();
    }
}

impl Player {
    fn act<T>(&self, act: impl FnOnce(&mut Actor) -> T) -> T {
        self.world.live(self.pid);
        act(&mut self.world.actors.borrow_mut()[self.pid])
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
            let room = actor.pipe_bytes.saturating_sub(actor.input.len());
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
            if actor.output.is_empty() {
                return if actor.stdout_closed || actor.end.is_some() { Ok(0) } else { Err(Errno::AGAIN) };
            }
            Ok(io::Read::read(&mut actor.output, buffer).expect("memory"))
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

    fn set_pipe_bytes(&mut self, bytes: usize) -> bool {
        self.act(|actor| {
            let fits = actor.input.len() <= bytes;
            if fits {
                actor.pipe_bytes = bytes.min(PIPE_BYTES_MAX);
            }
            fits
        })
    }

    fn processor_time(&self) -> Option<ProcessorTime> {
        let now_ns = self.world.now_ns.get();
        self.act(|actor| {
            let is_runnable = actor.work_ns().is_some() && actor.stopped_until_ns <= now_ns;
            Some(ProcessorTime { ran_ns: actor.ran_ns, waited_ns: actor.waited_ns, is_runnable })
        })
    }

    fn end(&self) -> Option<Reason> {
        self.act(|actor| actor.end)
    }

    fn end_soon(&self) -> Option<Reason> {
        self.end()
    }
}
