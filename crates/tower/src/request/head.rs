//! Request heads: read with a limit in size and in time, parsed, refused in one line (SPEC LIS-6).

use super::framing::Framing;
use super::refusal::{JSON, Refusal};
use super::request_line::{Rewritten, rewritten};
use radio_base::text::{cleaned, utf8_or_latin1};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// Bytes of a request head at most.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header lines at most.
pub const HEADERS_MAX: usize = 64;
/// Bytes of a path with its query at most.
pub const TARGET_BYTES_MAX: usize = 2048;
/// A head must be complete within this time.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// 400
pub const BAD_REQUEST: Refusal = Refusal::new(400, "Bad Request", "this is not an HTTP/1 request");
/// 401
pub const UNAUTHORIZED: Refusal = Refusal::new(
    401,
    "Unauthorized",
    "who are you? user admin with the configured password or the token printed when the tower started, or another [[user]]",
);
/// 401
pub const LISTENERS_ONLY: Refusal =
    Refusal::new(401, "Unauthorized", "this stream is for those who have its password; the name is listener");
/// 403
pub const FORBIDDEN: Refusal = Refusal::new(
    403,
    "Forbidden",
    "a session changes nothing without its token; send what GET /api/session says in the header X-Tower-Token",
);
/// 403
pub const FOREIGN: Refusal = Refusal::new(
    403,
    "Forbidden",
    "a page of another site may have made a browser ask for this (Origin, Sec-Fetch-Site); use the tower's own page, or a program",
);
/// 403
pub const OPERATORS_ONLY: Refusal = Refusal::new(
    403,
    "Forbidden",
    "this takes the role operator; give it to this user in [[user]], or ask one who has it",
);
/// 403
pub const ADMINS_ONLY: Refusal = Refusal::new(
    403,
    "Forbidden",
    "this takes the role admin; give it to this user in [[user]], or ask one who has it",
);
/// 429
pub const TOO_MANY_GUESSES: Refusal =
    Refusal::new(429, "Too Many Requests", "too many wrong passwords from this address; wait a minute and try again");
/// 404
pub const NOT_FOUND: Refusal = Refusal::new(404, "Not Found", "nothing here; the tower's page is at /");
/// 405
pub const METHOD_NOT_ALLOWED: Refusal =
    Refusal::new(405, "Method Not Allowed", "only GET, HEAD and OPTIONS are understood here");
/// 405, for a route of the API that understands these methods.
#[must_use]
pub fn method_not_allowed(methods: &[&str]) -> Vec<u8> {
    let methods = [methods, &["OPTIONS"]].concat().join(", ");
    let line = serde_json::json!({ "error": format!("only {methods} are understood here") }).to_string();
    METHOD_NOT_ALLOWED.answer_with(&format!("Allow: {methods}\r\nConnection: close\r\n"), JSON, &line)
}
/// 408
pub const TIMEOUT: Refusal = Refusal::new(408, "Request Timeout", "the request head was not complete in 5 s");
/// 414
pub const URI_TOO_LONG: Refusal = Refusal::new(414, "URI Too Long", "a path has at most 2048 bytes");
/// 431
pub const HEAD_TOO_LARGE: Refusal =
    Refusal::new(431, "Request Header Fields Too Large", "a request head has at most 8192 bytes and 64 header lines");
/// 503
pub const FULL: Refusal = Refusal::new(503, "Service Unavailable", "the tower has as many listeners as it admits");
/// 503
pub const MOUNT_FULL: Refusal =
    Refusal::new(503, "Service Unavailable", "this stream has as many listeners as it admits");
/// 503
pub const ADDRESS_FULL: Refusal =
    Refusal::new(503, "Service Unavailable", "your address has as many listeners as it may");

/// A request head, parsed.
#[derive(Clone, Debug)]
pub struct Head {
    /// The method, as sent.
    pub method: String,
    /// The path, without query, in its normal spelling.
    pub path: String,
    /// The query, without `?`; empty if there is none.
    pub query: String,
    /// Minor version: 0 or 1.
    pub minor_version: u8,
    /// `Icy-MetaData: 1`: titles between the frames are wanted.
    pub wants_titles: bool,
    /// `User-Agent`, or empty.
    pub user_agent: String,
    /// `Authorization`, or empty.
    pub authorization: String,
    /// Host and port of an absolute URL in the request line; it overrides the header `Host`.
    pub authority: Option<String>,
    /// How its body ends.
    pub framing: Framing,
    /// Bytes of the head itself, the empty line included.
    pub head_bytes: usize,
    /// What was read from the socket: the head, its first line rewritten, and perhaps more.
    pub bytes: Vec<u8>,
}

impl Head {
    /// The first header called `name`. What is no UTF-8 is taken for Latin-1, as old programs write it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.lines(name).next()
    }

    /// Every host that the request names, of which all but one would be a trick.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.authority.iter().cloned().chain(self.lines("host")).collect()
    }

    /// Every header called `name`, as they stand.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        self.lines(name).collect()
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = String> {
        let lines = self.bytes[..self.head_bytes].split(|&byte| byte == b'\n').skip(1);
        let pairs = lines.map(|line| line.split_at(line.iter().position(|&byte| byte == b':').unwrap_or(line.len())));
        pairs.filter(move |(header, _)| header.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| {
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            utf8_or_latin1(value).into_owned()
        })
    }

    /// What was read from the socket behind the head.
    #[must_use]
    pub fn beyond(&self) -> &[u8] {
        &self.bytes[self.head_bytes..]
    }

    /// The value of a query parameter, as it was sent: what the streams are asked for needs no percent-encoding.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v))
    }
}

/// Reads and parses one head. `None`: the client left, or sent nothing in time; there is nobody to answer.
///
/// # Errors
/// The refusal to send.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<Head>, Refusal> {
    read_after(Vec::with_capacity(1024), stream, Instant::now() + HEAD_TIME_MAX).await
}

/// As [`read`], when `bytes` of the head have been read already, and it must be complete by then.
///
/// # Errors
/// The refusal to send.
pub async fn read_after<S: AsyncRead + Unpin>(
    mut bytes: Vec<u8>,
    stream: &mut S,
    until: Instant,
) -> Result<Option<Head>, Refusal> {
    if let Some(head) = parse(&bytes)? {
        return Ok(Some(head));
    }
    let read = tokio::time::timeout_at(until, async {
        loop {
            if bytes.len() >= HEAD_BYTES_MAX {
                return Err(too_large(&bytes));
            }
            let mut limited = (&mut *stream).take((HEAD_BYTES_MAX - bytes.len()) as u64);
            match limited.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
            if let Some(head) = parse(&bytes)? {
                return Ok(Some(head));
            }
        }
    });
    match read.await {
        Ok(result) => result,
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(TIMEOUT),
    }
}

/// Parses what has come so far; `None` while the head is not complete.
///
/// # Errors
/// The refusal to send.
pub fn parse(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Some(Rewritten { bytes, authority }) = rewritten(bytes) else { return Ok(None) };
    let head_bytes = match request.parse(&bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LARGE),
        Err(_) => return Err(BAD_REQUEST),
    };
    let target = request.path.unwrap_or("/");
    if target.len() > TARGET_BYTES_MAX {
        return Err(URI_TOO_LONG);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let framing = Framing::of(request.headers.iter().map(|header| (header.name, header.value)))?;
    let value = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).into_owned()).unwrap_or_default()
    };
    let head = Head {
        method: request.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        minor_version: request.version.unwrap_or(1),
        wants_titles: value("icy-metadata").trim() == "1",
        user_agent: cleaned(&value("user-agent")).into_owned(),
        authorization: value("authorization"),
        authority,
        framing,
        head_bytes,
        bytes: Vec::new(),
    };
    Ok(Some(Head { bytes: bytes.into_owned(), ..head }))
}

/// A head of 8 KiB without an end: was it the path or the headers?
fn too_large(bytes: &[u8]) -> Refusal {
    if bytes.iter().take(TARGET_BYTES_MAX + 16).any(|&byte| byte == b'\n') { HEAD_TOO_LARGE } else { URI_TOO_LONG }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(bytes: &[u8]) -> u16 {
        parse(bytes).expect_err("should be refused").status
    }

    #[test]
    fn a_players_head_is_understood() {
        let bytes = b"GET /stream?burst=5&x=1 HTTP/1.0\r\nUser-Agent: Lavf/59\r\nIcy-MetaData: 1\r\n\r\n";
        let head = parse(bytes).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str(), head.minor_version), ("GET", "/stream", 0));
        assert_eq!(head.query_value("burst"), Some("5"));
        assert_eq!(head.query_value("urst"), None);
        assert_eq!(head.user_agent, "Lavf/59");
        assert!(head.wants_titles);
    }

    #[test]
    fn the_oldest_sources_head_is_understood_and_its_body_begins_where_it_begins() {
        let bytes = b"SOURCE /live ICE/1.0\r\nice-name: Caf\xe9\r\nX: a: b\r\n\r\nMP3";
        let head = parse(bytes).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str(), head.minor_version), ("SOURCE", "/live", 0));
        assert_eq!(head.beyond(), b"MP3");
        assert_eq!(head.header("Ice-Name").as_deref(), Some("Caf\u{e9}"));
        assert_eq!(head.header("x").as_deref(), Some("a: b"));
        assert_eq!(head.header("ice"), None);
        assert!(parse(&bytes[..12]).unwrap().is_none(), "nothing is refused before the line is whole");
        assert_eq!(parse(b"PUT /live HTTP/1.1\r\nExpect: 100-continue\r\n\r\nx").unwrap().unwrap().beyond(), b"x");
    }

    #[test]
    fn garbage_long_paths_and_many_headers_are_refused_each_with_its_status() {
        assert_eq!(refused(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), 400);
        assert_eq!(refused(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(3000)).as_bytes()), 414);
        assert_eq!(refused(format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65)).as_bytes()), 431);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_without_end_is_refused_by_size_and_by_time() {
        let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
        let mut stream = &[b"GET /", endless.as_slice()].concat()[..];
        assert_eq!(read(&mut stream).await.expect_err("too large"), URI_TOO_LONG);

        let (mut client, mut server) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut client, b"GET / HT").await.unwrap();
        assert_eq!(read(&mut server).await.expect_err("too slow"), TIMEOUT);
    }

    #[test]
    fn every_refusal_is_a_complete_answer() {
        for refusal in
            [BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, FOREIGN, NOT_FOUND, METHOD_NOT_ALLOWED, TIMEOUT, URI_TOO_LONG, FULL]
        {
            let text = String::from_utf8(refusal.to_bytes()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
            assert_eq!(body.lines().count(), 1);
            assert!(head.contains("X-Content-Type-Options: nosniff"), "{head}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = parse(&bytes);
        }
    }
}
