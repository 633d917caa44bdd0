//! The command `tower`.
//!
//! Exit codes: 0 well, 1 an error, 2 wrong usage or configuration; those of `check` are what monitoring expects.

use clap::Parser;
use radio_config::{ConfigError, Loaded, station_socket_path};
use radio_tower::cli::args::{Cli, Command};
use radio_tower::cli::{
    check, config, decode, doctor, encode, events, feed, passwd, reload, serve, skip, status, verify,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes as one paragraph; the backtrace that RUST_BACKTRACE may have asked for is not for users.
            eprintln!("tower: {error:#}");
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(warned(args.load()?), args.sources())?,
        Command::Feed { source, feed } => feed::run(&feed, station_socket_path(&source.load(Vec::new())?.config)?)?,
        Command::Encode(args) => encode::run(&args)?,
        Command::Decode(args) => decode::run(&args)?,
        Command::Verify { source, verify: args } => return Ok(verify::run(&args, &warned(source.load(Vec::new())?))),
        Command::Status(args) => status::run(&args, &warned(args.load()?))?,
        Command::Events(args) => events::run(&args, &warned(args.load()?))?,
        Command::Skip(args) => return skip::run(&args, &args.load()?),
        Command::Reload(args) => return reload::run(&args, &args.load()?),
        Command::Check(args) if args.live => return Ok(check::run_live(args.load())),
        Command::Check(args) => return Ok(check::run(args.load())),
        Command::Passwd(args) => passwd::run(&args)?,
        Command::Config(args) => config::run(&args, &warned(args.serve.load()?))?,
        Command::Doctor(args) => return Ok(doctor::run(&args, args.serve.load())),
    }
    Ok(ExitCode::SUCCESS)
}

fn warned(loaded: Loaded) -> Loaded {
    for warning in &loaded.warnings {
        eprintln!("tower: warning: {warning}");
    }
    loaded
}
