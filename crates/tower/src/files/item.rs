//! One file of a round.

use std::path::PathBuf;

/// Files in one round; the rest of a larger folder is not played.
pub(super) const FILES_MAX: usize = 100_000;

/// One file of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The file.
    pub path: PathBuf,
    /// What a list calls it, for a file without tags.
    pub title: Option<Box<str>>,
}
