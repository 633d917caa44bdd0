//! `deny`: cargo-deny checks dependencies for licences, bans, duplicates and sources.

use anyhow::{Context, Result, bail};
use std::process::Command;

/// The version of cargo-deny that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Its installation root: outside the build of the workspace, kept until `target` is deleted.
const ROOT: &str = "target/tools/cargo-deny";

/// What needs nothing but the lock file and the packages on this disk.
const CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Fetches the RustSec database from the network.
const ADVISORIES: &str = "advisories";

/// `cargo xtask deny [--advisories]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let checks = checks(arguments)?;
    ensure()?;
    let status = Command::new(program()).args(["--locked", "check"]).args(&checks).status()?;
    if !status.success() {
        bail!(
            "cargo-deny found what deny.toml does not permit (above): replace the dependency, or permit it there with its reason"
        );
    }
    Ok(())
}

/// The checks that the arguments ask for.
fn checks(arguments: &[String]) -> Result<Vec<&'static str>> {
    let mut checks = CHECKS.to_vec();
    for argument in arguments {
        match argument.as_str() {
            "--advisories" => checks.push(ADVISORIES),
            other => bail!("unknown argument {other}: `cargo xtask deny` takes only --advisories"),
        }
    }
    Ok(checks)
}

/// Builds the pinned version unless it is there.
fn ensure() -> Result<()> {
    let installed = Command::new(program()).arg("--version").output();
    let expected = format!("cargo-deny {VERSION}");
    if installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == expected) {
        return Ok(());
    }
    println!("building {expected} into {ROOT}: this takes some minutes, once");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["install", "--quiet", "--force", "--locked", "--root", ROOT, "--version", VERSION, "cargo-deny"])
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo-deny {VERSION} cannot be built (above): it needs a C compiler and the crate registry");
    }
    Ok(())
}

fn program() -> String {
    format!("{ROOT}/bin/cargo-deny")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisories_are_checked_on_request_only() {
        assert_eq!(checks(&[]).unwrap(), ["licenses", "bans", "sources"]);
        assert_eq!(checks(&["--advisories".to_owned()]).unwrap().last(), Some(&"advisories"));
        assert!(checks(&["--offline".to_owned()]).is_err());
    }
}
