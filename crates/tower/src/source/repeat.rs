//! What a decoder process is given of a stream, and what the next one must read first: the headers,
//! and the last bytes again.

use super::formats::Format;
use super::opening::Foreign;
use radio_signal::ogg::page::{FIRST, MAGIC, NoPage, Page};
use std::collections::VecDeque;

/// Bytes of headers that are kept for the next process. More, as with a picture in the tags, are not:
/// a process that dies is then followed only at the next title.
const HEADERS_BYTES_MAX: usize = 256 * 1024;
/// Bytes by which a file of FLAC or WAVE is known.
const MARK_BYTES: usize = 12;
/// The last bytes of a stream that are kept.
const LOG_BYTES_MAX: usize = 64 * 1024;

/// Whose headers a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// None: it begins with each frame.
    None,
    /// Those of the last logical stream, in pages.
    Ogg,
    /// The blocks before the first frame, which have their lengths.
    Flac,
    /// The chunks before the samples.
    Wav,
}

/// Cuts a stream into pieces behind which another process can go on.
#[derive(Debug)]
pub struct Pieces {
    framing: Framing,
    /// Bytes that are no whole page yet, or of headers that are not whole.
    unfinished: Vec<u8>,
    headers: Vec<u8>,
    in_headers: bool,
    /// Bytes of which only whole groups may follow the headers: the samples of WAVE.
    group_bytes: usize,
    /// Bytes of the stream that were taken, and of those, those up to the end of the headers.
    taken: u64,
    headers_end: u64,
}

impl Pieces {
    /// Of a stream for FFmpeg that has not begun.
    #[must_use]
    pub const fn new(stream: Foreign) -> Self {
        match stream {
            Foreign::Adts => Self::framed(Framing::None),
        }
    }

    /// Of a stream for the tower's own decoder that has not begun.
    #[must_use]
    pub const fn of(format: Format) -> Self {
        Self::framed(match format {
            Format::Ogg | Format::Opus => Framing::Ogg,
            Format::Flac => Framing::Flac,
            Format::Wav => Framing::Wav,
            Format::Mp3 | Format::Aac => Framing::None,
        })
    }

    const fn framed(framing: Framing) -> Self {
        let in_headers = matches!(framing, Framing::Flac | Framing::Wav);
        Self {
            framing,
            unfinished: Vec::new(),
            headers: Vec::new(),
            in_headers,
            group_bytes: 1,
            taken: 0,
            headers_end: 0,
        }
    }

    /// What a process that begins now must read before the next piece; nothing where each frame is a beginning.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Takes what came, and appends all that is whole to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.framing {
            Framing::None => out.extend_from_slice(bytes),
            Framing::Ogg => self.push_pages(bytes, out),
            Framing::Flac | Framing::Wav => {
                out.extend_from_slice(bytes);
                self.push_head(bytes);
            }
        }
    }

    fn push_pages(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
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

    /// Keeps the head of a file, once it is whole. Files follow each other.
    fn push_head(&mut self, bytes: &[u8]) {
        self.unfinished.extend_from_slice(bytes);
        self.taken += bytes.len() as u64;
        loop {
            if !self.in_headers {
                let next = self.next_file();
                self.unfinished.drain(..next);
                self.in_headers = self.unfinished.len() >= MARK_BYTES;
            }
            if !self.in_headers {
                return;
            }
            let head = match self.framing {
                Framing::Flac => flac_head(&self.unfinished).map(|bytes| (bytes, 1)),
                _ => wav_head(&self.unfinished),
            };
            match head {
                Head::Unfinished if self.unfinished.len() <= HEADERS_BYTES_MAX => return,
                Head::Whole((bytes, group_bytes)) => {
                    (self.headers, self.group_bytes) = (self.unfinished[..bytes].to_vec(), group_bytes);
                    self.unfinished.drain(..bytes);
                    self.headers_end = self.taken - self.unfinished.len() as u64;
                }
                Head::Unfinished | Head::None => _ = self.unfinished.drain(..1),
            }
            self.in_headers = false;
        }
    }

    /// Bytes before the mark of another file, or before what may become one.
    fn next_file(&self) -> usize {
        let is_mark = |bytes: &[u8]| match self.framing {
            Framing::Flac => bytes.starts_with(b"fLaC") && bytes[5..8] == *b"\0\0\x22",
            _ => (bytes.starts_with(b"RIFF") || bytes.starts_with(b"RF64")) && bytes[8..12] == *b"WAVE",
        };
        let marks = self.unfinished.windows(MARK_BYTES).position(is_mark);
        marks.unwrap_or(self.unfinished.len().saturating_sub(MARK_BYTES - 1))
    }
}

/// What is known of the head of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head<T> {
    Unfinished,
    None,
    Whole(T),
}

impl<T> Head<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Head<U> {
        match self {
            Self::Unfinished => Head::Unfinished,
            Self::None => Head::None,
            Self::Whole(value) => Head::Whole(change(value)),
        }
    }
}

/// Bytes of the blocks before the first frame of FLAC (RFC 9639, section 8).
fn flac_head(bytes: &[u8]) -> Head<usize> {
    let Some(magic) = bytes.first_chunk::<4>() else { return Head::Unfinished };
    if magic != b"fLaC" {
        return Head::None;
    }
    let mut at = 4;
    while let Some(&[kind, high, middle, low]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        at += 4 + u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind & 0x80 != 0 {
            return if at <= bytes.len() { Head::Whole(at) } else { Head::Unfinished };
        }
    }
    Head::Unfinished
}

/// Bytes before the first sample of WAVE, and bytes of a sample of all channels.
fn wav_head(bytes: &[u8]) -> Head<(usize, usize)> {
    let (mut at, mut group_bytes) = (12, 0);
    if bytes.len() < at {
        return Head::Unfinished;
    }
    if !(bytes.starts_with(b"RIFF") || bytes.starts_with(b"RF64")) || &bytes[8..12] != b"WAVE" {
        return Head::None;
    }
    while let Some((name, size)) = bytes.get(at..at + 8).map(|head| head.split_at(4)) {
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
        at += 8;
        if name == b"data" {
            return if group_bytes > 0 { Head::Whole((at, group_bytes)) } else { Head::None };
        }
        if name == b"fmt " {
            let Some(&[low, high]) = bytes.get(at + 12..at + 14).and_then(<[u8]>::first_chunk) else { break };
            group_bytes = u16::from_le_bytes([low, high]).into();
        }
        at = at.saturating_add(size).saturating_add(size % 2);
    }
    Head::Unfinished
}

/// The last bytes of a stream, by their position, and its headers.
#[derive(Debug)]
pub struct Log {
    pieces: Pieces,
    bytes: VecDeque<u8>,
    /// The position behind the last byte.
    end: u64,
    whole: Vec<u8>,
}

/// With what a process begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Headers, and then bytes of the stream.
    pub prefix: Vec<u8>,
    /// The number of the first byte, so that those behind the headers have their own.
    pub input_byte: u64,
    /// The position behind the last byte: it goes on from there.
    pub end: u64,
}

impl Log {
    /// Of a stream that has not begun.
    #[must_use]
    pub fn new(pieces: Pieces) -> Self {
        Self { pieces, bytes: VecDeque::new(), end: 0, whole: Vec::new() }
    }

    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.whole.clear();
        self.pieces.push(bytes, &mut self.whole);
        self.end += self.whole.len() as u64;
        self.bytes.extend(&self.whole);
        let too_many = self.bytes.len().saturating_sub(LOG_BYTES_MAX);
        self.bytes.drain(..too_many);
    }

    /// The bytes from `position` on, and the position behind them. What is not kept any more is left out.
    #[must_use]
    pub fn from(&self, position: u64) -> (Vec<u8>, u64) {
        let first = self.end - self.bytes.len() as u64;
        let skipped = usize::try_from(position.saturating_sub(first)).unwrap_or(usize::MAX).min(self.bytes.len());
        (self.bytes.range(skipped..).copied().collect(), self.end)
    }

    /// With what a process begins that goes on at `position`, or as soon behind it as it can.
    #[must_use]
    pub fn beginning(&self, position: u64) -> Beginning {
        let (headers, first) = (self.pieces.headers(), self.end - self.bytes.len() as u64);
        if position <= headers.len() as u64 && first == 0 {
            return Beginning { prefix: self.from(0).0, input_byte: 0, end: self.end };
        }
        let (head, group) = (self.pieces.headers_end, self.pieces.group_bytes.max(1) as u64);
        let groups = (position.max(first).saturating_sub(head)).div_ceil(group);
        let from = (head + groups * group).min(self.end);
        let prefix = [headers, &self.from(from).0].concat();
        Beginning { prefix, input_byte: from.saturating_sub(headers.len() as u64), end: self.end }
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
            let (mut pieces, mut out) = (Pieces::of(Format::Ogg), Vec::new());
            all.chunks(size).for_each(|bytes| pieces.push(bytes, &mut out));
            assert_eq!(out, whole, "in pieces of {size}");
            assert_eq!(pieces.headers(), [&head[..], &tags].concat());
        }
    }

    #[test]
    fn the_next_title_has_headers_of_its_own_and_they_are_limited() {
        let (mut pieces, mut out) = (Pieces::of(Format::Ogg), Vec::new());
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

    #[test]
    fn heads_of_flac_and_wave_are_found_in_any_chunking_and_only_where_they_are() {
        let flac = [&b"fLaC\x00\0\0\x03abc\x84\0\0\x02de"[..], b"\xFF\xF8frames"].concat();
        let mut wav =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\0\0\0\0\0\0\0\0\x04\0\x10\0LIST\x03\0\0\0abc\0data\0\0\0\0"
                .to_vec();
        let head_bytes = wav.len();
        wav.extend([7; 100]);
        for (format, bytes, head) in [(Format::Flac, &flac, 17), (Format::Wav, &wav, head_bytes)] {
            for size in [1, 5, 1000] {
                let (mut pieces, mut out) = (Pieces::of(format), Vec::new());
                bytes.chunks(size).for_each(|bytes| pieces.push(bytes, &mut out));
                assert_eq!((&out, pieces.headers()), (bytes, &bytes[..head]), "{format:?} in pieces of {size}");
            }
            let mut pieces = Pieces::of(format);
            pieces.push(&vec![b'x'; 2 * HEADERS_BYTES_MAX], &mut Vec::new());
            assert!(pieces.headers().is_empty() && pieces.unfinished.len() < MARK_BYTES);
        }
    }

    #[test]
    fn the_next_file_in_a_row_has_a_head_of_its_own() {
        let flac = |bytes: &[u8]| [&b"fLaC\x80\0\0\x22"[..], &[bytes[0]; 34], bytes].concat();
        let (one, two) = (flac(b"1 first frames"), flac(b"2 other frames"));
        for size in [1, 7, 1000] {
            let mut log = Log::new(Pieces::of(Format::Flac));
            [&one[..], &two].concat().chunks(size).for_each(|bytes| log.push(bytes));
            assert_eq!(log.pieces.headers(), &two[..42], "in pieces of {size}");
            let begun = log.beginning(one.len() as u64 + 44);
            assert_eq!(begun.prefix, [&two[..42], &two[44..]].concat());
            assert_eq!(begun.input_byte, one.len() as u64 + 44 - 42);
        }
    }

    #[test]
    fn the_next_process_begins_with_the_headers_and_on_a_whole_sample() {
        let head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\0\0\0\0\0\0\0\0\x04\0\x10\0data\0\0\0\0";
        let mut log = Log::new(Pieces::of(Format::Wav));
        log.push(head);
        assert_eq!(log.beginning(0), Beginning { prefix: head.to_vec(), input_byte: 0, end: 44 });
        let samples: Vec<u8> = (0..200_000).map(|n| (n / 4) as u8).collect();
        log.push(&samples);
        let begun = log.beginning(44 + 190_001);
        assert_eq!(begun.prefix, [&head[..], &samples[190_004..]].concat());
        assert_eq!((begun.input_byte, begun.end), (190_004, 200_044));
        // What is not there any more is left out, and what has not come yet is waited for.
        assert_eq!(log.beginning(0).prefix.len(), 44 + LOG_BYTES_MAX);
        assert_eq!(log.beginning(u64::MAX - 100).prefix, head);
        assert_eq!(log.from(200_040), (samples[199_996..].to_vec(), 200_044));
    }
}
