//! How the session of a source ended: a fact for scripts, and its words for people.

use super::body::BodyEnd;
use super::decoder::StreamEnd;
use super::formats::readable;
use std::fmt;

/// How the session of a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// Another source took over, or an operator or the tower ended it.
    Ended,
    /// Its chunked body makes no sense.
    MalformedBody,
    /// Nothing of it could be read; why.
    Unreadable(String),
    /// Nothing more of it could be read; why.
    Damaged(String),
    /// Nothing came for so many ms.
    TimedOut {
        /// The input's `timeout_ms`.
        timeout_ms: u64,
    },
    /// Its connection broke; the system's words, if it has any.
    Broken(Option<String>),
    /// It ended by itself.
    Over,
}

impl SessionEnd {
    /// Of a session that nothing else ended: how its stream and its body ended.
    pub(super) fn of(stream: StreamEnd, body: Option<BodyEnd>, timeout_ms: u64) -> Self {
        match (stream, body) {
            (_, Some(BodyEnd::Malformed)) => Self::MalformedBody,
            // Where nothing more came, what had come is not at fault.
            (StreamEnd::Unreadable(_), Some(BodyEnd::TimedOut)) => Self::TimedOut { timeout_ms },
            (StreamEnd::Unreadable(_), Some(BodyEnd::Broken)) => Self::Broken(None),
            (StreamEnd::Unreadable(reason), _) => Self::Unreadable(reason),
            (StreamEnd::Damaged(reason), _) => Self::Damaged(reason),
            (_, Some(BodyEnd::TimedOut)) => Self::TimedOut { timeout_ms },
            (_, Some(BodyEnd::Broken)) => Self::Broken(None),
            (_, Some(BodyEnd::Closed | BodyEnd::Whole) | None) => Self::Over,
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("another one took over, or the tower ended it"),
            Self::MalformedBody => f.write_str("its chunked body makes no sense"),
            Self::Unreadable(reason) => write!(f, "it could not be read ({reason}); {}", readable(true)),
            Self::Damaged(reason) => write!(f, "nothing more of it could be read: {reason}"),
            Self::TimedOut { timeout_ms } => write!(f, "nothing came for {timeout_ms} ms (input timeout_ms)"),
            Self::Broken(None) => f.write_str("its connection broke"),
            Self::Broken(Some(error)) => write!(f, "its connection broke: {error}"),
            Self::Over => f.write_str("it ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_the_first_cause() {
        let unreadable = || StreamEnd::Unreadable("it holds no audio".into());
        let of = |stream, body| SessionEnd::of(stream, body, 500);
        assert_eq!(of(unreadable(), Some(BodyEnd::TimedOut)), SessionEnd::TimedOut { timeout_ms: 500 });
        assert_eq!(of(unreadable(), Some(BodyEnd::Malformed)), SessionEnd::MalformedBody);
        assert!(matches!(of(unreadable(), Some(BodyEnd::Whole)), SessionEnd::Unreadable(_)));
        assert_eq!(of(StreamEnd::Over, Some(BodyEnd::Broken)), SessionEnd::Broken(None));
        assert_eq!(of(StreamEnd::Over, Some(BodyEnd::Closed)), SessionEnd::Over);
    }
}
