//! The committed corpus, and the folder for inputs that fail.

use radio_fuzz_targets::Target;
use std::path::{Path, PathBuf};

/// Folder of inputs that failed, below the workspace.
pub(crate) const FINDS: &str = "target/fuzz-finds";

/// A named input.
#[derive(Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The committed inputs of a target, by name.
pub(crate) fn read(target: &Target) -> Vec<Entry> {
    let folder = workspace().join("fuzz/corpus").join(target.name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a readable folder").path()).collect();
    paths.sort();
    let entries: Vec<Entry> = paths.iter().map(|path| read_file(path)).collect();
    assert!(!entries.is_empty(), "{}: no inputs", folder.display());
    for entry in &entries {
        let (length, limit) = (entry.bytes.len(), target.bytes_max);
        assert!(length <= limit, "{}: {length} bytes, the target takes {limit}", entry.name);
    }
    entries
}

/// One input; a relative path is one from the root of the workspace.
pub(crate) fn read_file(path: &Path) -> Entry {
    let path = workspace().join(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Entry { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes }
}

/// Writes an input that failed, and gives its path from the root of the workspace.
pub(crate) fn keep(name: &str, bytes: &[u8]) -> String {
    let path = format!("{FINDS}/{name}");
    let written =
        std::fs::create_dir_all(workspace().join(FINDS)).and_then(|()| std::fs::write(workspace().join(&path), bytes));
    match written {
        Ok(()) => path,
        Err(error) => format!("{path} ({error}; the bytes: {})", bytes.escape_ascii()),
    }
}
