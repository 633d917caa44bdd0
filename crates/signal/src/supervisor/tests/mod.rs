//! On virtual time.

mod hand_over;
mod overload;
mod random;

use super::*;

fn line(first_frame_ms: u64, recovery_retry_ms: u64) -> LineSettings {
    LineSettings { first_frame_ms, recovery_retry_ms }
}

/// An encoder without a stand-in.
fn alone() -> Settings {
    Settings {
        main: line(150, 600_000),
        stand_in: None,
        suspicion_ms: 150,
        stall_threshold_ms: 2000,
        backoff_ms: vec![1000, 2000, 4000],
        restarts_max: 5,
    }
}

/// An encoder that takes its time to start, with the built-in one beside it.
fn with_stand_in() -> Settings {
    Settings { main: line(1000, 600_000), stand_in: Some(line(150, 10_000)), ..alone() }
}

/// A shell without processes: it does what it is told and remembers it.
struct Shell {
    supervisor: Supervisor,
    now: MonoTime,
    live: Vec<(ProcessId, Role)>,
    changes: Vec<Change>,
    spawned_at_ms: Vec<u64>,
    kills: Vec<(ProcessId, Reason)>,
    /// Processor time of processes; that of others cannot be read.
    times: Vec<(ProcessId, ProcessorTime)>,
}

impl Shell {
    fn started(settings: Settings) -> Self {
        let mut shell = Self {
            supervisor: Supervisor::new(settings),
            now: MonoTime(0),
            live: Vec::new(),
            changes: Vec::new(),
            spawned_at_ms: Vec::new(),
            kills: Vec::new(),
            times: Vec::new(),
        };
        shell.tell(Event::Start);
        shell
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle(self.now, event);
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Spawn { process, role } => {
                    self.live.push((process, role));
                    self.spawned_at_ms.push(self.now.since_ms(MonoTime(0)));
                }
                Action::Kill { process, reason } => {
                    let before = self.live.len();
                    self.live.retain(|&(live, _)| live != process);
                    assert_eq!(self.live.len(), before - 1, "only the living are killed");
                    self.kills.push((process, reason));
                }
                Action::Look { process } => {
                    let time = self.times.iter().rfind(|time| time.0 == process).map(|time| time.1);
                    self.supervisor.handle(self.now, Event::Looked { process, time });
                }
                Action::Changed(change) => {
                    assert!(is_legal(change.from, change.to), "{change}");
                    assert_eq!(change.from, self.changes.last().map_or(State::Stopped, |last| last.to));
                    self.changes.push(change);
                }
            }
            assert!(self.live.len() <= PROCESSES_MAX);
        }
        let mut told: Vec<_> = self.supervisor.live().collect();
        told.sort_unstable();
        self.live.sort_unstable();
        assert_eq!(told, self.live);
    }

    /// The newest of a role.
    fn newest(&self, role: Role) -> ProcessId {
        self.live.iter().filter(|live| live.1 == role).map(|live| live.0).max().expect("a process of this role")
    }

    fn main(&self) -> ProcessId {
        self.newest(Role::Main)
    }

    fn state(&self) -> State {
        self.supervisor.state()
    }

    fn spawned(&mut self) {
        self.tell(Event::Spawned { process: self.main() });
    }

    fn delivers(&mut self, frames: u64) {
        self.delivers_from(self.main(), frames, true);
    }

    fn delivers_from(&mut self, process: ProcessId, frames: u64, new: bool) {
        (0..frames).for_each(|_| self.tell(Event::Frame { process, new }));
    }

    fn owes(&mut self, process: ProcessId, frames: u64) {
        self.tell(Event::Owes { process, frames, live: frames });
    }

    fn dies(&mut self) {
        self.ends(self.main());
    }

    fn ends(&mut self, process: ProcessId) {
        self.tell(Event::Ended { process, reason: Reason::Signalled { signal: 9 } });
    }

    /// Moves the clock, with a time-out at every deadline on the way.
    fn wait_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while let Some(deadline) = self.supervisor.deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            self.tell(Event::Timeout);
        }
        self.now = end;
    }

    fn states(&self) -> Vec<State> {
        self.changes.iter().map(|change| change.to).collect()
    }

    fn reasons(&self) -> Vec<Reason> {
        self.kills.iter().map(|kill| kill.1).collect()
    }
}

fn is_legal(from: State, to: State) -> bool {
    use State::*;
    match from {
        Stopped => to == Starting,
        Starting => matches!(to, Booting | Restarting | Running | Failed | Stopped),
        Booting => matches!(to, Running | Restarting | Failed | Stopped),
        Running => matches!(to, Restarting | Failed | Stopped),
        Restarting => matches!(to, Running | Failed | Stopped),
        Failed => matches!(to, Running | Stopped),
    }
}

#[test]
fn a_cold_start_goes_through_starting_and_booting_to_running() {
    let mut shell = Shell::started(alone());
    shell.spawned();
    shell.delivers(1);
    assert_eq!(shell.states(), [State::Starting, State::Booting, State::Running]);
}

#[test]
fn a_process_that_had_caught_up_is_replaced_at_once_and_runs_with_its_first_new_frame() {
    let mut shell = Shell::started(alone());
    shell.spawned();
    shell.delivers(CAUGHT_UP_FRAMES);
    shell.dies();
    assert_eq!((shell.state(), shell.live.len()), (State::Restarting, 1));
    shell.spawned();
    shell.tell(Event::Frame { process: shell.main(), new: false });
    assert_eq!(shell.state(), State::Restarting, "replayed frames are not new");
    shell.delivers(1);
    assert_eq!(shell.state(), State::Running);
    assert_eq!(shell.changes[3].reason, Reason::Signalled { signal: 9 });
}

#[test]
fn of_deaths_before_catching_up_two_are_free_then_waits_grow_then_it_has_failed() {
    let mut shell = Shell::started(alone());
    for _ in 0..8 {
        shell.spawned();
        shell.delivers(CAUGHT_UP_FRAMES - 1);
        shell.dies();
        if shell.state() != State::Failed {
            shell.wait_ms(4000);
        }
    }
    // Two at once, each 4 s after the one before because the test waits; then 1, 2, 4, 4, 4 s after the death.
    assert_eq!(shell.spawned_at_ms, [0, 0, 4000, 9000, 14_000, 20_000, 24_000, 28_000]);
    assert_eq!((shell.state(), shell.live.len()), (State::Failed, 0));
    assert_eq!(shell.changes.last().map(|change| change.reason), Some(Reason::RestartsUsedUp));
}

#[test]
fn a_failed_encoder_is_retried_for_ever_and_comes_back_by_itself() {
    let mut shell = Shell::started(alone());
    while shell.state() != State::Failed {
        shell.wait_ms(5000);
        if !shell.live.is_empty() {
            shell.tell(Event::SpawnFailed { process: shell.main() });
        }
    }
    for _ in 0..1000 {
        assert_eq!(shell.live.len(), 0);
        shell.wait_ms(600_000);
        assert_eq!((shell.live.len(), shell.state()), (1, State::Failed));
        shell.dies();
    }
    shell.wait_ms(600_000);
    shell.delivers(CAUGHT_UP_FRAMES);
    assert_eq!(shell.state(), State::Running);
    shell.dies();
    assert_eq!((shell.state(), shell.live.len()), (State::Restarting, 1), "all is forgiven");
}

#[test]
fn sixty_healthy_deaths_a_minute_are_replaced_at_once_the_next_waits() {
    let mut shell = Shell::started(alone());
    for _ in 0..60 {
        shell.delivers(CAUGHT_UP_FRAMES);
        shell.dies();
        assert_eq!(shell.live.len(), 1);
    }
    shell.delivers(CAUGHT_UP_FRAMES);
    shell.dies();
    assert_eq!(shell.live.len(), 0);
    shell.wait_ms(999);
    assert_eq!(shell.live.len(), 0);
    shell.wait_ms(1);
    assert_eq!(shell.live.len(), 1);
    for _ in 0..1000 {
        shell.delivers(CAUGHT_UP_FRAMES);
        shell.wait_ms(1000);
        shell.dies();
        assert_eq!(shell.live.len(), 1, "one a second can be borne for ever");
    }
}

#[test]
fn a_process_that_owes_a_frame_is_given_up_by_its_own_deadline() {
    let mut shell = Shell::started(Settings { suspicion_ms: 5000, main: line(5000, 600_000), ..alone() });
    shell.spawned();
    assert_eq!(shell.supervisor.deadline(), None, "nothing fed, nothing owed");
    shell.wait_ms(10_000);
    shell.owes(shell.main(), 1);
    shell.wait_ms(1999);
    assert_eq!(shell.kills, []);
    shell.wait_ms(1);
    assert_eq!(shell.reasons(), [Reason::Stalled]);
}

#[test]
fn during_a_replay_each_frame_starts_the_watch_anew_and_a_debt_paid_ends_it() {
    let mut shell = Shell::started(alone());
    let process = shell.main();
    shell.owes(process, 60);
    for _ in 0..59 {
        shell.wait_ms(149);
        shell.tell(Event::Frame { process, new: false });
        // It never comes in time, so it does not catch up.
        shell.tell(Event::Owes { process, frames: 60, live: 160 });
    }
    shell.wait_ms(149);
    shell.delivers(1);
    assert_eq!(shell.supervisor.counters().suspicions, 0);
    assert_eq!(shell.supervisor.deadline(), None);
    shell.wait_ms(100_000);
    shell.owes(process, 61);
    assert_eq!(shell.supervisor.deadline(), Some(shell.now.plus_ms(150)), "counted from the debt, not the last frame");
}

#[test]
fn what_the_dead_do_is_ignored() {
    let mut shell = Shell::started(alone());
    let dead = shell.main();
    shell.dies();
    let counters = shell.supervisor.counters();
    shell.tell(Event::Frame { process: dead, new: true });
    shell.owes(dead, 9);
    shell.tell(Event::Ended { process: dead, reason: Reason::NotFrames });
    shell.tell(Event::SpawnFailed { process: dead });
    assert_eq!(shell.supervisor.counters(), counters);
    assert_eq!(shell.supervisor.deadline(), None);
}

#[test]
fn stop_kills_all_and_forgets_every_wait_and_start_begins_anew() {
    let mut shell = Shell::started(with_stand_in());
    for _ in 0..3 {
        shell.dies();
    }
    assert!(shell.supervisor.next_start().is_some());
    shell.tell(Event::Stop);
    assert_eq!((shell.state(), shell.supervisor.deadline()), (State::Stopped, None));
    shell.tell(Event::Start);
    shell.dies();
    assert_eq!(shell.live.len(), 2, "the first death is free again");
    shell.tell(Event::Stop);
    assert_eq!((shell.live.len(), shell.reasons().last()), (0, Some(&Reason::Stop)));
}
