//! The header of a frame of AAC in ADTS (ISO/IEC 13818-7, 6.2; 14496-3, 1.A.2).

use super::packetizer::Header;

/// Bytes of a header without CRC.
pub const HEADER_BYTES: usize = 7;

/// Samples per channel in a frame of one raw data block.
pub const FRAME_SAMPLES: u64 = 1024;

/// Most bytes of a frame that a decoder must take: 6144 bits a channel (ISO/IEC 13818-7, 8.2.2), here for two, and the
/// header with CRC.
pub const STEREO_FRAME_BYTES_MAX: usize = 2 * 6144 / 8 + HEADER_BYTES + 2;

/// By the index that the header holds.
pub(super) const SAMPLE_RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The header of a frame with one raw data block, as all encoders write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdtsHeader {
    /// What the frame shares with its stream.
    pub format: AdtsFormat,
    /// Length of the frame with this header, 7 to 8191.
    pub frame_bytes: usize,
}

/// What stays the same from frame to frame of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdtsFormat {
    /// Audio object type: 2 is AAC-LC.
    pub object_type: u8,
    /// Sampling frequency in Hz.
    pub sample_rate_hz: u32,
    /// 1 to 6 channels; 7 stands for eight.
    pub channel_configuration: u8,
    /// Whether 16 bits of CRC follow each header.
    pub crc: bool,
}

impl AdtsHeader {
    /// Reads a header; `None` if the bytes are none.
    ///
    /// ```text
    ///  byte 0     byte 1     byte 2     byte 3     byte 4     byte 5     byte 6
    ///  11111111   1111IllP   ppSSSSxc   ccoobbLL   LLLLLLLL   LLLfffff   ffffffNN
    ///
    ///  1  syncword, 12 bits              c  channel_configuration, 3 bits
    ///  I  ID: MPEG-4 or MPEG-2           o  original, home; b: copyright bits
    ///  l  layer, always 00               L  frame length with the header, 13 bits
    ///  P  protection_absent              f  buffer fullness
    ///  p  object type - 1                N  raw data blocks - 1
    ///  S  sampling_frequency_index       x  private
    /// ```
    #[must_use]
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let [b0, b1, b2, b3, b4, b5, b6] = bytes.map(usize::from);
        let crc = b1 & 1 == 0;
        let frame_bytes = (b3 & 3) << 11 | b4 << 3 | b5 >> 5;
        let shortest = HEADER_BYTES + if crc { 2 } else { 0 };
        let channel_configuration = ((b2 & 1) << 2 | b3 >> 6) as u8;
        let is_one = b0 == 0xFF && b1 & 0xF6 == 0xF0 && b6 & 3 == 0 && frame_bytes > shortest;
        // Configuration 0 would say that the channels are described within the frame.
        if !is_one || channel_configuration == 0 {
            return None;
        }
        let sample_rate_hz = *SAMPLE_RATES_HZ.get(b2 >> 2 & 0xF)?;
        let object_type = (b2 >> 6) as u8 + 1;
        Some(Self { format: AdtsFormat { object_type, sample_rate_hz, channel_configuration, crc }, frame_bytes })
    }

    /// The header of an AAC-LC frame whose raw data block has so many bytes (at most 8184), without CRC.
    #[must_use]
    pub fn write(sample_rate_hz: u32, channels: u8, block_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
        let index = SAMPLE_RATES_HZ.iter().position(|&rate| rate == sample_rate_hz)? as u8;
        let length = block_bytes + HEADER_BYTES;
        if length >= 1 << 13 || !(1..=7).contains(&channels) {
            return None;
        }
        // Fullness 0x7FF: the bit rate varies.
        Some([
            0xFF,
            0xF1,
            1 << 6 | index << 2 | channels >> 2,
            (channels & 3) << 6 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length as u8 & 7) << 5 | 0x1F,
            0xFC,
        ])
    }
}

impl Header for AdtsHeader {
    type Format = AdtsFormat;

    const BYTES: usize = HEADER_BYTES;
    const FRAME_BYTES_MAX: usize = (1 << 13) - 1;

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().and_then(|&bytes| Self::parse(bytes))
    }

    fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    fn format(&self) -> AdtsFormat {
        self.format
    }

    fn is_table_of_contents(&self, _frame: &[u8]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpeg::Framer;

    /// As ffmpeg writes it: AAC-LC, 48 kHz, stereo, 319 bytes.
    const FFMPEG: [u8; HEADER_BYTES] = [0xFF, 0xF1, 0x4C, 0x80, 0x27, 0xFF, 0xFC];

    #[test]
    fn the_header_of_a_frame_of_ffmpeg() {
        let header = AdtsHeader::parse(FFMPEG).expect("a header");
        let format = AdtsFormat { object_type: 2, sample_rate_hz: 48_000, channel_configuration: 2, crc: false };
        assert_eq!(header, AdtsHeader { format, frame_bytes: 319 });
        assert_eq!(AdtsHeader::write(48_000, 2, 312), Some(FFMPEG));
    }

    #[test]
    fn whatever_is_written_is_read_again() {
        for (rate, channels, block) in [(48_000, 1, 1), (44_100, 2, 4000), (8_000, 6, 8184)] {
            let header = AdtsHeader::write(rate, channels, block).and_then(AdtsHeader::parse).expect("a header");
            assert_eq!((header.format.sample_rate_hz, header.format.channel_configuration), (rate, channels));
            assert_eq!(header.frame_bytes, block + HEADER_BYTES);
        }
        assert_eq!((AdtsHeader::write(47_999, 2, 1), AdtsHeader::write(48_000, 2, 8185)), (None, None));
    }

    #[test]
    fn what_is_no_header_is_rejected() {
        let change = |at: usize, byte: u8| {
            let mut bytes = FFMPEG;
            bytes[at] = byte;
            AdtsHeader::parse(bytes)
        };
        assert_eq!(change(0, 0xFE), None, "syncword");
        assert_eq!(change(1, 0xFB), None, "Layer III");
        assert_eq!(change(2, 0x7C), None, "sampling frequency");
        assert_eq!(change(3, 0x00), None, "channels described within");
        assert_eq!(change(4, 0x00).map(|header| header.frame_bytes), None, "shorter than itself");
        assert_eq!(change(6, 0xFD), None, "several blocks");
    }

    #[test]
    fn frames_in_any_chunking_come_out_whole_and_garbage_is_counted() {
        let frame = |length: usize| {
            let mut frame = AdtsHeader::write(48_000, 2, length).expect("valid").to_vec();
            frame.resize(HEADER_BYTES + length, length as u8);
            frame
        };
        let frames: Vec<Vec<u8>> = [300, 1, 8000, 255, 700].map(frame).into();
        let stream = [&b"junk"[..], &frames.concat()].concat();
        for chunk in [1, 7, 1000, stream.len()] {
            let mut packetizer = Framer::<AdtsHeader>::new();
            let mut heard = Vec::new();
            stream
                .chunks(chunk)
                .for_each(|bytes| packetizer.packetize(bytes, |frame| heard.push(frame.bytes.to_vec())));
            assert_eq!(heard, frames);
            assert_eq!(packetizer.counters().bytes_skipped, 4);
        }
    }
}
