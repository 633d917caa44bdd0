//! One process that runs tests: started, watched, ended at its limit, its output kept in a file.

use crate::steps::Tally;
use anyhow::{Context, Result};
use radio_proof::process;
use rustix::process::Signal;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How often the end of a process is looked for.
const POLL: Duration = Duration::from_millis(10);

/// Tests of one program that run in one process.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The program's name.
    pub label: String,
    /// The program.
    pub program: PathBuf,
    /// Where it runs.
    pub folder: PathBuf,
    /// Which of its tests.
    pub tests: Tests,
    /// After this it is ended, with all that it started.
    pub limit: Duration,
    /// Variables beside those of this process.
    pub environment: Vec<(String, String)>,
}

/// Which tests of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    /// All that are not ignored.
    All,
    /// These, by path.
    These(Vec<String>),
    /// Those that cargo, which is the program, builds and runs with these arguments.
    OfCargo(Vec<String>),
}

/// What a job takes of the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// As much as any other program.
    Fair,
    /// What all others leave.
    Rest,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All its tests passed.
    Passed,
    /// These failed, by path.
    Failed(Vec<String>),
    /// It ended without a word about its tests.
    Crashed(String),
    /// It was ended at its limit.
    Hung,
}

/// A job that was run.
#[derive(Clone, Debug)]
pub(super) struct JobResult {
    /// The job.
    pub job: Job,
    /// How it ended.
    pub verdict: Verdict,
    /// Its tests, counted.
    pub tally: Tally,
    /// How long it took.
    pub took: Duration,
    /// What it printed.
    pub output: PathBuf,
}

impl Job {
    /// `core listeners::one`, `offline folders` for tests of one module, or the program's name.
    pub(super) fn name(&self) -> String {
        let module = |test: &String| test.split("::").next().unwrap_or_default().to_owned();
        match &self.tests {
            Tests::These(tests) if tests.len() == 1 => format!("{} {}", self.label, tests[0]),
            Tests::These(tests) if tests.iter().all(|test| module(test) == module(&tests[0])) => {
                format!("{} {}", self.label, module(&tests[0]))
            }
            Tests::These(_) | Tests::All | Tests::OfCargo(_) => self.label.clone(),
        }
    }

    /// The same with this test alone, if that can be.
    pub(super) fn only(&self, test: &str) -> Self {
        if matches!(self.tests, Tests::OfCargo(_)) {
            return self.clone();
        }
        Self { tests: Tests::These(vec![test.to_owned()]), ..self.clone() }
    }

    /// Name of a file for it.
    pub(super) fn file_name(&self) -> String {
        self.name().replace(|c: char| !c.is_alphanumeric() && c != '_' && c != '-', "-")
    }

    /// Runs it to its end. What it prints is in `output` afterwards.
    pub(super) fn run(self, output: &Path, share: Share) -> JobResult {
        let started = Instant::now();
        let (verdict, tally) = match self.run_inner(output, share) {
            Ok(Some(status)) => {
                let text = String::from_utf8_lossy(&fs::read(output).unwrap_or_default()).into_owned();
                (verdict(&text, status), Tally::of(&text))
            }
            Ok(None) => (Verdict::Hung, Tally::default()),
            Err(error) => (Verdict::Crashed(format!("{error:#}")), Tally::default()),
        };
        // What ended without a summary has failed at least once.
        let counts = tally != Tally::default();
        let tally = if counts || verdict == Verdict::Passed { tally } else { Tally { failed: 1, ..tally } };
        JobResult { job: self, verdict, tally, took: started.elapsed(), output: output.to_owned() }
    }

    /// Its exit status; nothing if it had to be ended.
    fn run_inner(&self, output: &Path, share: Share) -> Result<Option<ExitStatus>> {
        let file = File::create(output).with_context(|| format!("cannot write {}", output.display()))?;
        let mut command = command(&self.program, share);
        match &self.tests {
            Tests::OfCargo(arguments) => drop(command.args(arguments)),
            Tests::All => drop(command.args(["--test-threads", "2"])),
            Tests::These(tests) if tests.len() == 1 => {
                // Nothing else is printed in this process, and what it started prints in between.
                command.args(["--exact", "--nocapture", "--test-threads", "1"]).args(tests);
            }
            Tests::These(tests) => drop(command.args(["--exact", "--test-threads", "2"]).args(tests)),
        }
        if !matches!(self.tests, Tests::OfCargo(_)) {
            command.env("CARGO_MANIFEST_DIR", &self.folder);
        }
        command.current_dir(&self.folder).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        let deadline = Instant::now() + self.limit;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                let family = descendants(child.id());
                child.kill()?;
                for pid in family {
                    process::signal(pid, Signal::KILL);
                }
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The program, or what starts it so that it runs only while nobody else wants to (`SCHED_IDLE`; the nice
/// value is what the system counts its time by).
fn command(program: &Path, share: Share) -> Command {
    match share {
        Share::Fair => Command::new(program),
        Share::Rest => {
            let idle = ["chrt", "--idle", "0"].iter().filter(|_| *MAY_BE_IDLE);
            let mut words = idle.chain(&["nice", "-n", "19"]);
            let mut command = Command::new(words.next().expect("one stands there"));
            command.args(words).arg(program);
            command
        }
    }
}

/// Whether this machine lets a program have the policy; a container may not. The nice value alone does most of it.
static MAY_BE_IDLE: LazyLock<bool> = LazyLock::new(|| {
    let trial = Command::new("chrt").args(["--idle", "0", "true"]).output();
    trial.is_ok_and(|output| output.status.success())
});

/// All that a process has started, and what these have.
fn descendants(pid: u32) -> Vec<u32> {
    let children = process::children(pid);
    let more: Vec<u32> = children.iter().flat_map(|child| descendants(*child)).collect();
    [children, more].concat()
}

fn verdict(text: &str, status: ExitStatus) -> Verdict {
    let failed: Vec<String> = failures(text).map(str::to_owned).collect();
    if !failed.is_empty() {
        return Verdict::Failed(failed);
    }
    // A name that no test has would leave nothing to run, which is no success.
    if status.success() && Tally::of(text).passed > 0 {
        return Verdict::Passed;
    }
    Verdict::Crashed(status.to_string())
}

/// Names in libtest's last list of failures, which stands between a line `failures:` and the summary.
fn failures(text: &str) -> impl Iterator<Item = &str> {
    let list = text.rsplit_once("\nfailures:\n").map_or("", |(_, list)| list);
    list.lines().take_while(|line| line.starts_with("    ")).map(str::trim)
}

/// Removes the outputs of the run before.
///
/// # Errors
///
/// The folder cannot be written.
pub(super) fn empty_outputs(folder: &Path) -> Result<()> {
    let outputs = folder.join("output");
    if outputs.exists() {
        fs::remove_dir_all(&outputs).with_context(|| format!("cannot empty {}", outputs.display()))?;
    }
    fs::create_dir_all(&outputs).with_context(|| format!("cannot make {}", outputs.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_list_of_failures_is_read() {
        let text = "running 3 tests\n\nfailures:\n\n---- a::b stdout ----\npanicked\n    not::a::name\n\n\nfailures:\n    a::b\n    c\n\ntest result: FAILED. 1 passed; 2 failed;\n";
        assert_eq!(failures(text).collect::<Vec<_>>(), ["a::b", "c"]);
        assert_eq!(failures("test result: ok. 3 passed; 0 failed").count(), 0);
    }

    #[test]
    fn success_without_a_test_that_ran_is_none() {
        use std::os::unix::process::ExitStatusExt;
        let ran = |count: u32| format!("test result: ok. {count} passed; 0 failed; 0 ignored;");
        assert_eq!(verdict(&ran(1), ExitStatus::from_raw(0)), Verdict::Passed);
        assert!(matches!(verdict(&ran(0), ExitStatus::from_raw(0)), Verdict::Crashed(_)));
        assert!(matches!(verdict(&ran(1), ExitStatus::from_raw(11)), Verdict::Crashed(_)));
    }
}
