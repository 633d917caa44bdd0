//! The packets of one track to stereo at its own rate; for files and for streams.

use super::convert::is_convertible;
use super::downmix;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

/// Channels that a track may have.
const CHANNELS_MAX: usize = 64;

/// What one packet decodes to: left and right interleaved, in steps of 16 bits (full scale is +-32768).
#[derive(Debug, Default)]
pub struct StereoBlock {
    /// Samples per second.
    pub rate_hz: u32,
    /// The samples.
    pub samples: Vec<f32>,
}

/// The decoder of a container's audio track.
pub(crate) struct PacketDecoder {
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    interleaved: Vec<f32>,
}

impl PacketDecoder {
    /// For the audio track of `format`. `gapless` cuts off what an encoder added before and after the audio: right for
    /// a file that begins and ends, wrong for a stream in which one file follows another.
    pub(crate) fn new(format: &dyn FormatReader, gapless: bool) -> Result<Self, Error> {
        let track = format.default_track(TrackType::Audio).ok_or(Error::Unsupported("no audio track"))?;
        Ok(Self { decoder: make_decoder(track, gapless)?, track_id: track.id, interleaved: Vec::new() })
    }

    /// For packets that come without a container.
    pub(crate) fn of(params: &AudioCodecParameters) -> Result<Self, Error> {
        let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default())?;
        Ok(Self { decoder, track_id: 0, interleaved: Vec::new() })
    }

    /// As [`decode`](Self::decode), of a packet that comes without a container.
    pub(crate) fn decode_bytes(&mut self, packet: &[u8], block: &mut StereoBlock) -> Result<(), Error> {
        self.decode(&Packet::new(0, Timestamp::ZERO, Duration::ZERO, packet), block)
    }

    /// Decodes `packet` and appends what it gives; nothing if it is of another track.
    ///
    /// # Errors
    /// `DecodeError`: this packet is bad, the next may be good. Any other: nothing more can be decoded.
    pub(crate) fn decode(&mut self, packet: &Packet, block: &mut StereoBlock) -> Result<(), Error> {
        if packet.track_id != self.track_id {
            return Ok(());
        }
        let audio = self.decoder.decode(packet)?;
        let (rate_hz, channels) = (audio.spec().rate(), audio.spec().channels());
        if !is_convertible(rate_hz) {
            return Err(Error::Unsupported("its rate makes no sense"));
        }
        if channels.count() > CHANNELS_MAX {
            return Err(Error::Unsupported("it has more than 64 channels"));
        }
        let gains = downmix::gains(channels);
        audio.copy_to_vec_interleaved::<f32>(&mut self.interleaved);
        block.rate_hz = rate_hz;
        downmix::fold(&self.interleaved, &gains, 32_768.0, &mut block.samples);
        Ok(())
    }

    /// The codec, in a short word.
    pub(crate) fn codec_name(&self) -> &'static str {
        self.decoder.codec_info().short_name
    }
}

fn make_decoder(track: &Track, gapless: bool) -> Result<Box<dyn AudioDecoder>, Error> {
    let params = track.codec_params.as_ref().and_then(|params| params.audio());
    let params = params.ok_or(Error::Unsupported("unknown codec"))?;
    let options = AudioDecoderOptions::default().gapless(gapless);
    symphonia::default::get_codecs().make_audio_decoder(params, &options)
}
