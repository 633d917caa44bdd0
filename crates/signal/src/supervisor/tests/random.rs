//! Whatever happens.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Spawned,
    SpawnFailed,
    Owes(u64),
    Frames { count: u64, new: bool },
    Dies,
    Wait(u64),
    Replace,
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
        Just(Step::Replace),
        Just(Step::Restart),
    ]
}

impl Shell {
    fn has_main(&self) -> bool {
        self.live.iter().any(|live| live.1 == Role::Main)
    }
}

proptest! {
    /// The shell checks each step: legal transitions, three processes at most, kills only of the living.
    #[test]
    fn there_is_always_a_way_on_and_recovery_follows_the_last_fault(
        with_a_stand_in in any::<bool>(),
        steps in proptest::collection::vec((any::<u8>(), step()), 0..200)
    ) {
        let mut shell = Shell::started(if with_a_stand_in { with_stand_in() } else { alone() });
        for (whom, step) in steps {
            let process = (!shell.live.is_empty()).then(|| shell.live[whom as usize % shell.live.len()].0);
            match (step, process) {
                (Step::Spawned, Some(process)) => shell.tell(Event::Spawned { process }),
                (Step::SpawnFailed, Some(process)) => shell.tell(Event::SpawnFailed { process }),
                (Step::Owes(frames), Some(process)) => shell.owes(process, frames),
                (Step::Frames { count, new }, Some(process)) => shell.delivers_from(process, count, new),
                (Step::Dies, Some(process)) => {
                    let reason = Reason::ClosedStdout;
                    shell.tell(Event::Ended { process, reason });
                }
                (Step::Wait(ms), _) => shell.wait_ms(ms),
                (Step::Replace, _) => shell.tell(Event::Replace),
                (Step::Restart, _) => {
                    shell.tell(Event::Stop);
                    prop_assert!(shell.live.is_empty());
                    shell.tell(Event::Start);
                }
                (_, None) => {}
            }
            let waits = shell.supervisor.next_start();
            prop_assert!(shell.has_main() || shell.supervisor.main.spawn_at.is_some(), "there is always a way on");
            prop_assert!(waits.is_none_or(|at| at <= shell.now.plus_ms(600_000)), "no wait is for ever");
        }
        // The fault ends: whoever is started now delivers. The longest wait is that of a FAILED encoder, ten minutes after
        // its last suspect has had its time.
        shell.wait_ms(700_000);
        shell.delivers(500);
        prop_assert_eq!(shell.state(), State::Running);
        prop_assert_eq!(shell.live.len(), 1);
        prop_assert_eq!(shell.supervisor.counters().failures_in_a_row, 0);
    }
}
