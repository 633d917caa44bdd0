//! One GET over a Unix socket: HTTP/1.1, `Connection: close`, everything bounded.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
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
    match ask(socket, path)? {
        (200, body) => Ok(body),
        (status, _) => Err(io::Error::other(format!("the answer is {status}"))),
    }
}

/// The same with whatever status.
///
/// # Errors
/// If nobody answers in three seconds, or not with text.
pub(crate) fn ask(socket: &Path, path: &str) -> io::Result<(u16, String)> {
    ask_for(socket, "GET", path, TIMEOUT)
}

/// The same with another method, for something that may take up to `limit`.
///
/// # Errors
/// If nobody answers in that time, or not with text.
pub(crate) fn ask_for(socket: &Path, method: &str, path: &str, limit: Duration) -> io::Result<(u16, String)> {
    let deadline = Instant::now() + limit;
    let mut stream = connect(socket)?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: tower\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no whole answer in time"));
        }
        stream.set_read_timeout(Some(left))?;
        let body = parse(&response)?;
        if let Some(Body { status, start, length: Some(length) }) = body
            && let Some(whole) = response.get(start..start + length)
        {
            return Ok((status, text(whole)?));
        }
        match (stream.read(&mut chunk), body) {
            (Ok(0), Some(Body { status, start, length: None })) => return Ok((status, text(&response[start..])?)),
            (Ok(0), _) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer breaks off")),
            (Ok(n), _) => response.extend_from_slice(&chunk[..n]),
            (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
            }
            (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
            (Err(error), _) => return Err(error),
        }
        if response.len() > RESPONSE_BYTES_MAX {
            return Err(io::Error::other("the answer is too long"));
        }
    }
}

/// Opens the socket, with a time-out already for that: at a full backlog it would wait for ever.
pub(crate) fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    stream.connect_timeout(&socket2::SockAddr::unix(socket)?, TIMEOUT)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(UnixStream::from(OwnedFd::from(stream)))
}

#[derive(Clone, Copy)]
struct Body {
    status: u16,
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
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if header("transfer-encoding").is_some() {
        return Err(io::Error::other("the answer is chunked, which this client does not read"));
    }
    let length = header("content-length").map(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    match length {
        Some(None) => Err(io::Error::other("the answer has a bad Content-Length")),
        Some(Some(length)) if length > RESPONSE_BYTES_MAX => Err(io::Error::other("the answer is too long")),
        length => Ok(Some(Body { status: head.code.unwrap_or(0), start, length: length.flatten() })),
    }
}

fn text(body: &[u8]) -> io::Result<String> {
    String::from_utf8(body.to_vec()).map_err(|_| io::Error::other("the answer is not UTF-8"))
}
