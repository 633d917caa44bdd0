//! Encoder children of this tower, and the pipes to them. No call here blocks.

use super::child::{Child, Launcher};
use super::commands::Program;
use radio_base::child_process::processor::processor_time;
use radio_base::child_process::spawn::{self, Spawned};
use radio_signal::supervisor::{ProcessorTime, Reason};
use radio_signal::units::MonoTime;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A process that dies closes its pipes a moment before its end can be seen.
const DYING_MS: i64 = 10;

/// How long a killed child is waited for when the tower goes off air.
const BURIAL_MS_MAX: i64 = 1000;

/// The system, and who is still to be buried.
#[derive(Default)]
pub(super) struct System {
    /// Killed, and not yet buried; as a rule for less than a millisecond.
    bodies: Vec<Body>,
}

pub(super) struct Process {
    body: Body,
    stdin: OwnedFd,
    stdout: OwnedFd,
    /// None once it has closed it, which is its right.
    stderr: Option<OwnedFd>,
}

/// A child that is to be buried: nothing is kept of it but what `wait` needs.
struct Body {
    child: std::process::Child,
    pidfd: OwnedFd,
}

impl Launcher for System {
    type Child = Process;

    fn now(&self) -> MonoTime {
        now()
    }

    fn launch(&mut self, program: &Program, memory_bytes_max: u64) -> io::Result<Process> {
        let Spawned { child, pidfd, stdin, stdout, stderr } =
            spawn::spawn(&program.command, &program.environment, memory_bytes_max)?;
        Ok(Process { body: Body { child, pidfd }, stdin, stdout, stderr: Some(stderr) })
    }

    fn put_down(&mut self, process: Process) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&process.body.child), Signal::KILL);
        let mut body = process.body;
        if !body.bury() {
            self.bodies.push(body);
        }
    }
}

impl System {
    /// Buries the dead.
    pub(super) fn bury(&mut self) {
        self.bodies.retain_mut(|body| !body.bury());
    }

    /// Waits for those that die, a while.
    pub(super) fn bury_all(&mut self) {
        self.bodies.iter().for_each(|body| body.wait_dead(BURIAL_MS_MAX));
        self.bury();
    }

    /// What tells of a death.
    pub(super) fn poll_fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.extend(self.bodies.iter().map(|body| PollFd::new(&body.pidfd, PollFlags::IN)));
    }
}

impl Process {
    /// What can wake it. Its stdin only while there is something to write: a pipe with room is ready all the time.
    /// Without `wants_frames`, frames in its stdout do not; that it is closed still does.
    pub(super) fn poll_fds<'a>(&'a self, wants_frames: bool, has_backlog: bool, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(&self.stdout, if wants_frames { PollFlags::IN } else { PollFlags::empty() }));
        fds.push(PollFd::new(&self.body.pidfd, PollFlags::IN));
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        if has_backlog {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
    }
}

impl Child for Process {
    fn pid(&self) -> u32 {
        self.body.child.id()
    }

    fn write(&mut self, pcm: &[u8]) -> Result<usize, Errno> {
        rustix::io::write(&self.stdin, pcm)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::read(&self.stdout, buffer)
    }

    fn read_diagnostics(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let Some(stderr) = &self.stderr else { return Err(Errno::AGAIN) };
        match rustix::io::read(stderr, buffer) {
            Ok(0) => {
                self.stderr = None;
                Err(Errno::AGAIN)
            }
            answer => answer,
        }
    }

    fn unread_bytes(&self) -> u64 {
        // A pipe always knows; if it did not, nothing would be held against what was fed.
        rustix::io::ioctl_fionread(&self.stdin).unwrap_or(0)
    }

    fn set_pipe_bytes(&mut self, bytes: usize) -> bool {
        rustix::pipe::fcntl_setpipe_size(&self.stdin, bytes).is_ok()
    }

    fn processor_time(&self) -> Option<ProcessorTime> {
        processor_time(self.pid())
    }

    /// It is not buried yet, so its number and its group are still its own.
    fn end(&self) -> Option<Reason> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::PidFd(self.body.pidfd.as_fd()), options).ok().flatten()?;
        let signalled = status.terminating_signal().map(|signal| Reason::Signalled { signal });
        signalled.or(status.exit_status().map(|status| Reason::Exited { status }))
    }

    fn end_soon(&self) -> Option<Reason> {
        self.body.wait_dead(DYING_MS);
        self.end()
    }
}

impl Body {
    /// Whether it is dead and buried.
    fn bury(&mut self) -> bool {
        // An error means that there is nothing left to wait for.
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its death, at most so long.
    fn wait_dead(&self, ms: i64) {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _ = rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }));
    }
}

pub(super) fn now() -> MonoTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    MonoTime(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
