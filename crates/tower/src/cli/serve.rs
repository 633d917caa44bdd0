//! `tower serve`: on air.

use crate::config::Loaded;

/// Runs the tower until it is told to stop.
///
/// # Errors
/// Not there yet.
pub fn run(_loaded: Loaded) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
