//! Bytes of a file from where its reader is, as many as it must see at once.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that are read at once.
const READ_BYTES: usize = 32 * 1024;

/// What has been read of a file and is not passed yet.
pub(super) struct Window<F> {
    file: F,
    bytes: Vec<u8>,
    at: usize,
    /// Where the first of `bytes` is in the file.
    start: u64,
    is_over: bool,
}

impl<F: Read + Seek> Window<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, bytes: Vec::new(), at: 0, start: 0, is_over: false }
    }

    /// Reads on until `wanted` bytes are here, or the file is over.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.all().len() < wanted && !self.is_over {
            self.start += self.at as u64;
            self.bytes.drain(..std::mem::take(&mut self.at));
            let count = (&mut self.file).take(READ_BYTES as u64).read_to_end(&mut self.bytes)?;
            self.is_over = count == 0;
        }
        Ok(())
    }

    /// All that is here.
    pub(super) fn all(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// The first `count` bytes, or fewer where fewer are here.
    pub(super) fn bytes(&self, count: usize) -> &[u8] {
        &self.all()[..count.min(self.all().len())]
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.at += count.min(self.all().len());
    }

    /// Where the window begins in the file.
    pub(super) fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Bytes from where the window begins to the end of the file.
    pub(super) fn bytes_left(&mut self) -> io::Result<u64> {
        let here = self.file.stream_position()?;
        let end = self.file.seek(SeekFrom::End(0))?;
        self.file.seek(SeekFrom::Start(here))?;
        Ok(end.saturating_sub(self.position()))
    }

    pub(super) fn seek(&mut self, to: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(to))?;
        self.bytes.clear();
        (self.at, self.start, self.is_over) = (0, to, false);
        Ok(())
    }

    pub(super) fn into_inner(self) -> F {
        self.file
    }
}
