//! An output's slots to ticks of sound at 48 kHz, each beside the tick of the programme that it should be.
//!
//! Only frames of MP3 at 48 kHz are a tick long. Of the other codecs a slot holds the frames that begin in its tick, none, one
//! or two (SPEC SIG-4); so their sound is gathered, brought to 48 kHz, and cut into ticks anew.

use super::decode::{Decoder, Planes};
use radio_config::Codec;
use radio_decode::media::convert::Converter;
use radio_encoder::Format;
use radio_signal::mpeg::{AdtsHeader, FrameHeader, Header, adts};
use radio_signal::ogg::page::Page;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES};

/// By how many samples a tick that comes out begins before that of the programme: what LAME and a decoder of MP3 delay.
const EARLIER_SAMPLES: i64 = 1105;
/// Ticks after a beginning that lean on frames before it, and are left out.
const WARM_UP_TICKS: u64 = 4;

/// One output's sound.
pub(super) struct Sound {
    format: Format,
    decoder: Decoder,
    /// None: it is 48 kHz.
    converter: Option<Converter>,
    /// What is decoded, at the output's own rate, and its ticks at 48 kHz.
    decoded: Planes,
    ready: Planes,
    /// Samples at the front of `ready` that are out already.
    taken: usize,
    /// Samples still to be left out, so that the first tick begins where one of the programme does.
    skip: usize,
    is_good: bool,
}

impl Sound {
    /// # Errors
    /// No decoder.
    pub(super) fn new(format: Format) -> anyhow::Result<Self> {
        let (decoder, converter) = (Decoder::new(&format)?, Self::converter(&format));
        let (decoded, ready) = (Planes::default(), Planes::default());
        Ok(Self { format, decoder, converter, decoded, ready, taken: 0, skip: 0, is_good: true })
    }

    fn converter(format: &Format) -> Option<Converter> {
        (format.core_rate_hz() != SAMPLE_RATE_HZ).then(Converter::new)
    }

    /// Begins anew with the frames of `slot`. The first tick that comes out is to be the one returned.
    pub(super) fn begin(&mut self, slot: u64) -> u64 {
        self.decoder.reset();
        self.converter = Self::converter(&self.format);
        self.ready.iter_mut().for_each(Vec::clear);
        (self.taken, self.is_good) = (0, true);
        let grid = self.format.grid();
        let frame = i128::from(grid.first_frame(slot));
        let period_samples = i128::from(grid.period_ticks()) * TICK_SAMPLES as i128;
        let position = (frame * period_samples / i128::from(grid.period_frames())) as i64;
        let begins = position - self.delay_samples() + EARLIER_SAMPLES;
        // The first of the programme's ticks that begins there or later.
        let tick = -(-begins).div_euclid(TICK_SAMPLES as i64);
        self.skip = (tick * TICK_SAMPLES as i64 - begins) as usize + WARM_UP_TICKS as usize * TICK_SAMPLES;
        // With long frames the first of a stream sounds before the programme begins.
        (tick + WARM_UP_TICKS as i64).max(0) as u64
    }

    /// How much earlier than its place on the grid a frame sounds: what encoder and decoder delay, at 48 kHz.
    const fn delay_samples(&self) -> i64 {
        match self.format.codec {
            // LAME's own delay and that of a decoder, at the rate of the frames.
            Codec::Mp3 => EARLIER_SAMPLES * SAMPLE_RATE_HZ as i64 / self.format.sample_rate_hz as i64,
            // FFmpeg's encoder begins with a frame of silence, at the rate of the frames.
            Codec::Aac => adts::FRAME_SAMPLES as i64 * SAMPLE_RATE_HZ as i64 / self.format.sample_rate_hz as i64,
            // What the head of the stream says is to be skipped.
            Codec::Opus => 312,
            // What SBR needs is ahead of its core, of which alone is decoded: two frames with
            // encoders that look ahead.
            Codec::HeAac => 2 * adts::FRAME_SAMPLES as i64 * SAMPLE_RATE_HZ as i64 / self.format.core_rate_hz() as i64,
        }
    }

    /// Takes the frames of the next slot.
    pub(super) fn push(&mut self, slot: u64, bytes: &[u8]) {
        let grid = self.format.grid();
        let wanted = (grid.first_frame(slot + 1) - grid.first_frame(slot)) as usize;
        let frames = frames(self.format.codec, bytes);
        self.decoded.iter_mut().for_each(Vec::clear);
        for index in 0..wanted {
            let frame = frames.get(index).copied().unwrap_or_default();
            self.is_good &= self.decoder.decode(frame, &mut self.decoded);
        }
        self.bring_to_48_khz();
    }

    fn bring_to_48_khz(&mut self) {
        let before = self.ready[0].len();
        if let Some(converter) = &mut self.converter {
            let [left, right] = &self.decoded;
            let steps: Vec<f32> = left.iter().zip(right).flat_map(|(l, r)| [l * 32_768.0, r * 32_768.0]).collect();
            let mut samples = Vec::new();
            converter.push(self.format.core_rate_hz(), &steps, &mut samples);
            for (channel, plane) in self.ready.iter_mut().enumerate() {
                plane.extend(samples.iter().skip(channel).step_by(CHANNELS).map(|&value| f32::from(value) / 32_768.0));
            }
        } else {
            for (plane, decoded) in self.ready.iter_mut().zip(&self.decoded) {
                plane.extend_from_slice(decoded);
            }
        }
        let skipped = self.skip.min(self.ready[0].len() - before);
        self.skip -= skipped;
        self.ready.iter_mut().for_each(|plane| _ = plane.drain(before..before + skipped));
    }

    /// The next tick, and whether all that went into it could be decoded.
    pub(super) fn next_tick(&mut self) -> Option<([&[f32]; CHANNELS], bool)> {
        if self.ready[0].len() - self.taken < TICK_SAMPLES {
            let taken = std::mem::take(&mut self.taken);
            self.ready.iter_mut().for_each(|plane| _ = plane.drain(..taken));
            return None;
        }
        let from = self.taken;
        self.taken += TICK_SAMPLES;
        let is_good = std::mem::replace(&mut self.is_good, true);
        let [left, right] = &self.ready;
        Some(([&left[from..self.taken], &right[from..self.taken]], is_good))
    }
}

/// The frames in a slot, as far as they can be told: what a decoder takes of each.
fn frames(codec: Codec, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::with_capacity(2);
    if codec == Codec::Opus {
        let Ok(page) = Page::read(bytes) else { return frames };
        let mut content = &bytes[page.content];
        let mut length = 0;
        for &segment in &bytes[page.segments] {
            length += usize::from(segment);
            if segment < 255 {
                let Some((packet, rest)) = content.split_at_checked(length) else { return frames };
                frames.push(packet);
                (content, length) = (rest, 0);
            }
        }
        return frames;
    }
    while !bytes.is_empty() {
        let whole = match codec {
            Codec::Aac | Codec::HeAac => AdtsHeader::read(bytes).map(|header| {
                let header_bytes = if header.format.crc { AdtsHeader::BYTES + 2 } else { AdtsHeader::BYTES };
                (header.frame_bytes, header_bytes)
            }),
            _ => FrameHeader::read(bytes).map(|header| (header.frame_bytes(), 0)),
        };
        let Some((frame, rest)) = whole.and_then(|(length, _)| bytes.split_at_checked(length)) else { break };
        frames.push(frame.get(whole.map_or(0, |(_, header_bytes)| header_bytes)..).unwrap_or_default());
        bytes = rest;
    }
    frames
}
