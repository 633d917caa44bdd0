//! Several processes at once.

use super::*;

/// Main and stand-in, of which the main one has caught up.
fn running() -> Shell {
    let mut shell = Shell::started(with_stand_in());
    shell.spawned();
    shell.delivers(CAUGHT_UP_FRAMES);
    assert_eq!((shell.live.len(), shell.state()), (1, State::Running));
    shell.kills.clear();
    shell
}

#[test]
fn a_late_process_gets_a_replacement_beside_it_and_is_relieved_when_that_has_caught_up() {
    let mut shell = Shell::started(alone());
    shell.delivers(CAUGHT_UP_FRAMES);
    let suspect = shell.main();
    shell.owes(suspect, CAUGHT_UP_FRAMES + 1);
    shell.wait_ms(149);
    assert_eq!(shell.live.len(), 1);
    shell.wait_ms(1);
    assert_eq!((shell.live.len(), shell.state()), (2, State::Restarting));
    assert!(shell.supervisor.is_suspect(suspect));
    shell.delivers(CAUGHT_UP_FRAMES);
    assert_eq!(shell.kills, [(suspect, Reason::Relieved)]);
    assert_eq!((shell.supervisor.counters().deaths, shell.supervisor.counters().failures_in_a_row), (0, 0));
}

#[test]
fn a_suspect_that_recovers_first_relieves_its_replacement() {
    let mut shell = Shell::started(alone());
    shell.delivers(CAUGHT_UP_FRAMES);
    let suspect = shell.main();
    shell.owes(suspect, CAUGHT_UP_FRAMES + 6);
    shell.wait_ms(150);
    let replacement = shell.main();
    shell.delivers_from(suspect, CAUGHT_UP_FRAMES + 6, true);
    assert_eq!((shell.kills[0], shell.live.len()), ((replacement, Reason::Relieved), 1));
    assert_eq!(shell.state(), State::Running);
}

#[test]
fn a_suspect_that_never_recovers_is_given_up_at_the_stall_threshold_and_costs_nothing_more() {
    let mut shell = Shell::started(alone());
    shell.delivers(CAUGHT_UP_FRAMES);
    let suspect = shell.main();
    shell.owes(suspect, CAUGHT_UP_FRAMES + 1);
    shell.wait_ms(1999);
    assert_eq!(shell.live.len(), 2);
    shell.wait_ms(1);
    assert_eq!(shell.kills, [(suspect, Reason::Stalled)]);
    assert_eq!((shell.live.len(), shell.spawned_at_ms.len()), (1, 2));
}

#[test]
fn one_that_delivers_steadily_but_too_slowly_is_suspect_all_the_same() {
    let mut shell = Shell::started(alone());
    shell.delivers(CAUGHT_UP_FRAMES);
    let slow = shell.main();
    // A frame every 30 ms where one is owed every 24.
    let mut owed = CAUGHT_UP_FRAMES;
    for ms in 0..400 {
        if ms % 24 == 0 {
            owed += 1;
            shell.owes(slow, owed);
        }
        if ms % 30 == 29 {
            shell.delivers_from(slow, 1, true);
        }
        shell.wait_ms(1);
    }
    assert_eq!(shell.supervisor.counters().suspicions, 1);
    assert_eq!(shell.live.len(), 2);
}

#[test]
fn a_replacement_that_never_catches_up_gets_one_itself_after_ten_seconds() {
    let mut shell = Shell::started(alone());
    let slow = shell.main();
    for second in 0..10u64 {
        assert_eq!(shell.live.len(), 1);
        for tenth in 1..=10 {
            shell.tell(Event::Owes { process: slow, frames: 50 + 40 * second, live: 50 + 40 * second });
            shell.delivers_from(slow, 3, tenth % 2 == 0);
            shell.wait_ms(100);
        }
    }
    assert_eq!((shell.live.len(), shell.supervisor.counters().suspicions), (2, 1));
    assert!(!shell.supervisor.is_suspect(shell.main()));
}

#[test]
fn a_cold_start_has_the_stand_in_beside_it_until_the_configured_encoder_has_caught_up() {
    let mut shell = Shell::started(with_stand_in());
    assert_eq!(shell.live.iter().map(|live| live.1).collect::<Vec<_>>(), [Role::StandIn, Role::Main]);
    let stand_in = shell.newest(Role::StandIn);
    shell.delivers_from(stand_in, 100, true);
    assert_eq!((shell.live.len(), shell.state()), (2, State::Starting), "a stand-in relieves nobody");
    shell.delivers_from(shell.main(), CAUGHT_UP_FRAMES, false);
    assert_eq!(shell.kills, [(stand_in, Reason::Relieved)]);
    assert_eq!(shell.state(), State::Running, "frames compared count as much as frames heard");
}

#[test]
fn a_death_of_the_configured_encoder_starts_both_and_a_stand_in_that_dies_is_replaced_too() {
    let mut shell = running();
    shell.dies();
    assert_eq!(shell.live.iter().map(|live| live.1).collect::<Vec<_>>(), [Role::StandIn, Role::Main]);
    shell.ends(shell.newest(Role::StandIn));
    assert_eq!(shell.live.len(), 2);
    assert_eq!(shell.supervisor.counters().failures_in_a_row, 0, "only the configured encoder's are counted");
}

#[test]
fn a_fourth_process_takes_the_place_of_the_suspect_silent_longest() {
    let mut shell = running();
    let first = shell.main();
    shell.owes(first, CAUGHT_UP_FRAMES + 1);
    shell.wait_ms(150);
    assert_eq!(shell.live.len(), 3, "the suspect, its replacement, the stand-in");
    shell.owes(shell.newest(Role::StandIn), 200);
    shell.wait_ms(150);
    assert_eq!(shell.kills, [(first, Reason::Displaced)]);
    assert_eq!(shell.live.iter().filter(|live| live.1 == Role::StandIn).count(), 2);
}

#[test]
fn the_stand_in_carries_the_programme_while_the_configured_encoder_has_failed_and_goes_when_it_is_back() {
    let mut shell = running();
    while shell.state() != State::Failed {
        shell.wait_ms(5000);
        if shell.live.iter().any(|live| live.1 == Role::Main) {
            shell.dies();
        }
        let stand_in = shell.newest(Role::StandIn);
        shell.delivers_from(stand_in, 20, true);
    }
    assert_eq!(shell.live.len(), 1);
    shell.wait_ms(600_000);
    assert_eq!((shell.live.len(), shell.state()), (2, State::Failed));
    let stand_in = shell.newest(Role::StandIn);
    shell.delivers_from(shell.main(), CAUGHT_UP_FRAMES, false);
    assert_eq!((shell.state(), shell.kills.last()), (State::Running, Some(&(stand_in, Reason::Relieved))));
}

#[test]
fn a_stand_in_that_keeps_failing_is_tried_every_ten_seconds() {
    let mut shell = running();
    shell.tell(Event::Ended { process: shell.main(), reason: Reason::NotFrames });
    let mut starts = Vec::new();
    for _ in 0..60 {
        // The main one starts and delivers nothing at all, owing nothing either.
        while let Some(&(stand_in, _)) = shell.live.iter().find(|live| live.1 == Role::StandIn) {
            starts.push(shell.now.since_ms(MonoTime(0)) / 1000);
            shell.tell(Event::SpawnFailed { process: stand_in });
        }
        shell.wait_ms(1000);
    }
    assert_eq!(starts, [0, 0, 0, 1, 3, 7, 11, 15, 25, 35, 45, 55]);
}

#[test]
fn an_encoder_that_is_to_be_replaced_works_until_the_next_one_has_caught_up() {
    let mut shell = running();
    let old = shell.main();
    shell.tell(Event::Replace);
    shell.tell(Event::Replace);
    let new = shell.main();
    assert_eq!((shell.live.len(), shell.state()), (2, State::Running), "one at a time, and nothing has happened");
    assert!(shell.kills.is_empty());
    shell.delivers_from(new, CAUGHT_UP_FRAMES - 1, false);
    assert!(shell.kills.is_empty());
    shell.delivers_from(new, 1, true);
    assert_eq!(shell.kills, [(old, Reason::Relieved)]);
    assert_eq!((shell.supervisor.counters().deaths, shell.supervisor.counters().failures_in_a_row), (0, 0));
    assert!(shell.supervisor.all_is_well());
}

#[test]
fn a_replacement_that_dies_leaves_the_one_at_work_alone() {
    let mut shell = running();
    let old = shell.main();
    shell.tell(Event::Replace);
    shell.tell(Event::Ended { process: shell.main(), reason: Reason::Exited { status: 1 } });
    assert_eq!((shell.main(), shell.live.len(), shell.state()), (old, 1, State::Running));
    assert_eq!(shell.supervisor.next_start(), None);
    // However often: none of it counts against an encoder that works.
    for _ in 0..20 {
        shell.tell(Event::Replace);
        shell.tell(Event::SpawnFailed { process: shell.main() });
    }
    assert_eq!((shell.main(), shell.state(), shell.supervisor.counters().failures_in_a_row), (old, State::Running, 0));
}

#[test]
fn one_that_waits_for_its_next_attempt_need_not_wait_when_it_is_to_be_replaced() {
    let mut shell = Shell::started(alone());
    (0..3).for_each(|_| shell.dies());
    assert_eq!(shell.live.len(), 0, "it waits");
    shell.tell(Event::Replace);
    assert_eq!(shell.live.len(), 1);
    shell.tell(Event::Stop);
    shell.tell(Event::Replace);
    assert_eq!((shell.live.len(), shell.state()), (0, State::Stopped));
}

/// A shell whose processes all owe frames and deliver none.
fn hanging(settings: Settings, ms: u64) -> Shell {
    let mut shell = Shell::started(settings);
    hang(&mut shell, ms);
    shell
}

fn hang(shell: &mut Shell, ms: u64) {
    for _ in 0..ms / 50 {
        for id in shell.live.iter().map(|live| live.0).collect::<Vec<_>>() {
            shell.owes(id, 60);
        }
        shell.wait_ms(50);
    }
}

/// Until there is a process that is not late.
fn next_attempt(shell: &mut Shell) {
    while shell.live.iter().all(|live| shell.supervisor.is_suspect(live.0)) {
        shell.wait_ms(50);
    }
}

#[test]
fn an_encoder_whose_processes_hang_is_tried_every_ten_seconds_and_is_never_failed() {
    let mut shell = hanging(alone(), 600_000);
    // Each is suspect after 150 ms: two replacements at once, then after 1, 2, 4, 8, 10, 10, ... s.
    let starts_ms = [0, 150, 300, 1450, 3600, 7750, 15_900, 26_050, 36_200];
    assert_eq!(shell.spawned_at_ms[..starts_ms.len()], starts_ms);
    assert!(shell.spawned_at_ms[8..].windows(2).all(|pair| pair[1] - pair[0] == 10_150));
    assert_eq!((shell.state(), shell.supervisor.counters().failures_in_a_row), (State::Restarting, 0));
    assert!(!shell.states().contains(&State::Failed));
    let counters = shell.supervisor.counters();
    assert!(counters.deaths > 50 && counters.given_up == counters.deaths, "{counters:?}");
    next_attempt(&mut shell);
    shell.delivers(CAUGHT_UP_FRAMES);
    assert_eq!(shell.state(), State::Running, "it comes back by itself");
}

#[test]
fn processes_that_hang_bring_neither_back_off_nor_failed_nearer() {
    let mut shell = hanging(alone(), 300_000);
    next_attempt(&mut shell);
    shell.dies();
    assert_eq!(shell.supervisor.counters().failures_in_a_row, 1);
    assert!(shell.supervisor.next_start().is_none() && !shell.live.is_empty(), "the first death is replaced at once");
    // Nor do hangs after catching up, though they have used up tokens of their own.
    for _ in 0..90 {
        shell.delivers(CAUGHT_UP_FRAMES);
        let process = shell.main();
        shell.owes(process, 2 * CAUGHT_UP_FRAMES);
        shell.wait_ms(150);
        assert!(shell.supervisor.is_suspect(process));
        next_attempt(&mut shell);
    }
    for _ in 0..20 {
        shell.delivers(CAUGHT_UP_FRAMES);
        shell.dies();
        assert_eq!(shell.supervisor.next_start(), None, "a death has its own tokens");
    }
}

#[test]
fn a_stand_in_carries_the_programme_of_an_encoder_that_hangs() {
    let mut shell = Shell::started(with_stand_in());
    for _ in 0..100 {
        let stand_in = shell.newest(Role::StandIn);
        shell.delivers_from(stand_in, CAUGHT_UP_FRAMES, true);
        for (id, _) in shell.live.clone().into_iter().filter(|live| live.1 == Role::Main) {
            shell.owes(id, 60);
        }
        shell.wait_ms(500);
        assert_eq!(shell.newest(Role::StandIn), stand_in, "one and the same");
    }
    assert_eq!(shell.supervisor.counters().stand_in_starts, 1);
    assert!(!shell.states().contains(&State::Failed));
}

#[test]
fn one_that_is_late_and_then_ends_by_itself_has_died() {
    let mut shell = Shell::started(alone());
    for _ in 0..200 {
        for id in shell.live.iter().map(|live| live.0).collect::<Vec<_>>() {
            shell.owes(id, 60);
        }
        shell.wait_ms(50);
        let late = shell.live.iter().map(|live| live.0).find(|&id| shell.supervisor.is_suspect(id));
        if let Some(late) = late {
            shell.tell(Event::Ended { process: late, reason: Reason::Exited { status: 1 } });
        }
        if shell.state() == State::Failed {
            return;
        }
        shell.wait_ms(200);
    }
    panic!("not FAILED after {} starts", shell.spawned_at_ms.len());
}
