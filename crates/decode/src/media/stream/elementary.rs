//! A segment of MPEG audio or AAC in ADTS, whose format may change from any frame on.

use super::codec::Codec;
use super::probe;
use super::segment::{Out, Segment, Step};
use radio_signal::mpeg::elementary::{ElementaryFormat, ElementaryHeader};
use radio_signal::mpeg::splitter::{self, Splitter};
use symphonia::core::errors::Error;

/// Frames in place of which there is silence after bytes that are no frames. More may have been put
/// between frames, and would be time that never was.
const LOST_FRAMES_MAX: u64 = 3;

/// FFmpeg's demuxer of ADTS.
const ADTS: &str = "aac";

/// Decodes frames by one codec after the other.
#[derive(Default)]
pub(super) struct Elementary {
    splitter: Splitter,
    codec: Option<(ElementaryFormat, Codec)>,
    last: Option<ElementaryHeader>,
    /// The codec of now has given sound.
    is_heard: bool,
}

impl Segment for Elementary {
    fn step(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        match self.splitter.step(bytes, is_over, probe::is_container) {
            splitter::Step::More => Step::More,
            splitter::Step::Lost => Step::Lost,
            splitter::Step::Tag(length) => Step::Took(length),
            splitter::Step::Contents(header) => Step::Took(header.frame_bytes as u64),
            splitter::Step::Cut(header, length) => {
                self.lose(&header, 1, out);
                Step::Took(length as u64)
            }
            splitter::Step::Frame(header) => match bytes.get(header.header_bytes..header.frame_bytes) {
                Some(frame) => self.play(&header, frame, out),
                None => Step::Lost,
            },
        }
    }

    fn resume(&mut self, bytes_lost: u64, out: &mut Out) {
        let Some(last) = self.last else { return };
        let frame_bytes = last.frame_bytes as u64;
        let frames = (bytes_lost + frame_bytes / 2) / frame_bytes.max(1);
        if frames > 0 {
            self.lose(&last, frames.min(LOST_FRAMES_MAX), out);
        }
    }
}

impl Elementary {
    fn play(&mut self, header: &ElementaryHeader, frame: &[u8], out: &mut Out) -> Step {
        if self.codec.as_ref().is_none_or(|(format, _)| *format != header.format) {
            let Some(codec) = Codec::elementary(header.format) else { return Step::Needs(ADTS) };
            if self.codec.replace((header.format, codec)).is_some() {
                out.cut();
            }
            self.is_heard = false;
        }
        self.last = Some(*header);
        let Some((_, codec)) = &mut self.codec else { return Step::Lost };
        match codec.decode(frame) {
            Ok(block) if block.samples.is_empty() => {}
            Ok(block) => {
                self.is_heard = true;
                out.sound(codec.name(), block);
            }
            // No damage: its first frame uses what this decoder does not know.
            Err(Error::Unsupported(_)) if !self.is_heard && header.header_bytes > 0 => {
                self.codec = None;
                return Step::Needs(ADTS);
            }
            Err(_) => self.lose(header, 1, out),
        }
        Step::Took(header.frame_bytes as u64)
    }

    fn lose(&self, header: &ElementaryHeader, frames: u64, out: &mut Out) {
        out.bad_packets += frames;
        out.lost(header.format.sample_rate_hz, header.samples * frames as usize);
    }
}
