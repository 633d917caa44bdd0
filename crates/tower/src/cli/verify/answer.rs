//! One GET over TCP, its head read and judged; the body stays on the socket, because a stream's never ends.

use super::target::Target;
use anyhow::{Context, bail};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// For connecting, and for each read: a tower on air sends something more often than that.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
const ADDRESSES_MAX: usize = 8;

/// An answer with status 200.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where the rest of the body comes from.
    pub socket: TcpStream,
    /// The beginning of the body, which came with the head.
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Asks for `target`.
    ///
    /// # Errors
    /// Everything but 200, and what to do about it.
    pub(super) fn get(target: &Target) -> anyhow::Result<Self> {
        let mut socket = connect(target)?;
        let authorization = target.authorization().map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tower-verify/{}\r\n{authorization}Connection: close\r\n\r\n",
            target.path,
            target.authority(),
            env!("CARGO_PKG_VERSION"),
        );
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        socket.write_all(request.as_bytes()).with_context(|| format!("{target} takes no request"))?;

        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = read_some(&mut socket, &mut piece).with_context(|| format!("{target} does not answer"))?;
            if count == 0 {
                bail!("{target} hangs up without an answer; is it a tower?");
            }
            bytes.extend_from_slice(&piece[..count]);
            if let Some((status, headers, body)) = parse(&bytes).with_context(|| format!("{target}"))? {
                if status != 200 {
                    bail!(refused(target, status));
                }
                return Ok(Self { socket, body: bytes.split_off(body), headers });
            }
            if bytes.len() > HEAD_BYTES_MAX {
                bail!("{target}: the answer's head is longer than {HEAD_BYTES_MAX} bytes; is it a tower?");
            }
        }
    }

    /// A header's value; `name` in lower case.
    #[must_use]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// A header that is a number.
    ///
    /// # Errors
    /// If it is not there: then it is no tower that numbers its frames.
    pub(super) fn number(&self, name: &str) -> anyhow::Result<u64> {
        let number = self.header(name).and_then(|value| value.parse().ok());
        number.with_context(|| {
            format!(
                "the answer has no header {name}: it is no Radio Tower, one that is too old, or a proxy takes the \
                 header away; ask the tower itself"
            )
        })
    }

    /// The rest of an answer that does end, at most `bytes_max` of it.
    ///
    /// # Errors
    /// If it breaks off.
    pub(super) fn read_to_end(mut self, bytes_max: u64) -> io::Result<Vec<u8>> {
        (&mut self.socket).take(bytes_max).read_to_end(&mut self.body)?;
        Ok(self.body)
    }
}

/// One read that a signal does not end: with a time-out set, the kernel does not start it again by itself.
///
/// # Errors
/// Every one of the socket's but `Interrupted`.
pub(super) fn read_some(socket: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn connect(target: &Target) -> anyhow::Result<TcpStream> {
    let addresses = (target.host.as_str(), target.port).to_socket_addrs();
    let addresses = addresses.with_context(|| format!("the host {} is not known; check its name", target.host))?;
    let mut last = None;
    for address in addresses.take(ADDRESSES_MAX) {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    let reason = last.map_or_else(|| "it has no address".into(), |error| error.to_string());
    bail!(
        "no tower answers at {} ({reason}): is `tower serve` running there? It prints its address; give it as \
         http://HOST:PORT/MOUNT",
        target.authority()
    )
}

type Head = (u16, Vec<(String, String)>, usize);

/// Status, headers and where the body begins, once the head is complete.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(bytes).context("the answer is not HTTP")? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(body) => {
            let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
            let headers = head.headers.iter().map(|h| (h.name.to_ascii_lowercase(), text(h.value))).collect();
            Ok(Some((head.code.unwrap_or(0), headers, body)))
        }
    }
}

fn refused(target: &Target, status: u16) -> String {
    let what = match status {
        401 if target.password.is_none() => {
            "needs the password of the user `admin`: give it by $TOWER_ADMIN_PASSWORD, by --password, or as \
             http://admin:PASSWORD@HOST:PORT/; a tower without a configured one prints a token at each start"
        }
        401 => "does not take this password; a token is only good until the tower is started again",
        404 if target.mount() == crate::http::routes::MONITOR => {
            "is not there: it is no Radio Tower, or one too old to be verified"
        }
        404 => "is not there; /status of the tower lists its mounts under `outputs`",
        503 => "is full: free a place, or raise server.listeners_max or server.mbit_max",
        _ => "cannot be had; is it a Radio Tower?",
    };
    format!("{target} {what} (status {status})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Asks a server that answers `answer` whatever it is asked.
    fn ask(answer: &'static [u8], path: &str) -> anyhow::Result<Answer> {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut socket, _) = server.accept().unwrap();
            let mut request = [0; 4096];
            let count = socket.read(&mut request).unwrap();
            assert!(request[..count].ends_with(b"\r\n\r\n"));
            socket.write_all(answer).unwrap();
        });
        let outcome = Answer::get(&Target::parse(&url).unwrap().at(path));
        served.join().unwrap();
        outcome
    }

    #[test]
    fn the_head_is_read_and_the_body_left() {
        let answer = ask(b"HTTP/1.1 200 OK\r\nX-Tower-Frame: 7\r\nX-Text: a\r\n\r\nbody", "/stream").unwrap();
        assert_eq!(answer.number("x-tower-frame").unwrap(), 7);
        assert!(answer.number("x-text").is_err() && answer.number("x-tower-serial").is_err());
        assert_eq!(answer.read_to_end(100).unwrap(), b"body");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (answer, path, remedy) in [
            (&b"HTTP/1.1 401 Unauthorized\r\n\r\n"[..], "/admin/monitor", "$TOWER_ADMIN_PASSWORD"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "/hq", "/status"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "/admin/monitor", "too old"),
            (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "/stream", "listeners_max"),
            (b"SSH-2.0-OpenSSH\r\n", "/stream", "not HTTP"),
            (b"", "/stream", "is it a tower"),
        ] {
            let error = format!("{:#}", ask(answer, path).unwrap_err());
            assert!(error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn where_nobody_listens_the_way_to_a_tower_is_told() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Answer::get(&Target::parse(&free.to_string()).unwrap()).unwrap_err();
        assert!(error.to_string().contains("tower serve"), "{error}");
    }
}
