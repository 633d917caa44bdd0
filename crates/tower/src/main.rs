//! The command `tower`.

use clap::{Parser, Subcommand};
use radio_tower::cli::encode;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Encode(encode::EncodeArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Encode(args) => encode::run(&args),
    }
}
