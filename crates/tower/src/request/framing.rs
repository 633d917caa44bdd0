//! How the body of a request ends, and whether another request may follow it (RFC 9112, 6.3 and
//! 9.3).
//!
//! A length that two programs may read differently is refused: a proxy and the tower would not
//! agree on where the next request begins, and a body could speak for another client.

use super::head::Head;
use crate::request::refusal::Refusal;

/// 400
pub const BAD_FRAMING: Refusal = Refusal::new(
    400,
    "Bad Request",
    "the length of the body is not clear; send one Content-Length, in digits, or Transfer-Encoding: chunked, and not both",
);

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing says. The body of a source, and of an answer, ends with the connection; other
    /// requests have none.
    UntilEnd,
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

impl Framing {
    /// What the header lines of a request, names and values, say.
    ///
    /// # Errors
    /// They say two things, or nothing that can be understood.
    pub fn of<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Refusal> {
        let (mut length, mut coding) = (None, None);
        for (name, value) in headers {
            let value = value.trim_ascii();
            let before = if name.eq_ignore_ascii_case("content-length") {
                length.replace(value)
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                coding.replace(value)
            } else {
                None
            };
            if before.is_some() {
                return Err(BAD_FRAMING);
            }
        }
        match (length, coding) {
            (None, None) => Ok(Self::UntilEnd),
            (Some(length), None) => digits(length).map(Self::Length).ok_or(BAD_FRAMING),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Self::Chunked),
            // The coding that is none, as RFC 2616 calls it.
            (None, Some(coding)) if coding.is_empty() || coding.eq_ignore_ascii_case(b"identity") => Ok(Self::UntilEnd),
            _ => Err(BAD_FRAMING),
        }
    }
}

/// A number without sign, space or comma.
fn digits(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether the connection may be kept for another request when this one has been answered and its
/// body, if it has one, has not been read: only if it has none, and the client does not close the
/// connection itself.
#[must_use]
pub fn allows_another(head: &Head) -> bool {
    let has_body = match head.framing {
        Framing::Length(length) => length > 0,
        Framing::Chunked => true,
        Framing::UntilEnd => matches!(head.method.as_str(), "PUT" | "SOURCE"),
    };
    let lines = head.headers("connection").join(",");
    let says = |wanted: &str| lines.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted));
    let is_kept = if head.minor_version == 0 { says("keep-alive") } else { !says("close") };
    !has_body && is_kept && head.method != "SOURCE"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head::{BAD_REQUEST, parse};

    fn head(method: &str, version: &str, lines: &[&str]) -> Result<Head, Refusal> {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        parse(format!("{method} /live {version}\r\nHost: h\r\n{lines}\r\n").as_bytes()).map(|head| head.expect("whole"))
    }

    fn framing(lines: &[&str]) -> Result<Framing, Refusal> {
        head("POST", "HTTP/1.1", lines).map(|head| head.framing)
    }

    #[test]
    fn a_body_has_one_length_or_comes_in_chunks() {
        assert_eq!(framing(&[]), Ok(Framing::UntilEnd));
        assert_eq!(framing(&["Content-Length: 0"]), Ok(Framing::Length(0)));
        assert_eq!(framing(&["content-length:\t 0012 "]), Ok(Framing::Length(12)));
        assert_eq!(framing(&["Content-Length: 18446744073709551615"]), Ok(Framing::Length(u64::MAX)));
        assert_eq!(framing(&["TRANSFER-ENCODING: Chunked"]), Ok(Framing::Chunked));
        assert_eq!(framing(&["Transfer-Encoding: identity"]), Ok(Framing::UntilEnd));
    }

    #[test]
    fn what_two_programs_may_read_differently_is_refused() {
        for unclear in [
            &["Content-Length: 5", "Content-Length: 5"][..],
            &["Content-Length: 5", "content-length: 6"],
            &["Content-Length: 5, 5"],
            &["Content-Length: +5"],
            &["Content-Length: -5"],
            &["Content-Length: 0x5"],
            &["Content-Length: 5 5"],
            &["Content-Length:"],
            &["Content-Length: 18446744073709551616"],
            &["Content-Length: 5", "Transfer-Encoding: chunked"],
            &["Content-Length: 5", "Transfer-Encoding: identity"],
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            &["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
            &["Transfer-Encoding: gzip, chunked"],
            &["Transfer-Encoding: chunked, identity"],
            &["Transfer-Encoding: xchunked"],
            &["Transfer-Encoding: \x0bchunked"],
        ] {
            let refused = framing(unclear).expect_err("should be refused");
            assert!([BAD_FRAMING, BAD_REQUEST].contains(&refused), "{unclear:?}: {refused:?}");
        }
    }

    #[test]
    fn a_header_that_goes_on_in_the_next_line_or_has_space_before_its_colon_is_refused() {
        for folded in [
            &["X: a", " Content-Length: 5"][..],
            &["Transfer-Encoding:", "\tchunked"],
            &["Content-Length : 5"],
            &["Content-Length\x0b: 5"],
            &["X: a\rContent-Length: 5"],
        ] {
            assert_eq!(framing(folded), Err(BAD_REQUEST), "{folded:?}");
        }
        assert_eq!(parse(b"GET / HTTP/1.1\r\n Content-Length: 5\r\n\r\n").map(drop), Err(BAD_REQUEST));
    }

    #[test]
    fn another_request_follows_only_one_that_has_no_body() {
        let allows = |method: &str, version: &str, lines: &[&str]| {
            allows_another(&head(method, version, lines).expect("a request"))
        };
        for method in ["OPTIONS", "GET", "POST"] {
            assert!(allows(method, "HTTP/1.1", &[]) && allows(method, "HTTP/1.1", &["Content-Length: 0"]), "{method}");
            assert!(!allows(method, "HTTP/1.1", &["Content-Length: 1"]), "{method}");
            assert!(!allows(method, "HTTP/1.1", &["Transfer-Encoding: chunked"]), "{method}");
            assert!(!allows(method, "HTTP/1.1", &["Connection: x, Close"]), "{method}");
            assert!(!allows(method, "HTTP/1.0", &[]) && allows(method, "HTTP/1.0", &["Connection: Keep-Alive"]));
        }
        assert!(!allows("PUT", "HTTP/1.1", &[]), "the body of a source ends with the connection");
        assert!(allows("PUT", "HTTP/1.1", &["Content-Length: 0"]));
        assert!(!allows("SOURCE", "HTTP/1.1", &["Content-Length: 0"]));
    }
}
