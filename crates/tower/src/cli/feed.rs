//! `tower feed`: audio to a tower's PCM socket in real time.

use std::path::PathBuf;

/// Flags of `tower feed`.
#[derive(Debug, clap::Args)]
pub struct FeedArgs {}

/// Feeds the tower at `socket`.
///
/// # Errors
/// Not there yet.
pub fn run(_: &FeedArgs, _socket: PathBuf) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
