//! One GET over a Unix socket: HTTP/1.1, `Connection: close`, everything bounded.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(3);
const RESPONSE_BYTES_MAX: usize = 4 << 20;
const HEADERS_MAX: usize = 64;

/// The body of `path` from the API behind `socket`.
///
/// # Errors
/// If nobody answers in three seconds, or not with 200 and text.
pub(crate) fn get(socket: &Path, path: &str) -> io::Result<String> {
    let deadline = Instant::now() + TIMEOUT;
    // With a time-out already for connecting, which would wait for ever at a full backlog.
    let mut stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    stream.connect_timeout(&socket2::SockAddr::unix(socket)?, TIMEOUT)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: tower\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no whole answer within 3 s"));
        }
        stream.set_read_timeout(Some(left))?;
        let body = parse(&response)?;
        if let Some(Body { start, length: Some(length) }) = body
            && let Some(whole) = response.get(start..start + length)
        {
            return text(whole);
        }
        match (stream.read(&mut chunk), body) {
            (Ok(0), Some(Body { start, length: None })) => return text(&response[start..]),
            (Ok(0), _) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer breaks off")),
            (Ok(n), _) => response.extend_from_slice(&chunk[..n]),
            (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 3 s"));
            }
            (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
            (Err(error), _) => return Err(error),
        }
        if response.len() > RESPONSE_BYTES_MAX {
            return Err(io::Error::other("the answer is too long"));
        }
    }
}

#[derive(Clone, Copy)]
struct Body {
    start: usize,
    length: Option<usize>,
}

/// Where the body is, once the head is complete.
fn parse(response: &[u8]) -> io::Result<Option<Body>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let start = match head.parse(response) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(io::Error::other(format!("the answer is not HTTP: {error}"))),
    };
    if head.code != Some(200) {
        return Err(io::Error::other(format!("the answer is {}", head.code.unwrap_or(0))));
    }
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if header("transfer-encoding").is_some() {
        return Err(io::Error::other("the answer is chunked, which this client does not read"));
    }
    let length = header("content-length").map(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    match length {
        Some(None) => Err(io::Error::other("the answer has a bad Content-Length")),
        Some(Some(length)) if length > RESPONSE_BYTES_MAX => Err(io::Error::other("the answer is too long")),
        length => Ok(Some(Body { start, length: length.flatten() })),
    }
}

fn text(body: &[u8]) -> io::Result<String> {
    String::from_utf8(body.to_vec()).map_err(|_| io::Error::other("the answer is not UTF-8"))
}
