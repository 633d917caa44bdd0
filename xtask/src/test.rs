//! `test`: all that must pass.

use crate::steps::Steps;
use crate::{packages, tidy, tools};
use anyhow::Result;

/// Towers under test at the same time: each takes a few per cent of a core and most of its time waits.
const TEST_THREADS: (&str, &str) = ("RUST_TEST_THREADS", "6");

/// Schedules of the encoder simulation; a plain `cargo test` runs a few hundred.
const SCHEDULES: (&str, &str) = ("RADIO_SCHEDULES", "3000");

/// Loom replaces the atomics in the whole build, so it has a target directory of its own.
const LOOM: [(&str, &str); 3] =
    [("RUSTFLAGS", "--cfg loom"), ("CARGO_TARGET_DIR", "target/loom"), ("LOOM_MAX_PREEMPTIONS", "3")];

/// `cargo xtask test`.
pub fn test() -> Result<()> {
    let mut steps = Steps::default();
    steps.run("programs to listen with", |_| packages::ensure());
    steps.run("programs that judge", |_| tools::ensure());
    steps.cargo("format", "fmt --all --check", &[]);
    steps.run("structure", |_| tidy::run());
    steps.cargo("lints", "clippy --workspace --all-targets --release -- -D warnings", &[]);
    steps.cargo("build of all tests", "test --workspace --release --no-run", &[]);
    steps.cargo("tests", "test --workspace --release --no-fail-fast", &[TEST_THREADS, SCHEDULES]);
    for package in loom_packages() {
        let arguments = format!("test --release -p {package} --test loom_*");
        steps.cargo(&format!("interleavings of {package}"), &arguments, &LOOM);
    }
    steps.finish()
}

/// Crates that have a `tests/loom_*.rs`.
fn loom_packages() -> Vec<&'static str> {
    let has_loom = |folder: &str| {
        std::fs::read_dir(format!("{folder}/tests"))
            .is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("loom_")))
    };
    [("crates/signal", "radio-signal"), ("crates/fanout", "radio-fanout")]
        .into_iter()
        .filter(|(folder, _)| has_loom(folder))
        .map(|(_, package)| package)
        .collect()
}
