//! Bodies of requests to the API: read only where a request may have one, whole, and all of them
//! within one budget of memory.

use crate::http::answer::error;
use crate::request::BodyBudget;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Bytes of a request's body at most.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A body must be there within this time, like a head.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLong,
    /// It breaks off.
    Broken,
    TooSlow,
    /// The bodies of others are in memory.
    NoRoom,
}

/// Takes in the whole body before anything is done: one that is too long or too slow is refused by
/// every route alike. Of GET and HEAD none is read.
pub async fn bounded(State(budget): State<BodyBudget>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return next.run(Request::from_parts(parts, Body::empty())).await;
    }
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let read = if length.is_some_and(|length| length > BODY_BYTES_MAX) {
        Err(Fault::TooLong)
    } else {
        whole(body, &budget).await
    };
    match read {
        // Its room is free again when it has been answered.
        Ok((bytes, _room)) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(fault) => fault.answer(),
    }
}

/// Reads a body, and takes room for what has come of it; room that is only claimed by a length
/// costs others nothing.
async fn whole(body: Body, budget: &BodyBudget) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Fault> {
    let until = Instant::now() + BODY_TIME_MAX;
    let (mut pieces, mut bytes, mut room) = (body.into_data_stream(), Vec::new(), Vec::new());
    while let Some(piece) = timeout_at(until, pieces.next()).await.map_err(|_| Fault::TooSlow)? {
        let piece = piece.map_err(|_| Fault::Broken)?;
        if bytes.len() + piece.len() > BODY_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        let wanted = Arc::clone(&budget.0).acquire_many_owned(piece.len() as u32);
        let taken = timeout_at(until, wanted).await.map_err(|_| Fault::NoRoom)?;
        room.push(taken.map_err(|_| Fault::NoRoom)?);
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.into(), room))
}

impl Fault {
    fn answer(self) -> Response {
        match self {
            Self::TooLong => error(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 65536 bytes"),
            Self::Broken => {
                error(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 65536 bytes, and comes to its end")
            }
            Self::TooSlow => error(StatusCode::REQUEST_TIMEOUT, "the body was not complete in 5 s"),
            Self::NoRoom => {
                let text = "the bodies of other requests take all memory that is for them; try again";
                ([(RETRY_AFTER, "5")], error(StatusCode::SERVICE_UNAVAILABLE, text)).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::convert::Infallible;
    use tokio::sync::Semaphore;

    fn body(pieces: usize, bytes: usize) -> Body {
        Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, Infallible>(vec![b'x'; bytes]))))
    }

    fn with_room(bytes: usize) -> BodyBudget {
        BodyBudget(Arc::new(Semaphore::new(bytes)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_up_to_its_limit_and_gives_its_room_back() {
        let budget = with_room(BODY_BYTES_MAX);
        let (bytes, room) = whole(body(4, BODY_BYTES_MAX / 4), &budget).await.expect("it fits");
        assert_eq!((bytes.len(), budget.0.available_permits()), (BODY_BYTES_MAX, 0));
        drop(room);
        assert_eq!(budget.0.available_permits(), BODY_BYTES_MAX);
        assert_eq!(whole(body(5, BODY_BYTES_MAX / 4), &budget).await.err(), Some(Fault::TooLong));
        assert_eq!(budget.0.available_permits(), BODY_BYTES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_waits_takes_no_room_and_where_there_is_none_a_body_waits_for_it() {
        let budget = with_room(1000);
        let never = Body::from_stream(stream::pending::<Result<Vec<u8>, Infallible>>());
        let reading = tokio::spawn({
            let budget = budget.clone();
            async move { whole(never, &budget).await.err() }
        });
        tokio::task::yield_now().await;
        let (_, room) = whole(body(1, 900), &budget).await.expect("nothing is taken yet");
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { whole(body(1, 200), &budget).await.map(|(bytes, _)| bytes.len()) }
        });
        tokio::time::sleep(BODY_TIME_MAX / 2).await;
        drop(room);
        assert_eq!(second.await.expect("no panic"), Ok(200));
        assert_eq!(reading.await.expect("no panic"), Some(Fault::TooSlow));
        let (_, _room) = whole(body(1, 900), &budget).await.expect("it fits");
        assert_eq!(whole(body(1, 200), &budget).await.err(), Some(Fault::NoRoom));
    }
}
