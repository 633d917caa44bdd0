//! What another decoder process must read before it can go on in the middle of a stream.

use radio_signal::ogg::page::{FIRST, NoPage, Page, PageHeader};

/// Bytes of the longest head. A stream with a longer one, as with a picture in its tags, is followed
/// only from its next head on, if its decoder dies.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the mark of WAVE, and of the name and size of one of its chunks.
const WAV_MARK_BYTES: usize = 12;
const CHUNK_BYTES: usize = 8;

/// The head of a part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// None where each frame is a beginning.
    pub bytes: Vec<u8>,
    /// Behind it, only whole groups of so many bytes may be left out.
    pub group_bytes: u32,
    /// It ends so many bytes behind the place where it was told.
    pub ahead: u64,
}

impl Head {
    /// Nothing need be read before.
    pub(super) const fn none() -> Self {
        Self { bytes: Vec::new(), group_bytes: 1, ahead: 0 }
    }

    /// These pages, which end where it is told.
    pub(super) const fn of_pages(bytes: Vec<u8>) -> Self {
        Self { bytes, group_bytes: 1, ahead: 0 }
    }

    /// The pages of headers that `bytes` begin with, of streams side by side too; `None`: more bytes
    /// will tell.
    pub(super) fn of_ogg(bytes: &[u8], is_over: bool) -> Option<Self> {
        let mut at = 0;
        while at <= HEAD_BYTES_MAX {
            match Page::read(&bytes[at..]) {
                Ok(page) if is_header(&page.header) => at += page.content.end,
                Err(NoPage::Unfinished) if !is_over => return None,
                // A page that is damaged is none of them either.
                _ => return Some(Self { bytes: bytes[..at].to_vec(), group_bytes: 1, ahead: at as u64 }),
            }
        }
        Some(Self::none())
    }

    /// Of FLAC with this block STREAMINFO, which is all that its frames need (RFC 9639, section 8).
    pub(super) fn of_flac(info: &[u8]) -> Self {
        // The last of the blocks before the frames.
        let block = [0x80, 0, 0, info.len() as u8];
        Self { bytes: [b"fLaC", &block[..], info].concat(), group_bytes: 1, ahead: 0 }
    }

    /// The chunks before the samples of the WAVE that `bytes` begin with; `None`: more bytes will tell.
    pub(super) fn of_wav(bytes: &[u8], is_over: bool) -> Option<Self> {
        let (mut at, mut group_bytes) = (WAV_MARK_BYTES, 0);
        while at + CHUNK_BYTES <= HEAD_BYTES_MAX {
            let Some((name, size)) = bytes.get(at..at + CHUNK_BYTES).map(|chunk| chunk.split_at(4)) else {
                return is_over.then(Self::none);
            };
            let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
            at += CHUNK_BYTES;
            if name == b"data" && group_bytes > 0 {
                return Some(Self { bytes: bytes[..at].to_vec(), group_bytes, ahead: at as u64 });
            }
            if name == b"data" || !name.is_ascii() {
                break;
            }
            if name == b"fmt " {
                match bytes.get(at + 12..at + 14) {
                    Some(align) => group_bytes = u16::from_le_bytes([align[0], align[1]]).into(),
                    None if is_over => break,
                    None => return None,
                }
            }
            at = at.saturating_add(size).saturating_add(size % 2);
        }
        Some(Self::none())
    }
}

/// Whether a page is of headers, which have no time of their own.
pub(super) const fn is_header(page: &PageHeader) -> bool {
    page.flags & FIRST != 0 || matches!(page.granule, 0 | u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ogg::page::write;

    fn page(flags: u8, granule: u64, packet: &[u8]) -> Vec<u8> {
        let mut page = Vec::new();
        write(PageHeader { flags, granule, stream: 1, number: 0 }, &[packet], &mut page);
        page
    }

    /// The head is the same however many of its bytes have come, and it waits for no more than it must.
    fn assert_head(of: fn(&[u8], bool) -> Option<Head>, head: &[u8], rest: &[u8], group_bytes: u32, waits: usize) {
        let all = [head, rest].concat();
        let expected = Head { bytes: head.to_vec(), group_bytes, ahead: head.len() as u64 };
        for length in 0..=all.len() {
            let found = of(&all[..length], false);
            assert_eq!(found, (length >= head.len() + waits).then(|| expected.clone()), "{length} bytes");
        }
    }

    #[test]
    fn the_head_of_ogg_is_its_pages_without_a_time_of_all_streams_side_by_side() {
        let heads = [page(FIRST, 0, b"OpusHead"), page(FIRST, 0, b"fishead"), page(0, 0, b"OpusTags")].concat();
        let audio = page(0, 960, &[1; 300]);
        assert_head(Head::of_ogg, &heads, &audio, 1, audio.len());
        assert_eq!(Head::of_ogg(&heads, true).map(|head| head.bytes), Some(heads.clone()));
        let middle = [&heads[..], &audio[100..]].concat();
        assert_eq!(Head::of_ogg(&middle, false).map(|head| head.bytes), Some(heads), "and then the rest of a page");
    }

    #[test]
    fn the_head_of_wave_is_all_before_its_samples_and_they_are_left_out_in_groups() {
        let head =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\0\0\0\0\0\0\0\0\x04\0\x10\0LIST\x03\0\0\0abc\0data\0\0\0\0";
        assert_head(Head::of_wav, head, &[7; 100], 4, 0);
        assert_eq!(Head::of_wav(b"RIFF\0\0\0\0WAVEdata\0\0\0\0", false), Some(Head::none()), "no format");
        assert_eq!(Head::of_wav(b"RIFF\0\0\0\0WAVE\xFF\0\0\0\0\0\0\0", false), Some(Head::none()), "damage");
        assert_eq!(Head::of_wav(&head[..30], true), Some(Head::none()));
    }

    #[test]
    fn a_head_that_is_too_long_is_none_and_is_not_waited_for() {
        let long = b"RIFF\0\0\0\0WAVELIST\0\0\x10\0";
        assert_eq!(Head::of_wav(long, false), Some(Head::none()));
        let pages = [page(FIRST, 0, b"OpusHead"), page(0, 0, &[0; 60_000]).repeat(10)].concat();
        assert_eq!(Head::of_ogg(&pages, false), Some(Head::none()));
        assert_eq!(Head::of_ogg(&pages[..200_000], false), None);
    }

    #[test]
    fn the_head_of_flac_is_one_block() {
        let head = Head::of_flac(&[9; 34]);
        assert_eq!(head.bytes, [&b"fLaC\x80\0\0\x22"[..], &[9; 34]].concat());
    }
}
