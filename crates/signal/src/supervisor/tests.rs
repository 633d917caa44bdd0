//! On virtual time.

use super::*;
use proptest::prelude::*;

fn settings() -> Settings {
    Settings {
        stall_threshold_ms: 2000,
        backoff_ms: vec![1000, 2000, 4000],
        restarts_max: 5,
        recovery_retry_ms: 600_000,
    }
}

/// A shell without processes: it does what it is told and remembers it.
struct Shell {
    supervisor: Supervisor,
    now: MonoTime,
    live: Vec<ProcessId>,
    changes: Vec<Change>,
    spawned_at_ms: Vec<u64>,
    kills: Vec<Reason>,
}

impl Shell {
    fn started() -> Self {
        let mut shell = Self {
            supervisor: Supervisor::new(settings()),
            now: MonoTime(0),
            live: Vec::new(),
            changes: Vec::new(),
            spawned_at_ms: Vec::new(),
            kills: Vec::new(),
        };
        shell.tell(Event::Start);
        shell
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle(self.now, event);
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Spawn { process } => {
                    self.live.push(process);
                    self.spawned_at_ms.push(self.now.since_ms(MonoTime(0)));
                }
                Action::Kill { process, reason } => {
                    let before = self.live.len();
                    self.live.retain(|&live| live != process);
                    assert_eq!(self.live.len(), before - 1, "only the living are killed");
                    self.kills.push(reason);
                }
                Action::Changed(change) => {
                    assert!(is_legal(change.from, change.to), "{change}");
                    assert_eq!(change.from, self.changes.last().map_or(State::Stopped, |last| last.to));
                    self.changes.push(change);
                }
            }
        }
        assert!(self.live.len() <= 1, "one process at a time");
        assert!(self.supervisor.live().eq(self.live.iter().copied()));
    }

    fn process(&self) -> ProcessId {
        self.live[0]
    }

    fn state(&self) -> State {
        self.supervisor.state()
    }

    fn spawned(&mut self) {
        self.tell(Event::Spawned { process: self.process() });
    }

    fn delivers(&mut self, frames: u64) {
        for _ in 0..frames {
            self.tell(Event::Frame { process: self.process(), new: true });
        }
    }

    fn dies(&mut self) {
        self.tell(Event::Ended { process: self.process(), reason: Reason::Signalled { signal: 9 } });
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
    let mut shell = Shell::started();
    shell.spawned();
    shell.delivers(1);
    assert_eq!(shell.states(), [State::Starting, State::Booting, State::Running]);
}

#[test]
fn a_process_that_had_caught_up_is_replaced_at_once_and_runs_with_its_first_new_frame() {
    let mut shell = Shell::started();
    shell.spawned();
    shell.delivers(CAUGHT_UP_FRAMES);
    shell.dies();
    assert_eq!((shell.state(), shell.live.len()), (State::Restarting, 1));
    shell.spawned();
    shell.tell(Event::Frame { process: shell.process(), new: false });
    assert_eq!(shell.state(), State::Restarting, "replayed frames are not new");
    shell.delivers(1);
    assert_eq!(shell.state(), State::Running);
    assert_eq!(shell.changes[3].reason, Reason::Signalled { signal: 9 });
}

#[test]
fn of_deaths_before_catching_up_two_are_free_then_waits_grow_then_it_has_failed() {
    let mut shell = Shell::started();
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
    let mut shell = Shell::started();
    while shell.state() != State::Failed {
        shell.wait_ms(5000);
        if !shell.live.is_empty() {
            shell.tell(Event::SpawnFailed { process: shell.process() });
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
    let mut shell = Shell::started();
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
    let mut shell = Shell::started();
    shell.spawned();
    assert_eq!(shell.supervisor.deadline(), None, "nothing fed, nothing owed");
    shell.wait_ms(10_000);
    shell.tell(Event::Owes { process: shell.process(), frames: 1 });
    shell.wait_ms(1999);
    assert_eq!(shell.kills, []);
    shell.wait_ms(1);
    assert_eq!(shell.kills, [Reason::Stalled]);
}

#[test]
fn each_frame_starts_the_watch_anew_and_a_debt_paid_ends_it() {
    let mut shell = Shell::started();
    let process = shell.process();
    shell.tell(Event::Owes { process, frames: 3 });
    for _ in 0..2 {
        shell.wait_ms(1500);
        shell.delivers(1);
    }
    shell.wait_ms(1500);
    shell.tell(Event::Owes { process, frames: 3 });
    shell.delivers(1);
    assert_eq!(shell.supervisor.deadline(), None);
    shell.wait_ms(100_000);
    shell.tell(Event::Owes { process, frames: 4 });
    assert_eq!(shell.supervisor.deadline(), Some(shell.now.plus_ms(2000)), "counted from the debt, not the last frame");
}

#[test]
fn what_the_dead_do_is_ignored() {
    let mut shell = Shell::started();
    let dead = shell.process();
    shell.dies();
    let counters = shell.supervisor.counters();
    shell.tell(Event::Frame { process: dead, new: true });
    shell.tell(Event::Owes { process: dead, frames: 9 });
    shell.tell(Event::Ended { process: dead, reason: Reason::NotFrames });
    shell.tell(Event::SpawnFailed { process: dead });
    assert_eq!(shell.supervisor.counters(), counters);
    assert_eq!(shell.supervisor.deadline(), None);
}

#[test]
fn stop_kills_all_and_forgets_every_wait_and_start_begins_anew() {
    let mut shell = Shell::started();
    for _ in 0..3 {
        shell.dies();
    }
    assert!(shell.supervisor.next_start().is_some());
    shell.tell(Event::Stop);
    assert_eq!((shell.state(), shell.supervisor.deadline()), (State::Stopped, None));
    shell.tell(Event::Start);
    shell.dies();
    assert_eq!(shell.live.len(), 1, "the first death is free again");
    shell.tell(Event::Stop);
    assert_eq!((shell.live.len(), shell.kills.last()), (0, Some(&Reason::Stop)));
}

#[derive(Clone, Debug)]
enum Step {
    Spawned,
    SpawnFailed,
    Owes(u64),
    Frames { count: u64, new: bool },
    Dies,
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Spawned),
        Just(Step::SpawnFailed),
        (0..400u64).prop_map(Step::Owes),
        (1..12u64, any::<bool>()).prop_map(|(count, new)| Step::Frames { count, new }),
        Just(Step::Dies),
        (0..5000u64).prop_map(Step::Wait),
        Just(Step::Restart),
    ]
}

proptest! {
    /// The shell checks each step: legal transitions, one process, kills only of the living.
    #[test]
    fn whatever_happens_there_is_one_process_or_a_wait_and_recovery_follows_the_last_fault(
        steps in proptest::collection::vec(step(), 0..200)
    ) {
        let mut shell = Shell::started();
        for step in steps {
            let process = shell.live.first().copied();
            let failures = shell.supervisor.counters().failures_in_a_row;
            match (step, process) {
                (Step::Spawned, Some(process)) => shell.tell(Event::Spawned { process }),
                (Step::SpawnFailed, Some(process)) => shell.tell(Event::SpawnFailed { process }),
                (Step::Owes(frames), Some(process)) => shell.tell(Event::Owes { process, frames }),
                (Step::Frames { count, new }, Some(process)) => {
                    (0..count).for_each(|_| shell.tell(Event::Frame { process, new }));
                }
                (Step::Dies, Some(process)) => {
                    shell.tell(Event::Ended { process, reason: Reason::ClosedStdout });
                    let after = shell.supervisor.counters().failures_in_a_row;
                    if after > 2 && after > failures {
                        prop_assert!(shell.live.is_empty(), "back-off is kept");
                    }
                }
                (Step::Wait(ms), _) => shell.wait_ms(ms),
                (Step::Restart, _) => {
                    shell.tell(Event::Stop);
                    prop_assert!(shell.live.is_empty());
                    shell.tell(Event::Start);
                }
                (_, None) => {}
            }
            let waits = shell.supervisor.next_start();
            prop_assert!(shell.live.len() + usize::from(waits.is_some()) == 1, "there is always a way on, and one only");
            prop_assert!(waits.is_none_or(|at| at <= shell.now.plus_ms(600_000)), "no wait is for ever");
        }
        // The fault ends: whoever is started now delivers.
        if shell.live.is_empty() {
            shell.wait_ms(600_000);
        }
        shell.delivers(CAUGHT_UP_FRAMES);
        prop_assert_eq!(shell.state(), State::Running);
        prop_assert_eq!(shell.supervisor.counters().failures_in_a_row, 0);
    }
}
