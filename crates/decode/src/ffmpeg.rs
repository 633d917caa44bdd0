//! FFmpeg at work for a decoder process, which may start nothing itself.
//!
//! The tower starts it in [`ffmpeg_sandbox`](super::ffmpeg_sandbox) and gives the process one end of
//! a socket; PCM comes from the other, and a stream goes to it. A file is passed on as descriptor 0.

use super::settings::{DecoderSettings, FfmpegSettings, timespec};
use super::socket;
use super::supervisor::Reason;
use crate::media::demuxer::Demuxer;
use radio_base::child_process::diagnostics::Diagnostics;
use radio_base::child_process::environment;
use radio_base::child_process::processor::processor_time;
use radio_base::child_process::spawn::{Lifetime, limit};
use radio_signal::supervisor::ProcessorTime;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::MemfdFlags;
use rustix::net::RecvFlags;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// PCM that may be on its way: about 0.2 s.
const PCM_BYTES: usize = 64 * 1024;
/// After its last sample it ends within this time, or is killed.
const ENDING_MS: i64 = 500;

/// Reads of its complaints in one turn.
const COMPLAINTS_MAX: usize = 8;
/// A trial is over within this time, even on a machine that is busy.
const TRIAL_MAX: Duration = Duration::from_secs(20);

/// Tries whether FFmpeg decodes a file in its sandbox: a tenth of a second of silence.
///
/// # Errors
/// It does not; why.
pub fn trial(settings: &DecoderSettings, ffmpeg: &FfmpegSettings) -> Result<(), String> {
    let wrong = |error: io::Error| format!("FFmpeg cannot be started: {error}");
    let file = silent_wav().map_err(wrong)?;
    let demuxer = Demuxer::named("wav").ok_or("it has no demuxer")?;
    let (running, socket) = Ffmpeg::start(settings, ffmpeg, demuxer, Some(file.as_fd())).map_err(wrong)?;
    let (mut bytes, until) = (0, Instant::now() + TRIAL_MAX);
    while Instant::now() < until {
        let _ = rustix::event::poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timespec(ENDING_MS)));
        match rustix::net::recv(&socket, &mut [0_u8; 4096], RecvFlags::DONTWAIT) {
            Ok((0, _)) => break,
            Ok((count, _)) => bytes += count,
            Err(_) => {}
        }
    }
    match running.end() {
        FfmpegEnd::Over(_) if bytes > 0 => Ok(()),
        FfmpegEnd::Over(complaint) => Err(complaint.unwrap_or_else(|| "FFmpeg gives no sound".to_owned())),
        FfmpegEnd::Lost(reason) => Err(format!("FFmpeg {}", reason.text())),
    }
}

/// A file in memory.
fn silent_wav() -> io::Result<OwnedFd> {
    const DATA_BYTES: u32 = 48_000 / 10 * 4;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + DATA_BYTES).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    wav.extend(48_000_u32.to_le_bytes());
    wav.extend(192_000_u32.to_le_bytes());
    wav.extend(b"\x04\0\x10\0data");
    wav.extend(DATA_BYTES.to_le_bytes());
    wav.resize(wav.len() + DATA_BYTES as usize, 0);
    let file = rustix::fs::memfd_create(c"silence", MemfdFlags::CLOEXEC)?;
    rustix::io::write(&file, &wav)?;
    Ok(file)
}

/// A running FFmpeg.
pub(super) struct Ffmpeg {
    child: Child,
    pidfd: OwnedFd,
    stderr: Option<ChildStderr>,
    said: Diagnostics,
    started: Instant,
    /// How it ended, once it is buried.
    status: Option<ExitStatus>,
}

/// How an FFmpeg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FfmpegEnd {
    /// By itself; what it complained of last.
    Over(Option<String>),
    /// By a signal.
    Lost(Reason),
}

impl Ffmpeg {
    /// Starts FFmpeg to decode `file`, or what comes through the socket. The socket is for the
    /// process that asked.
    ///
    /// # Errors
    /// There are no descriptors or processes left.
    pub(super) fn start(
        settings: &DecoderSettings,
        ffmpeg: &FfmpegSettings,
        demuxer: Demuxer,
        file: Option<BorrowedFd<'_>>,
    ) -> io::Result<(Self, OwnedFd)> {
        let (theirs, output) = socket::stream_pair(PCM_BYTES)?;
        let input = match file {
            Some(file) => file.try_clone_to_owned()?,
            None => output.try_clone()?,
        };
        let mut command = Command::new(&settings.program);
        command.args(["decode", "--demuxer", demuxer.name(), "--ffmpeg"]).arg(&ffmpeg.program);
        if file.is_some() {
            command.arg("--seekable");
        }
        command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::piped()).process_group(0);
        environment::restrict(&mut command, &ffmpeg.environment);
        let lifetime = if settings.outlives_thread { Lifetime::Own } else { Lifetime::OfThread };
        limit(&mut command, ffmpeg.memory_bytes_max, lifetime, None);
        let mut child = command.spawn()?;
        // Its ends of the sockets are in it.
        drop(command);
        let stderr = child.stderr.take();
        let pidfd = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK);
        let (said, started) = (Diagnostics::default(), Instant::now());
        match pidfd.and_then(|fd| stderr.iter().try_for_each(|it| rustix::io::ioctl_fionbio(it, true)).map(|()| fd)) {
            Ok(pidfd) => Ok((Self { child, pidfd, stderr, said, started, status: None }, theirs)),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// Takes what it complains of.
    pub(super) fn listen(&mut self) {
        let mut buffer = [0; 1024];
        for _ in 0..COMPLAINTS_MAX {
            let Some(stderr) = &mut self.stderr else { return };
            match stderr.read(&mut buffer) {
                Ok(0) => self.stderr = None,
                Ok(count) => self.said.push(&buffer[..count], self.started.elapsed().as_secs(), self.child.id()),
                Err(_) => return,
            }
        }
    }

    /// How it ended, once it has closed its output. Waits a little for its end.
    pub(super) fn end(mut self) -> FfmpegEnd {
        self.wait_dead(ENDING_MS);
        self.listen();
        match self.bury() {
            Some(status) => end_of(status, self.said.last_line()),
            None => FfmpegEnd::Lost(Reason::Hangs),
        }
    }

    /// Kills it, with whatever it has started.
    pub(super) fn kill(&mut self) {
        // While it is not buried, its number and its group are its own.
        if self.status.is_none() {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.kill();
        }
    }

    /// How it ended, if it has. Something that it has started may have lived on in its group.
    fn bury(&mut self) -> Option<ExitStatus> {
        let mut end = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let has_ended = matches!(rustix::event::poll(&mut end, Some(&timespec(0))), Ok(1));
        if has_ended && self.status.is_none() {
            self.kill();
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Whether it is dead and buried.
    pub(super) fn is_buried(&mut self) -> bool {
        self.bury().is_some()
    }

    /// Waits for its end, at most so long.
    pub(super) fn wait_dead(&self, ms: i64) {
        let _ = rustix::event::poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&timespec(ms)));
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has had of the processor; none where that cannot be read.
    pub(super) fn processor_time(&self) -> Option<ProcessorTime> {
        processor_time(self.child.id())
    }

    /// What can wake it.
    pub(super) fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.stderr.as_ref().map(|stderr| PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::IN))
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        self.kill();
        if !self.is_buried() {
            // One that cannot be killed is left to the kernel.
            self.wait_dead(ENDING_MS);
            self.bury();
        }
    }
}

/// Signals that come from outside of a program are no fault of what it reads.
fn end_of(status: ExitStatus, last_line: Option<String>) -> FfmpegEnd {
    match status.signal() {
        Some(signal) => FfmpegEnd::Lost(Reason::of_signal(signal)),
        None => FfmpegEnd::Over(last_line),
    }
}
