//! When an encoder process is started, given up and replaced (SPEC ENC-6, ENC-7, ENC-10).
//!
//! The machine knows processes by number, counts the frames they owe and deliver, and knows nothing of audio, pipes or
//! clocks. Its shell reports what happens with [`Supervisor::handle`], does what [`Supervisor::poll_action`] says until
//! that is `None`, and comes back with [`Event::Timeout`] at [`Supervisor::deadline`].
//!
//! ```text
//!            start            spawned            first new frame
//!  STOPPED ---------> STARTING -------> BOOTING ------------------> RUNNING <----------------+
//!     ^                  |  spawn failed   |  died                    |  died                | first new
//!     | stop             +-----------------+--------> RESTARTING <----+                      | frame
//!     | (from any)                                     |   |  +-----------------------------+
//!                                 restarts used up     v   |                                 |
//!                                                    FAILED ---------------------------------+
//! ```
//!
//! A FAILED encoder is tried again for ever, and stays FAILED until an attempt delivers.

mod policy;
mod process;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Action, Change, Counters, Event, ProcessId, Reason, Settings, State};

use crate::units::MonoTime;
use policy::{RestartPolicy, Verdict};
use process::Process;
use std::collections::VecDeque;

/// Processes that may live side by side, during a hand-over.
pub const PROCESSES_MAX: usize = 3;

/// New frames after which a process counts as having caught up.
pub const CAUGHT_UP_FRAMES: u64 = 10;

/// Supervises the encoder processes of one output; see the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    state: State,
    policy: RestartPolicy,
    /// Processes that live; those given up are the shell's to bury.
    processes: Vec<Process>,
    /// When the next one is to be started.
    spawn_at: Option<MonoTime>,
    next_id: u64,
    counters: Counters,
    /// What the shell has not been told yet. Bounded: a shell empties it after every event, and an event makes few.
    actions: VecDeque<Action>,
}

impl Supervisor {
    /// A supervisor that is STOPPED.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            policy: RestartPolicy::new(&settings),
            settings,
            state: State::Stopped,
            processes: Vec::with_capacity(PROCESSES_MAX),
            spawn_at: None,
            next_id: 0,
            counters: Counters::default(),
            actions: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`. Events of processes that have been given up are ignored.
    pub fn handle(&mut self, now: MonoTime, event: Event) {
        match event {
            Event::Start => self.start(),
            Event::Stop => self.stop(),
            Event::Timeout => self.timeout(now),
            Event::Spawned { process } => {
                if self.alive(process).is_some() && self.state == State::Starting {
                    self.enter(State::Booting, Reason::Spawned);
                }
            }
            Event::SpawnFailed { process } => self.lose(now, process, Reason::SpawnFailed),
            Event::Owes { process, frames } => {
                if let Some(process) = self.alive(process) {
                    process.owes(now, frames);
                }
            }
            Event::Frame { process, new } => self.frame(now, process, new),
            Event::Ended { process, reason } => self.lose(now, process, reason),
        }
    }

    /// What the shell must do next. Only [`handle`](Self::handle) adds to it.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Event::Timeout`], if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        let stalls = self.processes.iter().filter_map(|process| process.stalled_at(&self.settings));
        stalls.chain(self.spawn_at).min()
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { failures_in_a_row: self.policy.failures_in_a_row(), ..self.counters }
    }

    /// When the next process will be started, while there is a wait before it.
    #[must_use]
    pub fn next_start(&self) -> Option<MonoTime> {
        self.spawn_at
    }

    /// Processes that live.
    pub fn live(&self) -> impl Iterator<Item = ProcessId> {
        self.processes.iter().map(|process| process.id)
    }

    fn start(&mut self) {
        if self.state == State::Stopped {
            self.policy = RestartPolicy::new(&self.settings);
            self.enter(State::Starting, Reason::Start);
            self.spawn();
        }
    }

    fn stop(&mut self) {
        self.spawn_at = None;
        for process in self.processes.drain(..) {
            self.actions.push_back(Action::Kill { process: process.id, reason: Reason::Stop });
        }
        if self.state != State::Stopped {
            self.enter(State::Stopped, Reason::Stop);
        }
    }

    /// Absence has its own clock: no byte need arrive for it to be noticed.
    fn timeout(&mut self, now: MonoTime) {
        while let Some(id) = self.stalled(now) {
            self.lose(now, id, Reason::Stalled);
        }
        if self.spawn_at.is_some_and(|at| at <= now) {
            self.spawn();
        }
    }

    fn stalled(&self, now: MonoTime) -> Option<ProcessId> {
        let stalled = |process: &&Process| process.stalled_at(&self.settings).is_some_and(|at| at <= now);
        self.processes.iter().find(stalled).map(|process| process.id)
    }

    fn frame(&mut self, now: MonoTime, id: ProcessId, new: bool) {
        let Some(process) = self.alive(id) else { return };
        process.delivers(now, new);
        if !new {
            return;
        }
        let caught_up = process.new_frames == CAUGHT_UP_FRAMES;
        self.counters.new_frames += 1;
        if self.state != State::Running {
            self.enter(State::Running, Reason::FirstFrame);
        }
        if caught_up {
            self.policy.caught_up();
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
        self.counters.last_death = Some(reason);

        match self.policy.died(now, process.new_frames >= CAUGHT_UP_FRAMES) {
            Verdict::AtOnce => {
                self.enter_unless_failed(reason);
                self.spawn();
            }
            Verdict::After { wait_ms } => {
                self.enter_unless_failed(reason);
                self.spawn_at = Some(now.plus_ms(wait_ms));
            }
            Verdict::Failed { wait_ms } => {
                if self.state != State::Failed {
                    self.enter(State::Failed, Reason::RestartsUsedUp);
                }
                self.spawn_at = Some(now.plus_ms(wait_ms));
            }
        }
    }

    fn enter_unless_failed(&mut self, reason: Reason) {
        if !matches!(self.state, State::Failed | State::Restarting) {
            self.enter(State::Restarting, reason);
        }
    }

    fn spawn(&mut self) {
        self.spawn_at = None;
        let id = ProcessId(self.next_id);
        self.next_id += 1;
        self.counters.starts += 1;
        self.processes.push(Process::new(id));
        self.actions.push_back(Action::Spawn { process: id });
    }

    fn enter(&mut self, to: State, reason: Reason) {
        let change = Change { from: self.state, to, reason, counters: self.counters() };
        self.state = to;
        self.actions.push_back(Action::Changed(change));
    }

    fn alive(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.id == id)
    }
}
