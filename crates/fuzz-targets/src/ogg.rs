//! Ogg pages with true checksums, so that mutations reach the code behind the check.

use radio_signal::ogg::page::{HEADER_BYTES, MAGIC};

/// Where the checksum of a page stands.
const CHECKSUM: std::ops::Range<usize> = 22..26;

/// `bytes` with the checksum of every whole page made right.
pub(crate) fn with_true_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at + HEADER_BYTES <= bytes.len() {
        let length = page_bytes(&bytes[at..]);
        if let Some(page) = length.and_then(|length| bytes.get_mut(at..at + length)) {
            page[CHECKSUM].fill(0);
            let sum = checksum(page);
            page[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
        }
        at += length.unwrap_or(1);
    }
    bytes
}

/// Length of the page that begins with the first of `bytes`, if its table of segments is whole.
fn page_bytes(bytes: &[u8]) -> Option<usize> {
    let segments = HEADER_BYTES + usize::from(*bytes.get(HEADER_BYTES - 1)?);
    let lengths = bytes.get(HEADER_BYTES..segments).filter(|_| bytes.starts_with(&MAGIC))?;
    Some(segments + lengths.iter().map(|&length| usize::from(length)).sum::<usize>())
}

/// CRC-32 with polynomial 0x04C11DB7, not reflected, from 0 (RFC 3533, section 6).
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum: u32, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ogg::page::{FIRST, Page, PageHeader, write};

    /// A stream of two pages: a first packet of Opus, then `packet`, cut to what one page holds.
    fn stream_with_comments(packet: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let page = |flags, number| PageHeader { flags, granule: 0, stream: 1, number };
        write(page(FIRST, 0), &[b"OpusHead"], &mut bytes);
        write(page(0, 1), &[&packet[..packet.len().min(64_000)]], &mut bytes);
        bytes
    }

    #[test]
    fn a_changed_page_is_whole_again_wherever_it_stands() {
        let good = stream_with_comments(b"OpusTags");
        assert_eq!(with_true_checksums(&good), good);
        let mut changed = [b"noise", &good[..]].concat();
        changed[5 + 30] ^= 1;
        let first_end = 5 + Page::read(&good).expect("a page").content.end;
        changed[first_end + 30] ^= 1;
        let mended = with_true_checksums(&changed);
        assert!(Page::read(&changed[first_end..]).is_err());
        assert!(Page::read(&mended[5..]).is_ok() && Page::read(&mended[first_end..]).is_ok());
    }

    #[test]
    fn a_page_cut_short_stays_as_it_is() {
        let good = stream_with_comments(b"OpusTags");
        for length in 0..good.len() {
            assert_eq!(with_true_checksums(&good[..length]), good[..length], "{length} bytes");
        }
    }
}
