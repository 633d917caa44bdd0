//! A file or stream that the process cannot decode itself: FFmpeg's PCM, as it comes from the socket.

use super::output::{Damage, FULL_SCALE, Gone, Output};
use super::paged::Paged;
use super::protocol::{Body, Request};
use super::requests::Requests;
use crate::media::demuxer::Demuxer;
use crate::media::stream::joiner::Joiner;
use crate::media::stream::{Passage, Passed, Stream};
use radio_signal::units::SAMPLE_RATE_HZ;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown};
use std::fs::File;
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};

/// What a sample may be at most, as a multiple of full scale.
const BEYOND_MAX: f32 = 64.0;
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

/// Lets FFmpeg decode a passage of `stream`, whose bytes come on `stdin`. Whether there was sound.
///
/// # Errors
/// Nothing reads the output.
pub(super) fn pass(
    output: &mut Output,
    joiner: &mut Joiner,
    stream: &mut Stream<Paged<File>>,
    demuxer: Demuxer,
    (stdin, socket): (BorrowedFd<'_>, OwnedFd),
) -> Result<bool, Gone> {
    let (mut passage, mut pcm) = (Passage::of(demuxer.name()), ForeignPcm::new(socket));
    let (mut to_pass, mut is_over, mut is_heard) = (Vec::new(), false, false);
    let (mut stereo, mut samples, first_byte) = (Vec::new(), Vec::new(), output.input_byte - stream.resume_byte());
    loop {
        while !is_over && to_pass.len() < READ_BYTES {
            match stream.pass(&mut passage, &mut to_pass) {
                Passed::Some => {}
                Passed::Nothing => break,
                Passed::All => is_over = true,
            }
        }
        let (reads, writes) = (!is_over && to_pass.is_empty(), !to_pass.is_empty());
        if is_over && !writes {
            // Its end has been told already when this is done again.
            let _ = rustix::net::shutdown(&pcm.socket, Shutdown::Write);
        }
        let socket_events = if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = vec![PollFd::new(&pcm.socket, socket_events)];
        if reads {
            fds.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
        }
        let _ = rustix::event::poll(&mut fds, None);
        let came = |at: usize, events: PollFlags| fds.get(at).is_some_and(|fd| fd.revents().intersects(events));
        let (can_read, can_write) = (came(0, PollFlags::IN | PollFlags::HUP | PollFlags::ERR), came(0, PollFlags::OUT));
        let has_input = came(1, PollFlags::IN | PollFlags::HUP);
        if has_input {
            stream.read_more();
            output.tell_lumps(stream.source().lump_ticks())?;
        }
        if can_write && writes {
            match rustix::net::send(&pcm.socket, &to_pass, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => drop(to_pass.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // It takes no more; what it gives still is heard.
                Err(_) => to_pass.clear(),
            }
        }
        if can_read {
            if !pcm.read(&mut stereo) {
                return Ok(is_heard);
            }
            if !is_heard && !stereo.is_empty() {
                is_heard = true;
                output.tell(Body::Format { codec: demuxer.name().into(), rate_hz: SAMPLE_RATE_HZ })?;
            }
            output.input_byte = first_byte + stream.resume_byte();
            joiner.push(SAMPLE_RATE_HZ, &stereo, &mut samples);
            stereo.clear();
            output.write(&mut samples, Damage::of(stream))?;
        }
    }
}

/// Passes over what FFmpeg would decode, where there is none.
pub(super) fn skip(stream: &mut Stream<Paged<File>>, demuxer: Demuxer) {
    let (mut passage, mut skipped) = (Passage::of(demuxer.name()), Vec::new());
    loop {
        match stream.pass(&mut passage, &mut skipped) {
            Passed::Some => skipped.clear(),
            Passed::Nothing => stream.read_more(),
            Passed::All => return,
        }
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
        let values = values.map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]));
        let finite = |value: f32| if value.is_finite() { value.clamp(-BEYOND_MAX, BEYOND_MAX) } else { 0.0 };
        samples.extend(values.map(|value| finite(value) * FULL_SCALE));
        self.bytes.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        true
    }
}
