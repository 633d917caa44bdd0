//! One link of a chain: its packets to sound.

use super::super::codec::Codec;
use super::super::segment::{Event, Out};
use super::audio::Audio;
use super::comments::title_of;
use crate::media::StereoBlock;

/// Seconds of silence in place of pages that are lost, at most.
const LOST_S_MAX: u64 = 2;
/// Bytes of comments that are looked at. What is longer holds pictures, which come last.
const COMMENTS_BYTES_MAX: usize = 64 * 1024;

/// Only FFmpeg may know what is in the headers.
pub(super) struct TakesFfmpeg;

/// A logical stream that is heard.
pub(super) struct Link {
    audio: Audio,
    trims_end: bool,
    rate_hz: u32,
    /// Samples at the beginning that are not to be heard.
    to_skip: u64,
    /// Samples decoded, those that are skipped included.
    position: u64,
    /// Samples that are left of a stream that is cut off at its end.
    left: Option<u64>,
    /// The time of the page before.
    granule: Option<u64>,
    /// Samples of the last good packet.
    last_samples: usize,
    /// There was an audio packet.
    has_begun: bool,
}

impl Link {
    pub(super) fn new(audio: Audio, trims_end: bool) -> Self {
        let to_skip = if let Audio::Opus(opus) = &audio { opus.pre_skip } else { 0 };
        Self {
            audio,
            trims_end,
            rate_hz: 0,
            to_skip,
            position: 0,
            left: None,
            granule: None,
            last_samples: 0,
            has_begun: false,
        }
    }

    /// Before the packets of a page that ends at `granule`, behind so many pages that are lost.
    pub(super) fn begin_page(&mut self, granule: Option<u64>, pages_lost: u32, is_last: bool, out: &mut Out) {
        if pages_lost > 0 && self.has_begun {
            out.bad_packets += u64::from(pages_lost);
            let lost = match (self.granule, granule) {
                // All pages between two times are taken for equally long.
                (Some(before), Some(now)) => {
                    let pages = u64::from(pages_lost);
                    now.saturating_sub(before).saturating_mul(pages) / (pages + 1)
                }
                _ => 0,
            };
            let lost = lost.min(LOST_S_MAX * u64::from(self.rate_hz));
            self.position += lost;
            out.lost(self.rate_hz, lost as usize);
        }
        if self.trims_end && is_last {
            self.left = granule.map(|granule| granule.saturating_sub(self.position));
        }
        // Headers have no time of their own.
        if self.has_begun || granule != Some(0) {
            self.granule = granule.or(self.granule);
        }
    }

    /// Takes a packet behind the first.
    pub(super) fn take(&mut self, packet: &[u8], out: &mut Out) -> Result<(), TakesFfmpeg> {
        if !self.has_begun && self.take_header(packet, out)? {
            return Ok(());
        }
        self.has_begun = true;
        let decoded = match &mut self.audio {
            Audio::VorbisHead(_) => Err(None),
            Audio::Vorbis(codec) | Audio::Flac(codec) => match codec.decode(packet) {
                Ok(block) => Ok((codec.name(), block)),
                Err(_) => Err(None),
            },
            Audio::Opus(opus) => opus.decode(packet).map(|block| ("opus", block)).map_err(Some),
        };
        match decoded {
            Ok((name, block)) => self.play(name, block, out),
            Err(samples) => {
                out.bad_packets += 1;
                let samples = samples.unwrap_or(self.last_samples);
                self.position += samples as u64;
                out.lost(self.rate_hz, samples);
            }
        }
        Ok(())
    }

    /// False if it is no header.
    fn take_header(&mut self, packet: &[u8], out: &mut Out) -> Result<bool, TakesFfmpeg> {
        let is_header = match &self.audio {
            Audio::VorbisHead(_) | Audio::Vorbis(_) => packet.first().is_some_and(|first| first & 1 == 1),
            Audio::Flac(_) => packet.first() != Some(&0xFF),
            Audio::Opus(_) => packet.starts_with(b"OpusTags"),
        };
        if let (Audio::VorbisHead(head), true) = (&self.audio, packet.starts_with(b"\x05vorbis")) {
            self.audio = Audio::Vorbis(Codec::vorbis(head, packet).map_err(|_| TakesFfmpeg)?);
        } else if is_header && let Some(title) = title_of(&packet[..packet.len().min(COMMENTS_BYTES_MAX)]) {
            out.events.push_back(Event::Title(title));
        }
        Ok(is_header)
    }

    fn play(&mut self, codec: &'static str, mut block: StereoBlock, out: &mut Out) {
        let samples = block.samples.len() / 2;
        (self.rate_hz, self.last_samples) = (block.rate_hz, samples);
        self.position += samples as u64;
        if let Some(left) = &mut self.left {
            let kept = (samples as u64).min(*left);
            *left -= kept;
            block.samples.truncate(2 * kept as usize);
        }
        let skipped = (block.samples.len() as u64 / 2).min(self.to_skip);
        self.to_skip -= skipped;
        block.samples.drain(..2 * skipped as usize);
        out.sound(codec, block);
    }
}
