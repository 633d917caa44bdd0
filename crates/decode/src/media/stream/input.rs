//! Bytes that are read ahead, and kept until they are taken.

use std::io::{self, Read};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// What is read from `R`, of which the beginning can be looked at.
#[derive(Debug)]
pub(super) struct Input<R> {
    inner: R,
    bytes: Vec<u8>,
    /// Of `bytes`, those that have been taken.
    from: usize,
    /// Bytes to come that nothing looks at.
    to_skip: u64,
    taken: u64,
    is_over: bool,
}

impl<R: Read> Input<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, bytes: Vec::new(), from: 0, to_skip: 0, taken: 0, is_over: false }
    }

    /// What it reads from.
    pub(super) const fn source(&self) -> &R {
        &self.inner
    }

    /// What is there and has not been taken.
    pub(super) fn window(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Nothing comes behind the window.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Bytes that have been taken.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the first `bytes` of the stream, which may be more than are there.
    pub(super) fn pass(&mut self, bytes: u64) {
        let now = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.window().len());
        self.from += now;
        self.taken += now as u64;
        self.to_skip = bytes - now as u64;
        if self.from == self.bytes.len() {
            self.bytes.clear();
            self.from = 0;
        }
    }

    /// Waits for more bytes, or for the end. An error is the end as well.
    pub(super) fn read_more(&mut self) {
        self.bytes.drain(..self.from);
        self.from = 0;
        loop {
            let there = self.bytes.len();
            self.bytes.resize(there + READ_BYTES, 0);
            let read = self.inner.read(&mut self.bytes[there..]);
            self.bytes.truncate(there + read.as_ref().map_or(0, |&count| count.min(READ_BYTES)));
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(1..) if self.to_skip > 0 => {
                    self.pass(self.to_skip);
                    if self.to_skip == 0 && !self.window().is_empty() {
                        return;
                    }
                }
                Ok(1..) => return,
                Ok(0) | Err(_) => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }
}

/// What has not been taken, and then the rest.
impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.window().is_empty() && !self.is_over {
            self.read_more();
        }
        let count = self.window().len().min(out.len());
        out[..count].copy_from_slice(&self.window()[..count]);
        self.pass(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_the_rest_is_read_in_order() {
        let bytes: Vec<u8> = (0..50_000u32).map(|n| (n % 251) as u8).collect();
        let mut input = Input::new(&bytes[..]);
        input.read_more();
        assert_eq!(input.window()[..10], bytes[..10]);
        input.pass(30_000);
        input.read_more();
        assert_eq!((input.window()[0], input.taken()), (bytes[30_000], 30_000));
        input.pass(7);
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).unwrap();
        assert!(rest == bytes[30_007..] && input.is_over());
        assert_eq!(input.taken(), 50_000);
    }
}
