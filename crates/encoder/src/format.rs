//! What the frames of an output are, and what follows from that for everything that handles them.

use radio_config::{Codec, Output};
use radio_signal::grid::Grid;
use radio_signal::mpeg::adts::{self, AdtsFormat};
use radio_signal::mpeg::header;
use radio_signal::ogg::{OpusStream, opus};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::LazyLock;

/// AAC-LC, which every player has; HE-AAC without telling of its SBR is the same to ADTS.
const AAC_LC: u8 = 2;
/// What is around the packets of a tick in Ogg: a page's header and two packets' lengths.
const OGG_TICK_BYTES: usize = 27 + 4;
/// How far AAC's mean bit rate may lie above the one that was asked for, headers included, in percent.
const AAC_SURPLUS_PERCENT: usize = 20;

/// Why an encoder cannot be as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There are no such frames of MP3.
    #[error("this output cannot be encoded: {0}")]
    Mp3(#[from] radio_lame::Error),
    /// There are no such packets of Opus.
    #[error("this output cannot be encoded: {0}")]
    Opus(#[from] radio_opus::Error),
    /// A command needs at least an executable.
    #[error("the encoder's command is empty; give an executable and its arguments")]
    EmptyCommand,
    /// There is no such executable.
    #[error(
        "there is no executable {}: install it (Debian: apt install ffmpeg), set encoder.ffmpeg to its path, or use {}, \
         which needs nothing",
        .0.display(), .1
    )]
    NotInstalled(PathBuf, &'static str),
    /// A buffer needs room.
    #[error("buffer_frames = 0; at least 1, and for a playout delay of 500 ms at least 64")]
    NoBuffer,
    /// LAME's silence is not made of frames of the format; a fault in the program.
    #[error("no silent frame could be made at {0} kbit/s; choose another bitrate")]
    NoSilence(u32),
}

/// Frames of one kind. Whatever an encoder makes of it, it gets the tower's own PCM, stereo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Which codec.
    pub codec: Codec,
    /// Sample rate of the frames.
    pub sample_rate_hz: u32,
    /// 2, or 1 for the mean of both.
    pub channels: u8,
    /// Bit rate; constant but for AAC, which varies around it.
    pub bitrate_kbps: u32,
    /// Which Ogg stream it is, where it is one.
    pub stream_serial: u32,
}

impl Format {
    /// The format of an output. All that ask within one life of the tower get the same.
    #[must_use]
    pub fn of(output: &Output) -> Self {
        static LIFE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self {
            codec: output.codec,
            sample_rate_hz: output.sample_rate_hz,
            channels: output.channels,
            bitrate_kbps: output.bitrate_kbps,
            stream_serial: LIFE.hash_one(&output.mount) as u32,
        }
    }

    /// Whether a frame is a tick long: MP3 at the tower's own rate.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.codec == Codec::Mp3 && self.sample_rate_hz == SAMPLE_RATE_HZ
    }

    /// The rate that its frames tell: of HE-AAC half of that with which it sounds (ISO/IEC 14496-3,
    /// 4.6.18.2.6).
    #[must_use]
    pub const fn core_rate_hz(&self) -> u32 {
        match self.codec {
            Codec::HeAac => self.sample_rate_hz / 2,
            Codec::Mp3 | Codec::Aac | Codec::Opus => self.sample_rate_hz,
        }
    }

    /// Whether frames of AAC with this header are of it. HE-AAC may have one channel of which
    /// parametric stereo makes two.
    #[must_use]
    pub fn fits_adts(&self, stream: &AdtsFormat) -> bool {
        let has_channels = stream.channel_configuration == self.channels
            || (self.codec == Codec::HeAac && stream.channel_configuration == 1);
        (stream.object_type, stream.sample_rate_hz) == (AAC_LC, self.core_rate_hz()) && has_channels
    }

    /// How its frames lie on the ticks.
    #[must_use]
    pub const fn grid(&self) -> Grid {
        match self.codec {
            Codec::Mp3 => Grid::new(1152, self.sample_rate_hz),
            Codec::Aac | Codec::HeAac => Grid::new(adts::FRAME_SAMPLES, self.core_rate_hz()),
            Codec::Opus => opus::GRID,
        }
    }

    /// Bytes of the frames of one tick at most.
    #[must_use]
    pub const fn tick_bytes_max(&self) -> usize {
        match self.codec {
            Codec::Mp3 => header::FRAME_BYTES_MAX,
            Codec::Aac | Codec::HeAac => 2 * adts::STEREO_FRAME_BYTES_MAX,
            Codec::Opus => 2 * opus::PACKET_BYTES_MAX + OGG_TICK_BYTES + 8,
        }
    }

    /// Bytes of the frames of one tick on average, not less: 3 a kbit/s, that is 24 ms, and what the codec adds.
    #[must_use]
    pub const fn tick_bytes(&self) -> usize {
        let bytes = 3 * self.bitrate_kbps as usize;
        match self.codec {
            Codec::Mp3 => bytes,
            Codec::Aac | Codec::HeAac => bytes * (100 + AAC_SURPLUS_PERCENT) / 100,
            Codec::Opus => bytes + OGG_TICK_BYTES,
        }
    }

    /// Samples of PCM by which a frame is later if the beginning of the next one is to confirm it: a frame's own. A page of
    /// Ogg has a checksum instead.
    #[must_use]
    pub const fn confirmation_samples(&self) -> u64 {
        let grid = self.grid();
        match self.codec {
            Codec::Mp3 | Codec::Aac | Codec::HeAac => grid.period_ticks() * TICK_SAMPLES as u64 / grid.period_frames(),
            Codec::Opus => 0,
        }
    }

    /// As HTTP names it.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self.codec {
            Codec::Mp3 => "audio/mpeg",
            Codec::Aac => "audio/aac",
            Codec::HeAac => "audio/aacp",
            Codec::Opus => "audio/ogg",
        }
    }

    /// Whether titles may stand between its bytes; in Ogg nothing may.
    #[must_use]
    pub fn takes_titles(&self) -> bool {
        self.codec != Codec::Opus
    }

    /// Bytes that a listener gets before anything else.
    #[must_use]
    pub fn opening(&self, station: &str) -> Vec<u8> {
        if self.codec == Codec::Opus { self.opus().headers(station) } else { Vec::new() }
    }

    /// Its Ogg stream, if it is Opus.
    pub(super) const fn opus(&self) -> OpusStream {
        OpusStream { serial: self.stream_serial, channels: self.channels }
    }

    /// LAME's settings, for MP3.
    pub(super) const fn lame(&self) -> radio_lame::Settings {
        radio_lame::Settings {
            sample_rate_hz: self.sample_rate_hz,
            channels: CHANNELS as u8,
            mono: self.channels == 1,
            bitrate_kbps: self.bitrate_kbps,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.codec {
            Codec::Mp3 => self.lame().check()?,
            Codec::Opus => {
                let (channels, bitrate_kbps) = (CHANNELS as u8, self.bitrate_kbps);
                radio_opus::Settings { channels, mono: self.channels == 1, bitrate_kbps }.check()?;
            }
            Codec::Aac | Codec::HeAac => {}
        }
        Ok(())
    }
}
