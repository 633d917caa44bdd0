//! Frames of FLAC (RFC 9639, section 9): where one begins, and whether it is whole.

/// Bytes of a frame header at most: mark and codes 4, number 7, block size 2, rate 2, checksum 1.
pub(super) const HEADER_BYTES_MAX: usize = 16;

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// What stays the same from frame to frame: blocking strategy, channels, sample size. (The kind of
    /// stereo does not.)
    pub(super) constant: (bool, u8, u8),
    /// The rate in Hz; none if it is that of the file.
    pub(super) rate_hz: Option<u32>,
    /// Samples per channel.
    pub(super) samples: usize,
}

impl FrameHeader {
    /// Reads the header that `bytes` begin with; `None` if they, or fewer than it needs, are none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second, codes, assignment] = bytes.first_chunk()?;
        let (size_code, rate_code) = (codes >> 4, codes & 0xF);
        let (channel_code, sample_code) = (assignment >> 4, assignment >> 1 & 7);
        let is_header = first == 0xFF
            && second & 0xFE == 0xF8
            && size_code != 0
            && rate_code != 0xF
            && channel_code <= 10
            && sample_code != 3
            && assignment & 1 == 0;
        if !is_header {
            return None;
        }
        // The number is coded as UTF-8 codes a letter, of up to seven bytes.
        let number_bytes = match bytes.get(4)?.leading_ones() as usize {
            0 => 1,
            ones @ 2..=7 => ones,
            _ => return None,
        };
        let mut at = 4 + number_bytes;
        let mut value = |length: usize| {
            let bytes = bytes.get(at..at + length)?;
            at += length;
            Some(bytes.iter().fold(0, |value, &byte| value << 8 | usize::from(byte)))
        };
        let samples = match size_code {
            1 => 192,
            2..=5 => 144 << size_code,
            6 => value(1)? + 1,
            7 => value(2)? + 1,
            code => 1 << code,
        };
        const RATES_HZ: [u32; 11] =
            [88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
        let rate_hz = match rate_code {
            0 => None,
            12 => Some(value(1)? as u32 * 1000),
            13 => Some(value(2)? as u32),
            14 => Some(value(2)? as u32 * 10),
            code => RATES_HZ.get(usize::from(code) - 1).copied(),
        };
        let is_whole = bytes.get(at)? == &crc8(&bytes[..at]);
        let channels = if channel_code < 8 { channel_code + 1 } else { 2 };
        is_whole.then_some(Self { constant: (second & 1 == 1, channels, sample_code), rate_hz, samples })
    }

    /// Whether a frame with this header and one with `other` may be of one file.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.constant, self.rate_hz) == (other.constant, other.rate_hz)
    }
}

/// CRC-8 with polynomial 0x07.
fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |sum, byte| (0..8).fold(sum ^ byte, |sum: u8, _| sum << 1 ^ if sum & 0x80 != 0 { 0x07 } else { 0 }))
}

/// CRC-16 with polynomial 0x8005, which over a whole frame with its checksum is 0.
pub(super) fn crc16(sum: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(sum, |sum, &byte| sum << 8 ^ CRC16[usize::from((sum >> 8) as u8 ^ byte)])
}

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            sum = sum << 1 ^ if sum & 1 << 15 != 0 { 0x8005 } else { 0 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_every_wrong_bit_is_noticed() {
        // The first frame of a file of the reference encoder: 4096 samples, 44.1 kHz, two channels, 16 bits.
        let mut header = vec![0xFF, 0xF8, 0xC9, 0x18, 0x00];
        header.push(crc8(&header));
        let read = FrameHeader { constant: (false, 2, 4), rate_hz: Some(44_100), samples: 4096 };
        assert_eq!((FrameHeader::read(&header), header[5]), (Some(read), 0xC2));
        for bit in 0..8 * header.len() {
            let mut wrong = header.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::read(&wrong), None, "bit {bit}");
        }
        assert_eq!(FrameHeader::read(&header[..5]), None);
    }

    #[test]
    fn the_checksums_are_those_of_the_standard() {
        // "123456789" of the catalogue of CRCs.
        assert_eq!((crc8(b"123456789"), crc16(0, b"123456789")), (0xF4, 0xFEE8));
        assert_eq!(crc16(0, b"123456789\xFE\xE8"), 0);
    }
}
