//! `[[input]]`: doors at which live programmes arrive, each with a name and a priority (SPEC ROUTER-1).

use super::schema::WhenFull;
use serde::{Deserialize, Serialize};

/// `[[input]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Name in `/status`, in metrics and in the journal.
    pub name: String,
    /// What kind of door it is.
    pub kind: InputKind,
    /// Where a source connects to, beginning with `/`.
    pub mount: String,
    /// The user that a source gives.
    pub user: String,
    /// The password that a source gives; there is none by default, and there must be one.
    pub password: String,
    /// Higher ones go on air before lower ones. The station has 20, files that are played 10.
    pub priority: i32,
    /// Ticks a source must hold before it is on air, and for which it must have been there.
    pub preroll_ticks: usize,
    /// Ticks its buffer holds: the longest burst that is taken.
    pub capacity_ticks: usize,
    /// What a full buffer does.
    pub when_full: WhenFull,
    /// Grace of this input alone, in ms: while it lasts, no lower input follows. None: lower inputs follow at once.
    pub grace_ms: Option<u64>,
    /// What becomes of a second source that knows the password.
    pub second_source: SecondSource,
    /// A source that delivers no byte for this long, in ms, is ended.
    pub timeout_ms: u64,
}

/// What kind of door an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// A mount to which DJ software connects as it does to Icecast.
    Icecast,
}

/// What becomes of a source that comes while another is connected to the same mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondSource {
    /// It takes over; the first is ended.
    Takeover,
    /// It is told that the mount is busy.
    Refuse,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            name: "live".into(),
            kind: InputKind::Icecast,
            mount: "/live".into(),
            user: "source".into(),
            password: String::new(),
            priority: 30,
            preroll_ticks: 20,
            capacity_ticks: 500,
            when_full: WhenFull::Drop,
            grace_ms: None,
            second_source: SecondSource::Takeover,
            timeout_ms: 10_000,
        }
    }
}
