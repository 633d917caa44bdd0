//! `doc`: rustdoc of all crates, private items included, without a warning.

use anyhow::{Context, Result, bail};
use std::process::Command;

/// The release profile shares its artifacts with clippy and the tests.
const DOCUMENTATION: &str = "doc --workspace --no-deps --document-private-items --profile suite";

/// Fails on any warning, for instance a link to an item that does not exist.
pub(crate) fn doc() -> Result<()> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(DOCUMENTATION.split_whitespace())
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("rustdoc has warnings (above)");
    }
    Ok(())
}
