//! How long the pages of an Ogg stream keep its sound back.
//!
//! A sender closes a page after some time, or when it is full. By its size a page is closed that
//! libogg closes by itself: above 4 KiB, or with 255 segments. With sound in it that is a fraction
//! of a second; in digital silence, of which a packet takes a byte, it is as long as 255 packets:
//! six seconds of Vorbis in which nothing comes. The first pages tell which of the two a stream
//! does, so that it is waited for before it is on air, and not in its first pause.

use super::opus;
use super::page::{FIRST, LAST, MAGIC, NoPage, PAGE_BYTES_MAX, Page, SEGMENTS_MAX};
use crate::units::{SAMPLE_RATE_HZ, TICK_SAMPLES};

/// Bytes behind which libogg closes a page, and packets that it holds at least then.
const FULL_BYTES: usize = 4096;
const FULL_PACKETS: usize = 4;
/// What a page that is closed by its size may hold back and that is waited for in advance, in
/// ticks: 6 s. A longer one, as of FLAC, is known when it has come.
const FORESEEN_TICKS_MAX: u64 = 250;
/// Samples of a packet of Opus that does not tell: 60 ms.
const OPUS_PACKET_SAMPLES_MAX: u64 = 2880;

/// Reads the pages of a stream in any chunking. What is no Ogg has no pages. Memory: two pages.
#[derive(Debug, Default)]
pub struct Paging {
    unfinished: Vec<u8>,
    stream: Option<Stream>,
    /// A page was closed before it was full.
    has_short_page: bool,
    /// The longest page so far, in ticks.
    longest_ticks: u64,
    /// The longest that one may be which is closed by its size, in ticks.
    foreseen_ticks: u64,
}

/// The logical stream that is heard.
#[derive(Clone, Copy, Debug)]
struct Stream {
    serial: u32,
    codec: Codec,
    /// Granule and number of the last page that had one.
    last: Option<(u64, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    /// Rate, and samples of the longest packet.
    Steady(u64, u64),
    /// Its packets tell how long they are, at 48 kHz.
    Opus,
}

impl Paging {
    /// Of a stream that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ticks of sound that may be kept back before they come as one lump; 0 while nothing is known.
    #[must_use]
    pub fn lump_ticks(&self) -> u32 {
        let foreseen_ticks = if self.has_short_page { 0 } else { self.foreseen_ticks };
        u32::try_from(self.longest_ticks.max(foreseen_ticks)).unwrap_or(u32::MAX)
    }

    /// Takes what came.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_BYTES_MAX));
            let mut unfinished = std::mem::take(&mut self.unfinished);
            unfinished.extend_from_slice(now);
            bytes = later;
            let taken = self.read_pages(&unfinished);
            unfinished.drain(..taken);
            self.unfinished = unfinished;
        }
    }

    /// Reads all whole pages; how many bytes need not be seen again.
    fn read_pages(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match Page::read(rest) {
                Ok(page) => {
                    self.note(&page, rest);
                    at += page.content.end;
                }
                Err(NoPage::Unfinished) => break,
                Err(NoPage::Garbage) => {
                    at += 1;
                    at += bytes.iter().skip(at).take_while(|&&byte| byte != MAGIC[0]).count();
                }
            }
        }
        at
    }

    fn note(&mut self, page: &Page, bytes: &[u8]) {
        let header = page.header;
        let (segments, content) = (bytes.get(page.segments.clone()), bytes.get(page.content.clone()));
        let (Some(segments), Some(content)) = (segments, content) else { return };
        if header.flags & FIRST != 0 {
            // Streams side by side begin before any of them goes on.
            if self.stream.is_none_or(|stream| stream.last.is_some())
                && let Some(codec) = Codec::of(content)
            {
                self.stream = Some(Stream { serial: header.stream, codec, last: None });
            }
            return;
        }
        // Headers have no time of their own.
        let has_time = header.granule != 0 && header.granule != u64::MAX;
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.serial == header.stream && has_time) else {
            return;
        };
        let last = stream.last.replace((header.granule, header.number));
        let (rate_hz, packet_samples) = match stream.codec {
            Codec::Steady(rate_hz, packet_samples) => (rate_hz, packet_samples),
            Codec::Opus => (48_000, opus::samples(content).unwrap_or(OPUS_PACKET_SAMPLES_MAX)),
        };
        let ticks =
            |samples: u64| samples.saturating_mul(u64::from(SAMPLE_RATE_HZ)).div_ceil(rate_hz * TICK_SAMPLES as u64);
        let packets_samples = packets(segments) as u64 * packet_samples;
        let samples = match last {
            Some((granule, number)) if number.wrapping_add(1) == header.number => {
                header.granule.saturating_sub(granule)
            }
            _ => packets_samples.min(header.granule),
        };
        // Time that is left out between two packets is none that was waited for.
        self.longest_ticks = self.longest_ticks.max(ticks(samples.min(packets_samples)));
        let full_ticks = ticks(SEGMENTS_MAX as u64 * packet_samples).min(FORESEEN_TICKS_MAX);
        self.foreseen_ticks = self.foreseen_ticks.max(full_ticks);
        self.has_short_page |= header.flags & LAST == 0 && !is_full(segments);
    }
}

/// Packets that end in a page.
fn packets(segments: &[u8]) -> usize {
    segments.iter().filter(|&&length| length < u8::MAX).count()
}

/// Whether a page is one that libogg closes for its size: with as many segments as there may be, or
/// behind the first packet with which it holds enough.
fn is_full(segments: &[u8]) -> bool {
    if segments.len() == SEGMENTS_MAX {
        return true;
    }
    let bytes = |segments: &[u8]| segments.iter().map(|&length| usize::from(length)).sum::<usize>();
    let Some((_, others)) = segments.split_last().filter(|(last, _)| **last < u8::MAX) else { return false };
    let before = others.iter().rposition(|&length| length < u8::MAX).map_or(0, |end| end + 1);
    let was_full = bytes(&others[..before]) > FULL_BYTES && packets(others) >= FULL_PACKETS;
    bytes(segments) > FULL_BYTES && packets(segments) >= FULL_PACKETS && !was_full
}

impl Codec {
    /// By the first packet of a stream, as far as the tower plays it.
    fn of(packet: &[u8]) -> Option<Self> {
        let byte = |at: usize| packet.get(at).map(|&byte| u64::from(byte));
        let (rate_hz, packet_samples) = if packet.starts_with(b"OpusHead") {
            return Some(Self::Opus);
        } else if packet.starts_with(b"\x01vorbis") {
            let rate_hz = byte(12)? | byte(13)? << 8 | byte(14)? << 16 | byte(15)? << 24;
            // Two halves of a long block overlap.
            (rate_hz, 1 << (byte(28)? >> 4) >> 1)
        } else if packet.starts_with(b"\x7FFLAC") {
            // Behind 9 bytes of the mapping and 8 of FLAC's own begins STREAMINFO (RFC 9639,
            // section 8.2).
            (byte(27)? << 12 | byte(28)? << 4 | byte(29)? >> 4, byte(19)? << 8 | byte(20)?)
        } else {
            return None;
        };
        (rate_hz > 0).then_some(Self::Steady(rate_hz, packet_samples))
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::{PageHeader, write};
    use super::*;

    fn vorbis(rate_hz: u32) -> Vec<u8> {
        [&b"\x01vorbis\0\0\0\0\x02"[..], &rate_hz.to_le_bytes(), &[0; 12], &[0xB8, 1]].concat()
    }

    fn flac(rate_hz: u32, block_samples: u16) -> Vec<u8> {
        let [high, low] = block_samples.to_be_bytes();
        let rate = (rate_hz << 4).to_be_bytes();
        [&b"\x7FFLAC\x01\0\0\x01fLaC\0\0\0\x22"[..], &[high, low, high, low], &[0; 6], &rate[1..], &[0; 21]].concat()
    }

    /// Pages of a sender, each with as many packets of so many bytes.
    struct Pages {
        bytes: Vec<u8>,
        packet_samples: u64,
        header: PageHeader,
    }

    impl Pages {
        fn new(first: &[u8], packet_samples: u64) -> Self {
            let mut header = PageHeader { flags: FIRST, granule: 0, stream: 5, number: 0 };
            let mut bytes = Vec::new();
            write(header, &[first], &mut bytes);
            header = PageHeader { flags: 0, number: 1, ..header };
            write(header, &[&[3; 60], &[5; 5000]], &mut bytes);
            Self { bytes, packet_samples, header }
        }

        fn page(mut self, packets: usize, bytes: usize) -> Self {
            self.header.number += 1;
            self.header.granule += packets as u64 * self.packet_samples;
            let packet = [&[0xFC][..], &vec![0; bytes - 1]].concat();
            write(self.header, &vec![&packet[..]; packets], &mut self.bytes);
            self
        }

        fn ticks(&self, chunk: usize) -> u32 {
            let mut paging = Paging::new();
            self.bytes.chunks(chunk).for_each(|bytes| paging.push(bytes));
            paging.lump_ticks()
        }
    }

    fn ms(ticks: u32) -> u32 {
        ticks * 24
    }

    #[test]
    fn one_full_page_tells_how_long_a_page_of_silence_will_be() {
        for chunk in [1, 700, 1 << 20] {
            let vorbis = Pages::new(&vorbis(44_100), 1024).page(16, 260).page(17, 250);
            assert!((5921..5950).contains(&ms(vorbis.ticks(chunk))), "{}", vorbis.ticks(chunk));
            let opus = Pages::new(b"OpusHead\x01\x02", 960).page(26, 160);
            assert!((5100..5130).contains(&ms(opus.ticks(chunk))), "{}", opus.ticks(chunk));
            let silence = Pages::new(b"OpusHead\x01\x02", 960).page(255, 3);
            assert!((5100..5130).contains(&ms(silence.ticks(chunk))), "{}", silence.ticks(chunk));
        }
    }

    #[test]
    fn pages_of_flac_hold_four_frames_and_24_s_of_silence_of_which_6_are_foreseen() {
        let sound = Pages::new(&flac(44_100, 4096), 4096).page(4, 9000);
        assert_eq!(sound.ticks(4096), 250);
        let silence = sound.page(255, 14);
        assert!((23_684..23_720).contains(&ms(silence.ticks(4096))), "{}", silence.ticks(4096));
    }

    #[test]
    fn pages_that_are_closed_by_time_are_as_long_as_they_are() {
        for (packets, bytes, longest) in [(5, 200, 120), (47, 200, 1010), (190, 30, 4053)] {
            let pages = Pages::new(&vorbis(48_000), 1024).page(packets, bytes).page(packets, bytes);
            assert!(ms(pages.ticks(1000)).abs_diff(longest) <= 24, "{} of {packets}", pages.ticks(1000));
        }
        let later = Pages::new(&vorbis(48_000), 1024).page(47, 200).page(188, 20).page(47, 200);
        assert!(ms(later.ticks(1000)).abs_diff(4011) <= 24);
        // Full pages first, and then one that is not: it was time that closed them.
        let later = Pages::new(&vorbis(48_000), 1024).page(17, 250).page(47, 2).page(17, 250);
        assert!(ms(later.ticks(1000)).abs_diff(1010) <= 24);
    }

    #[test]
    fn the_end_of_a_title_and_the_next_one_change_nothing_of_what_is_known() {
        let mut first = Pages::new(&vorbis(44_100), 1024).page(16, 260);
        first.header.flags = LAST;
        let first = first.page(2, 200);
        let second = Pages::new(&vorbis(48_000), 1024).page(17, 250);
        let mut paging = Paging::new();
        paging.push(&first.bytes);
        let ticks = paging.lump_ticks();
        paging.push(&second.bytes);
        assert!(ms(ticks) > 5900 && paging.lump_ticks() == ticks);
    }

    #[test]
    fn a_stream_that_is_joined_in_the_middle_loses_a_page_or_skips_time_is_not_taken_for_slow() {
        let mut pages = Pages::new(b"OpusHead\x01\x02", 960);
        pages.header.granule = 1 << 40;
        let mut pages = pages.page(5, 100);
        pages.header.number += 3;
        pages.header.granule += 1 << 20;
        let mut pages = pages.page(5, 100);
        pages.header.granule += 1 << 20;
        assert_eq!(pages.page(5, 100).ticks(100), 5);
    }

    #[test]
    fn what_is_no_ogg_or_no_codec_that_is_played_has_no_pages_and_is_not_kept() {
        let mut paging = Paging::new();
        let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        paging.push(&noise);
        paging.push(&b"OggS".repeat(50_000));
        assert!(paging.lump_ticks() == 0 && paging.unfinished.len() < 2 * PAGE_BYTES_MAX);
        for head in [&b"\x80theora"[..], b"\x01vorbis", b"\x7FFLAC\x01\0", b"", &vorbis(0)] {
            assert_eq!(Pages::new(head, 1024).page(255, 1).ticks(5000), 0);
        }
    }
}
