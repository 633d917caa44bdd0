//! Where the time went: what each job took, kept for the next run's order.

use super::job::{Job, JobResult};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Jobs that are named at the end of a run.
const SLOWEST: usize = 12;

/// Milliseconds by name of the job.
#[derive(Default)]
pub(super) struct Times(BTreeMap<String, u64>);

impl Times {
    /// Those of earlier runs, if there were any.
    pub(super) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("times.json")).unwrap_or_default();
        let known = serde_json::from_str::<BTreeMap<String, u64>>(&text);
        Self(known.unwrap_or_default())
    }

    /// What the job took the last time.
    pub(super) fn milliseconds(&self, job: &Job) -> Option<u64> {
        self.0.get(&job.name()).copied()
    }

    /// Takes note of what it took.
    pub(super) fn set(&mut self, result: &JobResult) {
        let milliseconds = u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX);
        self.0.insert(result.job.name(), milliseconds);
    }

    /// Keeps them, and prints the sums by program and the slowest jobs.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(super) fn write(&self, folder: &Path, results: &[JobResult]) -> Result<()> {
        let path = folder.join("times.json");
        let all: BTreeMap<&String, Value> = self.0.iter().map(|(name, time)| (name, json!(time))).collect();
        fs::write(&path, serde_json::to_string_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))?;

        let mut programs: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
        for result in results {
            let sum = programs.entry(&result.job.label).or_default();
            *sum = (sum.0 + result.tally.passed + result.tally.failed, sum.1 + result.took.as_secs_f64());
        }
        println!("\n{:<34} {:>6} {:>9}", "program", "tests", "seconds");
        for (label, (count, seconds)) in programs {
            println!("{label:<34} {count:>6} {seconds:>9.1}");
        }
        let mut slowest: Vec<&JobResult> = results.iter().collect();
        slowest.sort_by_key(|result| std::cmp::Reverse(result.took));
        println!("\nslowest");
        for result in slowest.iter().take(SLOWEST) {
            println!("{:>7.1} s  {}", result.took.as_secs_f64(), result.job.name());
        }
        Ok(())
    }
}
