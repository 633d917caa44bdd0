//! A second chance, alone, for what failed among the others; and the limit of such chances.
//!
//! A test that passes only the second time is *unsteady*: reported, with both outputs kept, and a fault of ours to be mended. More
//! than [`UNSTEADY_MAX`] of them, or the same one in two runs on end of the same tree, fail the run.

use super::job::{Job, JobResult, Share, Verdict};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unsteady tests that a run may have.
pub(super) const UNSTEADY_MAX: usize = 2;

/// Failures that are tried again: more of them are no accident.
const TRIED_AGAIN_MAX: usize = 20;

/// Lines of an output that are shown.
const SHOWN_LINES: usize = 150;

/// What the last run found unsteady.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The tree it ran on, as `git describe` names it.
    pub tree: String,
    /// Names of tests.
    pub unsteady: Vec<String>,
}

/// Why a run fails though nothing failed twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TooUnsteady {
    /// More than [`UNSTEADY_MAX`].
    Many(usize),
    /// These were unsteady in the run before, on the same tree.
    Again(Vec<String>),
}

/// Judges the unsteady tests of a run by those of the run before.
pub(super) fn judge(before: &Record, now: &Record) -> Option<TooUnsteady> {
    if now.unsteady.len() > UNSTEADY_MAX {
        return Some(TooUnsteady::Many(now.unsteady.len()));
    }
    let is_again = |name: &&String| before.tree == now.tree && before.unsteady.contains(name);
    let again: Vec<String> = now.unsteady.iter().filter(is_again).cloned().collect();
    (!again.is_empty()).then_some(TooUnsteady::Again(again))
}

/// Runs each failed test once more, alone, tells the result and keeps the record of the unsteady ones.
///
/// # Errors
///
/// A test failed twice, or [`judge`] finds the run too unsteady.
pub(super) fn second_chance(failed: Vec<JobResult>, folder: &Path) -> Result<()> {
    let kept = folder.join("unsteady");
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let again: Vec<(Job, PathBuf)> = failed.iter().flat_map(tests_of).collect();
    if again.len() > TRIED_AGAIN_MAX {
        again.iter().for_each(|(job, output)| show(job, output));
        bail!("{} tests failed; so many are not tried again", again.len());
    }
    let (mut unsteady, mut twice) = (Vec::new(), Vec::new());
    for (job, first) in again {
        println!("\n--- once more, alone: {}", job.name());
        let name = job.file_name();
        let (kept_first, second) = (kept.join(format!("{name}.1.log")), kept.join(format!("{name}.2.log")));
        fs::copy(&first, &kept_first).with_context(|| format!("cannot keep {}", first.display()))?;
        let result = job.run(&second, Share::Fair);
        if result.verdict == Verdict::Passed {
            println!("UNSTEADY: it passes alone; outputs: {}, {}", kept_first.display(), second.display());
            show(&result.job, &kept_first);
            unsteady.push(result.job.name());
        } else {
            show(&result.job, &second);
            twice.push(result.job.name());
        }
    }
    let record = folder.join("unsteady.json");
    let before: Record =
        fs::read_to_string(&record).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let now = Record { tree: tree(), unsteady };
    fs::write(&record, serde_json::to_string_pretty(&now)?)
        .with_context(|| format!("cannot write {}", record.display()))?;
    if !now.unsteady.is_empty() || !twice.is_empty() {
        println!("\nfailed twice: {}; unsteady: {}", twice.len(), now.unsteady.len());
        twice.iter().for_each(|name| println!("    FAILED    {name}"));
        now.unsteady.iter().for_each(|name| println!("    unsteady  {name}"));
    }
    if !twice.is_empty() {
        bail!("{} tests failed twice: {}", twice.len(), twice.join(", "));
    }
    match judge(&before, &now) {
        None => Ok(()),
        Some(TooUnsteady::Many(count)) => bail!("{count} tests are unsteady; {UNSTEADY_MAX} is the limit"),
        Some(TooUnsteady::Again(names)) => bail!("unsteady twice in a row on the same tree: {}", names.join(", ")),
    }
}

/// Each failed test as a job of its own; the whole job if it did not say which.
fn tests_of(result: &JobResult) -> Vec<(Job, PathBuf)> {
    let with_output = |job: Job| (job, result.output.clone());
    match &result.verdict {
        Verdict::Failed(tests) => tests.iter().map(|test| with_output(result.job.only(test))).collect(),
        Verdict::Passed | Verdict::Crashed(_) | Verdict::Hung => vec![with_output(result.job.clone())],
    }
}

/// Prints the end of an output.
fn show(job: &Job, output: &Path) {
    let text = String::from_utf8_lossy(&fs::read(output).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    println!("--- {}: {}", job.name(), output.display());
    lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().for_each(|line| println!("| {line}"));
}

/// The commit, and whether something is changed beside it.
fn tree() -> String {
    let describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    let output = Command::new("git").args(describe).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
