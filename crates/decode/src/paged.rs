//! The bytes of a stream on their way to its decoder, watched for Ogg pages: how long they keep sound
//! back is told before the sound of the page.

use radio_signal::ogg::Paging;
use std::io::{self, Read};

/// A reader that knows of its pages.
pub(super) struct Paged<R> {
    rest: R,
    paging: Paging,
}

impl<R> Paged<R> {
    pub(super) fn new(rest: R) -> Self {
        Self { rest, paging: Paging::new() }
    }

    /// See [`Paging::lump_ticks`].
    pub(super) fn lump_ticks(&self) -> u32 {
        self.paging.lump_ticks()
    }
}

impl<R: Read> Read for Paged<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.read(bytes)?;
        self.paging.push(&bytes[..count]);
        Ok(count)
    }
}
