//! `cargo xtask check | test | prove | bench | tidy`: what CI, the README and a developer all run.

mod bench;
mod deny;
mod doc;
mod fuzz;
mod packages;
mod prove;
mod simulate;
mod steps;
mod suite;
mod test;
mod tidy;
mod tools;

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask check           the quick loop: format, structure, lints, all tests without a live tower or a Debian package
cargo xtask test [NAME]...  everything that must pass: format, lints, structure, all tests, loom; or the tests whose names,
                            for instance `core listeners::`, contain NAME
cargo xtask prove [--list] [--json FILE] [STEP]...
                            the end-to-end tests at full length, then every benchmark, with one table at the end;
                            --list names the steps with their minutes; target/prove.json has the same for scripts
cargo xtask simulate [--seed N] [--schedules N]  encoders that do everything wrong, on virtual time; one seed tells its story
cargo xtask bench [--json] [--svg] [--check] [NAME]...  the figures of docs/measured.md; --svg draws docs/images/bench.svg,
                            --check fails if a bound is missed that must hold
cargo xtask bench listeners [--full] [--patient] [--tower=PROGRAM] [--seconds=N] [--json] [--svg] [--check] [SCENARIO [N]]...
                            what listeners cost, beside Icecast and a bare send loop
cargo xtask fuzz [NAME [-- ARGUMENT...]]  a fuzz target under libFuzzer, for 60 s unless -max_total_time says otherwise;
                            without NAME, the list of targets
cargo xtask tidy [--report]  the structure checks alone; --report tells how the crates are built, in figures
cargo xtask doc             documentation of all crates, private items included, without a warning
cargo xtask deny [--advisories]  licences, bans, duplicates and sources of dependencies by cargo-deny, built once into
                            target/tools (minutes); --advisories adds known vulnerabilities and needs the network
cargo xtask tools           what the tests judge with: Debian packages, and validators into target/tools";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Without the backtrace that RUST_BACKTRACE may ask for: the text names the remedy.
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // Paths below are relative to the workspace, wherever the command is given.
    std::env::set_current_dir(workspace())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match command {
        "check" => test::check(),
        "test" => test::test(rest),
        "prove" => prove::run(rest),
        "bench" => bench::run(rest),
        "simulate" => simulate::run(rest),
        "fuzz" => fuzz::run(rest),
        "tidy" => tidy::run(rest),
        "doc" => doc::doc(),
        "deny" => deny::run(rest),
        "tools" => packages::ensure().and_then(|()| tools::ensure()),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("there is no `{other}`:\n{USAGE}"),
    }
}

/// The folder of the workspace: where this one's `Cargo.toml` has its parent.
fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
