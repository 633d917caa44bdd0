//! A blocking HTTP client of a page: one request, one answer, read by hand.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest answer head that is read.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Status line and headers of an answer.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The first line, for instance `HTTP/1.1 200 OK`.
    pub status_line: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The status code; 0 when the line holds none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Value of the header `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    /// Value of the header `name` as a number.
    #[track_caller]
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        let value = self.header(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("header {name} is no number: {value}"))
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { status_line, headers }
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body, chunked coding removed.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }
}

/// Opens a connection and sends one GET with `extra` header lines (each ended by CRLF).
pub fn send_get(address: SocketAddr, target: &str, extra: &str, read_timeout: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(read_timeout))?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{extra}\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Reads up to the empty line; what was read beyond it is the second value.
pub fn read_head(stream: &mut impl Read) -> io::Result<(Head, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0u8; 2048];
    loop {
        let count = match stream.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            outcome => outcome?,
        };
        bytes.extend_from_slice(&piece[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((Head::parse(&String::from_utf8_lossy(&bytes[..end])), rest));
        }
        if count == 0 || bytes.len() > HEAD_BYTES_MAX {
            let seen = String::from_utf8_lossy(&bytes).into_owned();
            return Err(io::Error::other(format!("no whole head: {seen:?}")));
        }
    }
}

/// One GET, with the whole answer read to its end.
pub fn get(address: SocketAddr, target: &str, extra: &str) -> io::Result<Answer> {
    read_answer(send_get(address, target, extra, Duration::from_secs(10))?)
}

/// One GET over a Unix socket, as the command line asks.
pub fn get_over(socket: &Path, target: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: tower\r\nConnection: close\r\n\r\n").as_bytes())?;
    read_answer(stream)
}

/// One request of any method with a body, and the whole answer.
pub fn send(address: SocketAddr, method: &str, target: &str, extra: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{extra}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    read_answer(stream)
}

fn read_answer(mut stream: impl Read) -> io::Result<Answer> {
    let (head, mut body) = read_head(&mut stream)?;
    if let Some(length) = head.header("content-length").and_then(|value| value.parse::<usize>().ok()) {
        let have = body.len();
        body.resize(length.max(have), 0);
        stream.read_exact(&mut body[have..])?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        body = unchunk(&body);
    }
    Ok(Answer { head, body })
}

fn unchunk(mut coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some(end) = coded.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&coded[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let Some(length) = length.filter(|&length| length > 0 && end + 2 + length <= coded.len()) else {
            break;
        };
        plain.extend_from_slice(&coded[end + 2..end + 2 + length]);
        coded = coded.get(end + 2 + length + 2..).unwrap_or_default();
    }
    plain
}

/// The header line that names a user and a password.
#[must_use]
pub fn basic_auth(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |group, i| group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let symbol = ALPHABET[(group >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { symbol as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_three_paddings() {
        assert_eq!(base64(b"admin:secret"), "YWRtaW46c2VjcmV0");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"a"), "YQ==");
    }

    #[test]
    fn chunks_become_one_body() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
    }
}
