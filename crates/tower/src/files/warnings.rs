//! What a player says of its files: of each once.

use radio_decode::media::file::decode::DecodeError;
use std::collections::HashSet;
use std::path::PathBuf;

/// Files of which it is remembered that they have been warned about; beyond that they are skipped in
/// silence.
const WARNED_MAX: usize = 1000;

/// Which files were warned about.
pub(super) struct Warnings {
    player: String,
    files: HashSet<PathBuf>,
    /// That there is nothing to play was said, and nothing has been heard since.
    of_nothing: bool,
}

impl Warnings {
    pub(super) fn new(player: &str) -> Self {
        Self { player: player.into(), files: HashSet::new(), of_nothing: false }
    }

    /// A file cannot be played.
    pub(super) fn file(&mut self, error: &DecodeError) {
        if self.files.len() < WARNED_MAX && self.files.insert(error.path().into()) {
            tracing::warn!(player = %self.player, "{error}; going on with the next file");
        }
    }

    /// None of the files can be played.
    pub(super) fn nothing(&mut self) {
        if !std::mem::replace(&mut self.of_nothing, true) {
            tracing::warn!(player = %self.player, "none of the files can be played; trying again every 5 s");
        }
    }

    /// Something was heard.
    pub(super) fn heard(&mut self) {
        self.of_nothing = false;
    }
}
