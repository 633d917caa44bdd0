//! `simulate`: the encoder's driver among simulated processes, from chosen seeds.

use anyhow::{Context, Result, bail};
use std::process::Command;

const SIMULATION: &str = "test --release -p radio-encoder --lib simulation -- --nocapture";

/// Seeds from 0 on; a quarter of a minute for each thousand.
const SCHEDULES_DEFAULT: u64 = 10_000;

/// `cargo xtask simulate [--seed N] [--schedules N]`: a seed alone is run alone, and tells what happens in it.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (mut seed, mut schedules) = (None, None);
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse::<u64>().ok());
        let number = number.with_context(|| format!("{} wants a number", pair[0]))?;
        match pair[0].as_str() {
            "--seed" => seed = Some(number),
            "--schedules" => schedules = Some(number),
            other => bail!("there is no {other}; give --seed N, --schedules N, or both"),
        }
    }
    let count = schedules.unwrap_or(if seed.is_some() { 1 } else { SCHEDULES_DEFAULT });
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(SIMULATION.split_whitespace())
        .env("RADIO_SEED", seed.unwrap_or(0).to_string())
        .env("RADIO_SCHEDULES", count.to_string())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("a schedule failed; its seed is named above");
    }
    Ok(())
}
