//! A file or stream that the process cannot decode itself: FFmpeg's PCM, as it comes from the socket.

use super::child::{FULL_SCALE, Gone, Output};
use super::demuxer::Demuxer;
use super::protocol::{Body, Request};
use super::requests::Requests;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

/// Bytes that are read at once: 43 ms.
const READ_BYTES: usize = 16 * 1024;

/// Asks for FFmpeg, for a file or the stream (number 0). The second is why there is none.
///
/// # Errors
/// Nothing answers.
pub(super) fn ask(
    output: &Output,
    requests: &mut Requests,
    file: u64,
    demuxer: Demuxer,
) -> Result<Result<OwnedFd, String>, Gone> {
    output.tell(Body::NeedsFfmpeg { file, demuxer })?;
    match requests.answer()? {
        (Request::Ffmpeg, Some(socket)) => Ok(Ok(socket)),
        (Request::NoFfmpeg(why), _) => Ok(Err(why)),
        _ => Err(Gone),
    }
}

/// Says that FFmpeg has ended, and learns what it complained of. If it was killed, the tower ends
/// this process instead, and another goes on.
///
/// # Errors
/// Nothing answers.
pub(super) fn ended(output: &Output, requests: &mut Requests) -> Result<String, Gone> {
    output.tell(Body::FfmpegOver)?;
    match requests.answer()? {
        (Request::FfmpegEnded(complaint), _) => Ok(complaint),
        _ => Err(Gone),
    }
}

/// PCM of FFmpeg.
pub(super) struct ForeignPcm {
    socket: File,
    bytes: Vec<u8>,
    filled: usize,
}

impl ForeignPcm {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket: socket.into(), bytes: vec![0; READ_BYTES], filled: 0 }
    }

    /// Appends what comes next, as interleaved stereo at 48 kHz in steps of 16 bits; false at the end.
    pub(super) fn read(&mut self, samples: &mut Vec<f32>) -> bool {
        let count = match self.socket.read(&mut self.bytes[self.filled..]) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) => return error.kind() == std::io::ErrorKind::Interrupted,
        };
        self.filled += count;
        let whole = self.filled - self.filled % 8;
        let values = self.bytes[..whole].chunks_exact(4);
        samples.extend(values.map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]) * FULL_SCALE));
        self.bytes.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        true
    }
}
