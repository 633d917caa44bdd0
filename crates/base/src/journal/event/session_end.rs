//! How the session of a source ended: a fact for scripts, and its words for people.

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// How the session of a source ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum SessionEnd {
    /// Another source took over, or an operator or the tower ended it.
    Ended,
    /// Its chunked body makes no sense.
    MalformedBody,
    /// Nothing of it could be read.
    Unreadable {
        /// Why.
        reason: String,
        /// What can be read.
        readable: &'static str,
    },
    /// Nothing more of it could be read.
    Damaged {
        /// Why.
        reason: String,
    },
    /// Nothing came for too long.
    TimedOut {
        /// The input's `timeout_ms`.
        timeout_ms: u64,
    },
    /// Its connection broke.
    Broken {
        /// The system's words, if it has any.
        error: Option<String>,
    },
    /// It ended by itself.
    #[default]
    Over,
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("another one took over, or the tower ended it"),
            Self::MalformedBody => f.write_str("its chunked body makes no sense"),
            Self::Unreadable { reason, readable } => write!(f, "it could not be read ({reason}); {readable}"),
            Self::Damaged { reason } => write!(f, "nothing more of it could be read: {reason}"),
            Self::TimedOut { timeout_ms } => write!(f, "nothing came for {timeout_ms} ms (input timeout_ms)"),
            Self::Broken { error: None } => f.write_str("its connection broke"),
            Self::Broken { error: Some(error) } => write!(f, "its connection broke: {error}"),
            Self::Over => f.write_str("it ended"),
        }
    }
}
