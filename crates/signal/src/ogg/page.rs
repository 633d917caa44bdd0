//! One page (RFC 3533, section 6).

use std::ops::Range;

/// What every page begins with.
pub const MAGIC: [u8; 4] = *b"OggS";
/// Bytes of a page's header before its table of segments.
pub const HEADER_BYTES: usize = 27;
/// Segments of a page at most.
pub const SEGMENTS_MAX: usize = 255;
/// Bytes of a page at most.
pub const PAGE_BYTES_MAX: usize = HEADER_BYTES + SEGMENTS_MAX + SEGMENTS_MAX * 255;
/// The page begins with the rest of a packet.
pub const CONTINUED: u8 = 1;
/// The first page of a stream.
pub const FIRST: u8 = 2;
/// The last page of a stream.
pub const LAST: u8 = 4;
/// Where the checksum stands.
const CHECKSUM: Range<usize> = 22..26;

/// The place of a page in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// [`CONTINUED`], [`FIRST`], [`LAST`].
    pub flags: u8,
    /// Codec's time at the end of the last packet that ends here.
    pub granule: u64,
    /// Which stream.
    pub stream: u32,
    /// Number of the page.
    pub number: u32,
}

/// Why bytes are not a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// More bytes will tell.
    Unfinished,
    /// They are something else, or damaged.
    Garbage,
}

/// A page at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its header.
    pub header: PageHeader,
    /// Where in the bytes its table of segments lies; each says how long one segment of the content is.
    pub segments: Range<usize>,
    /// Where its content lies. The page ends with it.
    pub content: Range<usize>,
}

impl Page {
    /// Reads the page that begins with the first of `bytes`.
    ///
    /// # Errors
    /// See [`NoPage`].
    pub fn read(bytes: &[u8]) -> Result<Self, NoPage> {
        if bytes.iter().zip(MAGIC).any(|(&byte, magic)| byte != magic) {
            return Err(NoPage::Garbage);
        }
        let fixed = bytes.first_chunk::<HEADER_BYTES>().ok_or(NoPage::Unfinished)?;
        let segments = HEADER_BYTES..HEADER_BYTES + usize::from(fixed[26]);
        let lengths = bytes.get(segments.clone()).ok_or(NoPage::Unfinished)?;
        let content_bytes: usize = lengths.iter().map(|&length| usize::from(length)).sum();
        let content = segments.end..segments.end + content_bytes;
        let whole = bytes.get(..content.end).ok_or(NoPage::Unfinished)?;
        if fixed[4] != 0 || field(fixed, CHECKSUM.start) != checksum(whole) {
            return Err(NoPage::Garbage);
        }
        let granule = u64::from(field(fixed, 6)) | u64::from(field(fixed, 10)) << 32;
        let header = PageHeader { flags: fixed[5], granule, stream: field(fixed, 14), number: field(fixed, 18) };
        Ok(Self { header, segments, content })
    }
}

/// Appends a page with these whole packets to `out`.
///
/// At most [`SEGMENTS_MAX`] segments: a packet takes one for each 255 bytes begun, and one more if none is left over. What
/// is beyond is left out; callers stay far below.
pub fn write(header: PageHeader, packets: &[&[u8]], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0, header.flags]);
    out.extend_from_slice(&header.granule.to_le_bytes());
    out.extend_from_slice(&header.stream.to_le_bytes());
    out.extend_from_slice(&header.number.to_le_bytes());
    out.extend_from_slice(&[0; 5]);
    let table = out.len();
    for packet in packets {
        out.extend(std::iter::repeat_n(255, packet.len() / 255));
        out.push((packet.len() % 255) as u8);
    }
    out.truncate(table + SEGMENTS_MAX);
    let segments = out.len() - table;
    packets.iter().for_each(|packet| out.extend_from_slice(packet));
    if let Some(count) = out.get_mut(table - 1) {
        *count = segments as u8;
    }
    let sum = checksum(&out[begin..]);
    out[begin + CHECKSUM.start..begin + CHECKSUM.end].copy_from_slice(&sum.to_le_bytes());
}

fn field(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

/// CRC-32 with polynomial 0x04C11DB7, not reflected, from 0, over the page with its checksum as zeros.
fn checksum(page: &[u8]) -> u32 {
    let zeroed = |(at, &byte): (usize, &u8)| if CHECKSUM.contains(&at) { 0 } else { byte };
    page.iter().enumerate().map(zeroed).fold(0, |sum, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = sum << 1 ^ if sum & 1 << 31 != 0 { 0x04C1_1DB7 } else { 0 };
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
    fn what_is_written_is_read_again_and_every_flipped_bit_is_noticed() {
        let header = PageHeader { flags: FIRST, granule: 1 << 40, stream: 7, number: 9 };
        let packets: [&[u8]; 3] = [&[1; 510], &[2; 3], &[3; 254]];
        let mut bytes = Vec::new();
        write(header, &packets, &mut bytes);
        let page = Page::read(&bytes).expect("a page");
        assert_eq!((page.header, page.content.end), (header, bytes.len()));
        assert_eq!(bytes[page.segments.clone()], [255, 255, 0, 3, 254]);
        assert_eq!(bytes[page.content], packets.concat());
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(Page::read(&damaged).is_err(), "bit {at}");
        }
        for end in 0..bytes.len() {
            assert_eq!(Page::read(&bytes[..end]), Err(NoPage::Unfinished));
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // "123456789" of the catalogue of CRCs, for this polynomial and beginning.
        let plain = b"123456789".iter().fold(0u32, |sum, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)]);
        assert_eq!(plain, 0x89A1_897F);
    }
}
