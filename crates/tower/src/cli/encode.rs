//! `tower encode`: PCM in, frames out.

/// Flags of `tower encode`.
#[derive(Debug, clap::Args)]
pub struct EncodeArgs {}

/// Encodes standard input to standard output.
///
/// # Errors
/// Not there yet.
pub fn run(_: &EncodeArgs) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
