//! Steps with a name, a duration and a result; the table at the end; the number of tests that ran.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A list of steps being worked through.
#[derive(Default)]
pub(crate) struct Steps {
    rows: Vec<(String, f64, String)>,
    failed: bool,
    /// Tests that ran in them.
    pub tests: Tally,
}

/// Tests counted from the summary lines of test programs.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Good ones.
    pub passed: u64,
    /// Bad ones.
    pub failed: u64,
    /// Those marked `#[ignore]`.
    pub ignored: u64,
}

impl Steps {
    /// Runs `work` as a step; a failure is remembered and the next step is tried all the same.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Result<()>) {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = work(self);
        let result = match outcome {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                println!("{error:#}");
                self.failed = true;
                "FAILED".to_owned()
            }
        };
        self.rows.push((name.to_owned(), started.elapsed().as_secs_f64(), result));
    }

    /// Runs a cargo command as a step, its output passed through and its tests counted.
    pub(crate) fn cargo(&mut self, name: &str, arguments: &str, environment: &[(&str, &str)]) {
        self.run(name, |steps| {
            println!("cargo {arguments}");
            let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .args(arguments.split_whitespace())
                .envs(environment.iter().copied())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot run cargo")?;
            let output = child.stdout.take().context("no output")?;
            for line in BufReader::new(output).lines() {
                let line = line?;
                steps.tests.count(&line);
                println!("{line}");
                std::io::stdout().flush()?;
            }
            let status = child.wait()?;
            if !status.success() {
                bail!("cargo {arguments}: {status}");
            }
            Ok(())
        });
    }

    /// Prints the table; an error if any step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{:<44} {:>8}  result", "step", "seconds");
        for (name, seconds, result) in &self.rows {
            println!("{name:<44} {seconds:>8.1}  {result}");
        }
        let sum: f64 = self.rows.iter().map(|(_, seconds, _)| seconds).sum();
        println!("{:<44} {sum:>8.1}  {:.1} minutes", "all", sum / 60.0);
        let Tally { passed, failed, ignored } = self.tests;
        println!("\n{passed} passed, {failed} failed, {ignored} skipped");
        if self.failed {
            bail!("not everything passed");
        }
        Ok(())
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl Tally {
    /// All summary lines of an output.
    pub(crate) fn of(output: &str) -> Self {
        let mut tally = Self::default();
        output.lines().for_each(|line| tally.count(line));
        tally
    }

    /// Adds up lines such as `test result: ok. 5 passed; 0 failed; 1 ignored; ...`.
    fn count(&mut self, line: &str) {
        let Some(summary) = line.trim_start().strip_prefix("test result:") else {
            return;
        };
        let number = |word: &str| {
            let before = summary.split_once(word).map_or("", |(before, _)| before);
            before.trim_end().rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
        self.ignored += number(" ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_summary_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.count("test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured");
        tally.count("test some::test ... ok");
        assert_eq!(tally, Tally { passed: 12, failed: 2, ignored: 1 });
    }
}
