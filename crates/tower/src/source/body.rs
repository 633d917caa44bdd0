//! The body of a source's request, as a decoder reads it: from the socket, without its coding, until it ends.

use super::chunked::Chunked;
use crate::request::framing::Framing;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that are read from the socket at once.
const READ_BYTES: usize = 4096;

/// Why a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// Where its framing says.
    Whole,
    /// The connection was closed.
    Closed,
    /// The connection broke.
    Broken,
    /// Nothing came for too long.
    TimedOut,
    /// Its chunks are none.
    Malformed,
}

/// What is left of a request behind its head.
pub struct Body<S> {
    socket: S,
    framing: Framing,
    chunked: Chunked,
    /// Read from the socket, and not yet given to anybody.
    coded: Vec<u8>,
    given: usize,
    bytes: Arc<AtomicU64>,
    end: Option<BodyEnd>,
}

impl<S: Read> Body<S> {
    /// The body behind a head, of which `beyond` has been read already. What comes is counted in `bytes`.
    pub fn new(socket: S, framing: Framing, beyond: Vec<u8>, bytes: Arc<AtomicU64>) -> Self {
        bytes.fetch_add(beyond.len() as u64, Relaxed);
        Self { socket, framing, chunked: Chunked::new(), coded: beyond, given: 0, bytes, end: None }
    }

    /// Why it ended; `None` while it has not.
    pub const fn end(&self) -> Option<BodyEnd> {
        self.end
    }

    /// The socket, to answer on.
    pub fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Gives what there is; 0 at the end, whatever it was.
    fn next(&mut self, plain: &mut [u8]) -> usize {
        while self.end.is_none() && !plain.is_empty() {
            if self.given == self.coded.len() {
                self.fill();
                continue;
            }
            let coded = &self.coded[self.given..];
            let put = match &mut self.framing {
                Framing::Length(0) => {
                    self.end = Some(BodyEnd::Whole);
                    0
                }
                Framing::Chunked => match self.chunked.decode(coded, plain) {
                    Ok((taken, put)) => {
                        self.given += taken;
                        self.end = self.chunked.is_over().then_some(BodyEnd::Whole);
                        put
                    }
                    Err(_) => {
                        self.end = Some(BodyEnd::Malformed);
                        0
                    }
                },
                framing => {
                    let mut put = coded.len().min(plain.len());
                    if let Framing::Length(left) = framing {
                        put = put.min(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= put as u64;
                    }
                    plain[..put].copy_from_slice(&coded[..put]);
                    self.given += put;
                    put
                }
            };
            if put > 0 {
                return put;
            }
        }
        0
    }

    fn fill(&mut self) {
        if self.framing == Framing::Length(0) {
            self.end = Some(BodyEnd::Whole);
            return;
        }
        self.coded.resize(READ_BYTES, 0);
        self.given = 0;
        let read = self.socket.read(&mut self.coded);
        self.coded.truncate(*read.as_ref().unwrap_or(&0));
        self.bytes.fetch_add(self.coded.len() as u64, Relaxed);
        match read {
            Ok(0) => self.end = Some(BodyEnd::Closed),
            Ok(_) => {}
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => self.end = Some(BodyEnd::TimedOut),
                _ => self.end = Some(BodyEnd::Broken),
            },
        }
    }
}

impl<S: Read> Read for Body<S> {
    fn read(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        Ok(self.next(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(socket: &[u8], framing: Framing, beyond: &[u8]) -> (Vec<u8>, Option<BodyEnd>, u64) {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut body = Body::new(socket, framing, beyond.to_vec(), Arc::clone(&bytes));
        let mut all = Vec::new();
        body.read_to_end(&mut all).unwrap();
        (all, body.end(), bytes.load(Relaxed))
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        assert_eq!(body(b"cdef", Framing::UntilEnd, b"ab"), (b"abcdef".to_vec(), Some(BodyEnd::Closed), 6));
        assert_eq!(body(b"cdef", Framing::Length(3), b"ab"), (b"abc".to_vec(), Some(BodyEnd::Whole), 6));
        assert_eq!(body(b"cdef", Framing::Length(2), b"ab"), (b"ab".to_vec(), Some(BodyEnd::Whole), 2));
        assert_eq!(body(b"cdef", Framing::Length(9), b"ab"), (b"abcdef".to_vec(), Some(BodyEnd::Closed), 6));
        assert_eq!(body(b"bc\r\n0\r\n\r\nX", Framing::Chunked, b"3\r\na"), (b"abc".to_vec(), Some(BodyEnd::Whole), 14));
        assert_eq!(body(b"", Framing::Chunked, b"hello"), (Vec::new(), Some(BodyEnd::Malformed), 5));
    }

    #[test]
    fn silence_and_breaks_are_told_apart() {
        struct Fails(ErrorKind);
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
        }
        for (kind, end) in [(ErrorKind::WouldBlock, BodyEnd::TimedOut), (ErrorKind::ConnectionReset, BodyEnd::Broken)] {
            let mut body = Body::new(Fails(kind), Framing::UntilEnd, Vec::new(), Arc::default());
            assert_eq!(body.read(&mut [0; 4]).unwrap(), 0);
            assert_eq!(body.end(), Some(end));
        }
    }
}
