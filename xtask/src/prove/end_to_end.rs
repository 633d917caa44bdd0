//! The end-to-end tests at full length.

use anyhow::{Context, Result, ensure};
use std::process::Command;

/// How long they take on two cores.
pub const MINUTES: f64 = 95.0;

/// Towers under test at the same time.
const TEST_THREADS: (&str, &str) = ("RUST_TEST_THREADS", "6");

/// Full length, which the tests ask for themselves.
const FULL_LENGTH: (&str, &str) = ("RADIO_PROVE", "1");

/// Runs all of them, though one fails.
///
/// # Errors
/// They do not build, or a test failed.
pub fn full_length() -> Result<()> {
    // `--test` leaves examples out, and the fault tests need theirs.
    cargo("build --release -p radio-tower --example saboteur")?;
    cargo("test --release --no-fail-fast -p radio-tower --test on_air_* --test source_twelve_hours")
}

fn cargo(arguments: &str) -> Result<()> {
    println!("cargo {arguments}");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments.split_whitespace()).envs([FULL_LENGTH, TEST_THREADS]);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo {arguments}: {status}");
    Ok(())
}
