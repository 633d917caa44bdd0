//! `[play]` and `[fallback]`: files that the tower plays, and how one song follows another.

use super::input::Input;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How one song follows another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Joining {
    /// Length of the crossfade between two songs, 0 to 12000 ms; 0: none.
    pub crossfade_ms: u64,
    /// Loudness to which songs are brought, in LUFS; none: they stay as they are.
    pub loudness_lufs: Option<f32>,
    /// Songs are played in their order, so those of an album belong together.
    pub plays_albums: bool,
}

impl Joining {
    /// Whether anything is done to songs: only then are they measured and their silent ends left out. Otherwise they are
    /// what their decoder makes of them, to the bit.
    #[must_use]
    pub const fn changes_songs(&self) -> bool {
        self.crossfade_ms > 0 || self.loudness_lufs.is_some()
    }
}

/// `[play]`: files as the tower's own programme, below the station in priority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Play {
    /// Files and folders, played one after the other, for ever.
    pub paths: Vec<PathBuf>,
    /// Shuffle each round.
    pub shuffle: bool,
    /// Length of the crossfade between two songs, 0 to 12000 ms; 0: one follows the other without a
    /// gap.
    pub crossfade_ms: u64,
    /// Loudness to which songs are brought, -30 to -8 LUFS. None: they stay as they are.
    pub loudness_lufs: Option<f32>,
}

/// `[fallback]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fallback {
    /// Files and folders, looped; empty: the tone.
    pub paths: Vec<PathBuf>,
    /// Shuffle each round.
    pub shuffle: bool,
    /// Length of the crossfade between two songs, 0 to 12000 ms; 0: one follows the other without a
    /// gap.
    pub crossfade_ms: u64,
    /// Loudness to which songs are brought, -30 to -8 LUFS. None: they stay as they are.
    pub loudness_lufs: Option<f32>,
    /// Whether a 440 Hz tone is sent where there is no file; false: silence.
    pub tone: bool,
    /// Level of the tone, -60 to 0 dBFS.
    pub tone_dbfs: f32,
}

impl Play {
    /// How one song follows another.
    #[must_use]
    pub const fn joining(&self) -> Joining {
        let Self { crossfade_ms, loudness_lufs, shuffle, .. } = *self;
        Joining { crossfade_ms, loudness_lufs, plays_albums: !shuffle }
    }
}

impl Fallback {
    /// How one song follows another.
    #[must_use]
    pub const fn joining(&self) -> Joining {
        let Self { crossfade_ms, loudness_lufs, shuffle, .. } = *self;
        Joining { crossfade_ms, loudness_lufs, plays_albums: !shuffle }
    }
}

impl Input {
    /// How one song of a playlist follows another.
    #[must_use]
    pub const fn joining(&self) -> Joining {
        let Self { crossfade_ms, loudness_lufs, shuffle, .. } = *self;
        Joining { crossfade_ms, loudness_lufs, plays_albums: !shuffle }
    }
}

impl Default for Fallback {
    fn default() -> Self {
        Self { paths: Vec::new(), shuffle: false, crossfade_ms: 0, loudness_lufs: None, tone: true, tone_dbfs: -20.0 }
    }
}
