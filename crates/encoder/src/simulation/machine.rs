//! The machine that the processes share: two cores, and busy loops that want them too.
//!
//! While more processes want to run than there are cores, each gets one slice a round, at a place
//! in the round that is its own. So a process gets its share in bursts, and one that wakes waits up
//! to a round for its turn, which is worse than what a real scheduler does to a process that sleeps
//! most of the time.

/// Cores of the machine.
const CORES: u64 = 2;

/// For how long a process runs before the next one has its turn.
const SLICE_NS: u64 = 3_000_000;

/// A spell of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    /// Processes beside the encoders that never sleep.
    pub(super) loops: u64,
}

/// Who gets the processor, and when.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// By time, without overlap; times count from `start_ns`.
    loads: Vec<Load>,
    start_ns: u64,
}

/// What a process got in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Got {
    /// When the stretch ended: the work was done, or the time was over.
    pub(super) at_ns: u64,
    /// Processor time.
    pub(super) ran_ns: u64,
}

impl Machine {
    pub(super) fn new(loads: Vec<Load>, start_ns: u64) -> Self {
        Self { loads, start_ns }
    }

    /// Lets process `pid` run from `from_ns` until it has had `work_ns` of processor time or
    /// `until_ns` comes, beside `others` encoder processes that want to run as well.
    pub(super) fn run(&self, pid: usize, from_ns: u64, until_ns: u64, work_ns: u64, others: u64) -> Got {
        let (mut at_ns, mut ran_ns) = (from_ns, 0);
        while at_ns < until_ns && ran_ns < work_ns {
            let (loops, spell_ends_ns) = self.spell(at_ns);
            let round_ns = round_ns(loops + others + 1);
            let left_ns = (work_ns - ran_ns).min(until_ns - at_ns);
            let Some(round_ns) = round_ns else {
                let step_ns = left_ns.min(spell_ends_ns - at_ns);
                (at_ns, ran_ns) = (at_ns + step_ns, ran_ns + step_ns);
                continue;
            };
            let place_ns = (at_ns + pid as u64 * 7 * SLICE_NS) % round_ns;
            if place_ns < SLICE_NS {
                let step_ns = left_ns.min(SLICE_NS - place_ns);
                (at_ns, ran_ns) = (at_ns + step_ns, ran_ns + step_ns);
            } else {
                at_ns = (at_ns + round_ns - place_ns).min(until_ns);
            }
        }
        Got { at_ns, ran_ns }
    }

    /// For how long a thread that wakes may wait for its turn.
    pub(super) fn round_ns_at(&self, now_ns: u64) -> u64 {
        round_ns(self.spell(now_ns).0 + 1).unwrap_or(0)
    }

    /// The part of a core that a process gets which is alone beside the load.
    pub(super) fn share(loops: u64) -> f64 {
        (CORES as f64 / (loops + 1) as f64).min(1.0)
    }

    /// Busy loops at `now_ns`, and until when their number stays the same.
    fn spell(&self, now_ns: u64) -> (u64, u64) {
        for load in &self.loads {
            let (from_ns, until_ns) = (self.ns(load.from_ms), self.ns(load.until_ms));
            if now_ns < from_ns {
                return (0, from_ns);
            }
            if now_ns < until_ns {
                return (load.loops, until_ns);
            }
        }
        (0, u64::MAX)
    }

    fn ns(&self, ms: u64) -> u64 {
        self.start_ns + ms * 1_000_000
    }
}

/// The time in which each of so many processes has one slice; none while there is a core for each.
fn round_ns(processes: u64) -> Option<u64> {
    (processes > CORES).then(|| SLICE_NS * processes / CORES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn machine(loops: u64) -> Machine {
        Machine::new(vec![Load { from_ms: 0, until_ms: 1_000_000, loops }], 0)
    }

    #[test]
    fn a_process_gets_its_share_in_bursts() {
        for loops in [0, 1, 12, 30, 60] {
            let got = machine(loops).run(3, 0, 100 * SECOND_NS, u64::MAX, 0);
            let share = got.ran_ns as f64 / got.at_ns as f64;
            assert!((share - Machine::share(loops)).abs() < 0.001, "{loops} loops: {share}");
        }
        let got = machine(30).run(0, SLICE_NS, SECOND_NS, 1, 0);
        assert_eq!((got.at_ns, got.ran_ns), (SLICE_NS * 31 / 2 + 1, 1), "one that wakes waits for its turn");
    }

    #[test]
    fn work_is_done_when_its_processor_time_is_up() {
        let got = machine(0).run(0, SECOND_NS, 2 * SECOND_NS, 1000, 0);
        assert_eq!(got, Got { at_ns: SECOND_NS + 1000, ran_ns: 1000 });
        let load = Load { from_ms: 1000, until_ms: 2000, loops: 60 };
        let got = Machine::new(vec![load], 0).run(0, 0, u64::MAX, 2 * SECOND_NS, 0);
        assert!((got.at_ns as f64 / 1e9 - 2.967).abs() < 0.1, "{got:?}: the load costs a second less its share");
    }
}
