//! A machine that is too busy.

use super::*;

const MS_NS: u64 = 1_000_000;

/// What a process does with its time, looked at every 10 ms.
#[derive(Clone, Copy)]
enum Does {
    /// It waits for the processor and gets so much of it, in per cent.
    Waits(u64),
    /// It is stopped or blocked.
    Nothing,
}

impl Shell {
    /// Time passes, in which every process does the same.
    fn while_it(&mut self, does: Does, ms: u64) {
        for _ in 0..ms / 10 {
            for id in self.live.iter().map(|live| live.0).collect::<Vec<_>>() {
                if !self.times.iter().any(|time| time.0 == id) {
                    self.times.push((id, ProcessorTime::default()));
                }
                let time = &mut self.times.iter_mut().rfind(|time| time.0 == id).expect("just entered").1;
                match does {
                    Does::Waits(percent) => {
                        time.ran_ns += percent * MS_NS / 10;
                        time.waited_ns += (100 - percent) * MS_NS / 10;
                        time.is_runnable = true;
                    }
                    Does::Nothing => time.is_runnable = false,
                }
            }
            self.wait_ms(10);
        }
    }
}

/// One that owes a frame after it had caught up.
fn late(settings: Settings) -> (Shell, ProcessId) {
    let mut shell = Shell::started(settings);
    shell.spawned();
    let process = shell.main();
    shell.times.push((process, ProcessorTime { ran_ns: 40 * MS_NS, ..ProcessorTime::default() }));
    shell.delivers(CAUGHT_UP_FRAMES);
    shell.kills.clear();
    shell.owes(process, CAUGHT_UP_FRAMES + 2);
    (shell, process)
}

#[test]
fn one_that_waits_for_the_processor_is_neither_replaced_nor_given_up() {
    let (mut shell, process) = late(alone());
    shell.while_it(Does::Waits(0), 60_000);
    assert_eq!((shell.main(), shell.live.len(), shell.state()), (process, 1, State::Running));
    let counters = shell.supervisor.counters();
    assert_eq!((counters.deaths, counters.suspicions, counters.failures_in_a_row), (0, 0, 0));
    assert!(counters.shortages > 0 && shell.supervisor.is_short(process));
    shell.delivers(2);
    assert!(!shell.supervisor.is_short(process));
}

#[test]
fn one_that_got_what_its_frames_cost_and_made_nothing_is_replaced_whatever_the_load() {
    for (percent, until_ms) in [(100, 150), (15, 400), (6, 600)] {
        let (mut shell, _) = late(alone());
        shell.while_it(Does::Waits(percent), until_ms);
        assert_eq!(shell.supervisor.counters().suspicions, 1, "at {percent} %");
        assert_eq!((shell.live.len(), shell.state()), (2, State::Restarting));
    }
}

#[test]
fn one_that_waits_for_no_processor_is_replaced_as_on_an_idle_machine() {
    let (mut shell, process) = late(alone());
    shell.while_it(Does::Nothing, 150);
    assert_eq!((shell.live.len(), shell.state()), (2, State::Restarting));
    shell.while_it(Does::Nothing, 1850);
    assert!(shell.kills.contains(&(process, Reason::Stalled)));
}

#[test]
fn one_that_is_stopped_while_it_waits_is_found_out_a_look_later() {
    let (mut shell, _) = late(alone());
    shell.while_it(Does::Waits(0), 1000);
    shell.while_it(Does::Nothing, 250);
    assert_eq!((shell.live.len(), shell.supervisor.counters().suspicions), (2, 1));
}

#[test]
fn a_start_that_waits_for_the_processor_is_waited_for() {
    let mut shell = Shell::started(alone());
    let process = shell.main();
    shell.times.push((process, ProcessorTime::default()));
    shell.owes(process, 60);
    shell.while_it(Does::Waits(3), 3_000);
    assert_eq!((shell.main(), shell.live.len(), shell.supervisor.counters().suspicions), (process, 1, 0));
    shell.delivers(60);
    assert_eq!(shell.state(), State::Running);
}

#[test]
fn deaths_on_a_machine_that_is_too_busy_do_not_count() {
    let mut shell = Shell::started(alone());
    for _ in 0..100 {
        shell.owes(shell.main(), 60);
        shell.while_it(Does::Waits(1), 400);
        shell.dies();
        shell.wait_ms(1000);
        assert_eq!((shell.live.len(), shell.supervisor.counters().failures_in_a_row), (1, 0));
    }
    assert!(!shell.states().contains(&State::Failed));
}

#[test]
fn on_a_machine_that_is_too_busy_two_that_die_before_catching_up_are_replaced_at_once_and_the_next_waits() {
    let mut shell = Shell::started(alone());
    for replaced_at_once in [true, true, false, false] {
        shell.owes(shell.main(), 60);
        shell.while_it(Does::Waits(1), 400);
        shell.dies();
        shell.wait_ms(0);
        assert_eq!(shell.live.len(), usize::from(replaced_at_once));
        shell.wait_ms(1000);
        assert_eq!(shell.live.len(), 1);
    }
}

#[test]
fn where_one_waits_for_the_processor_too_long_its_stand_in_starts_and_it_stays() {
    let (mut shell, process) = late(with_stand_in());
    shell.while_it(Does::Waits(0), 1900);
    assert_eq!(shell.live.len(), 1);
    shell.while_it(Does::Waits(0), 200);
    assert_eq!(shell.live.iter().map(|live| live.1).collect::<Vec<_>>(), [Role::Main, Role::StandIn]);
    let stand_in = shell.newest(Role::StandIn);
    shell.delivers_from(process, CAUGHT_UP_FRAMES + 2, false);
    assert_eq!(shell.kills, [(stand_in, Reason::Relieved)]);
    assert_eq!(shell.supervisor.counters().deaths, 0);
}
