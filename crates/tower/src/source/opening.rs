//! The first bytes of a stream: who can decode it is known by them, whatever its sender calls it.

use super::formats::Format;
use radio_signal::mpeg::adts::{AdtsHeader, HEADER_BYTES as ADTS_BYTES};
use radio_signal::ogg::page::{HEADER_BYTES as PAGE_BYTES, MAGIC as OGG};
use std::io::{self, Read};

/// Bytes that are looked at: a page of Ogg with one short segment and the name of its codec, and more than enough of
/// anything else.
const OPENING_BYTES: usize = 64;
/// What the first packet of Opus begins with.
const OPUS: &[u8] = b"OpusHead";
/// AAC in an audio stream of its own framing (LOAS), which begins with these 11 bits.
const LOAS: u16 = 0x56E0;
/// SBR doubles the rate, so a stream of a higher rate has none. What is below may have it: nothing in ADTS tells.
const SBR_RATE_HZ_MAX: u32 = 24_000;

/// What a decoder child reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Opus in Ogg.
    OggOpus,
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
    if opening.starts_with(&OGG) {
        let packet = opening.get(26).and_then(|&segments| opening.get(PAGE_BYTES + usize::from(segments)..));
        let is_opus = packet.is_some_and(|packet| packet.starts_with(OPUS));
        return if is_opus { Decoder::Child(Foreign::OggOpus) } else { Decoder::Inside(Format::Ogg) };
    }
    match format {
        Format::Opus => Decoder::Nobody("it is not Opus in Ogg"),
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
        _ => Decoder::Inside(format),
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
    fn ogg_is_known_by_its_first_packet_whatever_it_is_called() {
        for called in [Format::Ogg, Format::Opus, Format::Mp3] {
            let opus = page(b"OpusHead\x01\x02\0\0\0\0\0\0\0\0\0");
            assert_eq!(decoder_of(&opus, called), Decoder::Child(Foreign::OggOpus));
            assert_eq!(decoder_of(&page(b"\x01vorbis and more"), called), Decoder::Inside(Format::Ogg));
        }
        assert!(matches!(decoder_of(b"ID3", Format::Opus), Decoder::Nobody(_)));
        assert_eq!(decoder_of(b"OggS", Format::Ogg), Decoder::Inside(Format::Ogg), "too short to tell");
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
