//! What was done to a tower and what came of it, line by line: shown when the test fails, kept in `target/proof/`.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The record of one test.
pub struct Report {
    path: PathBuf,
    started: Instant,
    lines: Vec<String>,
}

impl Report {
    /// A record of the test `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/proof");
        Self { path: folder.join(format!("{name}.txt")), started: Instant::now(), lines: Vec::new() }
    }

    /// Adds a line, with the time since the beginning.
    pub fn note(&mut self, line: impl Display) {
        self.lines.push(format!("{:8.3} {line}", self.started.elapsed().as_secs_f64()));
    }

    /// All lines.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.path.display(), self.text());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // A report that cannot be kept is no reason for a test to fail.
        let _kept = fs::create_dir_all(folder).and_then(|()| fs::write(&self.path, self.text()));
    }
}
