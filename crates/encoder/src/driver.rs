//! Moves bytes between history, processes and frame buffer, and does what the supervisor says (SPEC ENC-5). What it
//! knows of the system goes through [`Launcher`]; when to call [`Driver::turn`] is its thread's business.

use super::child::{Child, Launcher};
use super::commands::EncoderConfig;
use super::delivery::{Delivery, Heard};
use super::feed::Tick;
use super::framing::Framing;
use super::history::PcmHistory;
use super::hunt::Hunt;
use super::news::EncoderNews;
use super::process::{LIVE_PIPE_BYTES, Process, ReadBuffer};
use super::replay::{Pace, plan, replay_ticks};
use super::status::{Agreement, ProcessStatus, ReplayReport, Shared};
use radio_config::Replay;
use radio_signal::poison::PoisonHunt;
use radio_signal::supervisor::{Action, Event, ProcessId, Reason, Role, State, Supervisor};
use radio_signal::units::{MonoTime, Serial, TICK_MS};
use std::sync::Arc;

pub(super) struct Driver<L: Launcher> {
    pub(super) launcher: L,
    pub(super) processes: Vec<Process<L::Child>>,
    pub(super) history: PcmHistory,
    pub(super) supervisor: Supervisor,
    pub(super) delivery: Delivery,
    pub(super) config: EncoderConfig,
    shared: Arc<Shared>,
    tell_news: Box<dyn FnMut(EncoderNews) + Send>,
    /// One for each role.
    poison: [PoisonHunt; 2],
    pace: [Pace; 2],
    /// When the newest tick came.
    last_tick: MonoTime,
}

/// Ticks between two turns while all is well and frames are ready long before they are due.
const TURN_TICKS_MAX: u64 = 2;

/// They are if the next frame is not due for so long: 216 ms, in which an encoder that hangs is
/// noticed (150 ms) and the built-in one has replayed.
const SPARE_TICKS_MIN: u64 = 9;

/// What is guessed of encoders that have never run: the built-in one, then all others (docs/measured.md, with a margin).
const FIRST_PACE: [Pace; 2] =
    [Pace { first_frame_us: 30_000, frame_us: 400 }, Pace { first_frame_us: 150_000, frame_us: 800 }];

impl<L: Launcher> Driver<L> {
    pub(super) fn new(
        config: EncoderConfig,
        launcher: L,
        history: PcmHistory,
        delivery: Delivery,
        shared: Arc<Shared>,
        tell_news: Box<dyn FnMut(EncoderNews) + Send>,
    ) -> Self {
        let is_own = config.stand_in.is_none() && config.main.kind == radio_config::EncoderKind::Builtin;
        Self {
            processes: Vec::with_capacity(radio_signal::supervisor::PROCESSES_MAX),
            supervisor: Supervisor::new(config.supervision.clone()),
            poison: Default::default(),
            pace: [FIRST_PACE[usize::from(!is_own)], FIRST_PACE[0]],
            last_tick: launcher.now(),
            launcher,
            history,
            delivery,
            config,
            shared,
            tell_news,
        }
    }

    /// Starts the first processes.
    pub(super) fn start(&mut self) {
        self.tell(Event::Start);
    }

    /// Starts a process that is to relieve the one at work.
    pub(super) fn replace(&mut self) {
        self.tell(Event::Replace);
    }

    /// Puts all processes down.
    pub(super) fn stop(&mut self) {
        self.tell(Event::Stop);
        self.publish();
    }

    /// One tick of PCM.
    pub(super) fn take_tick(&mut self, tick: &Tick) {
        self.history.push(tick.serial, &tick.frame);
        self.last_tick = tick.at;
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self, buffer: &mut ReadBuffer) {
        self.heed_agreement();
        for index in 0..self.processes.len() {
            self.serve(index, buffer);
        }
        self.leave_out_overdue();
        // After the pipes have been read: a frame that has come is not missing, however late we are ourselves.
        self.tell(Event::Timeout);
        self.publish();
    }

    /// Whether frames may wait in the pipe for the next turn: the tick that brings it comes in time.
    pub(super) fn collects_at_ticks(&self) -> bool {
        self.config.unhurried() && self.supervisor.all_is_well()
    }

    /// After how many ticks the next turn is to be. Two cost half as many wake-ups, of the encoder
    /// too; a frame is ready two ticks later for it, which only a long playout delay can spare.
    pub(super) fn turn_ticks(&self) -> u64 {
        let due_in_ticks =
            (self.delivery.next_owed() + self.config.playout_delay_ticks).checked_sub(self.history.end());
        let is_early = due_in_ticks.is_some_and(|ticks| ticks >= SPARE_TICKS_MIN);
        if is_early && self.collects_at_ticks() { TURN_TICKS_MAX } else { 1 }
    }

    /// When to come back although nothing has happened.
    pub(super) fn deadline(&self) -> Option<MonoTime> {
        let hunts = self.processes.iter().filter_map(|process| process.hunt.as_ref()).map(Hunt::next_look);
        hunts.chain(self.supervisor.deadline()).min()
    }

    /// The encoders' bytes are the same if each repeats itself and both agree.
    fn heed_agreement(&mut self) {
        let agree = matches!(self.shared.board().agreement, Agreement::None | Agreement::Exact);
        self.delivery.set_exact(agree && self.config.main.replay == Replay::Exact);
    }

    /// Moves what can be moved to and from one process. Whether it has ended is asked first: then all that it has
    /// written is there to be read.
    fn serve(&mut self, index: usize, buffer: &mut ReadBuffer) {
        let now = self.launcher.now();
        let Self { processes, delivery, supervisor, config, shared, pace, poison, .. } = self;
        let process = &mut processes[index];
        let (id, role) = (process.id, process.role);
        let frames_max = config.frames_possible(role, process.samples_fed());
        let ended = process.child.end();
        if process.take_diagnostics(now, buffer) {
            shared.board().last_error = process.diagnostics.last_line();
        }
        let had_caught_up = supervisor.has_caught_up(id);
        let forgetting_ticks = config.program(role).forgetting_ticks;
        let mut unmatched = None;
        let read = process.take_frames(frames_max, buffer, |process, n, bytes| {
            process.first_frame.get_or_insert(now);
            let warming_up = n >= delivery.ledger.next() && n < process.plan.deliver_from;
            let heard = if warming_up { Heard::No } else { delivery.offer(id, n, bytes) };
            if let Heard::Compared { equal: Some(equal) } = heard {
                process.replay.compare(equal);
            }
            // A replay is over with the frame that was owed, whether it is heard or another was faster.
            if n >= process.plan.deliver_from && process.replay.took_ms.is_none() {
                has_replayed(process, now, &mut pace[role_index(role)]);
                let is_unmatched = process.replay.is_unmatched(forgetting_ticks);
                shared.board().replayed(&process.replay, is_unmatched);
                unmatched = is_unmatched.then_some(process.replay);
            }
            let new = heard == Heard::New;
            process.new_frames += u64::from(new);
            supervisor.handle(now, Event::Frame { process: id, new });
        });
        if !had_caught_up && supervisor.has_caught_up(id) {
            poison[role_index(role)].caught_up();
            process.child.set_pipe_bytes(LIVE_PIPE_BYTES);
        }
        if process.wants_to_join() {
            self.join(index, now);
        }
        let Self { processes, history, delivery, supervisor, config, tell_news, .. } = self;
        let process = &mut processes[index];
        let fed = process.feed(history, now);
        let frames = config.frames_owed(role, process.samples_asked(history));
        let live = config.frames_owed(role, process.samples_live(history));
        supervisor.handle(now, Event::Owes { process: id, frames, live });
        if let Some(replay) = unmatched.filter(|_| delivery.is_exact()) {
            tell_news(EncoderNews::Unmatched(replay));
        }
        if let Some(reason) = read.err().or(ended).or(fed.err()) {
            let reason = self.judge(index, reason);
            self.supervisor.handle(now, Event::Ended { process: id, reason });
        }
    }

    /// A process has ended: whether its memory limit or the PCM it was fed may be the reason.
    fn judge(&mut self, index: usize, reason: Reason) -> Reason {
        let process = &self.processes[index];
        let poison = &mut self.poison[role_index(process.role)];
        if !reason.is_own_fault() {
            poison.row_ends();
            return reason;
        }
        if process.diagnostics.speaks_of_memory() {
            poison.row_ends();
            return Reason::OutOfMemory;
        }
        let last = process.last_tick_fed();
        if !process.hunt.as_ref().is_some_and(|hunt| hunt.searches(last)) {
            poison.died(process.unanswered());
            return reason;
        }
        let Some(tick) = poison.found(last) else { return reason };
        self.history.silence(tick);
        self.shared.board().poisoned(tick);
        (self.tell_news)(EncoderNews::Poison { tick });
        Reason::Poisoned
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle(self.launcher.now(), event);
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Spawn { process, role } => self.spawn(process, role),
                Action::Kill { process, reason } => self.kill(process, reason),
                Action::Look { process: id } => {
                    let process = self.processes.iter().find(|process| process.id == id);
                    let time = process.and_then(|process| process.child.processor_time());
                    self.supervisor.handle(self.launcher.now(), Event::Looked { process: id, time });
                }
                Action::Changed(change) => {
                    self.publish();
                    let runs = change.to == State::Running;
                    (self.tell_news)(EncoderNews::State(change));
                    if runs && self.shared.board().agreement == Agreement::Unknown {
                        (self.tell_news)(EncoderNews::CanBeCompared);
                    }
                }
            }
        }
    }

    fn spawn(&mut self, id: ProcessId, role: Role) {
        let now = self.launcher.now();
        let program = self.config.program(role);
        let next_frame = self.delivery.next_owed();
        let until_due_ms = self.until_due_ms(next_frame, now);
        let replay_ticks = match program.replay {
            Replay::None => 0,
            // Another is at work: there is time for the longest.
            _ if self.supervisor.live().any(|(other, _)| self.supervisor.has_caught_up(other)) => {
                self.config.replay_ticks_max
            }
            _ => replay_ticks(
                self.pace[role_index(role)],
                until_due_ms,
                self.config.hold_ticks_max,
                self.config.replay_ticks_max,
            ),
        };
        let kept = self.history.oldest()..self.history.end();
        let grid_ticks = self.config.start_grid_ticks(role);
        let plan = plan(next_frame, kept, replay_ticks, self.poison[role_index(role)].head_start(), grid_ticks);
        let event = match self.launcher.launch(program, self.config.memory_bytes_max) {
            Ok(child) => {
                let (pid, start_tick) = (child.pid(), plan.start_tick);
                tracing::info!(pid, %role, start_tick, next_frame, replay_ticks, until_due_ms, "encoder starts");
                let framing = Framing::new(self.config.format, start_tick, self.config.unhurried());
                let mut process = Process::new(id, role, child, plan, now, framing);
                process.replay.until_due_ms = until_due_ms;
                process.hunt = self.poison[role_index(role)].stretch().map(|stretch| Hunt::new(stretch, now));
                if process.hunt.is_some() {
                    // It is fed tick by tick, from where that has to begin.
                    process.join();
                }
                self.processes.push(process);
                Event::Spawned { process: id }
            }
            Err(error) => {
                let executable = program.command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
                tracing::warn!(%executable, %error, "encoder could not be started");
                self.shared.board().last_error = Some(format!("{executable} could not be started: {error}"));
                Event::SpawnFailed { process: id }
            }
        };
        self.supervisor.handle(now, event);
    }

    fn kill(&mut self, id: ProcessId, reason: Reason) {
        // One that could not be started is not there.
        let Some(index) = self.processes.iter().position(|process| process.id == id) else {
            return;
        };
        let process = self.processes.swap_remove(index);
        let (pid, role) = (process.child.pid(), process.role);
        match reason {
            Reason::Stop | Reason::Relieved => tracing::info!(pid, %role, %reason, "encoder is put down"),
            _ => {
                tracing::warn!(pid, %role, %reason, last_words = process.diagnostics.last_line(), "encoder is given up");
            }
        }
        self.launcher.put_down(process.child);
        self.delivery.leave(id);
    }

    /// How fast processes of a role replay.
    pub(super) fn pace(&self, role: Role) -> Pace {
        self.pace[role_index(role)]
    }

    /// From now to when frame `n` is due; negative if that has passed.
    pub(super) fn until_due_ms(&self, n: Serial, now: MonoTime) -> i64 {
        let due_in_ticks = (n + self.config.playout_delay_ticks) as i64 + 1 - self.history.end() as i64;
        due_in_ticks * TICK_MS as i64 - now.since_ms(self.last_tick) as i64
    }

    pub(super) fn publish(&self) {
        let holder = self.delivery.holder();
        let mut board = self.shared.board();
        board.state = self.supervisor.state();
        board.counters = self.supervisor.counters();
        board.frame_cost_us = self.supervisor.frame_cost_ns().map(|ns| ns / 1000);
        board.next_start_ns = self.supervisor.next_start().map(|at| at.0);
        board.processes.clear();
        for process in &self.processes {
            let kind = self.config.program(process.role).kind;
            if holder == Some(process.id) {
                board.carried_by = Some(kind);
            }
            board.processes.push(ProcessStatus {
                pid: process.child.pid(),
                role: process.role,
                kind,
                frames: process.frames(),
                new_frames: process.new_frames,
                caught_up: self.supervisor.has_caught_up(process.id),
                suspect: self.supervisor.is_suspect(process.id),
                replay: process.replay,
            });
        }
    }
}

const fn role_index(role: Role) -> usize {
    match role {
        Role::Main => 0,
        Role::StandIn => 1,
    }
}

/// The first frame of a process that was not out already when it was started.
fn has_replayed<C: Child>(process: &mut Process<C>, now: MonoTime, pace: &mut Pace) {
    let first_frame = process.first_frame.unwrap_or(now);
    process.replay.took_ms = Some(now.since_ms(process.started));
    if process.replay.ticks > 0 && process.hunt.is_none() {
        let first_frame_us = first_frame.since_ns(process.started) / 1000;
        // Of a machine that is too busy only the processor time is learnt.
        let at_share = |us: u64| (us as f64 * process.share) as u64;
        pace.learn(at_share(first_frame_us), process.frames(), at_share(now.since_ns(first_frame) / 1000));
    }
    let ReplayReport { start_tick, next_frame, ticks, compared, equal_in_a_row, proved, took_ms, .. } = process.replay;
    let (pid, role) = (process.child.pid(), process.role);
    tracing::info!(pid, %role, start_tick, next_frame, ticks, compared, equal_in_a_row, proved, took_ms, "encoder delivers");
}
