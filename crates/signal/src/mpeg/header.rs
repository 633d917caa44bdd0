//! The header of an audio frame (ISO/IEC 11172-3, 2.4.1.3; 13818-3 for the lower sampling frequencies; "MPEG-2.5" is
//! Fraunhofer's extension below those).

use super::packetizer::Header;
use super::tags;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 4;

/// Bytes of the largest Layer III frame: 144 * bit rate / sampling frequency, plus one byte of padding, is greatest for
/// 320 kbit/s at 32 kHz (MPEG-1; MPEG-2.5 gets as far with 72 * 160 000 / 8 000).
pub const FRAME_BYTES_MAX: usize = 144 * 320_000 / 32_000 + 1;

/// Which standard a frame follows; it decides the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// ISO/IEC 11172-3: 32, 44.1, 48 kHz.
    Mpeg1,
    /// ISO/IEC 13818-3: half of those.
    Mpeg2,
    /// A quarter of those.
    Mpeg25,
}

/// The field `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Two channels, coded one by one.
    Stereo,
    /// Two channels, intensity or middle/side coded.
    JointStereo,
    /// Two programmes.
    DualChannel,
    /// One channel.
    SingleChannel,
}

/// The header of a Layer III frame with a stated bit rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Which standard.
    pub version: Version,
    /// Bit rate, 8 to 320 kbit/s.
    pub bitrate_kbps: u16,
    /// Sampling frequency, 8000 to 48000 Hz.
    pub sample_rate_hz: u32,
    /// Whether the frame is one byte longer, to keep the mean bit rate.
    pub padding: bool,
    /// Whether 16 bits of CRC follow the header.
    pub crc: bool,
    /// Channel mode.
    pub mode: Mode,
}

/// What stays the same from frame to frame of one stream. (Bit rate, padding and the kind of stereo do not.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// Which standard.
    pub version: Version,
    /// Sampling frequency in Hz.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u8,
}

const BITRATES_MPEG1_KBPS: [u16; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BITRATES_MPEG2_KBPS: [u16; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

impl FrameHeader {
    /// Reads a header; `None` if the four bytes are not that of a Layer III frame whose length can be told.
    ///
    /// ```text
    ///  byte 0     byte 1     byte 2     byte 3
    ///  11111111   111VVLLP   BBBBSSpx   MMmmcoEE
    ///
    ///  1  syncword, 11 bits                   p  padding_bit
    ///  V  ID: 11 MPEG-1, 10 MPEG-2,           x  private_bit
    ///     00 MPEG-2.5, 01 reserved            M  mode: 00 stereo, 01 joint_stereo,
    ///  L  layer: 01 is Layer III                 10 dual_channel, 11 single_channel
    ///  P  protection_bit: 0 with CRC          m  mode_extension
    ///  B  bitrate_index: 0000 free format     c  copyright, o  original/home
    ///     (rejected), 1111 forbidden          E  emphasis: 10 reserved
    ///  S  sampling_frequency: 11 reserved
    /// ```
    #[must_use]
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let word = u32::from_be_bytes(bytes);
        let field = |shift: u32, bits: u32| (word >> shift) & ((1 << bits) - 1);

        if field(21, 11) != 0x7FF || field(17, 2) != 0b01 || field(0, 2) == 0b10 {
            return None;
        }
        let (version, divisor) = match field(19, 2) {
            0b11 => (Version::Mpeg1, 1),
            0b10 => (Version::Mpeg2, 2),
            0b00 => (Version::Mpeg25, 4),
            _ => return None,
        };
        let bitrates_kbps = if version == Version::Mpeg1 { &BITRATES_MPEG1_KBPS } else { &BITRATES_MPEG2_KBPS };
        // Index 0, free format: the length of such a frame is not in its header.
        let bitrate_kbps = *bitrates_kbps.get((field(12, 4) as usize).checked_sub(1)?)?;
        let sample_rate_hz = [44_100, 48_000, 32_000].get(field(10, 2) as usize)? / divisor;
        let mode = match field(6, 2) {
            0b00 => Mode::Stereo,
            0b01 => Mode::JointStereo,
            0b10 => Mode::DualChannel,
            _ => Mode::SingleChannel,
        };
        let (padding, crc) = (field(9, 1) == 1, field(16, 1) == 0);
        Some(Self { version, bitrate_kbps, sample_rate_hz, padding, crc, mode })
    }

    /// Samples per channel in the frame.
    #[must_use]
    pub const fn samples(&self) -> usize {
        match self.version {
            Version::Mpeg1 => 1152,
            Version::Mpeg2 | Version::Mpeg25 => 576,
        }
    }

    /// Length of the frame with its header: `samples / 8 * bit rate / sampling frequency`, rounded down, plus padding.
    /// 24 to 1441 bytes.
    #[must_use]
    pub const fn frame_bytes(&self) -> usize {
        let bits_per_second = self.bitrate_kbps as usize * 1000;
        self.samples() / 8 * bits_per_second / self.sample_rate_hz as usize + self.padding as usize
    }

    /// 1 or 2.
    #[must_use]
    pub const fn channels(&self) -> u8 {
        match self.mode {
            Mode::SingleChannel => 1,
            _ => 2,
        }
    }

    /// Where `side_info` begins in the frame: after header and CRC.
    #[must_use]
    pub const fn side_info_start(&self) -> usize {
        HEADER_BYTES + if self.crc { 2 } else { 0 }
    }

    /// Bytes of `side_info`.
    #[must_use]
    pub const fn side_info_bytes(&self) -> usize {
        match (self.version, self.channels()) {
            (Version::Mpeg1, 1) => 17,
            (Version::Mpeg1, _) => 32,
            (_, 1) => 9,
            (_, _) => 17,
        }
    }

    /// What the next frame of the stream must share with this one.
    #[must_use]
    pub const fn format(&self) -> StreamFormat {
        StreamFormat { version: self.version, sample_rate_hz: self.sample_rate_hz, channels: self.channels() }
    }
}

impl Header for FrameHeader {
    type Format = StreamFormat;

    const BYTES: usize = HEADER_BYTES;
    const FRAME_BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().and_then(|&bytes| Self::parse(bytes))
    }

    fn frame_bytes(&self) -> usize {
        self.frame_bytes()
    }

    fn format(&self) -> StreamFormat {
        self.format()
    }

    fn is_table_of_contents(&self, frame: &[u8]) -> bool {
        tags::is_table_of_contents(self, frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_128k_48k_joint_stereo_frame() {
        // As LAME writes it.
        let header = FrameHeader::parse([0xFF, 0xFB, 0x94, 0x64]).unwrap();
        let expected = FrameHeader {
            version: Version::Mpeg1,
            bitrate_kbps: 128,
            sample_rate_hz: 48_000,
            padding: false,
            crc: false,
            mode: Mode::JointStereo,
        };
        assert_eq!(header, expected);
        assert_eq!((header.frame_bytes(), header.samples(), header.channels()), (384, 1152, 2));
    }

    #[test]
    fn the_padding_bit_adds_a_byte() {
        assert_eq!(FrameHeader::parse([0xFF, 0xFB, 0x90, 0x00]).unwrap().frame_bytes(), 417);
        assert_eq!(FrameHeader::parse([0xFF, 0xFB, 0x92, 0x00]).unwrap().frame_bytes(), 418);
    }

    #[test]
    fn the_lower_sampling_frequencies_have_their_own_tables() {
        let mpeg2 = FrameHeader::parse([0xFF, 0xF2, 0x84, 0xC0]).unwrap();
        assert_eq!((mpeg2.version, mpeg2.sample_rate_hz, mpeg2.bitrate_kbps), (Version::Mpeg2, 24_000, 64));
        assert_eq!(
            (mpeg2.crc, mpeg2.mode, mpeg2.samples(), mpeg2.frame_bytes()),
            (true, Mode::SingleChannel, 576, 192)
        );
        assert_eq!((mpeg2.side_info_start(), mpeg2.side_info_bytes()), (6, 9));
        let mpeg25 = FrameHeader::parse([0xFF, 0xE3, 0x18, 0x80]).unwrap();
        assert_eq!((mpeg25.version, mpeg25.sample_rate_hz, mpeg25.bitrate_kbps), (Version::Mpeg25, 8_000, 8));
        assert_eq!((mpeg25.mode, mpeg25.frame_bytes()), (Mode::DualChannel, 72));
    }

    #[test]
    fn reserved_and_free_format_headers_are_rejected() {
        for (why, bytes) in [
            ("broken syncword", [0xFF, 0xDB, 0x94, 0x64]),
            ("reserved ID", [0xFF, 0xEB, 0x94, 0x64]),
            ("reserved layer", [0xFF, 0xF9, 0x94, 0x64]),
            ("Layer II", [0xFF, 0xFD, 0x94, 0x64]),
            ("Layer I", [0xFF, 0xFF, 0x94, 0x64]),
            ("free format", [0xFF, 0xFB, 0x04, 0x64]),
            ("forbidden bit rate", [0xFF, 0xFB, 0xF4, 0x64]),
            ("reserved sampling frequency", [0xFF, 0xFB, 0x9C, 0x64]),
            ("reserved emphasis", [0xFF, 0xFB, 0x94, 0x66]),
        ] {
            assert_eq!(FrameHeader::parse(bytes), None, "{why}");
        }
    }

    #[test]
    fn of_all_headers_the_shortest_frame_has_24_bytes_and_the_longest_1441() {
        let lengths = (0..1u32 << 21).filter_map(|low| FrameHeader::parse((0xFFE0_0000 | low).to_be_bytes()));
        let (min, max) = lengths
            .map(|header| header.frame_bytes())
            .fold((usize::MAX, 0), |(min, max), bytes| (min.min(bytes), max.max(bytes)));
        assert_eq!((min, max), (24, FRAME_BYTES_MAX));
    }
}
