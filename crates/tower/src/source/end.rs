//! How the session of a source ended: the first cause of what its stream and its body show.

use super::body::BodyEnd;
use super::decoder::StreamEnd;
use radio_base::journal::event::SessionEnd;
use radio_decode::media::formats::readable;

/// The end of a session that nothing else ended: how its stream and its body ended.
pub(super) fn session_end(stream: StreamEnd, body: Option<BodyEnd>, timeout_ms: u64) -> SessionEnd {
    match (stream, body) {
        (_, Some(BodyEnd::Malformed)) => SessionEnd::MalformedBody,
        // Where nothing more came, what had come is not at fault.
        (StreamEnd::Unreadable(_), Some(BodyEnd::TimedOut)) => SessionEnd::TimedOut { timeout_ms },
        (StreamEnd::Unreadable(_), Some(BodyEnd::Broken)) => SessionEnd::Broken { error: None },
        (StreamEnd::Unreadable(reason), _) => SessionEnd::Unreadable { reason, readable: readable(true) },
        (StreamEnd::Damaged(reason), _) => SessionEnd::Damaged { reason },
        (_, Some(BodyEnd::TimedOut)) => SessionEnd::TimedOut { timeout_ms },
        (_, Some(BodyEnd::Broken)) => SessionEnd::Broken { error: None },
        (_, Some(BodyEnd::Closed | BodyEnd::Whole) | None) => SessionEnd::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_the_first_cause() {
        let unreadable = || StreamEnd::Unreadable("it holds no audio".into());
        let of = |stream, body| session_end(stream, body, 500);
        assert_eq!(of(unreadable(), Some(BodyEnd::TimedOut)), SessionEnd::TimedOut { timeout_ms: 500 });
        assert_eq!(of(unreadable(), Some(BodyEnd::Malformed)), SessionEnd::MalformedBody);
        assert!(matches!(of(unreadable(), Some(BodyEnd::Whole)), SessionEnd::Unreadable { .. }));
        assert_eq!(of(StreamEnd::Over, Some(BodyEnd::Broken)), SessionEnd::Broken { error: None });
        assert_eq!(of(StreamEnd::Over, Some(BodyEnd::Closed)), SessionEnd::Over);
    }
}
