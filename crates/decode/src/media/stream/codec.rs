//! The decoders of packets of each codec.

use crate::media::packets::{PacketDecoder, StereoBlock};
use radio_signal::mpeg::elementary::{Coding, ElementaryFormat};
use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::errors::Error;

/// SBR doubles the rate, so a stream of a higher rate has none. What is below may have it: nothing in
/// ADTS tells.
const SBR_RATE_HZ_MAX: u32 = 24_000;

/// A decoder of one codec.
pub(super) struct Codec {
    decoder: PacketDecoder,
}

impl Codec {
    /// Of an elementary stream; none if it takes FFmpeg.
    pub(super) fn elementary(format: ElementaryFormat) -> Option<Self> {
        let codec = match format.coding {
            Coding::Mpeg { layer: 1, .. } => CODEC_ID_MP1,
            Coding::Mpeg { layer: 2, .. } => CODEC_ID_MP2,
            Coding::Mpeg { .. } => CODEC_ID_MP3,
            Coding::Adts { object_type: 2, blocks: 1 } if format.sample_rate_hz > SBR_RATE_HZ_MAX => CODEC_ID_AAC,
            Coding::Adts { .. } => return None,
        };
        let channels = match format.channels {
            1 => CHANNEL_LAYOUT_MONO,
            2 => CHANNEL_LAYOUT_STEREO,
            _ => return None,
        };
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_sample_rate(format.sample_rate_hz).with_channels(channels);
        Self::new(&params).ok()
    }

    /// Of Vorbis, with its first and third packet.
    ///
    /// # Errors
    /// The packets make no sense.
    pub(super) fn vorbis(identification: &[u8], setup: &[u8]) -> Result<Self, Error> {
        Self::with_head(CODEC_ID_VORBIS, [identification, setup].concat())
    }

    /// Of FLAC, with the content of its block STREAMINFO.
    ///
    /// # Errors
    /// The block makes no sense.
    pub(super) fn flac(stream_info: &[u8]) -> Result<Self, Error> {
        Self::with_head(CODEC_ID_FLAC, stream_info.to_vec())
    }

    fn with_head(codec: AudioCodecId, head: Vec<u8>) -> Result<Self, Error> {
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_extra_data(head.into_boxed_slice());
        Self::new(&params)
    }

    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, Error> {
        Ok(Self { decoder: PacketDecoder::of(params)? })
    }

    /// Decodes a packet; the block is empty where a codec gives nothing of its first.
    ///
    /// # Errors
    /// The packet is damaged; the next may be good.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<StereoBlock, Error> {
        let mut block = StereoBlock::default();
        self.decoder.decode_bytes(packet, &mut block)?;
        Ok(block)
    }

    /// The codec, in a short word.
    pub(super) fn name(&self) -> &'static str {
        self.decoder.codec_name()
    }
}
