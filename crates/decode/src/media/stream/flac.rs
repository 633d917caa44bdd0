//! A segment of FLAC as in a file, up to the next one.

use super::codec::Codec;
use super::flac_frame::{FrameHeader, HEADER_BYTES_MAX, crc16};
use super::head::Head;
use super::probe;
use super::segment::{Out, Segment, Step};
use crate::media::convert::is_convertible;
use radio_signal::mpeg::tags::{self, Tag};

/// What a file begins with.
const MARK: &[u8] = b"fLaC";
/// Bytes of the block STREAMINFO, which comes first.
const STREAM_INFO_BYTES: usize = 34;
/// FFmpeg's demuxer of FLAC.
const DEMUXER: &str = "flac";

/// Where in a file a segment is.
enum Place {
    Mark,
    Blocks,
    Frames,
}

/// Decodes the frames of a file.
pub(super) struct Flac {
    place: Place,
    head_is_told: bool,
    codec: Option<Codec>,
    rate_hz: u32,
    /// The first frame's header, which the others are like.
    first: Option<FrameHeader>,
    seen: Seen,
    /// Samples and bytes of the last good frame.
    last: (usize, usize),
}

/// Of the frame that is looked at.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Bytes that are not its end.
    bytes: usize,
    /// Their checksum.
    sum: u16,
    /// Behind these bytes the checksum was that of a whole frame.
    whole: Option<usize>,
}

impl Default for Flac {
    fn default() -> Self {
        Self {
            place: Place::Mark,
            head_is_told: false,
            codec: None,
            rate_hz: 0,
            first: None,
            seen: Seen::default(),
            last: (0, 0),
        }
    }
}

impl Segment for Flac {
    fn step(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        let more = if is_over { Step::Lost } else { Step::More };
        match self.place {
            Place::Mark => {
                // FFmpeg needs all of it.
                let begin = MARK.len() + 4;
                let Some(info) = bytes.get(begin..begin + STREAM_INFO_BYTES) else { return more };
                if bytes.starts_with(MARK) && !std::mem::replace(&mut self.head_is_told, true) {
                    out.head(Head::of_flac(info));
                    return Step::Took(0);
                }
                if bytes.starts_with(MARK) && (Codec::flac(info).is_err() || !is_convertible(rate_of(info))) {
                    return Step::Needs(DEMUXER);
                }
                self.place = Place::Blocks;
                if bytes.starts_with(MARK) { Step::Took(MARK.len() as u64) } else { Step::Lost }
            }
            Place::Blocks => self.take_block(bytes).unwrap_or(more),
            Place::Frames => self.take_frame(bytes, is_over, out),
        }
    }

    fn goes_on_with(&self, bytes: &[u8]) -> bool {
        self.header_of(bytes).is_some()
    }

    fn resume(&mut self, bytes_lost: u64, out: &mut Out) {
        self.seen = Seen::default();
        let (samples, bytes) = self.last;
        if bytes_lost >= bytes as u64 / 2 {
            self.lose(samples, out);
        }
    }
}

/// The rate in Hz that STREAMINFO states.
fn rate_of(info: &[u8]) -> u32 {
    u32::from_be_bytes([0, info[10], info[11], info[12]]) >> 4
}

impl Flac {
    /// One block before the frames; `None` if it is not there.
    fn take_block(&mut self, bytes: &[u8]) -> Option<Step> {
        let &[kind, high, middle, low] = bytes.first_chunk()?;
        let length = u32::from_be_bytes([0, high, middle, low]);
        if kind & 0x7F == 0 {
            let info = bytes.get(4..4 + STREAM_INFO_BYTES)?;
            let Ok(codec) = Codec::flac(info) else { return Some(Step::Needs(DEMUXER)) };
            self.codec = Some(codec);
            self.rate_hz = rate_of(info);
            if !is_convertible(self.rate_hz) {
                return Some(Step::Needs(DEMUXER));
            }
        }
        if kind & 0x80 != 0 {
            self.place = Place::Frames;
        }
        Some(Step::Took(4 + u64::from(length)))
    }

    /// The header that `bytes` begin with, if it may be of this file.
    fn header_of(&self, bytes: &[u8]) -> Option<FrameHeader> {
        FrameHeader::read(bytes).filter(|header| self.first.is_none_or(|first| first.is_like(header)))
    }

    fn take_frame(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        let Some(header) = self.header_of(bytes) else {
            let may_become = bytes.len() < HEADER_BYTES_MAX && bytes.first().is_none_or(|&first| first == 0xFF);
            return if may_become && !is_over { Step::More } else { Step::Lost };
        };
        let Seen { bytes: mut at, mut sum, mut whole } = self.seen;
        // The end is where the checksum is right and another frame, another file or nothing follows.
        let is_end = loop {
            let rest = &bytes[at..];
            if at > 0 && sum == 0 {
                whole = Some(at);
            }
            if rest.is_empty() || !is_over && rest.len() < HEADER_BYTES_MAX && may_follow(rest) {
                break is_over;
            }
            if at > 0 && self.follows(rest, sum == 0) {
                break true;
            }
            sum = crc16(sum, &rest[..1]);
            at += 1;
        };
        if !is_end {
            self.seen = Seen { bytes: at, sum, whole };
            return Step::More;
        }
        self.seen = Seen::default();
        // What is behind a whole frame, and is none, is looked at by itself.
        let end = whole.unwrap_or(at);
        self.play(&header, &bytes[..end], whole.is_some(), out);
        Step::Took(end as u64)
    }

    /// Whether behind a frame, which is whole or not, these bytes may come.
    fn follows(&self, bytes: &[u8], is_whole: bool) -> bool {
        let is_tag = is_whole && matches!(tags::recognise(bytes), Tag::Bytes(_));
        is_tag || self.header_of(bytes).is_some() || probe::is_container(bytes)
    }

    fn play(&mut self, header: &FrameHeader, frame: &[u8], is_whole: bool, out: &mut Out) {
        let decoded = self.codec.as_mut().filter(|_| is_whole).and_then(|codec| codec.decode(frame).ok());
        let Some(mut block) = decoded else {
            self.lose(header.samples, out);
            return;
        };
        self.first = self.first.or(Some(*header));
        // The file says it; each frame may say so again.
        block.rate_hz = self.rate_hz;
        self.last = (header.samples, frame.len());
        out.sound("flac", block);
    }

    fn lose(&self, samples: usize, out: &mut Out) {
        out.bad_packets += 1;
        out.lost(self.rate_hz, samples);
    }
}

/// Whether something that follows a frame may begin with so few bytes.
fn may_follow(bytes: &[u8]) -> bool {
    let is = |mark: &[u8]| mark.iter().zip(bytes).all(|(mark, byte)| mark == byte);
    is(b"\xFF\xF8") || is(b"\xFF\xF9") || [MARK, b"OggS", b"RIFF", b"ID3", b"TAG"].into_iter().any(is)
}
