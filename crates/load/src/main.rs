//! `load listen | bare | source`: the three processes of a load test beside the server under test.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use radio_load::plan::Plan;
use radio_load::run::run;
use radio_load::{bare, source};
use rustix::thread::{CpuSet, sched_setaffinity};

#[derive(Parser)]
#[command(about = "Listeners by the thousand, and what they are compared with")]
struct Arguments {
    /// Run on this core alone.
    #[arg(long, global = true)]
    core: Option<usize>,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Be thousands of listeners; the report comes as JSON.
    Listen(Plan),
    /// Be a server that does nothing but send.
    Bare(bare::Bare),
    /// Feed an Icecast server.
    Source(source::Source),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(core) = arguments.core {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(None, &cores).with_context(|| format!("there is no core {core}"))?;
    }
    match arguments.mode {
        Mode::Listen(plan) => {
            println!("{}", serde_json::to_string_pretty(&run(plan)?)?);
            Ok(())
        }
        Mode::Bare(bare) => bare::run(&bare, |address| println!("{address}")),
        Mode::Source(source) => source::run(&source),
    }
}
