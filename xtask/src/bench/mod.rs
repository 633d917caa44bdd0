//! The figures of `docs/measured.md`.

use anyhow::Result;

/// `cargo xtask bench`.
pub fn run(_arguments: &[String]) -> Result<()> {
    Ok(())
}
