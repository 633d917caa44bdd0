//! What is between the frames of real streams and is not audio: ID3v2, ID3v1 and APE tags, and the frame in which
//! Xing, LAME or Fraunhofer encoders keep a table of contents.

use super::header::{FrameHeader, HEADER_BYTES};

/// Most bytes needed to tell whether a tag begins: an APE header.
pub const TAG_HEADER_BYTES_MAX: usize = APE_HEADER_BYTES;

/// Longest tag believed; 28 bits are what ID3v2 can say. More in an APE header means that it is not one.
pub const TAG_BYTES_MAX: u64 = 1 << 28;

const ID3V2_HEADER_BYTES: usize = 10;
const ID3V1_BYTES: u64 = 128;
const APE_HEADER_BYTES: usize = 32;
/// Offset of "VBRI" in its frame, whatever the mode.
const VBRI_OFFSET: usize = HEADER_BYTES + 32;

/// Whether a tag stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// No.
    No,
    /// It may, more bytes will tell.
    Perhaps,
    /// It does, and this is its whole length.
    Bytes(u64),
}

/// Looks for a tag at the very beginning of `bytes`.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Tag {
    match bytes.first() {
        None => Tag::Perhaps,
        Some(b'I') => recognise_id3v2(bytes),
        Some(b'T') => recognise_id3v1(bytes),
        Some(b'A') => recognise_ape(bytes),
        Some(_) => Tag::No,
    }
}

/// `bytes` against `magic`: does it match so far, and is all of a header of `header_bytes` there?
fn header<'a>(bytes: &'a [u8], magic: &[u8], header_bytes: usize) -> Result<&'a [u8], Tag> {
    if !bytes.iter().zip(magic).all(|(a, b)| a == b) {
        return Err(Tag::No);
    }
    bytes.get(..header_bytes).ok_or(Tag::Perhaps)
}

/// ```text
///  "ID3"  major  revision  flags      size (4 x 7 bits)   [extended header, frames, padding]  [footer, 10]
///                          aueF0000   0sssssss ...        size counts this                    not this
/// ```
/// `F`: a footer follows (ID3v2.4). Version 2.2 uses two of the flags, 2.3 three.
fn recognise_id3v2(bytes: &[u8]) -> Tag {
    let header = match header(bytes, b"ID3", ID3V2_HEADER_BYTES) {
        Ok(header) => header,
        Err(tag) => return tag,
    };
    let (major, revision, flags, size) = (header[3], header[4], header[5], &header[6..]);
    if !(2..=4).contains(&major) || revision == 0xFF || flags & 0x0F != 0 || size.iter().any(|byte| byte & 0x80 != 0) {
        return Tag::No;
    }
    let size = size.iter().fold(0u64, |size, &byte| size << 7 | u64::from(byte));
    let footer = if major == 4 && flags & 0x10 != 0 { ID3V2_HEADER_BYTES } else { 0 };
    Tag::Bytes((ID3V2_HEADER_BYTES + footer) as u64 + size)
}

/// "TAG" and 125 bytes of fixed fields.
fn recognise_id3v1(bytes: &[u8]) -> Tag {
    header(bytes, b"TAG", 3).map_or_else(|tag| tag, |_| Tag::Bytes(ID3V1_BYTES))
}

/// ```text
///  "APETAGEX"  version   size      items   flags                          reserved
///  8 bytes     u32 LE    u32 LE    u32     bit 29: this is the header     8 zero bytes
/// ```
/// `size` counts items and footer, but not the header. A footer whose header was not there (APEv1) closes a tag that
/// has passed already as bytes of unknown kind; only the footer itself is set aside.
fn recognise_ape(bytes: &[u8]) -> Tag {
    let header = match header(bytes, b"APETAGEX", APE_HEADER_BYTES) {
        Ok(header) => header,
        Err(tag) => return tag,
    };
    let field = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (version, size, flags) = (field(8), u64::from(field(12)), field(20));
    let whole = APE_HEADER_BYTES as u64 + if flags & 1 << 29 != 0 { size } else { 0 };
    if !matches!(version, 1000 | 2000) || header[24..].iter().any(|&byte| byte != 0) || whole > TAG_BYTES_MAX {
        return Tag::No;
    }
    Tag::Bytes(whole)
}

/// Whether a whole frame is a table of contents ("Xing", "Info" after the side information, "VBRI" at its fixed place).
///
/// The side information must be zero, as it is in all such frames, so that old decoders play silence. Without this
/// condition an ordinary frame would look like one by chance every year or two on the air, and be lost.
#[must_use]
pub fn is_table_of_contents(header: &FrameHeader, frame: &[u8]) -> bool {
    let stands_at = |magic: &[u8], offset: usize| {
        frame.get(offset..).is_some_and(|rest| rest.starts_with(magic))
            && frame.get(header.side_info_start()..offset).is_some_and(|before| before.iter().all(|&byte| byte == 0))
    };
    let after_side_info = header.side_info_start() + header.side_info_bytes();
    stands_at(b"Xing", after_side_info) || stands_at(b"Info", after_side_info) || stands_at(b"VBRI", VBRI_OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_id3v2_tag_is_syncsafe_and_counts_header_and_footer() {
        assert_eq!(recognise(b"ID3\x03\x00\x00\x00\x00\x02\x01"), Tag::Bytes(10 + 257));
        assert_eq!(recognise(b"ID3\x04\x00\x10\x00\x00\x02\x01"), Tag::Bytes(20 + 257));
        assert_eq!(recognise(b"ID3\x04\x00\x00\x7F\x7F\x7F\x7F"), Tag::Bytes(10 + (1 << 28) - 1));
    }

    #[test]
    fn what_only_begins_like_a_tag_is_none() {
        for bytes in [
            &b"ID3\x03\x00\x00\x00\x00\x82\x01"[..],
            b"ID3\x09\x00\x00\x00\x00\x02\x01",
            b"ID3\x03\x00\x01\x00\x00\x02\x01",
            b"IDX",
            b"TAX",
            b"APETAGEY",
            b"\xFF\xFB",
        ] {
            assert_eq!(recognise(bytes), Tag::No, "{bytes:?}");
        }
    }

    #[test]
    fn as_long_as_it_may_be_a_tag_more_bytes_are_awaited() {
        for bytes in [&b""[..], b"I", b"ID3\x03\x00\x00\x00\x00\x02", b"TA", b"A", b"APETAGEX\xD0\x07\x00\x00"] {
            assert_eq!(recognise(bytes), Tag::Perhaps, "{bytes:?}");
        }
    }

    #[test]
    fn an_ape_header_counts_the_whole_tag_and_a_lone_footer_only_itself() {
        let mut bytes = *b"APETAGEX\xD0\x07\0\0\x40\0\0\0\x01\0\0\0\0\0\0\xA0\0\0\0\0\0\0\0\0";
        assert_eq!(recognise(&bytes), Tag::Bytes(32 + 64));
        bytes[23] = 0x80;
        assert_eq!(recognise(&bytes), Tag::Bytes(32));
        bytes[31] = 1;
        assert_eq!(recognise(&bytes), Tag::No);
    }
}
