//! The thread of one output: moves bytes between history, processes and frame buffer, and does what the supervisor
//! says (SPEC ENC-5). It waits in one place only, for whatever comes first.

use super::commands::EncoderConfig;
use super::feed::Tick;
use super::history::PcmHistory;
use super::ledger::{Entry, Ledger};
use super::process::{Body, Process, ReadBuffer};
use super::replay::plan;
use super::status::{ReplayReport, Shared};
use radio_signal::frame_ring::{FrameRingBuffer, Push};
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::supervisor::{Action, Change, Event, ProcessId, Reason, State, Supervisor};
use radio_signal::units::{MonoTime, TICK_NS};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::time::Duration;

/// A tick that has not come for so long does not come: what is in the pipes is collected without it.
const TICK_OVERDUE_NS: u64 = 2 * TICK_NS;

/// How long a killed child is waited for when the tower goes off air.
const BURIAL_MS_MAX: i64 = 1000;

/// What outlives a stop and the next start (SPEC ENC-12).
pub(super) struct Memory {
    pub(super) history: PcmHistory,
    pub(super) ledger: Ledger,
}

pub(super) struct Driver {
    pub(super) config: EncoderConfig,
    pub(super) memory: Memory,
    pub(super) frames: Arc<FrameRingBuffer>,
    pub(super) ticks: rtrb::Consumer<Tick>,
    pub(super) bell: Arc<OwnedFd>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) shared: Arc<Shared>,
    pub(super) on_state_change: Box<dyn FnMut(Change) + Send>,
    pub(super) supervisor: Supervisor,
    pub(super) processes: Vec<Process>,
    /// Killed, and not yet buried; as a rule for less than a millisecond.
    pub(super) bodies: Vec<Body>,
}

impl Driver {
    pub(super) fn run(mut self) -> Memory {
        let mut buffer: Box<ReadBuffer> = Box::new([0; PUSH_BYTES_MAX]);
        self.tell(Event::Start);
        while !self.stop.load(Acquire) {
            self.wait();
            self.take_ticks();
            for index in 0..self.processes.len() {
                self.serve(index, &mut buffer);
            }
            // After the pipes have been read: a frame that has come is not missing, however late we are ourselves.
            self.tell(Event::Timeout);
            self.bodies.retain_mut(|body| !body.bury());
            self.publish();
        }
        self.tell(Event::Stop);
        self.bodies.iter().for_each(|body| body.wait_dead(BURIAL_MS_MAX));
        self.bodies.retain_mut(|body| !body.bury());
        self.publish();
        self.memory
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(&*self.bell, PollFlags::IN)];
        // While all is well the next tick comes in time to collect what is in the pipe.
        let until_tick = self.config.collects_by_tick && self.supervisor.state() == State::Running;
        for process in &self.processes {
            process.poll_fds(&self.memory.history, until_tick, &mut fds);
        }
        fds.extend(self.bodies.iter().map(|body| PollFd::new(body.pidfd(), PollFlags::IN)));
        let deadline_ns = self.supervisor.deadline().map(|deadline| deadline.since_ns(now()));
        let tick_ns = until_tick.then_some(TICK_OVERDUE_NS);
        let left_ns = deadline_ns.into_iter().chain(tick_ns).min();
        let timeout = left_ns.and_then(|ns| Timespec::try_from(Duration::from_nanos(ns)).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Out of memory: not to be made worse by asking again at once.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }

    fn take_ticks(&mut self) {
        let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        while let Ok(tick) = self.ticks.pop() {
            self.memory.history.push(tick.serial, &tick.frame);
        }
    }

    /// Moves what can be moved to and from one process. Whether it has ended is asked first: then all that it has
    /// written is there to be read.
    fn serve(&mut self, index: usize, buffer: &mut ReadBuffer) {
        let Self { processes, memory, frames, supervisor, config, shared, .. } = self;
        let process = &mut processes[index];
        let (id, deliver_from, started) = (process.id, process.deliver_from(), process.started);
        let now = now();
        if process.take_diagnostics(now, buffer) {
            shared.board().last_error = process.diagnostics.last_line();
        }
        let ended = process.has_ended();
        let read = process.take_frames(config.bitrate_kbps, buffer, |replay: &mut ReplayReport, n, bytes| {
            let new = if n >= memory.ledger.next() && n < deliver_from {
                false
            } else {
                match memory.ledger.enter(n, bytes) {
                    Entry::New => matches!(frames.push(n, bytes), Push::Filled | Push::FilledDroppingOldest { .. }),
                    Entry::Delivered { equal } => {
                        if let Some(equal) = equal {
                            replay.compare(equal);
                        }
                        false
                    }
                }
            };
            if new && replay.took_ms.is_none() {
                replay.took_ms = Some(now.since_ms(started));
                shared.board().joined(replay);
                log_replay(replay);
            }
            supervisor.handle(now, Event::Frame { process: id, new });
        });
        let fed = process.feed(&memory.history);
        supervisor.handle(now, Event::Owes { process: id, frames: config.frames_owed(process.samples_fed()) });
        if let Some(reason) = read.err().or(ended).or(fed.err()) {
            supervisor.handle(now, Event::Ended { process: id, reason });
        }
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle(now(), event);
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Spawn { process } => self.spawn(process),
                Action::Kill { process, reason } => self.kill(process, reason),
                Action::Changed(change) => {
                    self.publish();
                    (self.on_state_change)(change);
                }
            }
        }
    }

    fn spawn(&mut self, id: ProcessId) {
        let history = &self.memory.history;
        let next_frame = self.memory.ledger.next().max(self.frames.read_position());
        let plan = plan(next_frame, history.oldest()..history.end());
        let event = match Process::start(id, &self.config.command, plan, now()) {
            Ok(process) => {
                tracing::info!(pid = process.pid(), start_tick = process.start_tick(), next_frame, "encoder starts");
                self.processes.push(process);
                Event::Spawned { process: id }
            }
            Err(error) => {
                let executable = self.config.command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
                tracing::warn!(%executable, %error, "encoder could not be started");
                self.shared.board().last_error = Some(format!("{executable} could not be started: {error}"));
                Event::SpawnFailed { process: id }
            }
        };
        self.supervisor.handle(now(), event);
    }

    fn kill(&mut self, id: ProcessId, reason: Reason) {
        // One that could not be started is not there.
        let Some(index) = self.processes.iter().position(|process| process.id == id) else {
            return;
        };
        let process = self.processes.swap_remove(index);
        if reason != Reason::Stop {
            let last_words = process.diagnostics.last_line();
            tracing::warn!(pid = process.pid(), %reason, last_words, "encoder is given up");
        }
        let mut body = process.kill();
        if !body.bury() {
            self.bodies.push(body);
        }
    }

    fn publish(&self) {
        let mut board = self.shared.board();
        board.state = self.supervisor.state();
        board.counters = self.supervisor.counters();
        board.next_start_ns = self.supervisor.next_start().map(|at| at.0);
        let process = self.processes.first();
        board.pid = process.map(Process::pid);
        // The first process replays nothing.
        if let Some(process) = process.filter(|process| process.replay.ticks > 0) {
            board.last_replay = Some(process.replay);
        }
    }
}

fn log_replay(replay: &ReplayReport) {
    let ReplayReport { start_tick, next_frame, ticks, compared, equal_in_a_row, proved, took_ms, .. } = *replay;
    tracing::info!(start_tick, next_frame, ticks, compared, equal_in_a_row, proved, took_ms, "encoder delivers");
}

pub(super) fn now() -> MonoTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    MonoTime(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
