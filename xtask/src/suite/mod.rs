//! The test suite: pure tests by program, tests of live towers one process each, timing tests alone.
//!
//! [`programs`] asks cargo what there is to run, [`plan`] makes jobs of it and says which of them may run side by side, [`queue`]
//! runs them while there is [`room`], [`job`] is one of them. [`steady`] gives what failed a second chance and remembers what needed it; [`times`]
//! says where the time went.

mod job;
mod plan;
mod programs;
mod queue;
mod room;
mod steady;
#[cfg(test)]
mod steady_tests;
mod times;

pub(crate) use plan::{OfCargo, Selection};
pub(crate) use programs::pure_targets;

use crate::steps::Tally;
use anyhow::{Result, bail};
use job::{JobResult, Verdict};
use radio_proof::machine::Watch;
use std::path::Path;
use std::time::Instant;

/// Arguments of `cargo test` for all tests there are.
pub(crate) const ALL: [&str; 3] = ["--workspace", "--profile", "suite"];
/// Where outputs, times and records are kept.
const FOLDER: &str = "target/tests";

/// Runs what `selection` selects, and counts it in `tally`.
///
/// # Errors
///
/// A test failed twice, or passed only alone more often than [`steady`] allows.
pub(crate) fn run(selection: &Selection, tally: &mut Tally) -> Result<()> {
    let folder = Path::new(FOLDER);
    let programs = programs::built(selection)?;
    let mut times = times::Times::read(folder);
    let phases = plan::phases(&programs, selection, &times)?;
    if phases.iter().all(|phase| phase.count() == 0) {
        bail!("no test has a name that contains {:?}", selection.filters);
    }
    job::empty_outputs(folder)?;
    let mut results: Vec<JobResult> = Vec::new();
    for phase in phases.into_iter().filter(|phase| phase.count() > 0) {
        let name = phase.name;
        println!("\n--- {name}: {} jobs, {} at a time at most", phase.count(), phase.slots + phase.slots_beside);
        let (started, watch) = (Instant::now(), Watch::start());
        results.extend(queue::run(phase, folder));
        println!(
            "--- {name}: {:.1} s, processors {:.0} % busy",
            started.elapsed().as_secs_f64(),
            f64::from(watch.mean_permille()) / 10.0
        );
    }
    for result in &results {
        *tally += result.tally;
        times.set(result);
    }
    times.write(folder, &results)?;
    let failed: Vec<JobResult> = results.into_iter().filter(|result| result.verdict != Verdict::Passed).collect();
    steady::second_chance(failed, folder)
}
