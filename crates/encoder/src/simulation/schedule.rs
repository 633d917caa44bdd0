//! What goes wrong, and when: a function of the seed.

use super::actor::{Fault, Needs, Weather};
use super::machine::Load;
use super::overload;
use super::{Outcome, Simulation};
use radio_config::EncoderKind;

/// The faults end so long before the end: all back-offs, the retry of a FAILED encoder, and some.
const RECOVERY_MS: u64 = 26_000;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// One of the processes that live.
    Strikes { whom: u64, fault: Fault },
    /// All of them, at once.
    StrikesAll { fault: Fault },
    /// Everything that is started for a while.
    Weather { kind: EncoderKind, weather: Weather, ms: u64 },
    /// The next tick kills every encoder that reads it.
    Poison,
    /// The driver's thread gets no processor.
    DriverSleeps { ms: u64 },
    /// The pump's thread does not.
    PumpSleeps { ms: u64 },
}

/// One life of a tower's output.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) encoder: EncoderKind,
    pub(super) agree: bool,
    pub(super) delay_ms: u64,
    /// One fault at a time, with time to recover between: not a frame may be late.
    pub(super) gentle: bool,
    pub(super) end_ms: u64,
    /// How busy the machine is beside it.
    pub(super) loads: Vec<Load>,
    /// What the external encoder needs, and whether the built-in one stands in for it.
    pub(super) external: Needs,
    pub(super) stand_in: bool,
    /// By time.
    pub(super) happenings: Vec<(u64, Happening)>,
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// How late the scheduler wakes the driver: mostly not, sometimes a little.
    pub(super) fn next_ns(&mut self) -> u64 {
        let us = if self.below(20) == 0 { self.below(8_000) } else { self.below(200) };
        us * 1000
    }

    /// For how long a thread that wakes on a busy machine waits for its turn: mostly not, for it
    /// sleeps a lot.
    pub(super) fn turn_ns(&mut self, round_ns: u64) -> u64 {
        if round_ns > 0 && self.below(4) == 0 { self.below(round_ns) } else { 0 }
    }
}

impl Schedule {
    pub(super) fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let encoder = dice.one_of(&[EncoderKind::Builtin, EncoderKind::Ffmpeg]);
        let gentle = dice.below(3) == 0;
        let agree = gentle || dice.below(4) > 0;
        let delay_ms = if gentle { 500 } else { dice.one_of(&[72, 150, 500, 500, 1000]) };
        let mut happenings = Vec::new();
        let mut ms = 1500 + dice.below(500);
        for _ in 0..1 + dice.below(12) {
            let happening = if gentle { gentle_one(&mut dice) } else { any(&mut dice, encoder) };
            if gentle && encoder == EncoderKind::Ffmpeg {
                // However long it cannot be replaced, the built-in encoder is there.
                happenings.extend(missing(&mut dice, ms));
            }
            happenings.push((ms, happening));
            ms += if gentle {
                3000 + dice.below(2000)
            } else {
                dice.one_of(&[0, 5, 60, 200, 700, 3000]) + dice.below(50)
            };
        }
        let longest_ms = 12_000;
        let end_ms = ms + longest_ms + RECOVERY_MS;
        let (loads, external, stand_in) = (Vec::new(), Needs::default(), true);
        Self { seed, encoder, agree, delay_ms, gentle, end_ms, loads, external, stand_in, happenings }
    }

    /// The same on a machine that is busy now and then, by any encoder.
    pub(super) fn busy(seed: u64) -> Self {
        let mut dice = Dice(seed ^ 0xB05E);
        let mut schedule = Self { gentle: false, ..Self::random(seed) };
        let faults_end_ms = schedule.happenings.last().map_or(0, |(ms, _)| *ms) + 12_000;
        let mut from_ms = dice.below(2) * dice.below(4000);
        while from_ms < faults_end_ms {
            let until_ms = (from_ms + 1000 + dice.below(12_000)).min(faults_end_ms);
            schedule.loads.push(Load { from_ms, until_ms, loops: dice.one_of(&[1, 4, 12, 30, 60]) });
            from_ms = until_ms + dice.one_of(&[0, 1000, 5000]);
        }
        schedule.stand_in = dice.below(2) == 0;
        schedule.external = dice.one_of(&[Needs::default(), overload::AAC, overload::OPUS]);
        schedule
    }

    /// The scheduler's moods, from the same seed.
    pub(super) fn scheduler(&self) -> Dice {
        Dice(self.seed ^ 0xD1CE)
    }

    /// What this schedule may have done to the stream.
    pub(super) fn judge(&self, outcome: &Outcome) {
        let lied = self.happenings.iter().any(|(_, happening)| self.may_deceive(happening));
        let poisoned = self.happenings.iter().any(|(_, happening)| matches!(happening, Happening::Poison));
        if !lied && !poisoned && self.agree {
            assert_eq!(outcome.wrong, [0u64; 0], "not a byte shows it");
        }
        if !poisoned {
            assert_eq!(outcome.poisoned, [0u64; 0], "no PCM is given up that kills nobody");
        }
        if self.gentle && !poisoned {
            assert_eq!((outcome.holds, outcome.silent.len()), (0, 0), "not a frame is late");
        }
    }

    /// Whether a process may deliver wrong frames that do not look wrong, for a while: where there is no time to wait
    /// for the next frame, and where more has been fed than can be told from what has come.
    fn may_deceive(&self, happening: &Happening) -> bool {
        match happening {
            Happening::Strikes { fault: Fault::GarbageInAFrame, .. } => self.delay_ms < 144,
            Happening::Strikes { fault: Fault::TwiceTheSame, .. } => true,
            _ => false,
        }
    }
}

/// What a single process does wrong by itself.
fn gentle_one(dice: &mut Dice) -> Happening {
    let fault = dice.one_of(&[
        Fault::Kill,
        Fault::Kill,
        Fault::Crash,
        Fault::Stop { ms: 10_000 },
        Fault::Stop { ms: 400 },
        Fault::CloseStdin,
        Fault::CloseStdout,
        Fault::HalfAFrame,
        Fault::GarbageBetweenFrames,
        Fault::WrongBitrate,
        Fault::Tag,
        Fault::HitsMemoryLimit,
    ]);
    Happening::Strikes { whom: dice.roll(), fault }
}

/// The external encoder cannot be started for a while, or is of no use.
fn missing(dice: &mut Dice, ms: u64) -> Option<(u64, Happening)> {
    let weather = dice.one_of(&[
        None,
        Some(Weather::CannotBeStarted),
        Some(Weather::ExitsAtOnce),
        Some(Weather::HangsAtStart),
        Some(Weather::StartsSlowly { ms: 1500 }),
    ])?;
    Some((ms, Happening::Weather { kind: EncoderKind::Ffmpeg, weather, ms: 500 + dice.below(8000) }))
}

fn any(dice: &mut Dice, encoder: EncoderKind) -> Happening {
    let kind = dice.one_of(&[EncoderKind::Builtin, EncoderKind::Ffmpeg]);
    let ms = 100 + dice.below(8000);
    let fault = match dice.below(12) {
        0 => return Happening::DriverSleeps { ms: 20 + dice.below(600) },
        1 => return Happening::PumpSleeps { ms: 20 + dice.below(600) },
        2 => return Happening::Weather { kind, ms, weather: Weather::CannotBeStarted },
        3 => return Happening::Weather { kind, ms, weather: Weather::ExitsAtOnce },
        4 => return Happening::Weather { kind, ms, weather: Weather::HangsAtStart },
        5 => return Happening::Weather { kind, ms, weather: Weather::DiesAfter { frames: 1 + dice.below(250) } },
        6 => return Happening::Weather { kind, ms, weather: Weather::StartsSlowly { ms: dice.below(1500) } },
        7 => return Happening::StrikesAll { fault: dice.one_of(&[Fault::Kill, Fault::Stop { ms: 10_000 }]) },
        8 => return Happening::Poison,
        9 => dice.one_of(&[Fault::Slow { percent: 110 }, Fault::Slow { percent: 300 }]),
        // How many frames an external encoder can have made is not known to the frame, so that one delivered twice
        // would go unnoticed for as long as the process lives.
        10 if encoder == EncoderKind::Builtin => dice.one_of(&[Fault::TwiceTheSame, Fault::GarbageInAFrame]),
        10 => Fault::GarbageInAFrame,
        _ => return gentle_one(dice),
    };
    Happening::Strikes { whom: dice.roll(), fault }
}

#[test]
fn while_all_is_well_a_driver_wakes_up_each_second_tick_where_the_delay_has_time_to_spare() {
    for encoder in [EncoderKind::Builtin, EncoderKind::Ffmpeg] {
        for (delay_ms, ticks_a_turn) in [(500, 2), (1000, 2), (150, 1)] {
            let quiet = Schedule { encoder, delay_ms, gentle: true, happenings: Vec::new(), ..Schedule::random(0) };
            let outcome = Simulation::new(&quiet, false).run(&quiet);
            quiet.judge(&outcome);
            // More while it starts, and where the scheduler wakes the driver late.
            let turns = outcome.frames / ticks_a_turn;
            assert!(outcome.frames > 1000 && outcome.turns >= turns - turns / 20, "{delay_ms} ms: {outcome:?}");
            assert!(outcome.turns <= turns + turns / 20 + 100, "{delay_ms} ms: {outcome:?}");
        }
    }
}
