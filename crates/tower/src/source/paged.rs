//! The bytes of a source on their way to its decoder, watched for Ogg pages: its buffer is told how
//! long they keep sound back, before the sound of the page is in it.

use radio_signal::ingest::BufferGauge;
use radio_signal::ogg::Paging;
use std::io::{self, Read};

/// A reader whose buffer knows of its pages.
pub struct Paged<R> {
    rest: R,
    paging: Paging,
    gauge: BufferGauge,
}

impl<R> Paged<R> {
    /// What is read from `rest` goes to the buffer of `gauge` in the end.
    pub fn new(rest: R, gauge: BufferGauge) -> Self {
        Self { rest, paging: Paging::new(), gauge }
    }

    /// What it is read from.
    pub const fn rest(&mut self) -> &mut R {
        &mut self.rest
    }
}

impl<R: Read> Read for Paged<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.read(bytes)?;
        self.paging.push(&bytes[..count]);
        self.gauge.expect_lumps(self.paging.lump_ticks());
        Ok(count)
    }
}
