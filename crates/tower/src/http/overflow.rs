//! Answers a newcomer that is not admitted: 503, or a redirect to the server that takes what is too
//! much (SPEC LIS-8).

use crate::http::answer::CORS;
use crate::request::head::{ADDRESS_FULL, FULL, Head, MOUNT_FULL};
use crate::request::refusal::Refusal;
use crate::state::Tower;
use crate::uplink::mbit;
use radio_base::journal::event::Event;
use radio_fanout::RefusedReason;
use std::time::Instant;

/// In the query of a redirected request. A request that has it is not redirected again, so that
/// servers that redirect to each other send no listener in circles.
const MARK: &str = "overflow=1";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The complete answer to `request`, which the fan-out refused; only a listener of an output
/// `may_go_elsewhere`.
pub fn answer(tower: &Tower, reason: RefusedReason, request: &Head, may_go_elsewhere: bool) -> Vec<u8> {
    match reason {
        RefusedReason::MountFull => MOUNT_FULL.to_bytes(),
        RefusedReason::AddressFull => ADDRESS_FULL.to_bytes(),
        RefusedReason::Closed | RefusedReason::Full | RefusedReason::ShuttingDown | RefusedReason::HeadTooLong => {
            FULL.to_bytes()
        }
        RefusedReason::RateExceeded { bps, wanted_bps, bps_max } => {
            let setup = tower.setup();
            let location = location(&setup.config.server.overflow_url, request).filter(|_| may_go_elsewhere);
            let figures = format!(
                "all listeners together are sent {:.2} of server.mbit_max = {} Mbit/s, and this stream takes {:.2} more",
                mbit(bps),
                mbit(bps_max),
                mbit(wanted_bps)
            );
            tell(tower, request, location.is_some(), &figures);
            match location {
                Some(location) => redirect(&location),
                None => unavailable(&format!("the uplink is full: {figures}; try again later")),
            }
        }
    }
}

fn unavailable(line: &str) -> Vec<u8> {
    let extra = "Retry-After: 10\r\nConnection: close\r\n";
    Refusal::new(503, "Service Unavailable", "").answer_with(extra, PLAIN, line)
}

fn redirect(location: &str) -> Vec<u8> {
    let line = format!("the uplink is full: this stream is at {location}");
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Type: {PLAIN}\r\nContent-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n{CORS}Connection: close\r\n\r\n{line}\n",
        line.len() + 1
    )
    .into_bytes()
}

/// Where `request` is redirected to, if anywhere.
fn location(overflow_url: &str, request: &Head) -> Option<String> {
    let Head { path, query, .. } = request;
    if overflow_url.is_empty() || query.split('&').any(|pair| pair == MARK) {
        return None;
    }
    let joint = if query.is_empty() { "" } else { "&" };
    Some(format!("{}{path}?{query}{joint}{MARK}", overflow_url.trim_end_matches('/')))
}

/// Puts the newcomer into the journal, at most once a minute.
fn tell(tower: &Tower, request: &Head, is_redirected: bool, figures: &str) {
    let Some(count) = tower.uplink.note(is_redirected, Instant::now()) else { return };
    let (path, figures) = (request.path.clone(), figures.to_owned());
    let event = Event::ListenersTurnedAway { path, is_redirected, count, figures };
    tower.note(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head;

    fn location_of(target: &str) -> Option<String> {
        let request = head::parse(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).expect("good").expect("whole");
        location("https://edge.example.org/radio/", &request)
    }

    #[test]
    fn path_and_query_are_kept_and_nothing_is_redirected_twice() {
        let at = |rest: &str| Some(format!("https://edge.example.org/radio{rest}"));
        assert_eq!(location_of("/stream"), at("/stream?overflow=1"));
        assert_eq!(location_of("/stream.mp3?burst=5&a=%20"), at("/stream.mp3?burst=5&a=%20&overflow=1"));
        assert_eq!(location_of("/stream?overflow=1"), None);
        assert_eq!(location_of("/stream?burst=5&overflow=1&x"), None);
        assert_eq!(location_of("/stream?overflow=11"), at("/stream?overflow=11&overflow=1"));
    }

    #[test]
    fn without_another_server_nothing_is_redirected() {
        let request = head::parse(b"GET /stream HTTP/1.1\r\n\r\n").expect("good").expect("whole");
        assert_eq!(location("", &request), None);
    }
}
