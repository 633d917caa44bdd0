//! What a source asks, and what it is answered; no I/O.

use crate::auth::credentials::{Credentials, Given};
use crate::request::framing::{self, Framing};
use crate::request::head::Head;
use crate::request::refusal::{Refusal, SOURCE_METHODS};
use radio_base::text::cleaned;
use radio_decode::media::formats::{Format, readable};

/// Bytes that are kept of each thing a source says of itself.
const WORDS_BYTES_MAX: usize = 255;

const UNAUTHORIZED: Refusal =
    Refusal::new(401, "Unauthorized", "this mount wants the user and the password of its [[input]]");
const NO_MOUNT: Refusal = Refusal::new(
    404,
    "Not Found",
    "no [[input]] of this tower has this mount; give one the kind icecast and this mount, or another mount to the source",
);
/// Somebody else is on the mount. 403 says "try again" to BUTT, where 409 would make it give up.
pub const BUSY: Refusal = Refusal::new(403, "Forbidden", "mount in use: another source is connected; try again later");
const fn unreadable(has_ffmpeg: bool) -> Refusal {
    Refusal::new(415, "Unsupported Media Type", readable(has_ffmpeg))
}
const WAIT: Refusal =
    Refusal::new(429, "Too Many Requests", "too many wrong passwords from your address; wait a minute");

/// A source that may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// What it says that it sends.
    pub format: Format,
    /// How its body ends.
    pub framing: Framing,
    /// What it is told before its body.
    pub welcome: &'static [u8],
    /// Whether it waits for an answer at the end of its body.
    pub wants_final_answer: bool,
    /// What it says of itself.
    pub words: Words,
}

/// What a source says of itself: one line each, empty if it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `User-Agent`
    pub agent: String,
    /// `Content-Type`
    pub content_type: String,
    /// `ice-name`, the name of the stream.
    pub name: String,
    /// `ice-genre`
    pub genre: String,
    /// `ice-description`
    pub description: String,
    /// `ice-url`
    pub url: String,
}

impl Words {
    fn of(head: &Head) -> Self {
        let line = |name: &str| kept(&head.header(name).unwrap_or_default());
        // Icecast's names, and Shoutcast's, which some programs use with Icecast too.
        let either = |name: &str| Some(line(&format!("ice-{name}"))).filter(|l| !l.is_empty());
        let word = |name: &str| either(name).unwrap_or_else(|| line(&format!("icy-{name}")));
        Self {
            agent: line("user-agent"),
            content_type: line("content-type"),
            name: word("name"),
            genre: word("genre"),
            description: word("description"),
            url: word("url"),
        }
    }
}

/// One line of bounded length, with nothing in it that a terminal would obey.
fn kept(text: &str) -> String {
    let end = (0..=text.len().min(WORDS_BYTES_MAX)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    cleaned(&text[..end]).trim().into()
}

/// What is known of the mount that is asked for.
#[derive(Clone, Copy)]
pub struct Mount<'a> {
    /// Who may connect.
    pub credentials: &'a Credentials,
    /// Whether somebody is connected who will not be ended.
    pub is_busy: bool,
    /// Whether the address has given too many wrong passwords.
    pub must_wait: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may come in.
    Admit(Box<Admission>),
    /// It gets this answer, and may ask again on the same connection if it `stays`.
    Answer {
        /// The whole answer.
        bytes: Vec<u8>,
        /// Whether the connection is kept.
        stays: bool,
    },
    /// As `Answer`, because of a wrong password.
    WrongPassword {
        /// The whole answer.
        bytes: Vec<u8>,
        /// Whether the connection is kept.
        stays: bool,
    },
}

/// Whether a request is one of a source.
#[must_use]
pub fn is_source_method(method: &str) -> bool {
    matches!(method, "PUT" | "SOURCE")
}

/// Decides on a request of a source; `mount` is `None` if there is no such mount.
#[must_use]
pub fn decide(head: &Head, mount: Option<Mount<'_>>) -> Verdict {
    let stays = framing::allows_another(head);
    let Some(mount) = mount else { return refuse(NO_MOUNT, stays) };
    if mount.must_wait {
        return must_wait();
    }
    match mount.credentials.given(head) {
        Given::Nothing => return refuse(UNAUTHORIZED, stays),
        Given::Wrong => return Verdict::WrongPassword { bytes: UNAUTHORIZED.to_source(stays), stays },
        Given::Busy => return must_wait(),
        Given::Right => {}
    }
    let words = Words::of(head);
    let format = Format::of(&words.content_type);
    if mount.is_busy {
        return refuse(BUSY, stays);
    }
    if head.framing == Framing::Length(0) && head.method != "SOURCE" {
        // With the right password and no body: it only wanted to know.
        return Verdict::Answer { bytes: good_answer(stays), stays };
    }
    let (welcome, wants_final_answer) = welcome(head);
    Verdict::Admit(Box::new(Admission { format, framing: head.framing, welcome, wants_final_answer, words }))
}

/// What a source is told before its body, and whether it waits for another answer at its end.
fn welcome(head: &Head) -> (&'static [u8], bool) {
    let expects = head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    if head.method == "SOURCE" {
        (b"HTTP/1.0 200 OK\r\n\r\n", false)
    } else if expects {
        (b"HTTP/1.1 100 Continue\r\n\r\n", true)
    } else if head.framing == Framing::UntilEnd {
        // A body without a length is Icecast's way, and so is the answer before it.
        (b"HTTP/1.0 200 OK\r\n\r\n", false)
    } else {
        (b"", true)
    }
}

/// The answer at the end of a body.
#[must_use]
pub fn final_answer(was_readable: bool, has_ffmpeg: bool) -> Vec<u8> {
    if was_readable {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    } else {
        unreadable(has_ffmpeg).to_source(false)
    }
}

/// The answer to a source that names a mount at which none can connect, and gives the password of
/// others.
#[must_use]
pub fn wrong_mount_answer(head: &Head, mounts: &[String]) -> Verdict {
    let line = format!("no source can connect to {}; with this password: {}", cleaned(&head.path), mounts.join(", "));
    let stays = framing::allows_another(head);
    Verdict::Answer { bytes: NO_MOUNT.to_source_with(stays, &line), stays }
}

/// The answer to a source that gives no credentials, or wrong ones.
#[must_use]
pub fn unauthorized(head: &Head) -> Verdict {
    let stays = framing::allows_another(head);
    let bytes = UNAUTHORIZED.to_source(stays);
    if head.authorization.trim().is_empty() {
        Verdict::Answer { bytes, stays }
    } else {
        Verdict::WrongPassword { bytes, stays }
    }
}

fn good_answer(stays: bool) -> Vec<u8> {
    let connection = if stays { "keep-alive" } else { "close" };
    format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAllow: {SOURCE_METHODS}\r\nConnection: {connection}\r\n\r\n")
        .into_bytes()
}

/// The answer to `OPTIONS *`, with which libshout begins, and to OPTIONS of a mount for sources;
/// another request may follow if the connection `stays`.
#[must_use]
pub fn options_answer(stays: bool) -> Vec<u8> {
    let connection = if stays { "keep-alive" } else { "close" };
    format!("HTTP/1.1 204 No Content\r\nAllow: {SOURCE_METHODS}\r\nConnection: {connection}\r\n\r\n").into_bytes()
}

/// The answer to an address that has to wait.
#[must_use]
pub fn must_wait() -> Verdict {
    refuse(WAIT, false)
}

fn refuse(refusal: Refusal, stays: bool) -> Verdict {
    Verdict::Answer { bytes: refusal.to_source(stays), stays }
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
