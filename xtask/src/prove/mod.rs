//! `cargo xtask prove`: the end-to-end tests at full length, then every benchmark, in one run with
//! one table at its end.
//!
//! Steps run one after the other and alone: two at a time would measure each other. A step that
//! fails does not end the run. After each step, what is known so far is written to
//! `target/prove.json`.

mod end_to_end;
mod progress;
mod record;

use crate::bench::{self, Measured};
use crate::{packages, tools};
use anyhow::{Context, Result, anyhow, bail, ensure};
use progress::Progress;
use record::{Outcome, Record};
use std::path::PathBuf;
use std::time::Instant;

/// Where the record is written, unless `--json` names another file.
const RECORD: &str = "target/prove.json";

/// A part of the proof.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// Its name on the command line and in tables.
    name: &'static str,
    /// How long it takes on two cores, in minutes.
    minutes: f64,
    work: Work,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// Installs the programs that the tests use.
    Programs,
    /// Runs the end-to-end tests at full length.
    EndToEnd,
    /// Measures what a benchmark of this name does.
    Benchmark(&'static str),
}

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
struct Wanted {
    list: bool,
    record: PathBuf,
    steps: Vec<Step>,
}

/// `cargo xtask prove [--list] [--json FILE] [STEP]...`.
///
/// # Errors
/// A step failed, or a promise is missed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = wanted(arguments)?;
    if wanted.list {
        print!("{}", list(&wanted.steps));
        return Ok(());
    }
    let minutes: Vec<f64> = wanted.steps.iter().map(|step| step.minutes).collect();
    let mut record = Record::new();
    // A file that cannot be written is an error before hours of work, not after.
    record.write(&wanted.record, wanted.steps.len())?;
    for (index, step) in wanted.steps.iter().enumerate() {
        let progress = Progress::begin(step.name, index, &minutes);
        let begun = Instant::now();
        let work = step.work;
        let measured = alone(move || work.run());
        drop(progress);
        record.add(Outcome::of(step.name, step.minutes, begun.elapsed(), measured));
        record.write(&wanted.record, wanted.steps.len())?;
    }
    println!("\n{}\n{}", record.steps_table(), record.figures_table());
    println!("The same for scripts: {}", wanted.record.display());
    record.verdict()
}

impl Work {
    fn run(self) -> Result<Measured> {
        match self {
            Self::Programs => packages::ensure().and_then(|()| tools::ensure()).map(|()| Measured::default()),
            Self::EndToEnd => end_to_end::full_length().map(|()| Measured::default()),
            Self::Benchmark(name) => bench::prove(name),
        }
    }
}

/// Does the work in a thread of its own: a panic ends the step only, and a core that it chose stays
/// its own.
fn alone(work: impl FnOnce() -> Result<Measured> + Send + 'static) -> Result<Measured> {
    std::thread::spawn(work).join().unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(anyhow!("the step panicked: {text}"))
    })
}

/// All steps, in the order in which they run.
fn steps() -> Vec<Step> {
    let before = [
        Step { name: "programs", minutes: 1.0, work: Work::Programs },
        Step { name: "end-to-end", minutes: end_to_end::MINUTES, work: Work::EndToEnd },
    ];
    let benchmarks = bench::proved().map(|(name, minutes)| Step { name, minutes, work: Work::Benchmark(name) });
    before.into_iter().chain(benchmarks).collect()
}

/// Reads the arguments; steps run in their own order, however they are named.
fn wanted(arguments: &[String]) -> Result<Wanted> {
    let mut wanted = Wanted { list: false, record: RECORD.into(), steps: steps() };
    let mut names = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--list" => wanted.list = true,
            "--json" => wanted.record = rest.next().context("--json needs the name of a file")?.into(),
            unknown if unknown.starts_with("--") => {
                bail!("there is no option {unknown}; there are: --list, --json FILE")
            }
            name => {
                let known = wanted.steps.iter().map(|step| step.name).collect::<Vec<_>>();
                ensure!(known.contains(&name), "there is no step {name}; there are: {}", known.join(", "));
                names.push(name);
            }
        }
    }
    wanted.steps.retain(|step| names.is_empty() || names.contains(&step.name));
    Ok(wanted)
}

/// The steps with their minutes.
fn list(steps: &[Step]) -> String {
    let line = |step: &Step| format!("{:<12} {:>6.1}\n", step.name, step.minutes);
    let sum: f64 = steps.iter().map(|step| step.minutes).sum();
    let lines: String = steps.iter().map(line).collect();
    format!("{:<12} minutes\n{lines}{:<12} {sum:>6.1}\n", "step", "all")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Wanted> {
        wanted(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn some_steps_run_in_their_own_order_and_unknown_ones_are_refused() {
        let named = parse("max --json prove.json start").expect("known steps");
        assert_eq!(named.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["start", "max"]);
        assert_eq!(named.record, PathBuf::from("prove.json"));
        let error = parse("strat").expect_err("no such step").to_string();
        assert!(error.contains("end-to-end, start"), "{error}");
        assert!(parse("--check").is_err() && parse("--json").is_err());
    }

    #[test]
    fn every_benchmark_is_a_step_of_its_own_name() {
        let all = parse("").expect("no arguments").steps;
        for name in ["programs", "end-to-end", "start", "deaths", "curve", "desks", "max"] {
            assert_eq!(all.iter().filter(|step| step.name == name).count(), 1, "{name}");
        }
        let list = list(&all);
        assert!(list.contains("deaths") && list.lines().count() == all.len() + 2, "{list}");
    }

    #[test]
    fn a_panic_ends_its_step_only() {
        let error = alone(|| panic!("no {} here", "ffmpeg")).err().expect("an error").to_string();
        assert!(error.contains("no ffmpeg here"), "{error}");
        assert!(alone(|| Ok(Measured::default())).is_ok());
    }
}
