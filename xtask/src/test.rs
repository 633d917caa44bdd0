//! `check`: the quick loop. `test`: all that must pass.

use crate::steps::Steps;
use crate::suite::{self, OfCargo, Selection};
use crate::{doc, packages, tidy, tools};
use anyhow::{Result, bail};

/// Schedules of the encoder simulation; a plain `cargo test` runs a few hundred.
const SCHEDULES: (&str, &str) = ("RADIO_SCHEDULES", "3000");

/// Loom replaces the atomics in the whole build, so it has a target directory of its own.
const LOOM: [(&str, &str); 3] =
    [("RUSTFLAGS", "--cfg loom"), ("CARGO_TARGET_DIR", "target/loom"), ("LOOM_MAX_PREEMPTIONS", "3")];

/// Pure tests that need Debian's ffmpeg: no part of `check`.
const BEYOND_CHECK: [&str; 3] =
    ["radio-tower ear::output::damage_tests::", "radio-proof mp3::", "radio-proof/mutations "];

/// `cargo xtask check`: all that needs neither a Debian package nor a tower on air.
pub(crate) fn check() -> Result<()> {
    let mut steps = Steps::default();
    steps.cargo("format", "fmt --all --check", &[]);
    steps.run("structure", |_| tidy::run(&[]));
    steps.cargo("lints", "clippy --workspace --all-targets -- -D warnings", &[]);
    steps.run("tests", |steps| {
        let selection = Selection {
            cargo: suite::pure_targets()?,
            pure: true,
            left_out: BEYOND_CHECK.iter().map(|&part| part.to_owned()).collect(),
            ..Selection::default()
        };
        suite::run(&selection, &mut steps.tests)
    });
    steps.finish()
}

/// `cargo xtask test [PART OF A NAME]...`.
pub(crate) fn test(filters: &[String]) -> Result<()> {
    let mut steps = Steps::default();
    // Nothing is built with them, and their installer mostly waits.
    let programs = std::thread::spawn(|| packages::ensure().and_then(|()| tools::ensure()));
    if filters.is_empty() {
        steps.cargo("format", "fmt --all --check", &[]);
        steps.run("structure", |_| tidy::run(&[]));
        steps.cargo("lints", "clippy --workspace --all-targets --profile suite -- -D warnings", &[]);
        steps.run("documentation", |_| doc::doc());
    }
    steps.cargo("build of all tests", "test --workspace --profile suite --no-run", &[]);
    steps.run("programs to listen with and to judge", |_| {
        programs.join().unwrap_or_else(|_| bail!("the thread that installs them panicked"))
    });
    steps.run("tests", |steps| suite::run(&everything(filters), &mut steps.tests));
    steps.finish()
}

fn everything(filters: &[String]) -> Selection {
    Selection {
        cargo: suite::ALL.map(str::to_owned).to_vec(),
        live: true,
        pure: true,
        filters: filters.to_vec(),
        environment: vec![owned(SCHEDULES)],
        of_cargo: if filters.is_empty() { interleavings() } else { Vec::new() },
        ..Selection::default()
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The tests under loom, of the crates that have some.
fn interleavings() -> Vec<OfCargo> {
    let has_loom = |folder: &str| {
        std::fs::read_dir(format!("{folder}/tests"))
            .is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("loom_")))
    };
    [("crates/signal", "radio-signal"), ("crates/fanout", "radio-fanout")]
        .into_iter()
        .filter(|(folder, _)| has_loom(folder))
        .map(|(_, package)| OfCargo {
            name: format!("interleavings of {package}"),
            arguments: ["test", "--release", "-p", package, "--test", "loom_*"].map(str::to_owned).to_vec(),
            environment: LOOM.map(owned).to_vec(),
        })
        .collect()
}
