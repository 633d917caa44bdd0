//! The first bytes of a stream, by which its container is known, whatever its sender calls it.

use super::formats::Format;
use crate::media::stream::probe::{self, Begins, Kind};
use std::io::{self, Read};

/// Bytes that are looked at: more than enough of a header of anything.
const OPENING_BYTES: usize = 64;
/// What a stream that begins with `opening` is cut into for the next decoder, if one must go on with
/// it. `said` is what its sender calls it, which decides where its bytes do not.
#[must_use]
pub fn format_of(opening: &[u8], said: Format) -> Format {
    match probe::container(opening) {
        Begins::Yes(Kind::Ogg) => Format::Ogg,
        Begins::Yes(Kind::Flac) => Format::Flac,
        Begins::Yes(Kind::Wav) => Format::Wav,
        // It has no headers that another process would need.
        _ if said == Format::Aac => Format::Aac,
        _ => Format::Mp3,
    }
}

/// A stream of which the first bytes have been looked at.
pub struct Opened<R> {
    opening: Vec<u8>,
    given: usize,
    rest: R,
}

impl<R: Read> Opened<R> {
    /// Waits for the first bytes of `rest`.
    ///
    /// # Errors
    /// As reading from `rest`.
    pub fn new(mut rest: R) -> io::Result<Self> {
        let mut opening = Vec::with_capacity(OPENING_BYTES);
        (&mut rest).take(OPENING_BYTES as u64).read_to_end(&mut opening)?;
        Ok(Self { opening, given: 0, rest })
    }

    /// The first bytes, fewer if there are no more.
    #[must_use]
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// What it is read from.
    pub const fn rest(&mut self) -> &mut R {
        &mut self.rest
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.given < self.opening.len() {
            let count = (&self.opening[self.given..]).read(bytes)?;
            self.given += count;
            return Ok(count);
        }
        self.rest.read(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ogg::page::{self, PageHeader};

    fn page(packet: &[u8]) -> Vec<u8> {
        let mut page = Vec::new();
        page::write(PageHeader { flags: page::FIRST, granule: 0, stream: 7, number: 0 }, &[packet], &mut page);
        page
    }

    #[test]
    fn containers_are_known_by_their_first_bytes_whatever_they_are_called() {
        for said in [Format::Ogg, Format::Opus, Format::Mp3, Format::Aac, Format::Flac] {
            let format = |bytes: &[u8]| format_of(bytes, said);
            assert_eq!(format(&page(b"OpusHead\x01\x02\0\0\0\0\0\0\0\0\0")), Format::Ogg);
            assert_eq!(format(b"fLaC\0\0\0\x22"), Format::Flac);
            assert_eq!(format(b"RIFF\0\0\0\0WAVEfmt "), Format::Wav);
        }
        assert_eq!(format_of(b"what is this?", Format::Opus), Format::Mp3, "no headers to keep");
        assert_eq!(format_of(&[0xFF, 0xF1, 0x50, 0x80], Format::Aac), Format::Aac);
    }

    #[test]
    fn what_was_looked_at_is_still_read() {
        let all: Vec<u8> = (0..200).collect();
        let mut opened = Opened::new(&all[..]).unwrap();
        assert_eq!(opened.opening(), &all[..OPENING_BYTES]);
        let mut read = Vec::new();
        opened.read_to_end(&mut read).unwrap();
        assert_eq!(read, all);
    }
}
