//! Opus encoder for gap-free radio: constant bitrate, packets of 20 ms, and every packet depends on
//! a bounded stretch of PCM. An encoder that starts later on the same grid makes the same packets.
//!
//! Decisions inside an Opus encoder may outlast any stretch of PCM: hysteresis of bandwidth,
//! spreading and stereo, and what the analysis has heard so far. So an [`Encoder`] codes each
//! segment of [`SEGMENT_PACKETS`] with a codec instance of its own, which begins
//! [`WARM_UP_PACKETS`] before the segment and first codes what the instance before it codes too.
//! Both follow the programme when the one takes over from the other, so the join is not heard. What
//! an instance makes depends on the PCM since its start, never more than [`MEMORY_PACKETS`].
//!
//! The coding is CELT alone: two instances that have decided differently between SILK and CELT
//! would be heard at a join.
//!
//! A [`decoder`] for what comes from elsewhere stands beside it.
//!
//! The codec is the package `opus-pure`, under the BSD licence: see `NOTICE.md` beside this crate.

pub mod decoder;

use opus_pure::{Application, OpusEncoder, RateControl};

/// Samples per channel of a packet, at 48 kHz: 20 ms.
pub const PACKET_SAMPLES: usize = 960;

/// Packets that one instance makes: 2.4 s, 100 ticks of 24 ms.
pub const SEGMENT_PACKETS: usize = 120;

/// Packets that an instance codes before its first one is taken: 0.6 s.
pub const WARM_UP_PACKETS: usize = 30;

/// A packet depends on so many packets' PCM before it at most.
pub const MEMORY_PACKETS: usize = SEGMENT_PACKETS + WARM_UP_PACKETS;

/// Samples by which what is decoded is later than the PCM; a player skips them. The same as that of
/// libopus with its usual settings, so that one may take over from the other.
pub const PRE_SKIP: usize = 312;

/// Samples by which the codec delays what is decoded, with CELT alone.
const CODEC_DELAY_SAMPLES: usize = 120;

/// Samples by which PCM is delayed before it is coded.
const DELAY_SAMPLES: usize = PRE_SKIP - CODEC_DELAY_SAMPLES;

/// Packet `i` is complete when `960 * i` samples and these are in.
pub const LATENCY_SAMPLES: usize = PACKET_SAMPLES - DELAY_SAMPLES;

/// Bytes of a packet at most (RFC 6716, section 3.4).
const PACKET_BYTES_MAX: usize = 1275;

/// The greatest effort, FFmpeg's default too.
const COMPLEXITY: i32 = 10;

/// How an [`Encoder`] is set. PCM and packets are at 48 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of the PCM: 1 or 2.
    pub channels: u8,
    /// The packets have one channel: of two channels of PCM, their mean, not rounded.
    pub mono: bool,
    /// Constant bitrate, [`BITRATE_KBPS_MIN`] to [`Settings::bitrate_kbps_max`].
    pub bitrate_kbps: u32,
}

/// With less, a packet holds nothing that is worth hearing.
pub const BITRATE_KBPS_MIN: u32 = 6;

/// Why no encoder could be made, or why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The PCM has no such channel count.
    #[error("{0} channels: this encoder takes 1 or 2")]
    Channels(u8),
    /// Packets of 20 ms have no such bitrate.
    #[error("{bitrate_kbps} kbit/s is not a bitrate of Opus here; choose {BITRATE_KBPS_MIN} to {max}")]
    Bitrate {
        /// What was asked for.
        bitrate_kbps: u32,
        /// The most that would be valid.
        max: u32,
    },
    /// Interleaved PCM must hold whole samples.
    #[error("{values} interleaved values are not a whole number of {channels}-channel samples")]
    HalfSample {
        /// Values given.
        values: usize,
        /// Channels configured.
        channels: u8,
    },
    /// The codec refused.
    #[error("the Opus encoder failed: {0}")]
    Codec(#[from] opus_pure::Error),
}

impl Settings {
    /// Channels of the packets.
    #[must_use]
    pub const fn coded_channels(&self) -> u8 {
        if self.mono { 1 } else { self.channels }
    }

    /// The greatest bitrate: libopus has 256 kbit/s for one channel, and a packet holds 1275 bytes.
    #[must_use]
    pub const fn bitrate_kbps_max(&self) -> u32 {
        if self.coded_channels() == 1 { 256 } else { 510 }
    }

    /// Whether this encoder can do this.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=2).contains(&self.channels) {
            return Err(Error::Channels(self.channels));
        }
        let (bitrate_kbps, max) = (self.bitrate_kbps, self.bitrate_kbps_max());
        if !(BITRATE_KBPS_MIN..=max).contains(&bitrate_kbps) {
            return Err(Error::Bitrate { bitrate_kbps, max });
        }
        Ok(())
    }

    /// An instance that has heard nothing yet.
    fn instance(&self) -> Result<OpusEncoder, Error> {
        let channels = usize::from(self.coded_channels());
        let mut instance = OpusEncoder::new(48_000, channels, Application::RestrictedLowDelay)?;
        instance.bitrate_bps = self.bitrate_kbps as i32 * 1000;
        instance.rate_control = RateControl::Cbr;
        instance.complexity = COMPLEXITY;
        // The PCM has 16 bits: what lies below is no sound.
        instance.lsb_depth = 16;
        Ok(instance)
    }
}

/// One stream's encoder.
pub struct Encoder {
    settings: Settings,
    /// Codes the segment.
    instance: OpusEncoder,
    /// Will code the next segment, and codes its warm-up.
    next: Option<OpusEncoder>,
    /// Packets made of the segment.
    packets: usize,
    /// Values of the next packet that have come.
    frame: Vec<f32>,
    packet: [u8; PACKET_BYTES_MAX],
}

impl Encoder {
    /// An encoder that has heard nothing yet. Its first packet is the first of a segment.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let channels = usize::from(settings.coded_channels());
        let mut frame = Vec::with_capacity(PACKET_SAMPLES * channels);
        frame.resize(DELAY_SAMPLES * channels, 0.0);
        let instance = settings.instance()?;
        Ok(Self { settings, instance, next: None, packets: 0, frame, packet: [0; PACKET_BYTES_MAX] })
    }

    /// Encodes whole samples of interleaved PCM and hands each packet that became complete to `take`.
    pub fn encode_interleaved(&mut self, pcm: &[i16], mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let Settings { channels, mono, .. } = self.settings;
        let (values, both) = (pcm.len(), usize::from(channels));
        if !values.is_multiple_of(both) {
            return Err(Error::HalfSample { values, channels });
        }
        let coded = |value: i16| f32::from(value) / 32_768.0;
        for sample in pcm.chunks_exact(both) {
            match *sample {
                [left, right] if mono => self.frame.push(f32::midpoint(coded(left), coded(right))),
                _ => self.frame.extend(sample.iter().copied().map(coded)),
            }
            if self.frame.len() == PACKET_SAMPLES * usize::from(self.settings.coded_channels()) {
                take(self.packet()?);
            }
        }
        Ok(())
    }

    /// Ends the stream: pads what is left and hands the last packets to `take`, after which a decoder
    /// has played all of the PCM.
    pub fn flush(mut self, take: impl FnMut(&[u8])) -> Result<(), Error> {
        let waiting = self.frame.len() / usize::from(self.settings.coded_channels());
        let padding = (waiting + CODEC_DELAY_SAMPLES).next_multiple_of(PACKET_SAMPLES) - waiting;
        self.encode_interleaved(&vec![0; padding * usize::from(self.settings.channels)], take)
    }

    /// Codes the frame, which is full.
    fn packet(&mut self) -> Result<&[u8], Error> {
        if self.packets == SEGMENT_PACKETS {
            self.packets = 0;
            if let Some(next) = self.next.take() {
                self.instance = next;
            }
        }
        if self.packets == SEGMENT_PACKETS - WARM_UP_PACKETS {
            self.next = Some(self.settings.instance()?);
        }
        if let Some(next) = &mut self.next {
            next.encode(&self.frame, PACKET_SAMPLES, &mut self.packet)?;
        }
        let bytes = self.instance.encode(&self.frame, PACKET_SAMPLES, &mut self.packet)?;
        self.packets += 1;
        self.frame.clear();
        Ok(&self.packet[..bytes])
    }
}
