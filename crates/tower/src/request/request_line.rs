//! The request line in the form that the parser and the API share, whatever form a program sends.
//!
//! Programs send the whole URL instead of a path (RFC 9112, 3.2.2), percent-encode characters that
//! need it not (RFC 3986, 6.2.2.2), write titles in Latin-1 or with spaces, and old sources name
//! the protocol `ICE/1.0`. The line is rewritten before anything looks at it, so that the check of
//! permissions and the handler always see the same path.

use std::borrow::Cow;
use std::fmt::Write;

/// Letters of a method at most: `OPTIONS` and `PROPFIND` have fewer.
const METHOD_BYTES_MAX: usize = 16;

/// A request whose first line has been rewritten.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten<'a> {
    /// The request.
    pub bytes: Cow<'a, [u8]>,
    /// The host and port of an absolute URL in the request line: it overrides the `Host` header
    /// (RFC 9112, 3.2.2).
    pub authority: Option<String>,
}

/// Rewrites the first line of `bytes`. `None` while the line is incomplete. Bytes that do not begin
/// with a request line are returned as they are: the parser refuses them.
#[must_use]
pub fn rewritten(bytes: &[u8]) -> Option<Rewritten<'_>> {
    let as_it_is = Rewritten { bytes: Cow::Borrowed(bytes), authority: None };
    let method_bytes = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    if !(1..=METHOD_BYTES_MAX).contains(&method_bytes) || bytes.get(method_bytes).is_some_and(|&byte| byte != b' ') {
        return Some(as_it_is);
    }
    let line_end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = bytes[..line_end].trim_ascii_end();
    let Some(version_at) = line.iter().rposition(|&byte| byte == b' ').filter(|&at| at > method_bytes) else {
        return Some(as_it_is);
    };
    let (target, version) = (&line[method_bytes + 1..version_at], &line[version_at + 1..]);
    let version: &[u8] = if version == b"ICE/1.0" { b"HTTP/1.0" } else { version };
    let (authority, path_and_query) = without_authority(target);
    let new_target = normal(path_and_query);
    if new_target.as_bytes() == target && version == &line[version_at + 1..] {
        return Some(as_it_is);
    }
    let (method, rest) = (&line[..=method_bytes], &bytes[line.len()..]);
    let bytes = [method, new_target.as_bytes(), b" ", version, rest].concat();
    Some(Rewritten { bytes: Cow::Owned(bytes), authority })
}

/// Splits an absolute URL into its host and the rest; anything else is returned whole.
fn without_authority(target: &[u8]) -> (Option<String>, Cow<'_, [u8]>) {
    let scheme = |name: &str| {
        target.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name.as_bytes()))?;
        target.get(name.len()..)
    };
    let Some(rest) = scheme("http://").or_else(|| scheme("https://")) else { return (None, Cow::Borrowed(target)) };
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let path =
        if rest.get(end) == Some(&b'/') { Cow::Borrowed(&rest[end..]) } else { [b"/", &rest[end..]].concat().into() };
    (Some(String::from_utf8_lossy(&rest[..end]).into_owned()), path)
}

/// The target with every character written in one way.
fn normal(target: Cow<'_, [u8]>) -> String {
    let query_at = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at(query_at);
    let mut text = String::with_capacity(target.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let coded = after.get(..2).filter(|_| byte == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok().filter(|&decoded| is_plain_in_a_path(decoded))
        });
        if let Some(decoded) = coded {
            text.push(char::from(decoded));
            rest = &after[2..];
        } else {
            push(&mut text, byte, false);
        }
    }
    for &byte in query {
        push(&mut text, byte, true);
    }
    text
}

/// Appends a byte: what is no ASCII, and a space where `space_too`, as `%XX`.
fn push(text: &mut String, byte: u8, space_too: bool) {
    if byte.is_ascii() && !(space_too && byte == b' ') {
        text.push(char::from(byte));
    } else {
        let _infallible = write!(text, "%{byte:02X}");
    }
}

/// Whether a character of a path means the same in plain as percent-encoded: unreserved characters,
/// and those with which Shoutcast's and Icecast's paths are written (`/;stream.mp3`).
fn is_plain_in_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~;,=:@!$'()*".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &[u8]) -> (String, Option<String>) {
        let whole = [text, b"\r\nA: b\r\n\r\nbody"].concat();
        let Rewritten { bytes, authority } = rewritten(&whole).expect("a whole line");
        let bytes = bytes.strip_suffix(b"\r\nA: b\r\n\r\nbody").expect("what follows is left alone");
        (String::from_utf8(bytes.to_vec()).expect("ASCII"), authority)
    }

    #[test]
    fn a_whole_url_is_its_path_and_its_host() {
        let host = |name: &str| Some(name.to_owned());
        assert_eq!(line(b"GET http://radio:8000/a?b=/c HTTP/1.1"), ("GET /a?b=/c HTTP/1.1".into(), host("radio:8000")));
        assert_eq!(line(b"PUT HTTPS://[::1]/live HTTP/1.1"), ("PUT /live HTTP/1.1".into(), host("[::1]")));
        assert_eq!(line(b"GET http://radio HTTP/1.1"), ("GET / HTTP/1.1".into(), host("radio")));
        assert_eq!(line(b"GET http://radio?a HTTP/1.1"), ("GET /?a HTTP/1.1".into(), host("radio")));
        assert_eq!(line(b"GET /http://radio/ HTTP/1.1"), ("GET /http://radio/ HTTP/1.1".into(), None));
        assert_eq!(line(b"OPTIONS * HTTP/1.1"), ("OPTIONS * HTTP/1.1".into(), None));
    }

    #[test]
    fn a_path_has_one_spelling_and_what_would_change_its_parts_stays_encoded() {
        assert_eq!(line(b"GET /%73tream%2emp3 HTTP/1.0").0, "GET /stream.mp3 HTTP/1.0");
        assert_eq!(line(b"GET /%3Bstream.nsv HTTP/1.0").0, "GET /;stream.nsv HTTP/1.0");
        for kept in
            ["/a%2Fb", "/a%3Fb", "/a%00", "/a%0D%0Ab", "/a%20b", "/a%25%37%33", "/a%C3%A9", "/a%", "/a%7", "/a%zz"]
        {
            let kept = kept.replace("%37%33", "73");
            assert_eq!(line(format!("GET {kept} HTTP/1.1").as_bytes()).0, format!("GET {kept} HTTP/1.1"));
        }
        assert_eq!(line(b"GET /x?song=%73 HTTP/1.1").0, "GET /x?song=%73 HTTP/1.1", "a query is for its reader");
    }

    #[test]
    fn raw_titles_are_encoded_and_the_oldest_protocol_is_translated() {
        assert_eq!(line(b"GET /x?song=Caf\xe9 del Mar HTTP/1.0").0, "GET /x?song=Caf%E9%20del%20Mar HTTP/1.0");
        assert_eq!(line(b"GET /caf\xc3\xa9 HTTP/1.0").0, "GET /caf%C3%A9 HTTP/1.0");
        assert_eq!(line(b"SOURCE /live ICE/1.0").0, "SOURCE /live HTTP/1.0");
        assert_eq!(line(b"GET /a b HTTP/1.0").0, "GET /a b HTTP/1.0", "the parser refuses it");
    }

    #[test]
    fn half_a_line_is_waited_for_and_other_bytes_are_left_to_the_parser() {
        assert_eq!(rewritten(b"GET /x?song=\xe9"), None);
        assert_eq!(rewritten(b"GET"), None);
        for other in [&b"\x16\x03\x01\x02"[..], b"get / HTTP/1.1\r\n\r\n", b"hackme\r\n", b"GET\r\n\r\n", b""] {
            assert_eq!(rewritten(other), Some(Rewritten { bytes: other.into(), authority: None }), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_rewritten_line_is_rewritten_no_further(target in "[ -~\u{e9}]{0,80}", rest in ".{0,40}") {
            let whole = format!("GET {target} HTTP/1.1\r\n{rest}");
            let once = rewritten(whole.as_bytes()).unwrap().bytes.into_owned();
            // Only a URL within a URL is a second one.
            prop_assume!(!once[4..].to_ascii_lowercase().starts_with(b"http"));
            prop_assert_eq!(rewritten(&once).unwrap().bytes, Cow::<[u8]>::Borrowed(&once));
        }
    }
}
