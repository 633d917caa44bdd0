//! A segment of PCM in WAVE, up to the next one.

use super::codec::Codec;
use super::head::Head;
use super::probe::{self, Begins, Kind};
use super::segment::{Out, Segment, Step};
use crate::media::convert::is_convertible;
use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64LE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S16LE,
    CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

/// FFmpeg's demuxer of WAVE.
const DEMUXER: &str = "wav";
/// Bytes of samples that are decoded at once.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Bytes by which the next file is known.
const MARK_BYTES: usize = 12;
/// Bytes of a chunk of format that are looked at.
const FORMAT_BYTES_MAX: usize = 40;
/// A size from which on it says that its writer did not know it.
const UNKNOWN_SIZE: u32 = 0x7FFF_FFFF - 0xFFFF;

/// Decodes the samples of a file.
#[derive(Default)]
pub(super) struct Wav {
    head_is_told: bool,
    begun: bool,
    format: Option<Format>,
    /// Bytes of samples to come; none before them, the greatest number where that is not known.
    left: Option<u64>,
}

struct Format {
    codec: Codec,
    frame_bytes: usize,
}

impl Segment for Wav {
    fn step(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        let more = if is_over { Step::Lost } else { Step::More };
        if !self.begun {
            let Some(is_own) = is_own(bytes) else { return more };
            if !self.head_is_told {
                let Some(head) = Head::of_wav(bytes, is_over) else { return more };
                out.head(head);
                self.head_is_told = true;
                return Step::Took(0);
            }
            // FFmpeg needs all of it.
            if !is_own {
                return Step::Needs(DEMUXER);
            }
            self.begun = true;
            return Step::Took(MARK_BYTES as u64);
        }
        match self.left {
            None => self.take_chunk(bytes).unwrap_or(more),
            Some(0) => Step::Lost,
            Some(left) => self.play(left, bytes, is_over, out),
        }
    }
}

impl Wav {
    /// One chunk before the samples; `None` if it is not there.
    fn take_chunk(&mut self, bytes: &[u8]) -> Option<Step> {
        let (name, size) = bytes.get(..8)?.split_at(4);
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]);
        match name {
            b"data" if self.format.is_none() => return Some(Step::Needs(DEMUXER)),
            b"data" => {
                self.left = Some(if size == 0 || size >= UNKNOWN_SIZE { u64::MAX } else { size.into() });
                return Some(Step::Took(8));
            }
            b"fmt " => {
                let there = bytes.get(8..8 + (size as usize).min(FORMAT_BYTES_MAX))?;
                let Some(format) = Format::read(there) else { return Some(Step::Needs(DEMUXER)) };
                self.format = Some(format);
            }
            _ if !name.iter().all(|byte| (b' '..=b'~').contains(byte)) => return Some(Step::Lost),
            _ => {}
        }
        Some(Step::Took(8 + u64::from(size) + u64::from(size % 2)))
    }

    fn play(&mut self, left: u64, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        let Some(format) = &mut self.format else { return Step::Lost };
        // Another file may begin before this one is over, and its mark may not be whole yet.
        let (samples, ends) = match next_file(bytes, is_over) {
            (0, Begins::Yes(())) => return Step::Lost,
            (at, Begins::Perhaps) => (at, false),
            (at, Begins::Yes(())) => (at, true),
            (at, Begins::No) => (at, is_over),
        };
        let samples = samples.min(usize::try_from(left).unwrap_or(usize::MAX)).min(PIECE_BYTES_MAX);
        let whole = samples - samples % format.frame_bytes;
        if whole == 0 {
            if !ends && samples as u64 != left {
                return Step::More;
            }
            // What is left is no whole sample.
            self.left = Some(0);
            return Step::Took(samples as u64);
        }
        if left != u64::MAX {
            self.left = Some(left - whole as u64);
        }
        match format.codec.decode(&bytes[..whole]) {
            Ok(block) => out.sound("pcm", block),
            Err(_) => out.bad_packets += 1,
        }
        Step::Took(whole as u64)
    }
}

/// Whether a file that begins with `bytes` is of samples that are decoded here, as far as its first
/// chunk tells; `None`: more bytes will.
fn is_own(bytes: &[u8]) -> Option<bool> {
    let head = bytes.get(MARK_BYTES..MARK_BYTES + 8)?;
    let Some(size) = head.strip_prefix(b"fmt ").and_then(|size| size.first_chunk()) else { return Some(true) };
    let size = (u32::from_le_bytes(*size) as usize).min(FORMAT_BYTES_MAX);
    Some(Format::read(bytes.get(MARK_BYTES + 8..MARK_BYTES + 8 + size)?).is_some())
}

/// Where in `bytes` another file begins, or may.
fn next_file(bytes: &[u8], is_over: bool) -> (usize, Begins<()>) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(byte, b'R' | b'B' | b'f') {
            match probe::container(&bytes[at..]) {
                Begins::Yes(Kind::Wav | Kind::Flac) => return (at, Begins::Yes(())),
                Begins::Perhaps if !is_over => return (at, Begins::Perhaps),
                _ => {}
            }
        }
    }
    (bytes.len(), Begins::No)
}

impl Format {
    /// From the chunk that describes it; `None` if it takes FFmpeg.
    fn read(chunk: &[u8]) -> Option<Self> {
        let number = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let (mut tag, channels, align, bits) = (number(0)?, number(2)?, number(12)?, number(14)?);
        let rate_hz = u32::from(number(4)?) | u32::from(number(6)?) << 16;
        let mut mask = 0;
        if tag == 0xFFFE {
            mask = u32::from(number(20)?) | u32::from(number(22)?) << 16;
            tag = number(24)?;
        }
        let codec = coding(tag, bits)?;
        let frame_bytes = usize::from(align);
        if channels == 0
            || frame_bytes != usize::from(channels) * usize::from(bits.div_ceil(8))
            || !is_convertible(rate_hz)
        {
            return None;
        }
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_sample_rate(rate_hz).with_channels(layout(channels, mask));
        Some(Self { codec: Codec::new(&params).ok()?, frame_bytes })
    }
}

fn coding(tag: u16, bits: u16) -> Option<AudioCodecId> {
    Some(match (tag, bits) {
        (1, 8) => CODEC_ID_PCM_U8,
        (1, 16) => CODEC_ID_PCM_S16LE,
        (1, 24) => CODEC_ID_PCM_S24LE,
        (1, 32) => CODEC_ID_PCM_S32LE,
        (3, 32) => CODEC_ID_PCM_F32LE,
        (3, 64) => CODEC_ID_PCM_F64LE,
        (6, 8) => CODEC_ID_PCM_ALAW,
        (7, 8) => CODEC_ID_PCM_MULAW,
        _ => return None,
    })
}

/// The mask of WAVE has the bits of positions here; without one the usual layouts hold.
fn layout(channels: u16, mask: u32) -> Channels {
    let front = Position::FRONT_LEFT | Position::FRONT_RIGHT;
    let positions = match (mask, channels) {
        (0, 1) => Position::FRONT_LEFT,
        (0, 2) => front,
        (0, 6) => front | Position::FRONT_CENTER | Position::LFE1 | Position::REAR_LEFT | Position::REAR_RIGHT,
        _ => Position::from_bits_truncate(mask.into()),
    };
    let is_known = positions.bits().count_ones() == u32::from(channels);
    if is_known { Channels::Positioned(positions) } else { Channels::Discrete(channels) }
}
