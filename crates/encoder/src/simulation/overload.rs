//! A machine that is too busy: what the stream suffers of it, and for how long.

use super::actor::{Fault, Needs};
use super::machine::{Load, Machine};
use super::schedule::{Happening, Schedule};
use super::{Outcome, Simulation};
use radio_config::EncoderKind;
use radio_signal::supervisor::State;
use radio_signal::units::TICK_MS;

/// What FFmpeg needs for AAC and for Opus (docs/measured.md).
pub(super) const AAC: Needs = Needs { load_ns: 80_000_000, open_ns: 45_000_000, tick_ns: 700_000 };
pub(super) const OPUS: Needs = Needs { load_ns: 80_000_000, open_ns: 45_000_000, tick_ns: 1_000_000 };

/// The load of a scenario that does not begin under it comes when all is well.
const LOAD_FROM_MS: u64 = 5_000;
const LOAD_MS: u64 = 30_000;
const KILL_MS: u64 = 15_000;

/// One encoder beside busy loops.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    name: &'static str,
    needs: Needs,
    encoder: EncoderKind,
    stand_in: bool,
    loops: u64,
    starts_under_load: bool,
    fault: Option<Fault>,
}

impl Scenario {
    fn schedule(self) -> Schedule {
        let from_ms = if self.starts_under_load { 0 } else { LOAD_FROM_MS };
        let until_ms = LOAD_FROM_MS + LOAD_MS;
        let loads = vec![Load { from_ms, until_ms, loops: self.loops }];
        let strike = |fault| (KILL_MS, Happening::Strikes { whom: 0, fault });
        let happenings = self.fault.map(strike).into_iter().collect();
        Schedule {
            agree: true,
            delay_ms: 500,
            gentle: false,
            encoder: self.encoder,
            stand_in: self.stand_in,
            external: self.needs,
            loads,
            end_ms: until_ms + 30_000,
            happenings,
            ..Schedule::random(0)
        }
    }

    fn run(self) -> Outcome {
        let schedule = self.schedule();
        Simulation::new(&schedule, std::env::var_os("RADIO_TRACE").is_some()).run(&schedule)
    }

    /// How long its start takes at its share of the processor, in ms.
    fn start_ms(self) -> u64 {
        ((self.needs.load_ns + self.needs.open_ns) as f64 / self.share() / 1e6) as u64
    }

    fn share(self) -> f64 {
        Machine::share(self.loops)
    }

    /// Whether its share is more than it needs, with the rounding of bursts.
    fn has_enough(self) -> bool {
        self.share() > 1.1 * self.needs.share()
    }

    fn row(self, outcome: &Outcome) -> String {
        let lost_ms = outcome.silent.len() as u64 * TICK_MS;
        let after_ms = outcome.unwell_ms.saturating_sub(LOAD_FROM_MS + LOAD_MS);
        format!(
            "{:8} {:>3} loops {:5} {:>6} | share {:5.1} %, needs {:4.1} % | lacks {:>6} ms, longest {:>6} ms, \
             deaths {}, suspicions {}, well {:>5} ms after the load, {:?}",
            self.name,
            self.loops,
            if self.starts_under_load { "start" } else { "" },
            self.fault.map(|fault| format!("{fault:?}")).unwrap_or_default(),
            self.share() * 100.0,
            self.needs.share() * 100.0,
            lost_ms,
            outcome.longest_silence_ms(),
            outcome.deaths,
            outcome.suspicions,
            after_ms,
            outcome.states,
        )
    }
}

const MP3: Scenario = Scenario {
    name: "mp3",
    needs: Needs::BUILTIN,
    encoder: EncoderKind::Builtin,
    stand_in: false,
    loops: 0,
    starts_under_load: false,
    fault: None,
};

const ENCODERS: [Scenario; 3] = [
    MP3,
    Scenario { name: "aac", needs: AAC, encoder: EncoderKind::Ffmpeg, ..MP3 },
    Scenario { name: "opus", needs: OPUS, encoder: EncoderKind::Ffmpeg, ..MP3 },
];

fn scenarios() -> impl Iterator<Item = Scenario> {
    let ways = [(false, None), (false, Some(Fault::Kill)), (true, None)];
    ENCODERS.into_iter().flat_map(move |encoder| {
        ways.into_iter().flat_map(move |(starts_under_load, fault)| {
            [0, 12, 30, 60].map(|loops| Scenario { loops, starts_under_load, fault, ..encoder })
        })
    })
}

#[test]
fn an_encoder_on_a_busy_machine_is_not_at_fault_and_comes_back_by_itself() {
    let mut wrong = Vec::new();
    for scenario in scenarios() {
        let outcome = scenario.run();
        let row = scenario.row(&outcome);
        println!("{row}");
        let killed = u64::from(scenario.fault.is_some());
        let silence_ms = outcome.longest_silence_ms();
        // What a listener may lack: the time that a start takes, and a second.
        let start_ms = if killed > 0 || scenario.starts_under_load { scenario.start_ms() + 1000 } else { 0 };
        let may_lack_ms = if scenario.has_enough() { start_ms } else { LOAD_FROM_MS + LOAD_MS + 2000 };
        let is_good = outcome.deaths == killed
            && outcome.suspicions == 0
            && !outcome.states.contains(&State::Failed)
            && silence_ms <= may_lack_ms
            && outcome.silent.len() as u64 * TICK_MS <= may_lack_ms
            && outcome.unwell_ms <= LOAD_FROM_MS + LOAD_MS + 2000;
        if !is_good {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
}

/// Faults that look like slowness from outside, on a machine that is busy or not.
#[test]
fn a_stopped_a_spinning_and_a_blocking_encoder_are_replaced_whatever_the_load() {
    let mut wrong = Vec::new();
    for fault in [Fault::Stop { ms: 20_000 }, Fault::Spin, Fault::Block] {
        for encoder in ENCODERS {
            for loops in [0, 12, 30] {
                let scenario = Scenario { loops, fault: Some(fault), ..encoder };
                let outcome = scenario.run();
                let row = scenario.row(&outcome);
                println!("{row}");
                // It is found out, another one starts, and a listener may lack a second more.
                let found_ms = if fault == Fault::Spin { (20.0 / scenario.share()) as u64 + 250 } else { 350 };
                let is_good = outcome.suspicions > 0
                    && !outcome.states.contains(&State::Failed)
                    && outcome.longest_silence_ms() <= found_ms + scenario.start_ms() + 1000
                    && outcome.unwell_ms <= LOAD_FROM_MS + LOAD_MS + 2000;
                if !is_good {
                    wrong.push(row);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
}

/// As many schedules as those of an idle machine, a third of the number.
#[test]
fn whatever_happens_on_a_busy_machine_the_stream_goes_on_and_recovers() {
    let (first, count) = super::seeds();
    super::run_all(first..first + count.div_ceil(3), Schedule::busy, count == 1);
}
