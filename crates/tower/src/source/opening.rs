//! The first bytes of a stream: who can decode it is known by them, whatever its sender calls it.

use super::formats::Format;
use crate::media::stream::probe::{self, Begins, Kind};
use radio_signal::mpeg::adts::{AdtsHeader, HEADER_BYTES as ADTS_BYTES};
use radio_signal::mpeg::elementary::{Coding, ElementaryHeader};
use std::io::{self, Read};

/// Bytes that are looked at: more than enough of a header of anything.
const OPENING_BYTES: usize = 64;
/// AAC in an audio stream of its own framing (LOAS), which begins with these 11 bits.
const LOAS: u16 = 0x56E0;
/// SBR doubles the rate, so a stream of a higher rate has none. What is below may have it: nothing in ADTS tells.
const SBR_RATE_HZ_MAX: u32 = 24_000;

/// What a decoder child reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// AAC in ADTS that may have SBR, or is of another object type than LC.
    Adts,
}

/// Who decodes a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// The tower itself.
    Inside(Format),
    /// A child.
    Child(Foreign),
    /// Nobody; why.
    Nobody(&'static str),
}

/// Who decodes a stream that begins with `opening` and is said to be of `format`.
#[must_use]
pub fn decoder_of(opening: &[u8], format: Format) -> Decoder {
    if let Some(format) = container_of(opening) {
        return Decoder::Inside(format);
    }
    match format {
        Format::Aac if is_mpeg_audio(opening) => Decoder::Inside(Format::Mp3),
        Format::Aac => {
            if matches!(opening, [first, second, ..] if u16::from_be_bytes([*first, *second]) & 0xFFE0 == LOAS) {
                return Decoder::Nobody("it is AAC in LATM/LOAS; let the source send ADTS");
            }
            let first = opening.windows(ADTS_BYTES).find_map(|bytes| AdtsHeader::parse(bytes.try_into().ok()?));
            let is_plain =
                |header: &AdtsHeader| header.format.object_type == 2 && header.format.sample_rate_hz > SBR_RATE_HZ_MAX;
            // Begun in the middle of a frame: the child finds the next one, and reads either kind.
            if first.is_some_and(|header| is_plain(&header)) {
                Decoder::Inside(format)
            } else {
                Decoder::Child(Foreign::Adts)
            }
        }
        // It is not what it is said to be, and has no headers that another process would need.
        _ => Decoder::Inside(Format::Mp3),
    }
}

/// The container that a stream begins with.
fn container_of(opening: &[u8]) -> Option<Format> {
    match probe::container(opening) {
        Begins::Yes(Kind::Ogg) => Some(Format::Ogg),
        Begins::Yes(Kind::Flac) => Some(Format::Flac),
        Begins::Yes(Kind::Wav) => Some(Format::Wav),
        _ => None,
    }
}

fn is_mpeg_audio(opening: &[u8]) -> bool {
    let header = ElementaryHeader::read(opening);
    header.is_some_and(|header| matches!(header.format.coding, Coding::Mpeg { .. }))
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
        for called in [Format::Ogg, Format::Opus, Format::Mp3, Format::Aac, Format::Flac] {
            let inside = |bytes: &[u8]| decoder_of(bytes, called);
            assert_eq!(inside(&page(b"OpusHead\x01\x02\0\0\0\0\0\0\0\0\0")), Decoder::Inside(Format::Ogg));
            assert_eq!(inside(b"fLaC\0\0\0\x22"), Decoder::Inside(Format::Flac));
            assert_eq!(inside(b"RIFF\0\0\0\0WAVEfmt "), Decoder::Inside(Format::Wav));
            assert_eq!(inside(&[0xFF, 0xFB, 0x94, 0x64, 0, 0]), Decoder::Inside(Format::Mp3));
        }
        assert_eq!(decoder_of(b"what is this?", Format::Opus), Decoder::Inside(Format::Mp3), "no headers to keep");
    }

    #[test]
    fn aac_that_may_have_sbr_is_for_the_child_and_loas_for_nobody() {
        let adts = |rate_hz| AdtsHeader::write(rate_hz, 2, 200).unwrap().to_vec();
        assert_eq!(decoder_of(&adts(44_100), Format::Aac), Decoder::Inside(Format::Aac));
        assert_eq!(decoder_of(&adts(24_000), Format::Aac), Decoder::Child(Foreign::Adts));
        assert_eq!(decoder_of(&[&[0; 9][..], &adts(22_050)].concat(), Format::Aac), Decoder::Child(Foreign::Adts));
        let mut main_profile = adts(48_000);
        main_profile[2] &= 0x3F;
        assert_eq!(decoder_of(&main_profile, Format::Aac), Decoder::Child(Foreign::Adts));
        assert!(matches!(decoder_of(&[0x56, 0xE1, 0x20, 0, 0], Format::Aac), Decoder::Nobody(_)));
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
