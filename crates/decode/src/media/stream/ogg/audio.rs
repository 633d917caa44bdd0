//! The codecs of logical streams: known by the first packet, made by the headers behind it.

use super::super::codec::Codec;
use crate::media::StereoBlock;
use crate::media::convert::is_convertible;
use crate::media::downmix::{self, Gains};
use radio_opus::decoder as opus;
use symphonia::core::audio::Position;

/// Full scale of decoded samples.
const FULL_SCALE: f32 = 32_768.0;
/// Bytes of the block STREAMINFO of FLAC, and where it begins in the first packet.
const STREAM_INFO: std::ops::Range<usize> = 17..51;

/// What a first packet is.
pub(super) enum Identified {
    /// Of a stream with this codec.
    Audio(Audio),
    /// Of anything else.
    Other,
}

/// A codec, and how far it is known.
pub(super) enum Audio {
    /// Vorbis that lacks its setup: the first packet.
    VorbisHead(Vec<u8>),
    /// Vorbis.
    Vorbis(Codec),
    /// FLAC.
    Flac(Codec),
    /// Opus.
    Opus(Opus),
}

/// By its first packet.
pub(super) fn identify(packet: &[u8]) -> Identified {
    let flac = |info: &[u8]| Codec::flac(info).ok();
    let audio = if packet.starts_with(b"\x01vorbis") {
        let rate = packet.get(12..16).and_then(|rate| rate.first_chunk().copied()).map(u32::from_le_bytes);
        rate.filter(|&rate| is_convertible(rate)).map(|_| Audio::VorbisHead(packet.to_vec()))
    } else if packet.starts_with(b"\x7FFLAC\x01") && packet.get(9..13) == Some(b"fLaC") {
        packet.get(STREAM_INFO).and_then(flac).map(Audio::Flac)
    } else if packet.starts_with(b"OpusHead") {
        opus::Head::read(packet).ok().and_then(|head| Opus::new(&head)).map(Audio::Opus)
    } else {
        None
    };
    audio.map_or(Identified::Other, Identified::Audio)
}

/// A decoder of Opus, whose channels are folded to two.
pub(super) struct Opus {
    decoder: opus::Decoder,
    gains: Vec<Gains>,
    pub(super) pre_skip: u64,
}

impl Opus {
    fn new(head: &opus::Head) -> Option<Self> {
        let gains = downmix::gains_in_order(order(head.channels)?);
        Some(Self { decoder: opus::Decoder::new(head).ok()?, gains, pre_skip: head.pre_skip.into() })
    }

    /// Decodes a packet; of one that is damaged, how many samples it would have had.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<StereoBlock, usize> {
        let interleaved = self.decoder.decode(packet);
        let interleaved = interleaved.map_err(|_| opus::packet_samples(packet).unwrap_or_default())?;
        let mut block = StereoBlock { rate_hz: 48_000, samples: Vec::new() };
        downmix::fold(interleaved, &self.gains, FULL_SCALE, &mut block.samples);
        Ok(block)
    }
}

/// The channels of Opus, which has the order of Vorbis (RFC 7845, section 5.1.1.2).
fn order(channels: u8) -> Option<&'static [Position]> {
    const L: Position = Position::FRONT_LEFT;
    const C: Position = Position::FRONT_CENTER;
    const R: Position = Position::FRONT_RIGHT;
    const SL: Position = Position::SIDE_LEFT;
    const SR: Position = Position::SIDE_RIGHT;
    const RL: Position = Position::REAR_LEFT;
    const RC: Position = Position::REAR_CENTER;
    const RR: Position = Position::REAR_RIGHT;
    const LFE: Position = Position::LFE1;
    Some(match channels {
        1 => &[C],
        2 => &[L, R],
        3 => &[L, C, R],
        4 => &[L, R, RL, RR],
        5 => &[L, C, R, RL, RR],
        6 => &[L, C, R, RL, RR, LFE],
        7 => &[L, C, R, SL, SR, RC, LFE],
        8 => &[L, C, R, SL, SR, RL, RR, LFE],
        _ => return None,
    })
}
