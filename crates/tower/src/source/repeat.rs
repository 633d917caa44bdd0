//! What a decoder child is given of a stream: all of it, in pieces behind which another child can go on.

use super::opening::Foreign;
use radio_signal::ogg::page::{FIRST, MAGIC, NoPage, Page};

/// Bytes of headers that are kept for the next child. More, as with a picture in the tags, are not: a child that dies
/// is then followed only at the next title.
const HEADERS_BYTES_MAX: usize = 256 * 1024;

/// Cuts a stream into pieces, and keeps what another child must read first.
#[derive(Debug)]
pub struct Pieces {
    is_ogg: bool,
    /// Bytes that are no whole page yet.
    unfinished: Vec<u8>,
    /// The header pages of the stream in Ogg.
    headers: Vec<u8>,
    in_headers: bool,
}

impl Pieces {
    /// Of a stream that has not begun.
    #[must_use]
    pub const fn new(stream: Foreign) -> Self {
        let is_ogg = matches!(stream, Foreign::OggOpus);
        Self { is_ogg, unfinished: Vec::new(), headers: Vec::new(), in_headers: false }
    }

    /// What a child that begins now must read before the next piece; nothing for ADTS, which begins with each frame.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Takes what came, and appends all that is whole to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.is_ogg {
            out.extend_from_slice(bytes);
            return;
        }
        self.unfinished.extend_from_slice(bytes);
        let mut from = 0;
        loop {
            let rest = &self.unfinished[from..];
            match Page::read(rest) {
                Ok(page) => {
                    let whole = &rest[..page.content.end];
                    out.extend_from_slice(whole);
                    from += whole.len();
                    if page.header.flags & FIRST != 0 {
                        self.headers.clear();
                        self.in_headers = true;
                    }
                    // Headers have no time of their own.
                    self.in_headers &= page.header.granule == 0 || page.header.granule == u64::MAX;
                    if self.in_headers {
                        self.headers.extend_from_slice(whole);
                    }
                    if self.headers.len() > HEADERS_BYTES_MAX {
                        self.headers.clear();
                        self.in_headers = false;
                    }
                }
                Err(NoPage::Unfinished) => break,
                // Whatever it is, the next page is found behind it.
                Err(NoPage::Garbage) => from += 1 + next_magic(&rest[1..]),
            }
        }
        self.unfinished.drain(..from);
    }
}

/// Where a page may begin in `bytes`, or how many of them belong to none.
fn next_magic(bytes: &[u8]) -> usize {
    let begins = |at: &usize| bytes[*at..].iter().zip(MAGIC).all(|(&byte, magic)| byte == magic);
    (0..bytes.len()).find(begins).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ogg::page::{PageHeader, write};

    fn page(flags: u8, granule: u64, packet: &[u8]) -> Vec<u8> {
        let mut page = Vec::new();
        write(PageHeader { flags, granule, stream: 1, number: 0 }, &[packet], &mut page);
        page
    }

    #[test]
    fn whole_pages_are_given_in_whatever_sizes_they_come_and_damage_is_left_out() {
        let (head, tags) = (page(FIRST, 0, b"OpusHead"), page(0, 0, b"OpusTags"));
        let audio: Vec<Vec<u8>> = (1..4).map(|n| page(0, n * 960, &[n as u8; 300])).collect();
        let mut damaged = audio[1].clone();
        damaged[100] ^= 1;
        let all = [&b"junk Ogg"[..], &head, &tags, &audio[0], &damaged, &audio[2]].concat();
        let whole = [&head[..], &tags, &audio[0], &audio[2]].concat();
        for size in [1, 7, 300, 5000] {
            let (mut pieces, mut out) = (Pieces::new(Foreign::OggOpus), Vec::new());
            all.chunks(size).for_each(|bytes| pieces.push(bytes, &mut out));
            assert_eq!(out, whole, "in pieces of {size}");
            assert_eq!(pieces.headers(), [&head[..], &tags].concat());
        }
    }

    #[test]
    fn the_next_title_has_headers_of_its_own_and_they_are_limited() {
        let (mut pieces, mut out) = (Pieces::new(Foreign::OggOpus), Vec::new());
        let first = page(FIRST, 0, b"OpusHead 1");
        pieces.push(&[&first[..], &page(0, 960, b"audio")].concat(), &mut out);
        assert_eq!(pieces.headers(), first);
        let second = page(FIRST, 0, b"OpusHead 2");
        pieces.push(&second, &mut out);
        assert_eq!(pieces.headers(), second);
        (0..10).for_each(|_| pieces.push(&page(0, 0, &[0; 60_000]), &mut out));
        assert!(pieces.headers().is_empty());
    }

    #[test]
    fn adts_goes_through_as_it_is() {
        let (mut pieces, mut out) = (Pieces::new(Foreign::Adts), Vec::new());
        pieces.push(b"anything", &mut out);
        assert_eq!((&out[..], pieces.headers()), (&b"anything"[..], &b""[..]));
    }
}
