//! Frames to sound, as a listener's player makes it.

use radio_signal::units::TICK_SAMPLES;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

/// A decoder of MP3 frames at 48 kHz.
pub(super) struct Decoder {
    decoder: Box<dyn AudioDecoder>,
    /// Left and right of the last frame, [`TICK_SAMPLES`] each.
    planes: Vec<Vec<f32>>,
}

impl Decoder {
    /// # Errors
    /// The program was built without a decoder of MP3.
    pub fn new() -> Result<Self, Error> {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_MP3);
        let decoder =
            symphonia::default::get_codecs().make_audio_decoder(&parameters, &AudioDecoderOptions::default())?;
        Ok(Self { decoder, planes: Vec::new() })
    }

    /// Decodes one frame: left and right, and whether it was good. What cannot be decoded is silence, as in most players.
    pub fn decode(&mut self, frame: &[u8]) -> ([&[f32]; 2], bool) {
        let packet = PacketRef::new(0, Timestamp::new(0), Duration::new(TICK_SAMPLES as u64), frame);
        let (decoder, planes) = (&mut self.decoder, &mut self.planes);
        // Encoders are others' programs, and their bytes may be anything: a decoder that panics costs this frame only.
        let is_good = catch_unwind(AssertUnwindSafe(|| match decoder.decode_ref(&packet) {
            Ok(audio) if (1..=2).contains(&audio.num_planes()) && audio.frames() == TICK_SAMPLES => {
                audio.copy_to_vecs_planar(planes);
                true
            }
            _ => false,
        }))
        .unwrap_or_else(|_| {
            decoder.reset();
            false
        });
        if !is_good {
            planes.clear();
        }
        if planes.is_empty() {
            planes.push(vec![0.0; TICK_SAMPLES]);
        }
        let (left, right) = (&planes[0], planes.get(1).unwrap_or(&planes[0]));
        ([left, right], is_good)
    }

    /// Forgets the frames before the next one.
    pub fn reset(&mut self) {
        self.decoder.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_lame::Encoder;

    #[test]
    fn whatever_comes_a_frame_of_sound_comes_out() {
        let mut decoder = Decoder::new().expect("built with MP3");
        for bytes in [vec![], vec![0xff; 384], [&[0xff, 0xfb, 0x94, 0x00][..], &[0xa5; 380]].concat(), vec![7; 10_000]]
        {
            let ([left, right], is_good) = decoder.decode(&bytes);
            assert_eq!((left.len(), right.len()), (TICK_SAMPLES, TICK_SAMPLES));
            assert!(!is_good, "{} bytes of nonsense", bytes.len());
        }
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
        let mut decoder = Decoder::new().expect("built with MP3");
        let mut peak = 0.0f32;
        for frame in stream.chunks_exact(384) {
            let ([left, _], is_good) = decoder.decode(frame);
            assert!(is_good);
            peak = left.iter().fold(peak, |peak, sample| peak.max(sample.abs()));
        }
        assert!((0.2..0.3).contains(&peak), "{peak}");
    }
}
