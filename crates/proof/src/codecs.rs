//! Frames of the codecs whose frames are not a tick long, read by rules of their own.

/// A page of Ogg (RFC 3533) whose packets all end in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// 2: the first of its stream.
    pub flags: u8,
    /// Samples at 48 kHz up to its end.
    pub granule: u64,
    /// Which stream.
    pub stream: u32,
    /// Its number.
    pub number: u32,
    /// Its packets.
    pub packets: Vec<Vec<u8>>,
}

/// Pages one after the other from the first byte; an unfinished last one is left out.
#[track_caller]
#[must_use]
pub fn ogg(bytes: &[u8]) -> Vec<Page> {
    let (mut pages, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 27) {
        assert_eq!(&head[..5], b"OggS\0", "at byte {at}, after {} pages", pages.len());
        let number = |from: usize, count: usize| {
            head[from..from + count].iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        };
        let (mut from, mut packets, mut packet) = (at + 27 + usize::from(head[26]), Vec::new(), Vec::new());
        let Some(table) = bytes.get(at + 27..from) else { break };
        let end = from + table.iter().map(|&length| usize::from(length)).sum::<usize>();
        if end > bytes.len() {
            break;
        }
        for &length in table {
            packet.extend_from_slice(&bytes[from..from + usize::from(length)]);
            from += usize::from(length);
            if length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        assert!(packet.is_empty(), "a packet goes on beyond its page");
        let (stream, count) = (number(14, 4) as u32, number(18, 4) as u32);
        pages.push(Page { flags: head[5], granule: number(6, 8), stream, number: count, packets });
        at = end;
    }
    pages
}

/// Frames of AAC in ADTS (ISO/IEC 13818-7) from the first byte; an unfinished last one is left out.
#[track_caller]
#[must_use]
pub fn adts(bytes: &[u8]) -> Vec<&[u8]> {
    chain(bytes, 7, |head| {
        let is_sync = head[0] == 0xFF && head[1] & 0xF6 == 0xF0;
        let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        is_sync.then_some(length)
    })
}

/// Frames of MPEG-1 Layer III at 44.1 kHz and `bitrate_kbps` from the first byte; an unfinished last one is left out.
#[track_caller]
#[must_use]
pub fn mp3_44(bytes: &[u8], bitrate_kbps: usize) -> Vec<&[u8]> {
    chain(bytes, 4, |head| {
        let is_sync = head[0] == 0xFF && head[1] & 0xFE == 0xFA && head[2] & 0x0C == 0;
        is_sync.then(|| 144_000 * bitrate_kbps / 44_100 + usize::from(head[2] >> 1 & 1))
    })
}

#[track_caller]
fn chain(bytes: &[u8], head_bytes: usize, length_of: impl Fn(&[u8]) -> Option<usize>) -> Vec<&[u8]> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + head_bytes) {
        let Some(length) = length_of(head).filter(|&length| length > head_bytes) else {
            panic!("no header at byte {at}, after {} frames: {head:02x?}", frames.len());
        };
        let Some(frame) = bytes.get(at..at + length) else { break };
        frames.push(frame);
        at += length;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_or_the_place_is_named() {
        let frame = [&[0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x5F, 0xFC][..], &[9; 3]].concat();
        assert_eq!(adts(&frame.repeat(3)[..25]), [&frame[..], &frame[..]]);
        let broken = std::panic::catch_unwind(|| adts(&[&frame[..], b"x", &frame[..]].concat()).len());
        assert!(broken.is_err());
    }

    #[test]
    fn a_page_gives_its_packets() {
        let head = [
            &b"OggS\0\x02"[..],
            &7u64.to_le_bytes(),
            &5u32.to_le_bytes(),
            &9u32.to_le_bytes(),
            &[0; 4],
            &[3, 255, 1, 2],
        ];
        let bytes = [&head.concat()[..], &[1; 256], &[2; 2]].concat();
        let page = Page { flags: 2, granule: 7, stream: 5, number: 9, packets: vec![vec![1; 256], vec![2; 2]] };
        assert_eq!(ogg(&bytes), [page]);
        assert_eq!(ogg(&bytes[..100]), []);
    }
}
