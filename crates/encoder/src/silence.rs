//! A silent frame in the output's own format, for the slots that no encoder fills (SPEC ENC-11).

use super::format::{ConfigError, Format};
use radio_config::Codec;
use radio_lame::Encoder;
use radio_signal::mpeg::{AdtsHeader, Packetizer};
use radio_signal::ogg::{OpusStream, opus};
use radio_signal::units::{FrameNumber, TICK_VALUES};

/// Frames after which the padding of MP3 at 44.1 kHz repeats itself (SPEC SIG-5); long enough, too, for LAME's own filters
/// to have settled on silence.
const PADDING_FRAMES: usize = 49;
/// Frames that LAME has taken in and not given yet.
const LAME_DELAY_FRAMES: usize = 3;

/// A raw data block of AAC-LC in which nothing sounds, as ffmpeg makes of zeros: one element without bands, then the end (ISO/IEC
/// 14496-3, 4.4.2).
const AAC_SILENCE_MONO: [u8; 4] = [0x01, 0x18, 0x20, 0x07];
const AAC_SILENCE_STEREO: [u8; 6] = [0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C];

/// Silent frames for one output.
#[derive(Clone, Debug)]
pub struct SilentFrames {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Slots of one period of the grid.
    Slots(Vec<Box<[u8]>>),
    /// Each page says when it is.
    Opus { stream: OpusStream, packet: [u8; 3], page: Vec<u8> },
}

impl SilentFrames {
    /// Silence with the output's settings. Nothing in it leans on other frames (MP3 has its bit reservoir off), so that it
    /// fits between any two.
    pub fn new(format: Format) -> Result<Self, ConfigError> {
        let kind = match format.codec {
            Codec::Opus => Kind::Opus {
                stream: format.opus(),
                packet: opus::silence(format.channels),
                page: Vec::with_capacity(format.tick_bytes_max()),
            },
            Codec::Aac | Codec::HeAac => {
                let block = if format.channels == 1 { &AAC_SILENCE_MONO[..] } else { &AAC_SILENCE_STEREO };
                let header = AdtsHeader::write(format.core_rate_hz(), format.channels, block.len());
                let frame = [&header.ok_or(ConfigError::NoSilence(format.bitrate_kbps))?, block].concat();
                Kind::Slots(slots(format, |_| Some(&frame)).ok_or(ConfigError::NoSilence(format.bitrate_kbps))?)
            }
            Codec::Mp3 => {
                let frames = mp3_silence(format)?;
                let slots = slots(format, |n| frames.get(PADDING_FRAMES + n as usize));
                Kind::Slots(slots.ok_or(ConfigError::NoSilence(format.bitrate_kbps))?)
            }
        };
        Ok(Self { kind })
    }

    /// Silence for the slot of tick `n`. Never allocates.
    #[must_use]
    pub fn frame(&mut self, n: FrameNumber) -> &[u8] {
        match &mut self.kind {
            Kind::Slots(slots) => &slots[(n % slots.len() as u64) as usize],
            Kind::Opus { stream, packet, page } => {
                page.clear();
                let packets = [&packet[..]; 2];
                let count = opus::GRID.first_frame(n + 1) - opus::GRID.first_frame(n);
                stream.page(n, &packets[..(count as usize).min(2)], page);
                page
            }
        }
    }
}

/// The slots of one period, from what frame `n` of it is.
fn slots<'a>(format: Format, frame: impl Fn(u64) -> Option<&'a Vec<u8>>) -> Option<Vec<Box<[u8]>>> {
    let grid = format.grid();
    let slot = |tick| {
        let frames: Option<Vec<&[u8]>> =
            (grid.first_frame(tick)..grid.first_frame(tick + 1)).map(|n| frame(n).map(Vec::as_slice)).collect();
        Some(frames?.concat().into_boxed_slice())
    };
    (0..grid.period_ticks()).map(slot).collect()
}

/// What LAME makes of zeros: the frames in which it settles, then those of one period.
fn mp3_silence(format: Format) -> Result<Vec<Vec<u8>>, ConfigError> {
    let mut encoder = Encoder::new(format.lame())?;
    let mut stream = Vec::new();
    for _ in 0..PADDING_FRAMES + format.grid().period_frames() as usize + LAME_DELAY_FRAMES {
        encoder.encode_interleaved(&[0; TICK_VALUES], &mut stream)?;
    }
    let mut frames = Vec::new();
    Packetizer::new().packetize(&stream, |frame| frames.push(frame.bytes.to_vec()));
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::mpeg::FrameHeader;

    #[test]
    fn there_is_a_silent_frame_for_every_bitrate_with_its_main_data_within() {
        let format = |bitrate_kbps, mono: bool| Format {
            codec: Codec::Mp3,
            sample_rate_hz: 48_000,
            channels: if mono { 1 } else { 2 },
            bitrate_kbps,
            stream_serial: 0,
        };
        let bitrates = radio_lame::bitrates_kbps(48_000).unwrap().iter();
        for (&bitrate_kbps, mono) in bitrates.flat_map(|bitrate| [(bitrate, false), (bitrate, true)]) {
            let mut silence = SilentFrames::new(format(bitrate_kbps, mono)).unwrap();
            let frame = silence.frame(0);
            assert_eq!(frame.len(), 3 * bitrate_kbps as usize);
            let header = FrameHeader::parse(*frame.first_chunk().unwrap()).unwrap();
            assert_eq!((u32::from(header.bitrate_kbps), header.sample_rate_hz), (bitrate_kbps, 48_000));
            assert_eq!(header.channels() == 1, mono);
            assert_eq!((frame[4], frame[5] & 0x80), (0, 0), "main_data_begin");
        }
        assert!(SilentFrames::new(format(127, false)).is_err());
    }

    #[test]
    fn silence_of_44_khz_is_padded_where_an_encoder_would_pad() {
        let format =
            Format { codec: Codec::Mp3, sample_rate_hz: 44_100, channels: 2, bitrate_kbps: 128, stream_serial: 0 };
        let frames = mp3_silence(format).unwrap();
        let mut silence = SilentFrames::new(format).unwrap();
        let bytes: Vec<u8> = (0..320).flat_map(|n| silence.frame(n).to_vec()).collect();
        // Two periods have the mean of 128 kbit/s: 320 ticks of 24 ms.
        assert_eq!(bytes.len(), 320 * 24 * 128 / 8);
        let mut lengths = Vec::new();
        Packetizer::new().packetize(&bytes, |frame| lengths.push(frame.bytes.len()));
        let expected: Vec<usize> = (0..lengths.len()).map(|n| frames[PADDING_FRAMES + n % 49].len()).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn silence_of_opus_is_the_page_of_its_tick() {
        let format =
            Format { codec: Codec::Opus, sample_rate_hz: 48_000, channels: 2, bitrate_kbps: 96, stream_serial: 5 };
        let mut silence = SilentFrames::new(format).unwrap();
        for n in 0..20 {
            let page = radio_signal::ogg::page::Page::read(silence.frame(n)).unwrap();
            assert_eq!((page.header.stream, page.header.number), (5, n as u32 + 2));
        }
    }
}
