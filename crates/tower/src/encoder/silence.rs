//! A silent frame in the output's own format, for the slots that no encoder fills (SPEC ENC-11).

use super::commands::ConfigError;
use radio_lame::{Encoder, Settings};
use radio_signal::mpeg::FrameHeader;
use radio_signal::units::{FrameNumber, TICK_VALUES};

/// Long enough for LAME's own filters to have settled on silence.
const SETTLED_FRAME: usize = 10;

/// Silent frames for one output. At 48 kHz there is no padding, so one frame serves every number.
#[derive(Clone, Debug)]
pub struct SilentFrames {
    frame: Box<[u8]>,
}

impl SilentFrames {
    /// Encodes silence with the output's settings. Its main data is its own (the bit reservoir is off), so that it
    /// fits between any two frames.
    pub fn new(format: Settings) -> Result<Self, ConfigError> {
        let mut encoder = Encoder::new(format)?;
        let mut stream = Vec::new();
        for _ in 0..SETTLED_FRAME + 3 {
            encoder.encode_interleaved(&[0; TICK_VALUES], &mut stream)?;
        }
        let header = stream.first_chunk().and_then(|&bytes| FrameHeader::parse(bytes));
        let frame = header.and_then(|header| stream.chunks_exact(header.frame_bytes()).nth(SETTLED_FRAME));
        Ok(Self { frame: frame.ok_or(ConfigError::NoSilence(format.bitrate_kbps))?.into() })
    }

    /// Silence for frame `n`.
    #[must_use]
    pub fn frame(&self, _n: FrameNumber) -> &[u8] {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_silent_frame_for_every_bitrate_with_its_main_data_within() {
        let format = |bitrate_kbps, mono| Settings { sample_rate_hz: 48_000, channels: 2, mono, bitrate_kbps };
        let bitrates = radio_lame::bitrates_kbps(48_000).unwrap().iter();
        for (&bitrate_kbps, mono) in bitrates.flat_map(|bitrate| [(bitrate, false), (bitrate, true)]) {
            let silence = SilentFrames::new(format(bitrate_kbps, mono)).unwrap();
            let frame = silence.frame(0);
            assert_eq!(frame.len(), 3 * bitrate_kbps as usize);
            let header = FrameHeader::parse(*frame.first_chunk().unwrap()).unwrap();
            assert_eq!((u32::from(header.bitrate_kbps), header.sample_rate_hz), (bitrate_kbps, 48_000));
            assert_eq!(header.channels() == 1, mono);
            assert_eq!((frame[4], frame[5] & 0x80), (0, 0), "main_data_begin");
        }
        assert!(SilentFrames::new(format(127, false)).is_err());
    }
}
