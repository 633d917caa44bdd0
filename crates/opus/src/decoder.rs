//! The decoder: packets of Ogg Opus (RFC 7845) to PCM at 48 kHz.

use opus_pure::{ChannelLayout, MAX_PACKET_SAMPLES, OpusDecoder, OpusMSDecoder};

/// Samples per channel of a packet at most, at 48 kHz: 120 ms (RFC 6716, section 3.2).
pub const PACKET_SAMPLES_MAX: usize = MAX_PACKET_SAMPLES;

/// Why a stream or a packet of it cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The first packet is no head of Opus.
    #[error("its first packet is no head of Opus")]
    Head,
    /// The head names channels that this decoder does not know.
    #[error("its channel mapping {family} of {channels} channels is not known here")]
    Mapping {
        /// The channel mapping family.
        family: u8,
        /// Channels.
        channels: u8,
    },
    /// The codec refused a packet; the next may be good.
    #[error("a packet is damaged: {0}")]
    Packet(#[from] opus_pure::Error),
}

/// The first packet of a stream (RFC 7845, section 5.1), as far as it decides how to decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Channels, 1 to 255, in the order of Vorbis where the mapping family is 1.
    pub channels: u8,
    /// Samples at the beginning, at 48 kHz, that are not to be heard.
    pub pre_skip: u16,
    /// What every sample is to be multiplied by, in 1/256 dB.
    gain_q8: i16,
    family: u8,
    /// Streams, of them coupled, and which coded channel each channel is.
    table: Vec<u8>,
}

impl Head {
    /// Reads the packet.
    ///
    /// # Errors
    /// [`DecodeError::Head`].
    pub fn read(packet: &[u8]) -> Result<Self, DecodeError> {
        // A major version of 0 has this layout, whatever the minor one.
        let &[version, channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family] =
            packet.strip_prefix(b"OpusHead").and_then(<[u8]>::first_chunk).ok_or(DecodeError::Head)?;
        if version & 0xF0 != 0 || channels == 0 {
            return Err(DecodeError::Head);
        }
        let table = packet.get(19..).unwrap_or_default();
        if family != 0 && table.len() < 2 + usize::from(channels) {
            return Err(DecodeError::Head);
        }
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            gain_q8: i16::from_le_bytes([gain_low, gain_high]),
            family,
            table: if family == 0 { Vec::new() } else { table[..2 + usize::from(channels)].to_vec() },
        })
    }
}

/// Samples per channel of a packet, at 48 kHz, at most [`PACKET_SAMPLES_MAX`]; `None` if it is none.
#[must_use]
pub fn packet_samples(packet: &[u8]) -> Option<usize> {
    opus_pure::packet::samples_48k(packet).ok()
}

enum Codec {
    One(Box<OpusDecoder>),
    Several(Box<OpusMSDecoder>),
}

/// One stream's decoder.
pub struct Decoder {
    codec: Codec,
    channels: usize,
    pcm: Vec<f32>,
}

impl Decoder {
    /// A decoder that has heard nothing yet: of one or two channels, or of up to eight in one of the
    /// layouts of Vorbis (channel mapping families 0 and 1).
    ///
    /// # Errors
    /// [`DecodeError::Mapping`]: other channels.
    pub fn new(head: &Head) -> Result<Self, DecodeError> {
        let unknown = DecodeError::Mapping { family: head.family, channels: head.channels };
        let channels = usize::from(head.channels);
        let Ok(layout) = ChannelLayout::surround(channels, head.family) else { return Err(unknown) };
        let table = [&[layout.nb_streams as u8, layout.nb_coupled_streams as u8], &layout.mapping[..]].concat();
        if head.family != 0 && head.table != table {
            return Err(unknown);
        }
        let gain_q8 = i32::from(head.gain_q8);
        let codec = if layout.nb_streams == 1 {
            let mut decoder = OpusDecoder::new(48_000, channels)?;
            decoder.gain_q8 = gain_q8;
            Codec::One(Box::new(decoder))
        } else {
            let mut decoder = OpusMSDecoder::new(48_000, channels, head.family)?;
            decoder.streams_mut().iter_mut().for_each(|stream| stream.gain_q8 = gain_q8);
            Codec::Several(Box::new(decoder))
        };
        Ok(Self { codec, channels, pcm: vec![0.0; PACKET_SAMPLES_MAX * channels] })
    }

    /// A decoder of one or two channels, whose stream is known without its head.
    ///
    /// # Errors
    /// [`DecodeError::Mapping`]: other channels.
    pub fn of_channels(channels: u8) -> Result<Self, DecodeError> {
        Self::new(&Head { channels, pre_skip: 0, gain_q8: 0, family: 0, table: Vec::new() })
    }

    /// Channels of what it decodes.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Forgets the packets before the next one.
    pub fn reset(&mut self) {
        let _an_error_names_no_state = match &mut self.codec {
            Codec::One(decoder) => decoder.reset_state(),
            Codec::Several(decoder) => decoder.streams_mut().iter_mut().try_for_each(OpusDecoder::reset_state),
        };
    }

    /// Decodes a packet: interleaved samples, whose full scale is 1, and which may be beyond it.
    ///
    /// # Errors
    /// [`DecodeError::Packet`]: the next may be good.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[f32], DecodeError> {
        // To the codec an empty packet is a lost one, of the length that there is room for.
        opus_pure::packet::samples_48k(packet)?;
        let samples = match &mut self.codec {
            Codec::One(decoder) => decoder.decode(packet, PACKET_SAMPLES_MAX, &mut self.pcm)?,
            Codec::Several(decoder) => decoder.decode(packet, PACKET_SAMPLES_MAX, &mut self.pcm)?,
        };
        Ok(&self.pcm[..(samples * self.channels).min(self.pcm.len())])
    }
}
