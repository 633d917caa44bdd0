//! The header of a frame of any elementary stream that a source may send: MPEG audio of all three
//! layers (ISO/IEC 11172-3, 13818-3), and AAC in ADTS (ISO/IEC 13818-7, 6.2).

use super::adts;
use super::header::{self, FrameHeader, Version};

/// Bytes of the longest header.
pub const HEADER_BYTES_MAX: usize = adts::HEADER_BYTES;
/// Bytes of the longest frame, one of ADTS.
pub const FRAME_BYTES_MAX: usize = (1 << 13) - 1;

/// By `bitrate_index` from 1 on.
const BITRATES_LAYER1_MPEG1_KBPS: [u16; 14] = [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
const BITRATES_LAYER1_MPEG2_KBPS: [u16; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
const BITRATES_LAYER2_MPEG1_KBPS: [u16; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const BITRATES_LAYER2_MPEG2_KBPS: [u16; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// How a frame is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// MPEG audio of a layer, 1 to 3.
    Mpeg {
        /// Which standard.
        version: Version,
        /// 1, 2 or 3.
        layer: u8,
    },
    /// AAC in ADTS.
    Adts {
        /// Audio object type: 2 is AAC-LC.
        object_type: u8,
        /// Raw data blocks of the frame, 1 to 4.
        blocks: u8,
    },
}

/// What stays the same from frame to frame of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementaryFormat {
    /// How it is coded.
    pub coding: Coding,
    /// Sampling frequency in Hz. With SBR, which no header tells, the sound has twice that.
    pub sample_rate_hz: u32,
    /// Channels: 1 or 2 of MPEG audio, 1 to 8 of AAC; 0 where the frame itself describes them.
    pub channels: u8,
}

/// A header of a frame whose length can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementaryHeader {
    /// What the frame shares with its stream.
    pub format: ElementaryFormat,
    /// Bytes of the frame with this header, at most [`FRAME_BYTES_MAX`].
    pub frame_bytes: usize,
    /// Bytes before what an AAC decoder reads; 0 for MPEG audio, whose decoders read the header too.
    pub header_bytes: usize,
    /// Samples per channel.
    pub samples: usize,
}

impl ElementaryHeader {
    /// Reads the header that `bytes` begin with; `None` if they, or fewer than it needs, are none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second] = *bytes.first_chunk()?;
        if first != 0xFF {
            return None;
        }
        match second >> 1 & 3 {
            0 => Self::adts(*bytes.first_chunk()?),
            1 => Self::layer3(*bytes.first_chunk()?),
            _ => Self::layer1_or_2(*bytes.first_chunk()?),
        }
    }

    fn layer3(bytes: [u8; header::HEADER_BYTES]) -> Option<Self> {
        let header = FrameHeader::parse(bytes)?;
        let format = ElementaryFormat {
            coding: Coding::Mpeg { version: header.version, layer: 3 },
            sample_rate_hz: header.sample_rate_hz,
            channels: header.channels(),
        };
        Some(Self { format, frame_bytes: header.frame_bytes(), header_bytes: 0, samples: header.samples() })
    }

    /// The fields are those of [`FrameHeader::parse`]; the tables differ.
    fn layer1_or_2(bytes: [u8; header::HEADER_BYTES]) -> Option<Self> {
        let [b0, b1, b2, b3] = bytes;
        let layer = 4 - (b1 >> 1 & 3);
        if b0 != 0xFF || b1 & 0xE0 != 0xE0 || b3 & 3 == 0b10 {
            return None;
        }
        let (version, divisor) = match b1 >> 3 & 3 {
            0b11 => (Version::Mpeg1, 1),
            0b10 => (Version::Mpeg2, 2),
            0b00 => (Version::Mpeg25, 4),
            _ => return None,
        };
        let bitrates_kbps = match (layer, version) {
            (1, Version::Mpeg1) => &BITRATES_LAYER1_MPEG1_KBPS,
            (1, _) => &BITRATES_LAYER1_MPEG2_KBPS,
            (_, Version::Mpeg1) => &BITRATES_LAYER2_MPEG1_KBPS,
            _ => &BITRATES_LAYER2_MPEG2_KBPS,
        };
        let bitrate_bps = 1000 * usize::from(*bitrates_kbps.get(usize::from(b2 >> 4).checked_sub(1)?)?);
        let sample_rate_hz = [44_100, 48_000, 32_000].get(usize::from(b2 >> 2 & 3))? / divisor;
        let (rate, padding) = (sample_rate_hz as usize, usize::from(b2 >> 1 & 1));
        let (frame_bytes, samples) = match layer {
            1 => ((12 * bitrate_bps / rate + padding) * 4, 384),
            _ => (144 * bitrate_bps / rate + padding, 1152),
        };
        let channels = if b3 >> 6 == 3 { 1 } else { 2 };
        let format = ElementaryFormat { coding: Coding::Mpeg { version, layer }, sample_rate_hz, channels };
        Some(Self { format, frame_bytes, header_bytes: 0, samples })
    }

    /// As [`adts::AdtsHeader::parse`], and whatever no encoder of ours writes too: several blocks, and
    /// channels that the frame describes.
    fn adts(bytes: [u8; adts::HEADER_BYTES]) -> Option<Self> {
        let [b0, b1, b2, b3, b4, b5, b6] = bytes;
        let frame_bytes = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        let header_bytes = adts::HEADER_BYTES + if b1 & 1 == 0 { 2 } else { 0 };
        if b0 != 0xFF || b1 & 0xF6 != 0xF0 || frame_bytes <= header_bytes {
            return None;
        }
        let sample_rate_hz = *adts::SAMPLE_RATES_HZ.get(usize::from(b2 >> 2 & 0xF))?;
        let (object_type, blocks) = ((b2 >> 6) + 1, (b6 & 3) + 1);
        let configuration = (b2 & 1) << 2 | b3 >> 6;
        let channels = if configuration == 7 { 8 } else { configuration };
        let format = ElementaryFormat { coding: Coding::Adts { object_type, blocks }, sample_rate_hz, channels };
        let samples = usize::from(blocks) * adts::FRAME_SAMPLES as usize;
        Some(Self { format, frame_bytes, header_bytes, samples })
    }
}

/// What is known of something that may begin with some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins<T> {
    /// It does not.
    No,
    /// More bytes will tell.
    Perhaps,
    /// It does.
    Yes(T),
}

/// Whether `bytes` begin with so many frames of one format in a row, of which the last need not be
/// whole. Where they are over (`is_over`), fewer that end with them are enough.
#[must_use]
pub fn row(bytes: &[u8], frames: usize, is_over: bool) -> Begins<ElementaryHeader> {
    let (mut first, mut at): (Option<ElementaryHeader>, usize) = (None, 0);
    for _ in 0..frames {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() && is_over && at == bytes.len() {
            break;
        }
        match ElementaryHeader::read(rest) {
            Some(header) if first.is_none_or(|first| first.format == header.format) => {
                first = first.or(Some(header));
                at += header.frame_bytes;
            }
            None if !is_over && may_begin(rest) => return Begins::Perhaps,
            _ => return Begins::No,
        }
    }
    first.map_or(Begins::No, Begins::Yes)
}

/// Whether bytes that are no header yet may become one.
#[must_use]
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() < HEADER_BYTES_MAX && bytes.first().is_none_or(|&first| first == 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_each_layer_and_of_adts_tell_rate_channels_and_length() {
        let told = |bytes: &[u8]| {
            ElementaryHeader::read(bytes).map(|header| {
                let ElementaryFormat { coding, sample_rate_hz, channels } = header.format;
                (coding, sample_rate_hz, channels, header.frame_bytes, header.samples)
            })
        };
        let mpeg = |version, layer| Coding::Mpeg { version, layer };
        // As LAME, FFmpeg's mp2 (128 kbit/s) and TooLAME write them, and Layer I of 384 kbit/s.
        assert_eq!(told(&[0xFF, 0xFB, 0x94, 0x64]), Some((mpeg(Version::Mpeg1, 3), 48_000, 2, 384, 1152)));
        assert_eq!(told(&[0xFF, 0xFD, 0x84, 0x04]), Some((mpeg(Version::Mpeg1, 2), 48_000, 2, 384, 1152)));
        assert_eq!(told(&[0xFF, 0xFD, 0x82, 0xC4]), Some((mpeg(Version::Mpeg1, 2), 44_100, 1, 418, 1152)));
        assert_eq!(told(&[0xFF, 0xF5, 0xC4, 0xC4]), Some((mpeg(Version::Mpeg2, 2), 24_000, 1, 768, 1152)));
        assert_eq!(told(&[0xFF, 0xFF, 0xC4, 0x04]), Some((mpeg(Version::Mpeg1, 1), 48_000, 2, 384, 384)));
        let adts = |object_type, blocks| Coding::Adts { object_type, blocks };
        let ffmpeg = [0xFF, 0xF1, 0x4C, 0x80, 0x27, 0xFF, 0xFC];
        assert_eq!(told(&ffmpeg), Some((adts(2, 1), 48_000, 2, 319, 1024)));
        let two_blocks = [0xFF, 0xF1, 0x4C, 0x00, 0x27, 0xFF, 0xFD];
        assert_eq!(told(&two_blocks), Some((adts(2, 2), 48_000, 0, 319, 2048)));
        for none in [&b"ID3"[..], b"\xFF", b"\xFF\xFB\x94", &ffmpeg[..6], b"\xFF\xFB\xF4\x64", b"\xFF\xFD\x04\x04"] {
            assert_eq!(told(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_row_is_of_one_format_and_may_end_with_the_bytes() {
        let frame = |header: [u8; 4]| {
            let mut frame = header.to_vec();
            frame.resize(384, 0);
            frame
        };
        let (stereo, mono) = (frame([0xFF, 0xFB, 0x94, 0x64]), frame([0xFF, 0xFB, 0x94, 0xC4]));
        let is_yes = |bytes: &[u8], is_over| matches!(row(bytes, 2, is_over), Begins::Yes(_));
        assert!(is_yes(&[&stereo[..], &stereo[..4]].concat(), false));
        assert_eq!(row(&stereo, 2, false), Begins::Perhaps);
        assert!(is_yes(&stereo, true));
        assert_eq!(row(&stereo[..300], 2, true), Begins::No, "cut short");
        assert_eq!(row(&[&stereo[..], &mono].concat(), 2, false), Begins::No);
        assert_eq!(row(&[&stereo[..], b"\xFF\x00"].concat(), 2, false), Begins::Perhaps);
        assert_eq!(row(&[&stereo[..], b"xx"].concat(), 2, false), Begins::No);
    }
}
