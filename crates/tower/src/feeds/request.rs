//! Asks another server for a stream, as a player does: a few redirects, titles wanted, everything with a limit.

use crate::request::framing::Framing;
use crate::request::head::{HEAD_BYTES_MAX, HEADERS_MAX};
use crate::source::body::Body;
use crate::tls::client;
use anyhow::{Context, bail};
use axum::http::Uri;
use base64::Engine;
use radio_config::Input;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

/// Redirects that are followed, as load balancers and directories send them.
const REDIRECTS_MAX: usize = 5;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// A connection is there by then.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Audio between two titles at most; others send 16,000 or so.
const INTERVAL_BYTES_MAX: usize = 1 << 20;

/// A connection, with TLS or without.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A stream that comes.
pub struct Answer {
    /// What it is said to be; empty: it is not said.
    pub content_type: String,
    /// Bytes of audio between two titles; 0: there are none.
    pub interval_bytes: usize,
    /// The stream.
    pub body: Body<Box<dyn Wire>>,
}

/// Asks for the stream of `input`. `connected` is given each socket, to end it; what comes is counted in `bytes`.
///
/// # Errors
/// There is no stream; why.
pub fn ask(input: &Input, bytes: &Arc<AtomicU64>, mut connected: impl FnMut(TcpStream)) -> anyhow::Result<Answer> {
    let first: Uri = input.url.parse().context("the URL cannot be read")?;
    let mut uri = first.clone();
    for _ in 0..=REDIRECTS_MAX {
        let socket = connect(&uri)?;
        socket.set_read_timeout(Some(Duration::from_millis(input.timeout_ms)))?;
        socket.set_write_timeout(Some(CONNECT_TIME_MAX))?;
        connected(socket.try_clone()?);
        let mut wire = secure(&uri, socket)?;
        // Who is sent elsewhere gives his password to nobody there.
        let password = (uri.authority() == first.authority()).then_some(input.password.as_str());
        wire.write_all(request(&uri, &input.user, password.unwrap_or_default()).as_bytes())?;
        let (head, beyond) = read_head(&mut wire)?;
        match head.status {
            200 => {
                let framing = head.framing();
                let body = Body::new(wire, framing, beyond, Arc::clone(bytes));
                let interval_bytes = head.interval_bytes.min(INTERVAL_BYTES_MAX);
                return Ok(Answer { content_type: head.content_type, interval_bytes, body });
            }
            301 | 302 | 303 | 307 | 308 => uri = elsewhere(&uri, &head.location)?,
            status => bail!("it answers {status}"),
        }
    }
    bail!("it sends from one place to the next, more than {REDIRECTS_MAX} times")
}

/// What matters of the head of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    status: u16,
    content_type: String,
    interval_bytes: usize,
    location: String,
    is_chunked: bool,
    length: Option<u64>,
}

impl Head {
    fn framing(&self) -> Framing {
        match self.length {
            _ if self.is_chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilEnd,
        }
    }
}

fn host_and_port(uri: &Uri) -> anyhow::Result<(&str, u16)> {
    let host = uri.host().context("the URL names no host")?.trim_matches(['[', ']']);
    Ok((host, uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })))
}

fn connect(uri: &Uri) -> anyhow::Result<TcpStream> {
    let (host, port) = host_and_port(uri)?;
    let addresses = (host, port).to_socket_addrs().with_context(|| format!("{host} has no address"))?;
    let mut why = anyhow::anyhow!("{host} has no address");
    for address in addresses.take(ADDRESSES_MAX) {
        match TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
            Ok(socket) => return Ok(socket),
            Err(error) => why = anyhow::Error::new(error).context(format!("no connection to {address}")),
        }
    }
    Err(why)
}

fn secure(uri: &Uri, socket: TcpStream) -> anyhow::Result<Box<dyn Wire>> {
    if uri.scheme_str() != Some("https") {
        return Ok(Box::new(socket));
    }
    let name = host_and_port(uri)?.0.to_owned().try_into().context("the host has no name that TLS could check")?;
    Ok(Box::new(StreamOwned::new(ClientConnection::new(client::config()?, name)?, socket)))
}

fn request(uri: &Uri, user: &str, password: &str) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authorization = if password.is_empty() {
        String::new()
    } else {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        format!("Authorization: Basic {encoded}\r\n")
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: radio-tower/{}\r\nAccept: */*\r\nIcy-MetaData: 1\r\n\
         {authorization}Connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The head of the answer, and what came behind it.
fn read_head(wire: &mut dyn Wire) -> anyhow::Result<(Head, Vec<u8>)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        match wire.read(&mut buffer) {
            Ok(0) => bail!("it hung up before it answered"),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(anyhow::Error::new(error).context("it did not answer")),
        }
        if let Some((head, length)) = parse(&mut bytes)? {
            return Ok((head, bytes.split_off(length)));
        }
        if bytes.len() > HEAD_BYTES_MAX {
            bail!("its answer has a head of more than {HEAD_BYTES_MAX} bytes");
        }
    }
}

/// The head at the beginning of `bytes`, and how long it is; `None` if it is not whole.
fn parse(bytes: &mut [u8]) -> anyhow::Result<Option<(Head, usize)>> {
    // Shoutcast 1 has a protocol of its own, which is as long as HTTP only in its words.
    let is_icy = bytes.starts_with(b"ICY ");
    let line: &[u8] = if is_icy { b"HTTP/1.0 " } else { b"" };
    let skipped = if is_icy { b"ICY ".len() } else { 0 };
    let text = [line, &bytes[skipped..]].concat();
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(&text).context("it does not answer as HTTP does")?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let mut head = Head { status: answer.code.unwrap_or(0), ..Head::default() };
    for header in answer.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        match header.name.to_ascii_lowercase().as_str() {
            "content-type" => head.content_type = value,
            "icy-metaint" => head.interval_bytes = value.parse().context("its icy-metaint is no number")?,
            "location" => head.location = value,
            "transfer-encoding" => head.is_chunked = value.eq_ignore_ascii_case("chunked"),
            "content-length" => head.length = value.parse().ok(),
            _ => {}
        }
    }
    Ok(Some((head, length - line.len() + skipped)))
}

fn elsewhere(uri: &Uri, location: &str) -> anyhow::Result<Uri> {
    let to = if location.starts_with('/') {
        let scheme = uri.scheme_str().unwrap_or("http");
        format!("{scheme}://{}{location}", uri.authority().map_or("", |authority| authority.as_str()))
    } else {
        location.to_owned()
    };
    let to: Uri = to.parse().context("it sends elsewhere, but to no URL")?;
    if !matches!(to.scheme_str(), Some("http" | "https")) || to.host().is_none_or(str::is_empty) {
        bail!("it sends elsewhere, but to no URL of http");
    }
    if uri.scheme_str() == Some("https") && to.scheme_str() == Some("http") {
        bail!("it sends from https to http");
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Head, usize) {
        parse(&mut text.as_bytes().to_vec()).unwrap().unwrap()
    }

    #[test]
    fn answers_of_http_and_of_shoutcast_are_read_to_their_end() {
        let text =
            "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\nicy-metaint: 8192\r\n\r\nX";
        let (head, length) = parsed(text);
        assert_eq!((head.status, head.content_type.as_str(), head.interval_bytes), (200, "audio/mpeg", 8192));
        assert_eq!((head.framing(), length), (Framing::Chunked, text.len() - 1));
        let text = "ICY 200 OK\r\nicy-notice1:<BR>x\r\ncontent-type:audio/aacp\r\n\r\nXY";
        let (head, length) = parsed(text);
        assert_eq!(
            (head.content_type.as_str(), head.framing(), length),
            ("audio/aacp", Framing::UntilEnd, text.len() - 2)
        );
        assert!(parse(&mut b"HTTP/1.1 200".to_vec()).unwrap().is_none());
        assert!(parse(&mut b"\0\0\0\0garbage\r\n\r\n".to_vec()).is_err());
        assert!(parse(&mut b"HTTP/1.1 200 OK\r\nicy-metaint: -1\r\n\r\n".to_vec()).is_err());
    }

    #[test]
    fn redirects_lead_to_http_only_and_never_out_of_tls() {
        let at: Uri = "http://host:8000/a".parse().unwrap();
        assert_eq!(elsewhere(&at, "/b?c").unwrap().to_string(), "http://host:8000/b?c");
        assert_eq!(elsewhere(&at, "https://other/").unwrap().to_string(), "https://other/");
        for bad in ["", "relative", "file:///etc/passwd", "ftp://host/x", "http://"] {
            assert!(elsewhere(&at, bad).is_err(), "{bad}");
        }
        assert!(elsewhere(&"https://host/".parse().unwrap(), "http://host/").is_err());
    }

    #[test]
    fn a_password_is_given_only_if_there_is_one() {
        let uri: Uri = "http://host/x?y".parse().unwrap();
        assert!(request(&uri, "source", "").starts_with("GET /x?y HTTP/1.1\r\nHost: host\r\n"));
        assert!(!request(&uri, "source", "").contains("Authorization"));
        assert!(request(&uri, "source", "hackme").contains("Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n"));
    }
}
