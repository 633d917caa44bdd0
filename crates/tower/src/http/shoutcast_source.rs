//! How a source comes in by Shoutcast 1: on the port behind the listeners', with a line that is the password, and with
//! headers once that was right. It names no mount: the password says which input is meant.

use super::front_door;
use crate::request::head::{self, HEAD_BYTES_MAX, Head};
use crate::request::waiting::WaitingRoom;
use crate::source::doors::{Knock, Pass};
use crate::state::Tower;
use radio_base::text::utf8_or_latin1;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// Connections that may be in their handshake at the same time.
const HANDSHAKES_MAX: usize = 64;
/// A handshake must be done within this time.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// An answer must have been taken within this time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// What a refused source may still send.
const UNREAD_BYTES_MAX: u64 = 256 * 1024;
/// To whoever has the password.
const WELCOME: &[u8] = b"OK2\r\nicy-caps:11\r\n\r\n";
/// To whoever has not.
const INVALID_PASSWORD: &[u8] = b"invalid password\r\n";
/// What is heeded of a source's headers: nothing that says how HTTP is to be read.
const HEEDED: [&[u8]; 3] = [b"icy-", b"content-type:", b"user-agent:"];

/// Accepts connections until the task is dropped.
pub async fn serve(listener: TcpListener, tower: Arc<Tower>) {
    let room = WaitingRoom::new(HANDSHAKES_MAX);
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let (tower, ticket) = (Arc::clone(&tower), room.enter(address.ip()).await);
                tokio::spawn(async move {
                    let (mut socket, until) = (socket, Instant::now() + HANDSHAKE_TIME_MAX);
                    let client = front_door::client_of(&mut socket, address, &tower, &ticket, until);
                    let Some(address) = client.await else { return };
                    tokio::select! {
                        () = receive(socket, address, &tower, until) => {}
                        () = ticket.asked_to_go() => {}
                    }
                });
            }
            // Without files the rest waits in the kernel's backlog; the front door says so.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn receive(mut socket: TcpStream, address: SocketAddr, tower: &Arc<Tower>, until: Instant) {
    let Some((line, beyond)) = read_to(&mut socket, Vec::new(), line_end, until).await else { return };
    let password = utf8_or_latin1(&line);
    let Some(pass) = tower.setup().source_doors.by_password(password.trim_end(), address.ip()) else {
        super::admission::tell_of_guesses(tower, address.ip());
        return answer(&mut socket, INVALID_PASSWORD).await;
    };
    if !in_time(socket.write_all(WELCOME)).await {
        return;
    }
    let Some((headers, beyond)) = read_to(&mut socket, beyond, headers_end, until).await else { return };
    let Some(head) = as_http(&pass, &headers) else {
        return answer(&mut socket, &head::BAD_REQUEST.to_source(false)).await;
    };
    let knock = tower.setup().source_doors.knock(&head, address.ip());
    match knock {
        Knock::Enter { door, mut admission } => {
            // It has been welcomed already.
            admission.welcome = b"";
            let Ok(socket) = socket.into_std() else { return };
            if door.enter(Arc::<Tower>::clone(tower), socket, address, admission, beyond).is_err() {
                tracing::warn!(%address, mount = %pass.mount, "a Shoutcast source is refused: the mount is in use");
            }
        }
        Knock::Answer { bytes, .. } => {
            let why = String::from_utf8_lossy(&bytes).lines().last().unwrap_or_default().to_owned();
            tracing::warn!(%address, mount = %pass.mount, why, "a Shoutcast source is refused");
            answer(&mut socket, &bytes).await;
        }
    }
}

/// Where the password line ends.
#[must_use]
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1)
}

/// Where the headers end: behind an empty line, however lines end.
#[must_use]
pub fn headers_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(length) = line_end(&bytes[from..]) {
        let line = &bytes[from..from + length];
        from += length;
        if line.trim_ascii().is_empty() {
            return Some(from);
        }
    }
    None
}

/// Reads on behind `bytes` to the `end` of something, and gives that and what came behind it. `None` if it does not end
/// in time and size.
async fn read_to(
    socket: &mut TcpStream,
    mut bytes: Vec<u8>,
    end: fn(&[u8]) -> Option<usize>,
    until: Instant,
) -> Option<(Vec<u8>, Vec<u8>)> {
    loop {
        if let Some(end) = end(&bytes) {
            let beyond = bytes.split_off(end);
            return Some((bytes, beyond));
        }
        let room = HEAD_BYTES_MAX.checked_sub(bytes.len()).filter(|&room| room > 0)?;
        let mut limited = (&mut *socket).take(room as u64);
        match timeout_at(until, limited.read_buf(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            _ => return None,
        }
    }
}

/// The same request as an Icecast source would make it. `None`: the headers are none.
#[must_use]
pub fn as_http(pass: &Pass, headers: &[u8]) -> Option<Head> {
    let mut request = format!("SOURCE {} HTTP/1.0\r\n{}\r\n", pass.mount, pass.authorization).into_bytes();
    let is_heeded = |line: &[u8]| HEEDED.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
    for line in headers.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| is_heeded(line)) {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    head::parse(&request).ok().flatten()
}

async fn in_time(what: impl Future<Output = std::io::Result<()>>) -> bool {
    matches!(tokio::time::timeout(ANSWER_TIME_MAX, what).await, Ok(Ok(())))
}

/// Answers and hangs up. What is still being sent is read and thrown away for a moment: closing on unread bytes resets
/// the connection, and the answer with it.
async fn answer(socket: &mut TcpStream, bytes: &[u8]) {
    in_time(async {
        socket.write_all(bytes).await?;
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(UNREAD_BYTES_MAX), &mut tokio::io::sink()).await.map(drop)
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pass() -> Pass {
        Pass { mount: "/live".into(), authorization: "Authorization: Basic eDp5".into() }
    }

    #[test]
    fn headers_end_at_an_empty_line_however_lines_end() {
        assert_eq!(headers_end(b"icy-name:x\r\n\r\nAUDIO"), Some(14));
        assert_eq!(headers_end(b"icy-name:x\n\nAUDIO"), Some(12));
        assert_eq!(headers_end(b"\r\nAUDIO"), Some(2), "a source need not say anything of itself");
        assert_eq!(headers_end(b"icy-name:x\r\n"), None);
    }

    #[test]
    fn headers_become_those_of_a_source_and_nothing_else_is_heeded() {
        let headers = b"icy-name:My Radio\r\nContent-Type:audio/aacp\nTransfer-Encoding: chunked\r\n\
            Authorization: Basic Zm9v\r\nContent-Length: 5\r\n\r\n";
        let head = as_http(&pass(), headers).expect("a head");
        assert_eq!((head.method.as_str(), head.path.as_str()), ("SOURCE", "/live"));
        assert_eq!(head.header("icy-name").as_deref(), Some("My Radio"));
        assert_eq!(head.header("content-type").as_deref(), Some("audio/aacp"));
        assert_eq!(head.authorization, "Basic eDp5");
        assert_eq!((head.header("transfer-encoding"), head.header("content-length")), (None, None));
    }

    #[test]
    fn nonsense_is_no_request_and_no_panic() {
        let many = b"icy-x: y\r\n".repeat(100);
        assert!(as_http(&pass(), &many).is_none(), "more headers than are taken");
        for nonsense in [&b"icy-\0\xff: \x01\r\n\r\n"[..], b"content-type:\r\n\r\n", b"", b"icy-"] {
            let _whatever_it_is = as_http(&pass(), nonsense);
        }
    }

    proptest! {
        #[test]
        fn icy_handshake_of_arbitrary_bytes_never_panics_and_says_nothing_of_its_own(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    "icy-[a-z]{1,8}:[ -~]{0,20}\r?\n".prop_map(String::into_bytes),
                    "(authorization|transfer-encoding|content-length):[ -~]{0,20}\r?\n".prop_map(String::into_bytes),
                    Just(b"\r\n".to_vec()),
                ],
                0..80,
            ),
        ) {
            let bytes = pieces.concat();
            if let Some(end) = line_end(&bytes) {
                prop_assert!(end <= bytes.len());
            }
            let end = headers_end(&bytes).unwrap_or(bytes.len());
            prop_assert!(end <= bytes.len());
            if let Some(head) = as_http(&pass(), &bytes[..end]) {
                prop_assert_eq!((head.method.as_str(), head.path.as_str()), ("SOURCE", "/live"));
                prop_assert_eq!(head.authorization.as_str(), "Basic eDp5");
                prop_assert!(head.header("transfer-encoding").is_none() && head.header("content-length").is_none());
                prop_assert!(head.beyond().is_empty());
            }
        }
    }
}
