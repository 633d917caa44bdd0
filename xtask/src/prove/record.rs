//! What the steps of a proof gave: one table of steps, one of figures, and both as JSON.

use crate::bench::figure::Figure;
use crate::bench::{Measured, table};
use anyhow::{Context, Result, ensure};
use radio_proof::process::machine_load;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a step gave.
pub(super) struct Outcome {
    name: &'static str,
    minutes_expected: f64,
    took: Duration,
    figures: Vec<Figure>,
    /// Why it failed, if it did.
    failure: Option<String>,
}

/// All steps so far.
pub(super) struct Record {
    started_at_s: u64,
    load_before: f64,
    outcomes: Vec<Outcome>,
}

impl Outcome {
    /// A missed promise is no failure of its step: the figure tells it.
    pub(super) fn of(name: &'static str, minutes_expected: f64, took: Duration, measured: Result<Measured>) -> Self {
        let (figures, failure) = match measured {
            Ok(measured) => (measured.figures, measured.fault),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        if let Some(failure) = &failure {
            eprintln!("{name} failed: {failure}");
        }
        Self { name, minutes_expected, took, figures, failure }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "minutes_expected": self.minutes_expected,
            "seconds": self.took.as_secs_f64(),
            "failure": self.failure,
            "figures": table::json(&self.figures),
        })
    }
}

impl Record {
    /// Begins.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at_s: now.as_secs(), load_before: machine_load(), outcomes: Vec::new() }
    }

    /// Adds a step that is over.
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Writes all of it into a file, in one piece: an interruption leaves what was there before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, path: &Path, steps_wanted: usize) -> Result<()> {
        let all = json!({
            "started_at_unix_s": self.started_at_s,
            "load_before": self.load_before,
            "load_after": machine_load(),
            "steps_wanted": steps_wanted,
            "is_complete": self.outcomes.len() == steps_wanted,
            "steps": self.outcomes.iter().map(Outcome::json).collect::<Vec<_>>(),
        });
        let unfinished = path.with_extension("json.part");
        std::fs::write(&unfinished, serde_json::to_string_pretty(&all)? + "\n")
            .and_then(|()| std::fs::rename(&unfinished, path))
            .with_context(|| format!("{} cannot be written: free its disk or give --json FILE", path.display()))
    }

    /// Steps, how long each took, and whether it failed.
    pub(super) fn steps_table(&self) -> String {
        let line = |outcome: &Outcome| {
            let result = outcome.failure.as_deref().and_then(|failure| failure.lines().next());
            let result = result.map_or("ok".to_owned(), |failure| format!("FAILED: {failure}"));
            let minutes = outcome.took.as_secs_f64() / 60.0;
            format!("| {:<12} | {minutes:>7.1} | {:>8.1} | {result} |\n", outcome.name, outcome.minutes_expected)
        };
        let lines: String = self.outcomes.iter().map(line).collect();
        let minutes = self.outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum::<f64>() / 60.0;
        format!(
            "| step         | minutes | expected | result |\n|---|---|---|---|\n{lines}\n{minutes:.0} minutes in all.\n"
        )
    }

    /// Every figure of every step.
    pub(super) fn figures_table(&self) -> String {
        let figures = self.figures();
        let load = format!("Load of the machine: {:.2} before, {:.2} after.", self.load_before, machine_load());
        format!("{}\n{load}\n{}", table::table(&figures), table::count(&figures))
    }

    /// # Errors
    /// A step failed, or a promise is missed.
    pub(super) fn verdict(&self) -> Result<()> {
        let failed: Vec<&str> =
            self.outcomes.iter().filter(|outcome| outcome.failure.is_some()).map(|outcome| outcome.name).collect();
        let missed = table::check(&self.figures());
        ensure!(
            failed.is_empty(),
            "steps failed: {}{}",
            failed.join(", "),
            missed.err().map_or(String::new(), |error| format!("; {error}"))
        );
        missed
    }

    fn figures(&self) -> Vec<Figure> {
        self.outcomes.iter().flat_map(|outcome| outcome.figures.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn measured(name: &str, value: f64) -> Result<Measured> {
        Ok(Measured { figures: vec![Figure::new(name, value, "ms").bound(5.0)], fault: None })
    }

    fn record(outcomes: Vec<(&'static str, Result<Measured>)>) -> Record {
        let mut record = Record::new();
        for (name, measured) in outcomes {
            record.add(Outcome::of(name, 2.0, Duration::from_secs(90), measured));
        }
        record
    }

    #[test]
    fn a_failed_step_and_a_missed_promise_are_errors_and_nothing_else_is() {
        assert!(record(vec![("start", measured("first byte", 5.0))]).verdict().is_ok());
        let missed = record(vec![("start", measured("first byte", 5.1)), ("cost", measured("CPU", 1.0))]);
        assert!(missed.verdict().is_err_and(|error| error.to_string().contains("first byte")));
        let failed = record(vec![("end-to-end", Err(anyhow!("a test failed"))), ("cost", measured("CPU", 6.0))]);
        let error = failed.verdict().expect_err("two faults").to_string();
        assert!(error.contains("end-to-end") && error.contains("CPU"), "{error}");
        let broken = Measured { fault: Some("wrong bytes".into()), ..Measured::default() };
        assert!(record(vec![("icy", Ok(broken))]).verdict().is_err());
    }

    #[test]
    fn all_figures_stand_in_one_table_behind_the_steps() {
        let record = record(vec![("start", measured("first byte", 4.0)), ("cost", Err(anyhow!("no tower\nat all")))]);
        assert!(record.figures_table().contains("first byte"));
        let steps = record.steps_table();
        assert!(steps.contains("| start        |     1.5 |      2.0 | ok |"), "{steps}");
        assert!(steps.contains("FAILED: no tower |") && steps.contains("3 minutes in all"), "{steps}");
    }

    #[test]
    fn the_file_says_what_is_known_after_each_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("prove.json");
        let record = record(vec![("start", measured("first byte", 4.0))]);
        record.write(&path, 2).expect("room on the disk");
        let all: Value = serde_json::from_slice(&std::fs::read(&path).expect("the file")).expect("JSON");
        assert_eq!((&all["is_complete"], &all["steps"][0]["figures"][0]["verdict"]), (&json!(false), &json!("met")));
        assert_eq!(std::fs::read_dir(folder.path()).map(Iterator::count).ok(), Some(1));
    }
}
