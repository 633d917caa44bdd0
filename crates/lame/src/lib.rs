//! Safe wrapper over LAME, for gap-free radio: constant bitrate and no bit reservoir, so that an encoder forgets its
//! past and another one started on the same grid produces the same bytes.
//!
//! LAME is LGPL: see `NOTICE.md` beside this crate.

mod handle;

use handle::{Handle, SAMPLES_PER_CALL_MAX};

/// How an [`Encoder`] is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sample rate of both the PCM and the frames: one of Layer III's.
    pub sample_rate_hz: u32,
    /// Of the PCM: 1 or 2; two channels are coded as joint stereo.
    pub channels: u8,
    /// The frames have one channel: of two channels of PCM, their mean, not rounded.
    pub mono: bool,
    /// Constant bitrate: one of Layer III's at this sample rate.
    pub bitrate_kbps: u32,
}

/// Why no encoder could be made, or why it stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// LAME has no such channel count.
    #[error("{0} channels: Layer III has 1 or 2")]
    Channels(u8),
    /// Layer III has no such sample rate.
    #[error("{0} Hz is not a sample rate of Layer III; choose 32000, 44100 or 48000 (or half or a quarter of these)")]
    SampleRate(u32),
    /// Layer III has no such bitrate at this sample rate.
    #[error("{bitrate_kbps} kbit/s is not a bitrate of Layer III at {sample_rate_hz} Hz; choose one of {choices:?}")]
    Bitrate {
        /// What was asked for.
        bitrate_kbps: u32,
        /// At which rate.
        sample_rate_hz: u32,
        /// What would be valid.
        choices: &'static [u32],
    },
    /// LAME could not get memory.
    #[error("LAME could not get memory")]
    Memory,
    /// LAME answered with an error of its own.
    #[error("LAME failed with code {0}")]
    Lame(i32),
    /// Interleaved PCM must hold whole samples.
    #[error("{values} interleaved values are not a whole number of {channels}-channel samples")]
    HalfSample {
        /// Values given.
        values: usize,
        /// Channels configured.
        channels: u8,
    },
}

const BITRATES_MPEG1_KBPS: &[u32] = &[32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BITRATES_MPEG2_KBPS: &[u32] = &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// Above 64 kbit/s LAME refuses MPEG-2.5.
const BITRATES_MPEG25_KBPS: &[u32] = &[8, 16, 24, 32, 40, 48, 56, 64];

/// Bitrates that Layer III has at a sample rate.
#[must_use]
pub const fn bitrates_kbps(sample_rate_hz: u32) -> Option<&'static [u32]> {
    match sample_rate_hz {
        32_000 | 44_100 | 48_000 => Some(BITRATES_MPEG1_KBPS),
        16_000 | 22_050 | 24_000 => Some(BITRATES_MPEG2_KBPS),
        8_000 | 11_025 | 12_000 => Some(BITRATES_MPEG25_KBPS),
        _ => None,
    }
}

impl Settings {
    /// Whether Layer III can do this.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=2).contains(&self.channels) {
            return Err(Error::Channels(self.channels));
        }
        let choices = bitrates_kbps(self.sample_rate_hz).ok_or(Error::SampleRate(self.sample_rate_hz))?;
        if !choices.contains(&self.bitrate_kbps) {
            let Self { sample_rate_hz, bitrate_kbps, .. } = *self;
            return Err(Error::Bitrate { bitrate_kbps, sample_rate_hz, choices });
        }
        Ok(())
    }
}

/// One stream's encoder. Frame `i` is complete when `1152*i + 1376` samples are in.
#[derive(Debug)]
pub struct Encoder {
    handle: Handle,
    channels: u8,
    mono: bool,
}

impl Encoder {
    /// An encoder that has heard nothing yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self { handle: Handle::new(&settings)?, channels: settings.channels, mono: settings.mono })
    }

    /// Encodes whole samples of interleaved PCM and appends the frames that became complete to `out`.
    pub fn encode_interleaved(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        let channels = usize::from(self.channels);
        if !pcm.len().is_multiple_of(channels) {
            return Err(Error::HalfSample { values: pcm.len(), channels: self.channels });
        }
        let is_mean = self.mono && channels == 2;
        pcm.chunks(SAMPLES_PER_CALL_MAX * channels).try_for_each(|chunk| match is_mean {
            true => self.handle.encode_mean(chunk, out),
            false => self.handle.encode(chunk, channels, out),
        })
    }

    /// Ends the stream: pads what is left and appends the last frames to `out`.
    pub fn flush(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.handle.flush(out)
    }
}
