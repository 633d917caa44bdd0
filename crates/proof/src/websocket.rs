//! A WebSocket client (RFC 6455), written from the standard: one question, then messages.

use crate::http::{Head, read_head};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The standard's own example, whose answer is known.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// A ping; it has not been answered.
    Ping(Vec<u8>),
    /// An answer to one of ours.
    Pong(Vec<u8>),
    /// The end, with its code.
    Close(u16),
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl WebSocket {
    /// Opens `target`, with `Connection: {connection}`; panics unless the answer is that of the standard.
    #[track_caller]
    #[must_use]
    pub fn open(address: SocketAddr, target: &str, connection: &str) -> Self {
        let (head, socket) = Self::ask(address, target, connection);
        assert_eq!((head.status(), head.header("sec-websocket-accept")), (101, Some(ACCEPT)), "{head:?}");
        socket
    }

    /// The same, whatever the answer.
    #[track_caller]
    #[must_use]
    pub fn ask(address: SocketAddr, target: &str, connection: &str) -> (Head, Self) {
        let mut stream = TcpStream::connect(address).expect("the tower listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the tower reads");
        let (head, bytes) = read_head(&mut stream).expect("an answer");
        (head, Self { stream, bytes })
    }

    /// Waits so long for each message from now on, instead of 20 s.
    pub fn wait_up_to(&mut self, limit: Duration) {
        self.stream.set_read_timeout(Some(limit)).expect("a limit");
    }

    /// Sends a ping.
    pub fn ping(&mut self, payload: &[u8]) {
        self.send(0x9, payload);
    }

    /// Says that this is the end.
    pub fn close(&mut self) {
        self.send(0x8, &1000u16.to_be_bytes());
    }

    /// Sends a frame of less than 126 bytes, masked as a client's must be.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        const MASK: [u8; 4] = [7, 11, 13, 17];
        let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame).expect("the tower reads");
    }

    /// The next message; panics if none comes within 20 s, or what [`wait_up_to`](Self::wait_up_to) says.
    #[track_caller]
    pub fn receive(&mut self) -> Message {
        let [first, second] = self.take();
        assert_eq!(first & 0xF0, 0x80, "one frame a message, and no extension");
        let length = match second {
            126 => u64::from(u16::from_be_bytes(self.take())),
            127 => u64::from_be_bytes(self.take()),
            short => u64::from(short),
        };
        self.fill(length as usize);
        let payload: Vec<u8> = self.bytes.drain(..length as usize).collect();
        match first & 0xF {
            0x1 => Message::Text(String::from_utf8(payload).expect("UTF-8")),
            0x8 => Message::Close(payload.first_chunk().map_or(1005, |&code| u16::from_be_bytes(code))),
            0x9 => Message::Ping(payload),
            0xA => Message::Pong(payload),
            other => panic!("opcode {other}"),
        }
    }

    /// The next text, as JSON; pings are answered meanwhile.
    #[track_caller]
    pub fn receive_json(&mut self) -> serde_json::Value {
        loop {
            match self.receive() {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(payload) => self.send(0xA, &payload),
                Message::Pong(_) => {}
                Message::Close(code) => panic!("closed with {code}"),
            }
        }
    }

    #[track_caller]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        self.fill(N);
        let mut taken = [0; N];
        taken.copy_from_slice(&self.bytes[..N]);
        self.bytes.drain(..N);
        taken
    }

    /// Reads until there are so many bytes.
    #[track_caller]
    fn fill(&mut self, count: usize) {
        let mut buffer = [0; 4096];
        while self.bytes.len() < count {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the tower closed the connection"),
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("no message came: {error}"),
            }
        }
    }
}
