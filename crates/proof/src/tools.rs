//! The validators that `cargo xtask test` puts into the workspace's `target/tools`, and what they have to say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of a tool, by its path within `target/tools`.
#[track_caller]
#[must_use]
pub fn tool(path: &str) -> PathBuf {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools").join(path);
    assert!(found.exists(), "there is no {}: run `cargo xtask tools`", found.display());
    found
}

/// The script of axe-core, which looks at a page for what keeps people out.
#[track_caller]
#[must_use]
pub fn axe() -> String {
    std::fs::read_to_string(tool("npm/node_modules/axe-core/axe.min.js")).expect("it was there")
}

/// A command of the Python tools.
#[track_caller]
#[must_use]
pub fn python(name: &str) -> Command {
    Command::new(tool(&format!("python/bin/{name}")))
}

/// The Nu HTML Checker; files and options follow.
#[track_caller]
#[must_use]
pub fn html_checker() -> Command {
    let mut java = Command::new("java");
    java.arg("-jar").arg(tool("npm/node_modules/vnu-jar/build/dist/vnu.jar"));
    java
}

/// Runs a validator and gives its output; it has to be content.
#[track_caller]
pub fn content(command: &mut Command) -> String {
    let ran = command.output();
    let Output { status, stdout, stderr } =
        ran.unwrap_or_else(|error| panic!("{command:?} ({error}): cargo xtask tools"));
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{said}");
    said.into_owned()
}
