//! The machine among processes that do everything wrong, in virtual time.

use super::*;
use proptest::prelude::*;

const LIMITS: Settings = Settings {
    stall_ms: 500,
    processor_start_ms: 2000,
    processor_per_second_ms: 500,
    strikes_max: 3,
    deaths_max: None,
    settled_samples: 48_000,
};
/// Virtual time between two turns of the shell.
const STEP_MS: u64 = 10;

/// What a process does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It dies when it has given so many samples.
    DiesAt(u64),
    /// It is killed from outside then.
    KilledAt(u64),
    /// It stands still then.
    HangsAt(u64),
    /// It stands still, and does not end when it is killed.
    StuckAt(u64),
    /// It works and gives nothing more.
    SpinsAt(u64),
    /// It works, and takes eight times as long as its sound lasts.
    SlowsAt(u64),
    /// It waits for the processor for two seconds, and goes on.
    WaitsAt(u64),
    /// It cannot be started.
    NoStart,
}

/// A shell without I/O: one line, and the processes that it starts.
struct World {
    machine: Supervisor,
    now: MonoTime,
    faults: Vec<Fault>,
    process: Option<Actor>,
    stuck: Vec<ProcessId>,
    given_up: Vec<(Item, Reason)>,
    kills: Vec<Reason>,
    starts: usize,
    samples: u64,
    /// The longest time in which nothing was given.
    gap_ms: u64,
    last_sound: MonoTime,
}

struct Actor {
    id: ProcessId,
    fault: Fault,
    given: u64,
    ran_ns: u64,
    waited_ms: u64,
}

impl World {
    fn new(settings: Settings, faults: &[Fault]) -> Self {
        let mut world = Self {
            machine: Supervisor::new(settings),
            now: MonoTime(0),
            faults: faults.to_vec(),
            process: None,
            stuck: Vec::new(),
            given_up: Vec::new(),
            kills: Vec::new(),
            starts: 0,
            samples: 0,
            gap_ms: 0,
            last_sound: MonoTime(0),
        };
        world.machine.handle(world.now, Event::Start);
        world
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.now = self.now.plus_ms(STEP_MS);
            self.work();
            if self.machine.deadline().is_some_and(|deadline| deadline <= self.now) {
                self.machine.handle(self.now, Event::Timeout);
            }
            while let Some(action) = self.machine.poll_action() {
                self.act(action);
            }
            self.gap_ms = self.gap_ms.max(self.now.since_ms(self.last_sound));
            assert!(self.stuck.len() <= DYING_MAX, "at most two processes that cannot be killed");
        }
    }

    fn work(&mut self) {
        let Some(actor) = &mut self.process else { return };
        let id = actor.id;
        let reached = |at: u64| actor.given >= at;
        let (lost, works, waits) = match actor.fault {
            Fault::DiesAt(at) if reached(at) => (Some(Reason::Failed), false, false),
            Fault::KilledAt(at) if reached(at) => (Some(Reason::Killed), false, false),
            Fault::HangsAt(at) | Fault::StuckAt(at) if reached(at) => (None, false, false),
            Fault::SpinsAt(at) if reached(at) => (None, true, false),
            Fault::SlowsAt(at) if reached(at) && !self.now.since_ms(MonoTime(0)).is_multiple_of(8 * STEP_MS) => {
                (None, true, false)
            }
            Fault::WaitsAt(at) if reached(at) && actor.waited_ms < 2000 => {
                actor.waited_ms += STEP_MS;
                (None, false, true)
            }
            _ => {
                let samples = STEP_MS * 48;
                actor.given += samples;
                actor.ran_ns += 100_000;
                (self.samples, self.last_sound) = (self.samples + samples, self.now);
                self.machine.handle(self.now, Event::Owes(id, false));
                self.machine.handle(self.now, Event::Sound(id, samples));
                return;
            }
        };
        if works {
            actor.ran_ns += STEP_MS * 1_000_000;
        }
        let (runnable, ran_ns) = (works || waits, actor.ran_ns);
        self.machine.handle(self.now, Event::Owes(id, true));
        if let Some(reason) = lost {
            self.machine.handle(self.now, Event::Lost(id, reason));
        }
        self.machine.handle(self.now, Event::Began(id, 7));
        if let Some(actor) = &mut self.process {
            actor.ran_ns = ran_ns;
            actor.waited_ms += u64::from(runnable && works);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn(id) => {
                assert!(self.process.is_none(), "one process at a time");
                let fault = self.faults.get(self.starts).copied().unwrap_or(Fault::None);
                self.starts += 1;
                if fault == Fault::NoStart {
                    return self.machine.handle(self.now, Event::SpawnFailed(id));
                }
                self.process = Some(Actor { id, fault, given: 0, ran_ns: 0, waited_ms: 0 });
                self.machine.handle(self.now, Event::Began(id, 7));
            }
            Action::Kill(id, reason) => {
                self.kills.push(reason);
                match self.process.take_if(|actor| actor.id == id) {
                    Some(Actor { fault: Fault::StuckAt(_), .. }) => self.stuck.push(id),
                    _ => self.machine.handle(self.now, Event::Buried(id)),
                }
            }
            Action::Look(id) => {
                let actor = self.process.as_ref().filter(|actor| actor.id == id);
                let time = actor.map(|actor| Look {
                    ran_ns: actor.ran_ns,
                    decoding_ns: actor.ran_ns,
                    is_runnable: matches!(actor.fault, Fault::SpinsAt(at) | Fault::SlowsAt(at) | Fault::WaitsAt(at) if actor.given >= at),
                });
                self.machine.handle(self.now, Event::Looked(id, time));
            }
            Action::GiveUp(item, reason) => self.given_up.push((item, reason)),
            Action::Exhausted(_) => {}
        }
    }
}

#[test]
fn a_process_that_dies_or_is_killed_is_replaced_at_once() {
    for fault in [Fault::DiesAt(48_000), Fault::KilledAt(48_000)] {
        let mut world = World::new(LIMITS, &[fault]);
        world.run(5000);
        assert_eq!(world.starts, 2, "{fault:?}");
        assert!(world.gap_ms <= 3 * STEP_MS, "{fault:?}: {} ms", world.gap_ms);
    }
}

#[test]
fn one_that_hangs_is_replaced_within_its_time_and_one_that_waits_for_the_processor_is_not() {
    let mut world = World::new(LIMITS, &[Fault::HangsAt(48_000)]);
    world.run(5000);
    assert_eq!((world.kills.as_slice(), world.starts), (&[Reason::Hangs][..], 2));
    assert!((LIMITS.stall_ms..=LIMITS.stall_ms + LOOK_MS + 3 * STEP_MS).contains(&world.gap_ms), "{}", world.gap_ms);
    let mut world = World::new(LIMITS, &[Fault::WaitsAt(48_000)]);
    world.run(5000);
    assert!(world.kills.is_empty(), "{:?}", world.kills);
    assert!(world.gap_ms >= 2000);
}

#[test]
fn one_that_works_and_gives_nothing_has_its_credit_and_its_item_is_given_up() {
    let mut world = World::new(LIMITS, &[Fault::SpinsAt(4800)]);
    world.run(6000);
    assert_eq!(world.kills, [Reason::Processor]);
    assert_eq!(world.given_up, [(7, Reason::Processor)]);
    assert!((2000..=2000 + 2 * LOOK_MS).contains(&world.gap_ms), "{} ms", world.gap_ms);
}

#[test]
fn one_that_is_too_slow_for_its_sound_has_its_credit_and_its_item_is_given_up() {
    let mut world = World::new(LIMITS, &[Fault::SlowsAt(4800)]);
    world.run(6000);
    assert_eq!(world.given_up, [(7, Reason::Processor)]);
    assert!(world.gap_ms <= 8 * STEP_MS, "it is heard until then, and the next one at once: {} ms", world.gap_ms);
}

#[test]
fn processor_time_is_never_summed_up() {
    let mut world = World::new(LIMITS, &[]);
    // A quarter of a core for a day; the limit is half a core.
    for _ in 0..24 * 60 {
        world.run(1000);
        if let Some(actor) = &mut world.process {
            actor.ran_ns += 250_000_000;
            let id = actor.id;
            world.machine.handle(world.now, Event::Owes(id, true));
        }
    }
    assert!(world.kills.is_empty(), "{:?}", world.kills);
}

#[test]
fn an_item_that_kills_is_given_up_at_once_and_one_that_is_killed_at_the_third_time_in_one_place() {
    let mut world = World::new(LIMITS, &[Fault::DiesAt(100)]);
    world.run(1000);
    assert_eq!(world.given_up, [(7, Reason::Failed)]);
    let mut world = World::new(LIMITS, &[Fault::KilledAt(100); 3]);
    world.run(5000);
    assert_eq!(world.given_up, [(7, Reason::Killed)]);
    let mut world = World::new(LIMITS, &[Fault::KilledAt(48_000); 20]);
    world.run(60_000);
    assert_eq!((world.given_up.as_slice(), world.starts), (&[][..], 21), "it goes on each time");
    assert!(world.gap_ms <= 3 * STEP_MS, "{} ms", world.gap_ms);
}

#[test]
fn behind_items_that_kill_the_next_one_is_begun_at_once_and_kills_from_outside_exhaust_nothing() {
    let mut world = World::new(LIMITS, &[Fault::DiesAt(0); 10]);
    world.run(5000);
    assert_eq!((world.given_up.len(), world.starts), (10, 11));
    assert!(world.gap_ms <= 500, "{} ms", world.gap_ms);
    let mut world = World::new(Settings { deaths_max: Some(5), ..LIMITS }, &[Fault::KilledAt(480); 20]);
    world.run(120_000);
    assert_eq!(world.starts, 21);
}

#[test]
fn two_that_cannot_be_killed_are_the_most_and_the_next_starts_when_one_has_ended() {
    let mut world = World::new(LIMITS, &[Fault::StuckAt(0); 5]);
    world.run(60_000);
    assert_eq!((world.starts, world.stuck.len()), (2, 2));
    assert!(world.machine.is_blocked());
    let ended = world.stuck.remove(0);
    world.machine.handle(world.now, Event::Buried(ended));
    world.run(6000);
    assert_eq!(world.starts, 3);
}

#[test]
fn without_a_limit_it_is_tried_for_ever_and_with_one_it_ends() {
    let mut world = World::new(LIMITS, &[Fault::NoStart; 1000]);
    world.run(60_000);
    assert!((10..=20).contains(&world.starts), "{} starts in a minute", world.starts);
    let mut world = World::new(Settings { deaths_max: Some(5), ..LIMITS }, &[Fault::NoStart; 1000]);
    world.run(600_000);
    assert_eq!(world.starts, 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever processes do, the line gives sound again when the faults are over.
    #[test]
    fn after_any_faults_there_is_sound_again(faults in prop::collection::vec((0u8..9, 0u64..100_000), 0..12)) {
        let faults: Vec<Fault> = faults.iter().map(|&(kind, at)| match kind {
            0 => Fault::DiesAt(at),
            1 => Fault::KilledAt(at),
            2 | 3 => Fault::HangsAt(at),
            4 => Fault::SpinsAt(at),
            5 => Fault::WaitsAt(at),
            6 => Fault::NoStart,
            7 => Fault::SlowsAt(at),
            _ => Fault::None,
        }).collect();
        let mut world = World::new(LIMITS, &faults);
        world.run(120_000);
        let before = world.samples;
        world.run(2_000);
        prop_assert!(world.samples - before >= 90_000, "{} samples", world.samples - before);
        prop_assert!(world.starts <= faults.len() + 1);
    }
}
