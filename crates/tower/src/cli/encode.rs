//! `tower encode`: PCM on stdin, MP3 frames on stdout. The tower runs itself this way as its built-in encoder, so it
//! starts at once: no runtime, no logging, nothing but the encoder.

use anyhow::Context;
use radio_lame::{Encoder, Settings};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// PCM taken in one read: little, so that frames leave as they are made while a replacement is fed its history.
const READ_BYTES_MAX: usize = 16 * 1024;

/// Encodes raw PCM (16 bits, little-endian, interleaved) from stdin to MP3 on stdout.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct EncodeArgs {
    /// Constant bitrate in kbit/s.
    #[arg(long, default_value_t = 128)]
    pub bitrate: u32,
    /// Sample rate in Hz.
    #[arg(long, default_value_t = 48_000)]
    pub rate: u32,
    /// Channels of the PCM, 1 or 2.
    #[arg(long, default_value_t = 2)]
    pub channels: u8,
    /// Frames of one channel: the mean of both.
    #[arg(long)]
    pub mono: bool,
}

/// Runs until stdin ends; then flushes. Nobody reading any more is an end as well, and no error.
pub fn run(args: &EncodeArgs) -> anyhow::Result<()> {
    let settings =
        Settings { sample_rate_hz: args.rate, channels: args.channels, mono: args.mono, bitrate_kbps: args.bitrate };
    let mut encoder = Encoder::new(settings)?;
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
        encoder.encode_interleaved(&pcm, &mut frames)?;
        if !write_all(stdout.as_fd(), &frames)? {
            return Ok(());
        }
    }
    frames.clear();
    encoder.flush(&mut frames)?;
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
