//! The test programs that cargo has built, and the tests in each.

use super::plan::{LIVE, Selection};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A test program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// `core`, `radio-signal`, `radio-signal/router_fades`: a tier of the tower, the unit tests of a crate, another test of one.
    pub label: String,
    /// The executable.
    pub path: PathBuf,
    /// Its package's folder, in which cargo would run it.
    pub folder: PathBuf,
    /// Tests by path, in the program's order.
    pub tests: Vec<String>,
    /// Those among them that are marked `#[ignore]`.
    pub ignored: Vec<String>,
}

/// Builds the tests of `selection` and lists them.
///
/// # Errors
///
/// What does not build, in cargo's own words on stderr.
pub(super) fn built(selection: &Selection) -> Result<Vec<Program>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]).args(&selection.cargo);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tests do not build");
    }
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with('{')) {
        if let Some(mut program) = parse(&serde_json::from_str(line)?) {
            program.tests = list(&program, &[])?;
            program.ignored = list(&program, &["--ignored"])?;
            programs.push(program);
        }
    }
    Ok(programs)
}

/// Arguments for cargo that build all tests but those of [`LIVE`].
///
/// # Errors
///
/// Cargo cannot read the workspace.
pub(crate) fn pure_targets() -> Result<Vec<String>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"][0] == "test").filter_map(|target| target["name"].as_str());
    let mut arguments = ["--workspace", "--lib", "--bins"].map(str::to_owned).to_vec();
    for name in tests.filter(|name| !LIVE.contains(name)) {
        arguments.extend(["--test".to_owned(), name.to_owned()]);
    }
    Ok(arguments)
}

/// A test program, if that is what this message of cargo tells of.
fn parse(message: &Value) -> Option<Program> {
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let path = message["executable"].as_str().filter(|_| is_test)?;
    let folder = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
    // `path+file:///.../crates/signal#radio-signal@0.2.0`, or without the name where the folder has it.
    let id = message["package_id"].as_str()?;
    let (place, version) = id.rsplit_once('#')?;
    let package = version.split_once('@').map_or_else(|| place.rsplit('/').next(), |(name, _)| Some(name))?;
    let target = message["target"]["name"].as_str()?;
    let kind = message["target"]["kind"][0].as_str()?;
    let label = match kind {
        "test" if package == "radio-tower" => target.to_owned(),
        "test" => format!("{package}/{target}"),
        "bin" if package != target => format!("{package}/{target}"),
        _ => package.to_owned(),
    };
    Some(Program { label, path: path.into(), folder, tests: Vec::new(), ignored: Vec::new() })
}

fn list(program: &Program, more: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(&program.path)
        .args(["--list", "--format", "terse"])
        .args(more)
        .current_dir(&program.folder)
        .output()
        .with_context(|| format!("cannot run {}", program.path.display()))?;
    if !output.status.success() {
        bail!("{} cannot list its tests: {}", program.label, String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(package_id: &str, kind: &str, target: &str) -> Option<String> {
        let message = serde_json::json!({
            "reason": "compiler-artifact", "profile": { "test": true }, "executable": "/x/deps/y-1",
            "manifest_path": "/p/Cargo.toml", "package_id": package_id, "target": { "name": target, "kind": [kind] },
        });
        parse(&message).map(|program| program.label)
    }

    #[test]
    fn a_program_is_named_after_its_tier_its_crate_or_both() {
        let signal = "path+file:///p/crates/signal#radio-signal@0.1.0";
        let tower = "path+file:///p/crates/tower#radio-tower@0.1.0";
        assert_eq!(label(signal, "lib", "radio_signal").as_deref(), Some("radio-signal"));
        assert_eq!(label(signal, "test", "router_fades").as_deref(), Some("radio-signal/router_fades"));
        assert_eq!(label(tower, "test", "core").as_deref(), Some("core"));
        assert_eq!(label(tower, "bin", "tower").as_deref(), Some("radio-tower/tower"));
        assert_eq!(label("path+file:///p/xtask#0.1.0", "bin", "xtask").as_deref(), Some("xtask"));
    }

    #[test]
    fn what_is_no_test_is_left_out() {
        let message = serde_json::json!({ "reason": "compiler-artifact", "profile": { "test": false } });
        assert_eq!(parse(&message), None);
    }
}
