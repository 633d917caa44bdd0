//! The row of segments of a stream.

use super::elementary::Elementary;
use super::flac::Flac;
use super::input::Input;
use super::ogg::Ogg;
use super::probe::{self, Found, Kind};
use super::segment::{Event, Out, Segment, Step};
use super::wav::Wav;
use crate::source::formats::Format;
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

/// A stream of bytes as sound, titles and changes.
///
/// Memory: 2 MiB of bytes ahead at most, and what the packets of one page decode to.
pub struct Stream<R> {
    input: Input<R>,
    options: Options,
    segment: Option<(Kind, Box<dyn Segment + Send>)>,
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
        Self { input, options, segment: None, lost_at: Some(0), begun_at: None, resyncs: 0, out }
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

    /// Whether there was ever sound.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.out.is_heard
    }

    /// What has not been decoded, behind [`Event::Needs`] all that it is about, and then the rest.
    pub fn unread(&mut self) -> impl Read {
        &mut self.input
    }

    /// What comes next; waits for it.
    pub fn next_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.out.events.pop_front() {
                return event;
            }
            let event = if self.lost_at.is_some() { self.find() } else { self.step() };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Lets the segment take something.
    fn step(&mut self) -> Option<Event> {
        let (input, out) = (&mut self.input, &mut self.out);
        let Some((_, segment)) = &mut self.segment else {
            self.lost_at = Some(input.taken());
            return None;
        };
        match segment.step(input.window(), input.is_over(), out) {
            Step::Took(bytes) => input.take(bytes),
            Step::Needs(demuxer) => return Some(Event::Needs(demuxer)),
            Step::More if !input.is_over() && input.window().len() < AHEAD_BYTES_MAX => input.read_more(),
            Step::More | Step::Lost => self.lost_at = Some(input.taken()),
        }
        None
    }

    /// Looks for what comes next: the same segment again, or another.
    fn find(&mut self) -> Option<Event> {
        let input = &mut self.input;
        let goes_on = |bytes: &[u8]| self.segment.as_ref().is_some_and(|(_, segment)| segment.goes_on_with(bytes));
        let found = probe::find(input.window(), input.is_over(), goes_on);
        if let Found::Kind(at, _) | Found::Same(at) = found {
            input.take(at as u64);
            let at = input.taken();
            // Whatever begins twice at one byte would do so for ever.
            if self.begun_at.replace(at) == Some(at) {
                input.take(1);
                return None;
            }
        }
        match found {
            Found::Kind(_, kind) => return self.begin(kind),
            Found::Same(_) => self.go_on(),
            Found::Tag(bytes) => input.take(bytes),
            Found::Nothing(bytes) => {
                input.take(bytes as u64);
                if input.is_over() {
                    return Some(Event::Over);
                }
                if self.segment.is_none() && input.taken() > UNKNOWN_BYTES_MAX {
                    // AAC whose frames do not follow each other as they should may be read by FFmpeg.
                    return Some(Event::Needs(if self.options.said == Format::Aac { "aac" } else { "" }));
                }
                if input.window().len() < AHEAD_BYTES_MAX { input.read_more() } else { input.take(1) }
            }
        }
        None
    }

    /// Begins with `kind` at the byte that is next.
    fn begin(&mut self, kind: Kind) -> Option<Event> {
        let segment: Box<dyn Segment + Send> = match (kind, &self.segment) {
            // Their frames and pages tell by themselves what they belong to.
            (Kind::Elementary | Kind::Ogg, Some((before, _))) if *before == kind => {
                self.go_on();
                return None;
            }
            (Kind::Elementary, _) => Box::new(Elementary::default()),
            (Kind::Ogg, _) => Box::new(Ogg::new(self.options.trims_end)),
            (Kind::Flac, _) => Box::new(Flac::default()),
            (Kind::Wav, _) => Box::new(Wav::default()),
            (Kind::Foreign(demuxer), _) => return Some(Event::Needs(demuxer)),
        };
        if self.segment.as_ref().is_some_and(|(before, _)| *before != kind) {
            self.out.cut();
        }
        (self.segment, self.lost_at) = (Some((kind, segment)), None);
        None
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
