//! When an encoder process is started, suspected, given up and replaced (SPEC ENC-6, ENC-7, ENC-8, ENC-10, ENC-11).
//!
//! The machine knows processes by number, counts the frames they owe and deliver, and knows nothing of audio, pipes or
//! clocks. Its shell reports what happens with [`Supervisor::handle`], does what [`Supervisor::poll_action`] says until
//! that is `None`, and comes back with [`Event::Timeout`] at [`Supervisor::deadline`].
//!
//! ```text
//!            start            spawned            first new frame
//!  STOPPED ---------> STARTING -------> BOOTING ------------------> RUNNING <----------------+
//!     ^                  |  spawn failed   |  dies, is late           |  dies, is late       | first new
//!     | stop             +-----------------+--------> RESTARTING <----+                      | frame
//!     | (from any)                                     |   |  +-----------------------------+
//!                                 restarts used up     v   |                                 |
//!                                                    FAILED ---------------------------------+
//! ```
//!
//! The states are those of the configured encoder. A process that is late gets a replacement beside it, and whoever
//! catches up first relieves the others. Where there is a stand-in, one runs whenever no process of the configured
//! encoder is known to be well. A FAILED encoder is tried again for ever, and stays FAILED until an attempt delivers.
//!
//! A process that is late because it waits for the processor (`processor`) is neither replaced nor
//! given up: another one would only take of the little that it gets. Only deaths lead to FAILED: an
//! encoder whose processes hang is RESTARTING until one of them delivers.

mod line;
mod policy;
mod process;
mod processor;
#[cfg(test)]
mod tests;
mod words;

pub use processor::ProcessorTime;
pub use words::{Action, Change, Counters, Event, LineSettings, ProcessId, Reason, Role, Settings, State};

use crate::units::MonoTime;
use line::{Circumstances, Line, Trouble};
use process::Process;
use std::collections::VecDeque;

/// Processes that may live side by side, during a hand-over.
pub const PROCESSES_MAX: usize = 3;

/// Frames running, each in time, after which a process counts as having caught up.
pub const CAUGHT_UP_FRAMES: u64 = 10;

/// For so long after a process waited for the processor, no death counts.
const SHORTAGE_COUNTS_MS: u64 = 10_000;

/// Supervises the encoder processes of one output; see the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    state: State,
    main: Line,
    stand_in: Option<Line>,
    /// Processes that live; those given up are the shell's to bury.
    processes: Vec<Process>,
    next_id: u64,
    counters: Counters,
    /// When a process was seen last that waits for the processor.
    short_at: Option<MonoTime>,
    /// What the shell has not been told yet. Bounded: a shell empties it after every event, and an event makes few.
    actions: VecDeque<Action>,
}

impl Supervisor {
    /// A supervisor that is STOPPED.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (main, stand_in) = lines(&settings);
        Self {
            settings,
            state: State::Stopped,
            main,
            stand_in,
            processes: Vec::with_capacity(PROCESSES_MAX),
            next_id: 0,
            counters: Counters::default(),
            short_at: None,
            actions: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`. Events of processes that have been given up are ignored.
    pub fn handle(&mut self, now: MonoTime, event: Event) {
        match event {
            Event::Start => self.start(now),
            Event::Stop => self.stop(),
            Event::Replace => self.replace(now),
            Event::Timeout => self.timeout(now),
            Event::Spawned { process } => {
                if self.state == State::Starting && self.alive(process).is_some_and(|alive| alive.role == Role::Main) {
                    self.enter(State::Booting, Reason::Spawned);
                }
            }
            Event::SpawnFailed { process } => self.lose(now, process, Reason::SpawnFailed),
            Event::Owes { process, frames, live } => {
                if let Some(process) = self.alive(process) {
                    process.owes(now, frames, live);
                }
            }
            Event::Frame { process, new } => self.frame(now, process, new),
            Event::Looked { process, time } => self.looked(now, process, time),
            Event::Ended { process, reason } => self.lose(now, process, reason),
        }
        self.spawn_due(now);
    }

    /// What the shell must do next. Only [`handle`](Self::handle) adds to it.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Event::Timeout`], if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        self.processes.iter().filter_map(|process| self.look_at(process)).chain(self.next_start()).min()
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { failures_in_a_row: self.main.policy.failures_in_a_row(), ..self.counters }
    }

    /// Processor time that a frame of the configured encoder costs, once a process has shown it.
    #[must_use]
    pub fn frame_cost_ns(&self) -> Option<u64> {
        self.main.cost.measured_frame_ns()
    }

    /// When the next process will be started, while there is a wait before it.
    #[must_use]
    pub fn next_start(&self) -> Option<MonoTime> {
        self.lines().filter_map(|line| line.spawn_at).min()
    }

    /// Processes that live, and what they are there for.
    pub fn live(&self) -> impl Iterator<Item = (ProcessId, Role)> {
        self.processes.iter().map(|process| (process.id, process.role))
    }

    /// Whether a process has caught up and is not suspect.
    #[must_use]
    pub fn has_caught_up(&self, id: ProcessId) -> bool {
        self.processes.iter().any(|process| process.id == id && process.caught_up)
    }

    /// Whether a process is late.
    #[must_use]
    pub fn is_suspect(&self, id: ProcessId) -> bool {
        self.processes.iter().any(|process| process.id == id && process.suspect)
    }

    /// Whether a process is late because it waits for the processor.
    #[must_use]
    pub fn is_short(&self, id: ProcessId) -> bool {
        self.processes.iter().any(|process| process.id == id && process.is_short())
    }

    /// Whether one process is at work, and nothing else needs doing.
    #[must_use]
    pub fn all_is_well(&self) -> bool {
        self.state == State::Running && matches!(&self.processes[..], [only] if only.caught_up)
    }

    fn start(&mut self, now: MonoTime) {
        if self.state == State::Stopped {
            (self.main, self.stand_in) = lines(&self.settings);
            self.enter(State::Starting, Reason::Start);
            self.main.spawn_at = Some(now);
            self.want_stand_in(now);
        }
    }

    fn stop(&mut self) {
        self.lines_mut().for_each(|line| line.spawn_at = None);
        for process in self.processes.drain(..) {
            self.actions.push_back(Action::Kill { process: process.id, reason: Reason::Stop });
        }
        if self.state != State::Stopped {
            self.enter(State::Stopped, Reason::Stop);
        }
    }

    /// Another process starts beside the one at work, and relieves it when it has caught up. Where there is none at work,
    /// the next one does not wait any longer; where one is catching up already, that will do.
    fn replace(&mut self, now: MonoTime) {
        let catching_up = self.processes.iter().any(|p| p.role == Role::Main && !p.caught_up && !p.suspect);
        if self.state != State::Stopped && !catching_up {
            self.main.spawn_at = Some(now);
        }
    }

    /// Absence has its own clock: no byte need arrive for it to be noticed. What it means shows in
    /// the processor time.
    fn timeout(&mut self, now: MonoTime) {
        let is_due = |process: &&Process| self.look_at(process).is_some_and(|at| at <= now);
        let looks = self.processes.iter().filter(is_due).map(|process| Action::Look { process: process.id });
        self.actions.extend(looks.collect::<Vec<_>>());
    }

    /// The processor time of a process has been read: judges it, if it is late.
    fn looked(&mut self, now: MonoTime, id: ProcessId, time: Option<ProcessorTime>) {
        let Self { processes, main, stand_in, .. } = self;
        let Some(process) = processes.iter_mut().find(|process| process.id == id) else { return };
        let mut lines = std::iter::once(main).chain(stand_in);
        let Some(line) = lines.find(|line| line.role == process.role) else { return };
        if !process.looked(now, time, &mut line.cost) {
            return;
        }
        let is_due = |at: Option<MonoTime>| at.is_some_and(|at| at <= now);
        let (is_suspect, is_over) =
            (is_due(process.suspect_at(line.patience)), is_due(process.given_up_at(line.patience)));
        if process.is_short() {
            self.short_at = Some(now);
            self.counters.shortages += u64::from(is_suspect);
            if is_over && process.role == Role::Main {
                process.must_catch_up_again();
                self.want_stand_in(now);
            }
        } else if is_over {
            self.lose(now, id, Reason::Stalled);
        } else if is_suspect {
            self.counters.suspicions += 1;
            let (role, had_caught_up) = (process.role, process.falls_under_suspicion());
            self.has_trouble(now, role, Trouble::Hung, had_caught_up, Reason::Suspect);
        }
    }

    fn frame(&mut self, now: MonoTime, id: ProcessId, new: bool) {
        let Some(process) = self.alive(id) else { return };
        let catches_up = process.delivers(now);
        let role = process.role;
        if catches_up || process.has_begun() {
            self.actions.push_back(Action::Look { process: id });
        }
        self.counters.new_frames += u64::from(new);
        if role == Role::Main && (new || catches_up) && self.state != State::Running {
            self.enter(State::Running, Reason::FirstFrame);
        }
        if catches_up {
            self.relieve_others(id, role);
        }
    }

    /// A process has caught up: one of the configured encoder relieves all others, a stand-in only other stand-ins.
    fn relieve_others(&mut self, id: ProcessId, role: Role) {
        self.lines_mut().filter(|line| role == Role::Main || line.role == role).for_each(Line::is_well);
        let stays = |process: &Process| process.id == id || (role == Role::StandIn && process.role == Role::Main);
        for process in self.processes.extract_if(.., |process| !stays(process)) {
            self.counters.relieved += 1;
            self.actions.push_back(Action::Kill { process: process.id, reason: Reason::Relieved });
        }
    }

    /// Ends a process, whatever it did wrong: even one that has exited has a group to kill and a body to bury.
    fn lose(&mut self, now: MonoTime, id: ProcessId, reason: Reason) {
        let Some(index) = self.processes.iter().position(|process| process.id == id) else {
            return;
        };
        let process = self.processes.swap_remove(index);
        self.actions.push_back(Action::Kill { process: id, reason });
        self.counters.deaths += 1;
        self.counters.given_up += u64::from(reason.is_given_up());
        self.counters.last_death = Some(reason);
        let role = process.role;
        let trouble = if reason.is_given_up() { Trouble::Hung } else { Trouble::Died };
        if matches!(reason, Reason::Poisoned | Reason::FellBehind) {
            // Its death was a finding, and the next one will not die of it; or it was our doing.
            if let Some(line) = self.line(role) {
                line.spawn_at = Some(now);
            }
        } else if !process.suspect {
            self.has_trouble(now, role, trouble, process.caught_up, reason);
        } else if !reason.is_given_up() && !process.had_caught_up() {
            // It was replaced for being late, and has ended by itself, as the next one may.
            self.has_trouble(now, role, trouble, false, reason);
        } else if !self.anyone_well(role) && self.line(role).is_some_and(|line| line.spawn_at.is_none()) {
            // Else the trouble of a suspect has been dealt with when it became one.
            self.has_trouble(now, role, trouble, false, reason);
        }
    }

    /// A process of `role` died or is late: sees to it that another one is started, now or in time.
    fn has_trouble(&mut self, now: MonoTime, role: Role, trouble: Trouble, had_caught_up: bool, cause: Reason) {
        // One that was only to relieve another that is at work: nobody needs it.
        if self.processes.iter().any(|process| process.role == role && process.caught_up && !process.suspect) {
            return;
        }
        let another_is_well = self.anyone_well(role);
        let is_short = self.short_at.is_some_and(|at| now.since_ms(at) < SHORTAGE_COUNTS_MS);
        let Some(line) = self.line(role) else { return };
        line.has_trouble(now, trouble, Circumstances { had_caught_up, another_is_well, is_short });
        let (failed, reason) = (line.failed, line.reason(cause));
        if role == Role::StandIn {
            return;
        }
        let to = if failed { State::Failed } else { State::Restarting };
        if !another_is_well && self.state != to && self.state != State::Failed {
            self.enter(to, reason);
        }
        self.want_stand_in(now);
    }

    /// A stand-in that is not there and does not wait out a back-off is due now, unless the configured encoder is well.
    fn want_stand_in(&mut self, now: MonoTime) {
        let main_is_well = self.processes.iter().any(|process| process.role == Role::Main && process.caught_up);
        let is_there = self.processes.iter().any(|process| process.role == Role::StandIn);
        if let Some(line) = &mut self.stand_in
            && !main_is_well
            && !is_there
            && line.spawn_at.is_none()
        {
            line.spawn_at = Some(now);
        }
    }

    /// The stand-in first: the built-in encoder is there sooner than any other.
    fn spawn_due(&mut self, now: MonoTime) {
        for role in [Role::StandIn, Role::Main] {
            let is_due = |line: &mut Line| line.spawn_at.is_some_and(|at| at <= now);
            if !self.line(role).is_some_and(is_due) {
                continue;
            }
            if self.processes.len() == PROCESSES_MAX {
                self.displace_one();
            }
            self.lines_mut().filter(|line| line.role == role).for_each(|line| line.spawn_at = None);
            let id = ProcessId(self.next_id);
            self.next_id += 1;
            self.counters.starts += 1;
            self.counters.stand_in_starts += u64::from(role == Role::StandIn);
            self.processes.push(Process::new(id, role, now));
            self.actions.push_back(Action::Spawn { process: id, role });
        }
    }

    /// Makes room: the suspect that has been silent longest goes, or whoever has been.
    fn displace_one(&mut self) {
        let silent_longest =
            self.processes.iter().min_by_key(|process| (!process.suspect, process.last_sign, process.id));
        if let Some(id) = silent_longest.map(|process| process.id) {
            self.processes.retain(|process| process.id != id);
            self.counters.relieved += 1;
            self.actions.push_back(Action::Kill { process: id, reason: Reason::Displaced });
        }
    }

    fn enter(&mut self, to: State, reason: Reason) {
        let change = Change { from: self.state, to, reason, counters: self.counters() };
        self.state = to;
        self.actions.push_back(Action::Changed(change));
    }

    fn look_at(&self, process: &Process) -> Option<MonoTime> {
        let line = self.lines().find(|line| line.role == process.role)?;
        process.look_at(line.patience)
    }

    fn anyone_well(&self, role: Role) -> bool {
        self.processes.iter().any(|process| process.role == role && !process.suspect)
    }

    fn alive(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.id == id)
    }

    fn line(&mut self, role: Role) -> Option<&mut Line> {
        self.lines_mut().find(|line| line.role == role)
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.main).chain(&self.stand_in)
    }

    fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        std::iter::once(&mut self.main).chain(&mut self.stand_in)
    }
}

fn lines(settings: &Settings) -> (Line, Option<Line>) {
    let stand_in = settings.stand_in.clone().map(|line| Line::new(Role::StandIn, line, settings));
    (Line::new(Role::Main, settings.main.clone(), settings), stand_in)
}
