//! Bare loops beside a server while its listeners are served: what the machine does to a loop that
//! has nothing to do.
//!
//! A bare send loop on the server's core serves two listeners in each slot of its period, and a
//! second generator on the first one's core reads them, with the same joining time and the same
//! window. Whatever holds up either core for longer than a slot shows in the longest gap of one of
//! them. Where lateness and waits are judged, loops that only sleep until deadlines run on the
//! server's core besides.

use super::servers::{Ended, LOAD_CORE, SERVER_CORE, Server};
use anyhow::{Context, Result};
use radio_load::plan::{KINDS, Kind, Plan};
use radio_load::report::Report;
use radio_proof::bare_loop::{BareLoop, Lateness, Priority};
use radio_proof::punctuality::Bare;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// Length of a slot of the bare send loop.
const SLOT_MS: u64 = 24;
/// Listeners in each slot: more would cost the server's core more than they tell.
const LISTENERS_PER_SLOT: u64 = 2;

/// Bare loops at work; they end when dropped.
pub(super) struct Meanwhile {
    generator: Ended,
    period_ms: u64,
    clocks: Option<Clocks>,
    _send_loop: Server,
}

struct Clocks {
    realtime: BareLoop,
    normal: BareLoop,
}

/// What the bare loops met with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// The longest gap between bytes; none if not every byte came.
    pub gap: Option<Bare>,
    /// How late a loop was at the priority of the tower's clock.
    pub realtime: Option<Lateness>,
    /// How late a loop was at normal priority.
    pub normal: Option<Lateness>,
}

impl Meanwhile {
    /// Starts a bare send loop with the send period of the server, and clocks where they are
    /// wanted.
    ///
    /// # Errors A program cannot be started.
    pub(super) fn start(load: &Path, plan: &Plan, period_ms: u64, with_clocks: bool) -> Result<Self> {
        let clocks = with_clocks.then(|| {
            let start = |priority| BareLoop::start(priority, Some(SERVER_CORE));
            Clocks { realtime: start(Priority::Realtime), normal: start(Priority::Normal) }
        });
        let send_loop = Server::bare(load, period_ms)?;
        let core = LOAD_CORE.to_string();
        let child = Command::new(load)
            .args(["--core", &core, "listen"])
            .args(beside(plan, &send_loop, period_ms).arguments())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the generator of the bare loop")?;
        Ok(Self { generator: Ended(child), period_ms, clocks, _send_loop: send_loop })
    }

    /// Waits for the end of the window: what the loops met with.
    ///
    /// # Errors
    /// The generator gave up.
    pub(super) fn end(mut self) -> Result<Beside> {
        let clocks = self.clocks.take().map(|clocks| (clocks.realtime.stop(), clocks.normal.stop()));
        let (realtime, normal) = clocks.unzip();
        let mut report = Vec::new();
        self.generator.0.stdout.take().context("no output")?.read_to_end(&mut report)?;
        let report: Report = serde_json::from_slice(&report).context("the report of the bare loop's generator")?;
        let gap = gap(&report, self.period_ms);
        if gap.is_none() {
            eprintln!("the bare send loop did not serve its listeners; bounds stand as they are: {:?}", report.kinds);
        }
        Ok(Beside { gap, realtime, normal })
    }
}

/// The plan of the second generator: its window begins and ends with the first one's.
fn beside(plan: &Plan, send_loop: &Server, period_ms: u64) -> Plan {
    let listeners = (period_ms / SLOT_MS).max(1) * LISTENERS_PER_SLOT;
    let others: usize = KINDS.iter().map(|&kind| plan.count(kind)).sum();
    let mut own = Plan::new(send_loop.address);
    own.normal = listeners as usize;
    own.ramp = plan.ramp * listeners as f64 / others.max(1) as f64;
    (own.idle_s, own.settle_s, own.hold_s) = (plan.idle_s, plan.settle_s, plan.hold_s);
    own
}

/// The longest gap, if every listener was there and every byte came: a loop that failed excuses
/// nothing.
fn gap(report: &Report, period_ms: u64) -> Option<Bare> {
    let found = report.kinds.get(&Kind::Normal)?;
    let is_whole = found.live == found.asked && found.tally.sync_losses == 0 && found.tally.good_bytes > 0;
    is_whole.then_some(Bare { value: found.gap_ms[2], quiet: period_ms as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_load::report::OfKind;
    use std::collections::BTreeMap;

    fn report(live: usize, sync_losses: u64) -> Report {
        let mut found = OfKind { asked: 42, live, gap_ms: [505.0, 510.0, 700.0], ..OfKind::default() };
        (found.tally.sync_losses, found.tally.good_bytes) = (sync_losses, 1);
        Report {
            kinds: BTreeMap::from([(Kind::Normal, found)]),
            cost: Default::default(),
            generator: Default::default(),
        }
    }

    #[test]
    fn the_longest_gap_counts_beyond_the_period_and_a_loop_that_failed_does_not() {
        assert_eq!(gap(&report(42, 0), 504), Some(Bare { value: 700.0, quiet: 504.0 }));
        assert_eq!([gap(&report(41, 0), 504), gap(&report(42, 1), 504)], [None; 2]);
    }
}
