//! `tower encode`: PCM on stdin, frames of MP3 or Opus on stdout. The tower runs itself this way as
//! its built-in encoder, so it starts at once: no runtime, no logging, nothing but the encoder.

use anyhow::Context;
use radio_signal::ogg::page::{PageHeader, write};
use radio_signal::ogg::{OpusStream, opus};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// PCM taken in one read: little, so that frames leave as they are made while a replacement is fed its history.
const READ_BYTES_MAX: usize = 16 * 1024;

/// The Ogg stream of an encoder's output. The tower makes pages of its own of the packets.
const OGG_SERIAL: u32 = 1;

/// Encodes raw PCM (16 bits, little-endian, interleaved) from stdin to MP3 or Opus on stdout.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct EncodeArgs {
    /// What is written.
    #[arg(long, value_enum, default_value_t = Codec::Mp3)]
    pub codec: Codec,
    /// Constant bitrate in kbit/s.
    #[arg(long, default_value_t = 128)]
    pub bitrate: u32,
    /// Sample rate in Hz; of Opus 48000.
    #[arg(long, default_value_t = 48_000)]
    pub rate: u32,
    /// Channels of the PCM, 1 or 2.
    #[arg(long, default_value_t = 2)]
    pub channels: u8,
    /// Frames of one channel: the mean of both.
    #[arg(long)]
    pub mono: bool,
}

/// What the built-in encoder makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Codec {
    /// MPEG-1 Layer III.
    Mp3,
    /// Opus in Ogg, a packet a page.
    Opus,
}

/// An encoder that appends what it makes to a buffer.
enum Encoder {
    Mp3(radio_lame::Encoder),
    Opus(OggOpus),
}

/// Opus in an Ogg stream that a player can read.
struct OggOpus {
    encoder: Box<radio_opus::Encoder>,
    headers: Option<Vec<u8>>,
    packets: u64,
}

impl Encoder {
    fn new(args: &EncodeArgs) -> anyhow::Result<Self> {
        let EncodeArgs { codec, bitrate: bitrate_kbps, rate, channels, mono } = *args;
        Ok(match codec {
            Codec::Mp3 => {
                let settings = radio_lame::Settings { sample_rate_hz: rate, channels, mono, bitrate_kbps };
                Self::Mp3(radio_lame::Encoder::new(settings)?)
            }
            Codec::Opus => {
                anyhow::ensure!(rate == 48_000, "--rate {rate}: Opus takes 48000");
                let settings = radio_opus::Settings { channels, mono, bitrate_kbps };
                let encoder = Box::new(radio_opus::Encoder::new(settings)?);
                let stream = OpusStream { serial: OGG_SERIAL, channels: settings.coded_channels() };
                Self::Opus(OggOpus { encoder, headers: Some(stream.headers("")), packets: 0 })
            }
        })
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Mp3(encoder) => encoder.encode_interleaved(pcm, out)?,
            Self::Opus(OggOpus { encoder, headers, packets }) => {
                out.extend(headers.take().into_iter().flatten());
                encoder.encode_interleaved(pcm, |packet| page(packets, packet, out))?;
            }
        }
        Ok(())
    }

    fn finish(self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Mp3(encoder) => encoder.flush(out)?,
            Self::Opus(OggOpus { encoder, headers, mut packets }) => {
                out.extend(headers.into_iter().flatten());
                encoder.flush(|packet| page(&mut packets, packet, out))?;
            }
        }
        Ok(())
    }
}

/// Appends the page of one packet, and counts it.
fn page(packets: &mut u64, packet: &[u8], out: &mut Vec<u8>) {
    *packets += 1;
    // Two pages of headers, numbers 0 and 1, come before.
    let number = (*packets + 1) as u32;
    let header = PageHeader { flags: 0, granule: *packets * opus::PACKET_SAMPLES, stream: OGG_SERIAL, number };
    write(header, &[packet], out);
}

/// Runs until stdin ends; then flushes. Nobody reading any more is an end as well, and no error.
pub fn run(args: &EncodeArgs) -> anyhow::Result<()> {
    let mut encoder = Encoder::new(args)?;
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let sample_bytes = 2 * usize::from(args.channels);

    let mut bytes = vec![0; READ_BYTES_MAX];
    let mut held = 0; // bytes of a sample of which the rest has not come
    let mut pcm = Vec::with_capacity(READ_BYTES_MAX / 2);
    let mut frames = Vec::new();
    loop {
        let read = read_some(stdin.as_fd(), &mut bytes[held..]).context("stdin could not be read")?;
        if read == 0 {
            break;
        }
        let end = held + read;
        let whole = end - end % sample_bytes;
        pcm.clear();
        pcm.extend(bytes[..whole].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        bytes.copy_within(whole..end, 0);
        held = end - whole;

        frames.clear();
        encoder.encode(&pcm, &mut frames)?;
        if !write_all(stdout.as_fd(), &frames)? {
            return Ok(());
        }
    }
    frames.clear();
    encoder.finish(&mut frames)?;
    write_all(stdout.as_fd(), &frames)?;
    Ok(())
}

fn read_some(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut *bytes))
}

/// Whether anybody still reads.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> anyhow::Result<bool> {
    while !bytes.is_empty() {
        match rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes)) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::PIPE) => return Ok(false),
            Err(errno) => return Err(errno).context("stdout could not be written"),
        }
    }
    Ok(true)
}
