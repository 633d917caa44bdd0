//! The row of segments of a stream.

use super::elementary::Elementary;
use super::flac::Flac;
use super::head::Head;
use super::input::Input;
use super::ogg::Ogg;
use super::passage::{Part, Passage};
use super::probe::{self, Found, Kind};
use super::segment::{Event, Out, Segment, Step};
use super::wav::Wav;
use crate::media::formats::Format;
use std::io::Read;

/// Bytes that are looked at ahead of what is decoded. What asks for more is damaged.
const AHEAD_BYTES_MAX: usize = 2 << 20;
/// Bytes at the beginning of a stream in which something that is known must begin.
const UNKNOWN_BYTES_MAX: u64 = 256 * 1024;

/// How a stream is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What it is said to be, for where its bytes do not tell.
    pub said: Format,
    /// A stream of Ogg ends at the sample at which its last page says so: right for files. Sources
    /// begin anywhere, and not all count as they should.
    pub trims_end: bool,
}

/// What of a stream was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// There may be more of it here.
    Some,
    /// It takes more bytes.
    Nothing,
    /// The passage is over.
    All,
}

/// A stream of bytes as sound, titles and changes.
///
/// Memory: 2 MiB of bytes ahead at most, and what the packets of one page decode to.
pub struct Stream<R> {
    input: Input<R>,
    options: Options,
    segment: Option<(Kind, Box<dyn Segment + Send>)>,
    /// Something that is known has begun, here or with FFmpeg.
    is_known: bool,
    /// What follows is no part of the segment, or damaged, since that byte.
    lost_at: Option<u64>,
    /// Where a segment was last begun.
    begun_at: Option<u64>,
    resyncs: u64,
    out: Out,
}

impl<R: Read> Stream<R> {
    /// A stream that has not begun.
    pub fn new(inner: R, options: Options) -> Self {
        let (input, out) = (Input::new(inner), Out::default());
        Self { input, options, segment: None, is_known: false, lost_at: Some(0), begun_at: None, resyncs: 0, out }
    }

    /// Packets that could not be decoded.
    #[must_use]
    pub const fn bad_packets(&self) -> u64 {
        self.out.bad_packets
    }

    /// Times that something was looked for behind damage.
    #[must_use]
    pub const fn resyncs(&self) -> u64 {
        self.resyncs
    }

    /// Bytes that have been decoded, or passed over.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.input.taken()
    }

    /// Where another process would go on: behind what has been taken, but not behind a head that has
    /// not been told.
    #[must_use]
    pub fn resume_byte(&self) -> u64 {
        let head_bytes = self.segment.as_ref().map_or(0, |(_, segment)| segment.head_bytes());
        self.input.taken().saturating_sub(head_bytes)
    }

    /// Whether there was ever sound.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.out.is_heard
    }

    /// What it is read from.
    #[must_use]
    pub const fn source(&self) -> &R {
        self.input.source()
    }

    /// What has not been decoded, behind [`Event::Needs`] all that it is about, and then the rest.
    pub fn unread(&mut self) -> impl Read {
        &mut self.input
    }

    /// Moves what `passage` passes on of the bytes that are here to `out`, after [`Event::Needs`].
    pub fn pass(&mut self, passage: &mut Passage, out: &mut Vec<u8>) -> Passed {
        let input = &mut self.input;
        match passage.step(input.window(), input.is_over()) {
            Part::Passes(bytes) => {
                out.extend_from_slice(&input.window()[..bytes]);
                input.pass(bytes as u64);
                Passed::Some
            }
            Part::Skips(bytes) => {
                input.pass(bytes);
                Passed::Some
            }
            Part::More if !input.is_over() && input.window().len() < AHEAD_BYTES_MAX => Passed::Nothing,
            Part::More | Part::Over => {
                self.segment = None;
                self.lost_at = Some(input.taken());
                Passed::All
            }
        }
    }

    /// Waits for more bytes, or for the end.
    pub fn read_more(&mut self) {
        self.input.read_more();
    }

    /// What comes next; waits for it.
    pub fn next_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.out.events.pop_front() {
                return event;
            }
            if self.lost_at.is_none() {
                self.step();
            } else if let Some(event) = self.find() {
                return event;
            }
        }
    }

    /// Lets the segment take something.
    fn step(&mut self) {
        let (input, out) = (&mut self.input, &mut self.out);
        let Some((_, segment)) = &mut self.segment else {
            self.lost_at = Some(input.taken());
            return;
        };
        match segment.step(input.window(), input.is_over(), out) {
            Step::Took(bytes) => input.pass(bytes),
            Step::Needs(demuxer) => out.events.push_back(Event::Needs(demuxer)),
            Step::More if !input.is_over() && input.window().len() < AHEAD_BYTES_MAX => input.read_more(),
            Step::More | Step::Lost => self.lost_at = Some(input.taken()),
        }
    }

    /// Looks for what comes next: the same segment again, or another.
    fn find(&mut self) -> Option<Event> {
        let input = &mut self.input;
        let goes_on = |bytes: &[u8]| self.segment.as_ref().is_some_and(|(_, segment)| segment.goes_on_with(bytes));
        let found = probe::find(input.window(), input.is_over(), goes_on);
        if let Found::Kind(at, _) | Found::Same(at) = found {
            input.pass(at as u64);
            let at = input.taken();
            // Whatever begins twice at one byte would do so for ever.
            if self.begun_at.replace(at) == Some(at) {
                input.pass(1);
                return None;
            }
        }
        match found {
            Found::Kind(_, kind) => self.begin(kind),
            Found::Same(_) => self.go_on(),
            Found::Tag(bytes) => input.pass(bytes),
            Found::Nothing(bytes) => {
                input.pass(bytes as u64);
                if input.is_over() {
                    return Some(Event::Over);
                }
                if !self.is_known && input.taken() > UNKNOWN_BYTES_MAX {
                    // AAC whose frames do not follow each other as they should may be read by FFmpeg.
                    return Some(Event::Needs(if self.options.said == Format::Aac { "aac" } else { "" }));
                }
                if input.window().len() < AHEAD_BYTES_MAX { input.read_more() } else { input.pass(1) }
            }
        }
        None
    }

    /// Begins with `kind` at the byte that is next.
    fn begin(&mut self, kind: Kind) {
        self.is_known = true;
        let segment: Box<dyn Segment + Send> = match (kind, &self.segment) {
            // Their frames and pages tell by themselves what they belong to.
            (Kind::Elementary | Kind::Ogg, Some((before, _))) if *before == kind => {
                self.go_on();
                return;
            }
            (Kind::Elementary, _) => {
                self.out.head(Head::none());
                Box::new(Elementary::default())
            }
            (Kind::Ogg, _) => Box::new(Ogg::new(self.options.trims_end)),
            (Kind::Flac, _) => Box::new(Flac::default()),
            (Kind::Wav, _) => Box::new(Wav::default()),
            (Kind::Foreign(demuxer), _) => {
                self.out.head(Head::none());
                self.out.events.push_back(Event::Needs(demuxer));
                return;
            }
        };
        if self.segment.as_ref().is_some_and(|(before, _)| *before != kind) {
            self.out.cut();
        }
        (self.segment, self.lost_at) = (Some((kind, segment)), None);
    }

    /// The segment goes on at the byte that is next.
    fn go_on(&mut self) {
        let Some(lost_at) = self.lost_at.take() else { return };
        let bytes_lost = self.input.taken() - lost_at;
        if let Some((_, segment)) = &mut self.segment {
            self.resyncs += 1;
            segment.resume(bytes_lost, &mut self.out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::mpeg::AdtsHeader;
    use radio_signal::ogg::page::{FIRST, PageHeader, write};

    fn frames(rate_hz: u32, fill: u8, count: usize) -> Vec<u8> {
        let mut frame = AdtsHeader::write(rate_hz, 2, 200).expect("valid").to_vec();
        frame.resize(207, fill);
        frame.repeat(count)
    }

    /// Bytes a few at a time.
    struct Few<'a>(&'a [u8]);

    impl Read for Few<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(out.len()).min(100);
            (&mut self.0).take(count as u64).read(out)
        }
    }

    #[test]
    fn frames_that_ffmpeg_decodes_are_passed_on_each_once_until_others_follow() {
        let (he_aac, plain) = (frames(24_000, 1, 20), frames(48_000, 2, 20));
        let bytes = [&he_aac[..10 * 207], b"garbage", &he_aac[10 * 207..], &plain].concat();
        let mut stream = Stream::new(Few(&bytes), Options { said: Format::Aac, trims_end: false });
        assert!(matches!(stream.next_event(), Event::Head(_)));
        assert!(matches!(stream.next_event(), Event::Needs("aac")));
        let (mut passage, mut passed) = (Passage::of("aac"), Vec::new());
        loop {
            assert!(passed.len() <= bytes.len(), "something is passed on twice");
            match stream.pass(&mut passage, &mut passed) {
                Passed::Some => {}
                Passed::Nothing => stream.read_more(),
                Passed::All => break,
            }
        }
        let whole = |bytes: &[u8]| bytes.chunks(207).filter(|frame| he_aac.starts_with(frame)).count();
        assert!(whole(&passed) >= 10 && (he_aac.len() - 207..=he_aac.len() + 7).contains(&passed.len()));
        assert_eq!(stream.taken(), (he_aac.len() + 7) as u64, "the plain frames are the tower's own");
    }

    #[test]
    fn behind_a_passage_that_ffmpeg_gave_up_anything_that_is_known_is_looked_for_however_long() {
        let matroska = [&[0x1A, 0x45, 0xDF, 0xA3][..], &vec![0; 600_000]].concat();
        let bytes = [&matroska[..], &frames(48_000, 2, 20)].concat();
        let mut stream = Stream::new(Few(&bytes), Options { said: Format::Unknown, trims_end: false });
        assert!(matches!(stream.next_event(), Event::Head(_)));
        assert!(matches!(stream.next_event(), Event::Needs("matroska")));
        let (mut passage, mut passed) = (Passage::of("matroska"), Vec::new());
        while passed.len() < 300_000 {
            if stream.pass(&mut passage, &mut passed) == Passed::Nothing {
                stream.read_more();
            }
        }
        assert!(matches!(stream.next_event(), Event::Head(_)), "of the frames");
        assert_eq!(stream.taken(), matroska.len() as u64);
    }

    #[test]
    fn a_link_whose_head_is_too_long_does_not_keep_that_of_the_one_before() {
        let page = |flags, granule, packet: &[u8]| {
            let mut page = Vec::new();
            write(PageHeader { flags, granule, stream: 1, number: 0 }, &[packet], &mut page);
            page
        };
        let begin = page(FIRST, 0, b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0");
        let short = [&begin[..], &page(0, 0, b"OpusTags"), &page(0, 960, &[0xFC])].concat();
        let long = [&begin[..], &page(0, 0, &[0; 60_000]).repeat(5), &page(0, 960, &[0xFC])].concat();
        let bytes = [short, long].concat();
        let mut stream = Stream::new(Few(&bytes), Options { said: Format::Ogg, trims_end: false });
        let mut heads = Vec::new();
        loop {
            match stream.next_event() {
                Event::Head(head) => heads.push(head.bytes.len()),
                Event::Over => break,
                _ => {}
            }
        }
        assert_eq!(heads, [begin.len() + page(0, 0, b"OpusTags").len(), 0]);
    }

    #[test]
    fn what_is_passed_on_without_frames_is_all_of_it() {
        let bytes: Vec<u8> = (0..50_000_u32).map(|n| n as u8).collect();
        let mut stream = Stream::new(Few(&bytes), Options { said: Format::Ogg, trims_end: false });
        let (mut passage, mut passed) = (Passage::of("matroska"), Vec::new());
        loop {
            assert!(passed.len() <= bytes.len(), "something is passed on twice");
            match stream.pass(&mut passage, &mut passed) {
                Passed::Some => {}
                Passed::Nothing => stream.read_more(),
                Passed::All => break,
            }
        }
        assert!(passed == bytes);
    }
}
