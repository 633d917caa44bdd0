//! Decoder processes of this tower, and the sockets to them. No call here blocks.

use super::ffmpeg::{Ffmpeg, FfmpegEnd};
use super::protocol::{MESSAGE_BYTES_MAX, Record, Request};
use super::samples::append;
use super::settings::{DecoderSettings, timespec};
use super::supervisor::{Look, Reason};
use super::{MEMORY_BYTES_MAX, socket};
use crate::media::demuxer::Demuxer;
use crate::media::formats::Format;
use radio_base::child_process::diagnostics::Diagnostics;
use radio_base::child_process::environment;
use radio_base::child_process::processor::processor_time;
use radio_base::child_process::spawn::{Lifetime, limit};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// PCM that a process may have written and the tower has not read: about 0.2 s.
const PCM_BYTES: usize = 64 * 1024;
/// Reads of its complaints in one turn.
const COMPLAINTS_MAX: usize = 8;
/// A process that has closed its output ends itself within this time, or is killed.
const ENDING_MS: i64 = 200;

/// What a process decodes.
#[derive(Clone, Debug)]
pub enum Job {
    /// Files, as they are requested.
    Files,
    /// A stream on its standard input.
    Stream {
        /// What it is said to be.
        format: Format,
        /// Number of its first byte.
        input_byte: u64,
        /// Number of its first sample.
        output_sample: u64,
    },
}

/// A process and its sockets.
pub struct DecoderProcess {
    child: Child,
    pidfd: OwnedFd,
    pcm: OwnedFd,
    stderr: Option<OwnedFd>,
    records: OwnedFd,
    records_are_over: bool,
    /// Bytes of a sample of which the rest has not come.
    odd: Vec<u8>,
    said: Diagnostics,
    started: Instant,
    /// FFmpeg, while it decodes for this process.
    ffmpeg: Option<Ffmpeg>,
    /// What earlier ones have had of the processor.
    ffmpegs_ran_ns: u64,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Samples, or a part of one.
    Some,
    /// Nothing yet.
    Nothing,
    /// There will be nothing more.
    Ended,
}

impl DecoderProcess {
    /// Starts a process. The second is its standard input, where it decodes a stream.
    ///
    /// To be called on a thread that lives as long as the process may, unless it outlives that.
    ///
    /// # Errors
    /// There are no descriptors or processes left, or the program is not there.
    pub fn start(settings: &DecoderSettings, job: &Job) -> io::Result<(Self, Option<OwnedFd>)> {
        let (pcm, stdout) = socket::stream_pair(PCM_BYTES)?;
        let (stdin_ours, stdin) = match job {
            Job::Files => (None, Stdio::null()),
            _ => {
                // Of a pipe the writing end knows how much is unread.
                let (theirs, ours) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
                (Some(ours), Stdio::from(theirs))
            }
        };
        let (records, theirs) = socket::message_pair()?;
        let mut command = Command::new(&settings.program);
        command
            .args(words_of(job, &theirs))
            .stdin(stdin)
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::piped())
            .process_group(0);
        environment::restrict(&mut command, &settings.environment);
        let lifetime = if settings.outlives_thread { Lifetime::Own } else { Lifetime::OfThread };
        limit(&mut command, MEMORY_BYTES_MAX, lifetime, Some(theirs));
        let mut child = command.spawn()?;
        // Their ends are in it.
        drop(command);
        let prepare = |child: &mut Child| {
            let stderr = OwnedFd::from(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
            let ours = [Some(&pcm), Some(&stderr), Some(&records), stdin_ours.as_ref()];
            ours.into_iter().flatten().try_for_each(|fd| rustix::io::ioctl_fionbio(fd, true))?;
            let pidfd = rustix::process::pidfd_open(rustix::process::Pid::from_child(child), PidfdFlags::NONBLOCK)?;
            io::Result::Ok((pidfd, stderr))
        };
        let (pidfd, stderr) = match prepare(&mut child) {
            Ok(prepared) => prepared,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let (stderr, odd, said, started) = (Some(stderr), Vec::new(), Diagnostics::default(), Instant::now());
        let (records_are_over, ffmpeg, ffmpegs_ran_ns) = (false, None, 0);
        let process =
            Self { child, pidfd, pcm, stderr, records, records_are_over, odd, said, started, ffmpeg, ffmpegs_ran_ns };
        Ok((process, stdin_ours))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a request, with the file that it names.
    ///
    /// # Errors
    /// `AGAIN`: not now. Any other: it takes no more.
    pub fn request(&self, request: &Request, file: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
        socket::send(&self.records, &request.encode(), file)
    }

    /// Starts FFmpeg for a file, or for the stream, which the process cannot decode, and tells it so.
    ///
    /// # Errors
    /// The process has one, or takes no more messages.
    pub fn lend_ffmpeg(
        &mut self,
        settings: &DecoderSettings,
        demuxer: Demuxer,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<(), Reason> {
        if self.ffmpeg.is_some() {
            return Err(Reason::Nonsense);
        }
        let none = || Err("this format needs FFmpeg, which is not used here".to_owned());
        let started = settings.ffmpeg.as_ref().map_or_else(none, |ffmpeg| {
            Ffmpeg::start(settings, ffmpeg, demuxer, file).map_err(|error| format!("FFmpeg cannot be started: {error}"))
        });
        match started {
            Ok((ffmpeg, socket)) => {
                self.ffmpeg = Some(ffmpeg);
                self.request(&Request::Ffmpeg, Some(socket.as_fd()))
            }
            Err(why) => self.request(&Request::NoFfmpeg(why), None),
        }
        .map_err(|_| Reason::Failed)
    }

    /// Tells the process how its FFmpeg has ended.
    ///
    /// # Errors
    /// It was killed or has failed; or the process takes no more messages.
    pub fn end_ffmpeg(&mut self) -> Result<(), Reason> {
        let Some(ffmpeg) = self.ffmpeg.take() else { return Ok(()) };
        self.ffmpegs_ran_ns += ffmpeg.processor_time().map_or(0, |time| time.ran_ns);
        match ffmpeg.end() {
            FfmpegEnd::Lost(reason) => Err(reason),
            FfmpegEnd::Over(complaint) => {
                let request = Request::FfmpegEnded(complaint.unwrap_or_default());
                self.request(&request, None).map_err(|_| Reason::Failed)
            }
        }
    }

    /// The next record, if one has come.
    ///
    /// # Errors
    /// It wrote what is no record.
    pub fn record(&mut self) -> Result<Option<Record>, Reason> {
        let mut bytes = [0; MESSAGE_BYTES_MAX + 1];
        match socket::receive(&self.records, &mut bytes) {
            // Its end is seen by that of its PCM.
            Ok((0, _)) => {
                self.records_are_over = true;
                Ok(None)
            }
            Err(_) => Ok(None),
            Ok((length, _)) => Record::decode(&bytes[..length]).map(Some).map_err(|_| Reason::Nonsense),
        }
    }

    /// Appends samples that have come, with a full scale of 1, to `out`.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<f32>) -> Read {
        match rustix::io::read(&self.pcm, &mut *buffer) {
            Ok(0) => Read::Ended,
            Ok(count) => {
                append(&buffer[..count], &mut self.odd, out);
                Read::Some
            }
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            Err(_) => Read::Ended,
        }
    }

    /// Takes what it complains of.
    pub fn listen(&mut self) {
        self.ffmpeg.iter_mut().for_each(Ffmpeg::listen);
        let mut buffer = [0; 1024];
        for _ in 0..COMPLAINTS_MAX {
            let Some(stderr) = &self.stderr else { return };
            match rustix::io::read(stderr, &mut buffer) {
                Ok(0) => self.stderr = None,
                Ok(count) => self.said.push(&buffer[..count], self.started.elapsed().as_secs(), self.child.id()),
                Err(_) => return,
            }
        }
    }

    /// What can wake it. Where its PCM is not wanted, neither it nor its end does.
    pub fn poll_fds<'a>(&'a self, wants_pcm: bool, fds: &mut Vec<PollFd<'a>>) {
        if wants_pcm {
            fds.push(PollFd::new(&self.pcm, PollFlags::IN));
            fds.extend((!self.records_are_over).then(|| PollFd::new(&self.records, PollFlags::IN)));
        }
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        fds.extend(self.ffmpeg.as_ref().and_then(Ffmpeg::poll_fd));
    }

    /// What it has had of the processor, with its FFmpeg; none where that cannot be read.
    #[must_use]
    pub fn look(&self) -> Option<Look> {
        let (own, ffmpeg) = (processor_time(self.pid())?, self.ffmpeg.as_ref().and_then(Ffmpeg::processor_time));
        let ran_ns = own.ran_ns + ffmpeg.map_or(0, |time| time.ran_ns) + self.ffmpegs_ran_ns;
        // Passing bytes on to FFmpeg is no sign that those are decoded.
        let decodes = ffmpeg.unwrap_or(own);
        Some(Look { ran_ns, decoding_ns: decodes.ran_ns, is_runnable: decodes.is_runnable })
    }

    /// Whether FFmpeg decodes for it.
    #[must_use]
    pub const fn has_ffmpeg(&self) -> bool {
        self.ffmpeg.is_some()
    }

    /// Gives it, and FFmpeg where that decodes for it, only the time that nothing else wants of the
    /// processor and the disk. Where the system refuses, it takes its share as others do.
    #[allow(unsafe_code, reason = "only libc has `sched_setscheduler` and `ioprio_set`")]
    pub fn make_idle(&self) {
        const IOPRIO_WHO_PROCESS: libc::c_long = 1;
        const IOPRIO_IDLE: libc::c_long = 3 << 13;
        let parameters = libc::sched_param { sched_priority: 0 };
        for pid in [Some(self.pid()), self.ffmpeg.as_ref().map(Ffmpeg::pid)].into_iter().flatten() {
            // SAFETY: `parameters` outlives the call; the process is a child that is not buried, so
            // its number is its own.
            unsafe {
                libc::sched_setscheduler(pid as libc::pid_t, libc::SCHED_IDLE, &parameters);
                libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, libc::c_long::from(pid), IOPRIO_IDLE);
            }
        }
    }

    /// Why it gives no more, once it has closed its output. Waits a little for its end.
    pub fn reason(&mut self) -> Reason {
        self.wait_dead(ENDING_MS);
        self.listen();
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok().flatten();
        status.and_then(|status| status.terminating_signal()).map_or(Reason::Failed, Reason::of_signal)
    }

    /// What it said last, or how it ended.
    pub fn last_words(&mut self) -> String {
        self.wait_dead(ENDING_MS);
        self.listen();
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => format!("the decoder ended with {status}"),
            _ => "the decoder closed its output".to_owned(),
        };
        self.said.last_line().map_or(ended.clone(), |line| format!("{ended}: {line}"))
    }

    /// Kills it with whatever it has started.
    pub fn kill(&mut self) {
        // While it is not buried, its number and its group are its own.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.child), Signal::KILL);
        }
        self.ffmpeg.iter_mut().for_each(Ffmpeg::kill);
    }

    /// Whether it is dead and buried, with its FFmpeg.
    pub fn is_buried(&mut self) -> bool {
        // An error means that there is nothing left to wait for.
        let ffmpeg_is = self.ffmpeg.as_mut().is_none_or(Ffmpeg::is_buried);
        !matches!(self.child.try_wait(), Ok(None)) && ffmpeg_is
    }

    /// What tells of its end.
    #[must_use]
    pub fn end_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.pidfd, PollFlags::IN)
    }

    /// Waits for its end, at most so long.
    pub fn wait_dead(&self, ms: i64) {
        let _ = rustix::event::poll(&mut [self.end_fd()], Some(&timespec(ms)));
        self.ffmpeg.iter().for_each(|ffmpeg| ffmpeg.wait_dead(ms));
    }
}

impl Drop for DecoderProcess {
    fn drop(&mut self) {
        self.kill();
        // One that cannot be killed is left to the kernel.
        self.wait_dead(ENDING_MS);
        let _ = self.child.try_wait();
    }
}

fn words_of(job: &Job, records: &OwnedFd) -> Vec<OsString> {
    let mut words = vec![OsString::from("decode")];
    let mut flag = |name: &str, value: String| words.extend([OsString::from(name), value.into()]);
    flag("--records", records.as_raw_fd().to_string());
    match job {
        Job::Files => words.push("--files".into()),
        Job::Stream { format, input_byte, output_sample } => {
            flag("--input-byte", input_byte.to_string());
            flag("--output-sample", output_sample.to_string());
            flag("--format", format.name().to_owned());
            words.push("-".into());
        }
    }
    words
}
