//! Frames to sound, as a listener's player makes it.

use anyhow::Context;
use radio_config::Codec;
use radio_encoder::Format;
use radio_opus::decoder::Decoder as OpusDecoder;
use radio_signal::mpeg::adts;
use radio_signal::ogg::opus;
use radio_signal::units::CHANNELS;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

/// Left and right, full scale 1.
pub(super) type Planes = [Vec<f32>; CHANNELS];

/// Samples of each channel in a frame of MPEG-1 Layer III.
const MP3_FRAME_SAMPLES: usize = 1152;

/// How a raw data block of AAC begins that holds one channel: its first element, in three bits
/// (ISO/IEC 14496-3, 4.4.2).
const SINGLE_CHANNEL: u8 = 0;

/// Decodes the frames of one format, one at a time.
pub(super) struct Decoder {
    codec: Inner,
    /// Samples of each channel in a frame.
    frame_samples: usize,
    /// A frame of stereo may hold one channel, of which parametric stereo makes two.
    may_be_mono: bool,
    /// Channels of the last frame, one or two.
    planes: Vec<Vec<f32>>,
}

enum Inner {
    Mpeg(Box<dyn AudioDecoder>),
    Opus(OpusDecoder),
}

impl Decoder {
    /// # Errors
    /// The program was built without this decoder.
    pub(super) fn new(format: &Format) -> anyhow::Result<Self> {
        let channels = usize::from(format.channels);
        let mpeg = |codec| {
            let mut parameters = AudioCodecParameters::new();
            let layout = if channels == 1 { CHANNEL_LAYOUT_MONO } else { CHANNEL_LAYOUT_STEREO };
            parameters.for_codec(codec).with_sample_rate(format.core_rate_hz()).with_channels(layout);
            symphonia::default::get_codecs().make_audio_decoder(&parameters, &AudioDecoderOptions::default())
        };
        let (codec, frame_samples) = match format.codec {
            Codec::Mp3 => (Inner::Mpeg(mpeg(CODEC_ID_MP3)?), MP3_FRAME_SAMPLES),
            Codec::Aac | Codec::HeAac => (Inner::Mpeg(mpeg(CODEC_ID_AAC)?), adts::FRAME_SAMPLES as usize),
            Codec::Opus => {
                let decoder = OpusDecoder::of_channels(format.channels).context("no decoder of Opus")?;
                (Inner::Opus(decoder), opus::PACKET_SAMPLES as usize)
            }
        };
        let may_be_mono = format.codec == Codec::HeAac;
        Ok(Self { codec, frame_samples, may_be_mono, planes: Vec::new() })
    }

    /// Appends the sound of one frame to `out`, and says whether it was good. What cannot be decoded is silence, as in most
    /// players.
    pub(super) fn decode(&mut self, frame: &[u8], out: &mut Planes) -> bool {
        // Encoders are others' programs, and their bytes may be anything: a decoder that panics costs this frame only.
        let is_good = catch_unwind(AssertUnwindSafe(|| self.try_decode(frame))).unwrap_or_else(|_| {
            self.reset();
            false
        });
        for (channel, samples) in out.iter_mut().enumerate() {
            match self.planes.get(channel).or_else(|| self.planes.first()).filter(|_| is_good) {
                Some(plane) => samples.extend_from_slice(plane),
                None => samples.resize(samples.len() + self.frame_samples, 0.0),
            }
        }
        is_good
    }

    fn try_decode(&mut self, frame: &[u8]) -> bool {
        let Self { codec, frame_samples, may_be_mono, planes } = self;
        match codec {
            Inner::Mpeg(decoder) => {
                let packet = PacketRef::new(0, Timestamp::new(0), Duration::new(*frame_samples as u64), frame);
                match decoder.decode_ref(&packet) {
                    Ok(audio) if (1..=2).contains(&audio.num_planes()) && audio.frames() == *frame_samples => {
                        audio.copy_to_vecs_planar(planes);
                        if *may_be_mono && frame.first().is_some_and(|byte| byte >> 5 == SINGLE_CHANNEL) {
                            planes.truncate(1);
                        }
                        true
                    }
                    _ => false,
                }
            }
            Inner::Opus(decoder) => {
                let channels = decoder.channels();
                let Ok(samples) = decoder.decode(frame) else { return false };
                if samples.len() != *frame_samples * channels {
                    return false;
                }
                planes.resize_with(channels, Vec::new);
                for (channel, plane) in planes.iter_mut().enumerate() {
                    plane.clear();
                    plane.extend(samples.iter().skip(channel).step_by(channels));
                }
                true
            }
        }
    }

    /// Forgets the frames before the next one.
    pub(super) fn reset(&mut self) {
        match &mut self.codec {
            Inner::Mpeg(decoder) => decoder.reset(),
            Inner::Opus(decoder) => decoder.reset(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_config::Output;
    use radio_lame::Encoder;
    use radio_signal::units::TICK_SAMPLES;

    fn decoder(codec: Codec) -> Decoder {
        Decoder::new(&Format::of(&Output { codec, ..Output::default() })).expect("it is built in")
    }

    #[test]
    fn whatever_comes_a_frame_of_sound_comes_out() {
        for codec in [Codec::Mp3, Codec::Aac, Codec::HeAac, Codec::Opus] {
            let mut decoder = decoder(codec);
            let nonsense =
                [vec![], vec![0xff; 384], [&[0xff, 0xfb, 0x94, 0x00][..], &[0xa5; 380]].concat(), vec![7; 10_000]];
            let mut good = 0;
            for bytes in &nonsense {
                let mut out = Planes::default();
                good += u32::from(decoder.decode(bytes, &mut out));
                assert!(out.iter().all(|plane| plane.len() == decoder.frame_samples));
            }
            // Nearly any bytes are Opus, and some are AAC.
            assert!(good == 0 || codec != Codec::Mp3, "{good} of nonsense");
        }
    }

    #[test]
    fn a_packet_of_silence_is_silent_and_good() {
        let (mut decoder, mut out) = (decoder(Codec::Opus), Planes::default());
        assert!((0..10).all(|_| decoder.decode(&opus::silence(2), &mut out)));
        assert_eq!(out[1].len(), 10 * opus::PACKET_SAMPLES as usize);
        assert!(out.iter().flatten().all(|sample| sample.abs() < 1e-4));
    }

    #[test]
    fn the_frames_of_an_encoder_are_good() {
        let format = radio_lame::Settings { sample_rate_hz: 48_000, channels: 2, mono: false, bitrate_kbps: 128 };
        let mut encoder = Encoder::new(format).expect("a format of ours");
        let mut stream = Vec::new();
        for tick in 0..20 {
            let sample = |i: usize| (8000.0 * ((tick * TICK_SAMPLES + i / 2) as f64 * 0.05).sin()) as i16;
            let pcm: Vec<i16> = (0..2 * TICK_SAMPLES).map(sample).collect();
            encoder.encode_interleaved(&pcm, &mut stream).expect("PCM");
        }
        let (mut decoder, mut out) = (decoder(Codec::Mp3), Planes::default());
        assert!(stream.chunks_exact(384).all(|frame| decoder.decode(frame, &mut out)));
        let peak = out[0].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.2..0.3).contains(&peak), "{peak}");
    }
}
