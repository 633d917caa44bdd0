//! One encoder child: what it has been fed, what it has delivered, how it ends. No call here blocks.

use super::diagnostics::Diagnostics;
use super::history::PcmHistory;
use super::replay::Plan;
use super::spawn::{self, Spawned};
use super::status::ReplayReport;
use radio_signal::mpeg::Packetizer;
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::supervisor::{ProcessId, Reason};
use radio_signal::units::{FrameNumber, MonoTime, SAMPLE_RATE_HZ, Serial, TICK_BYTES};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

/// Reads from one pipe before the others get their turn; more than a pipe holds.
const READS_MAX: usize = 16;

/// A process that dies closes its pipes a moment before its end can be seen.
const DYING_MS: i64 = 10;

/// Room for one read; as much as a packetizer takes at once.
pub(super) type ReadBuffer = [u8; PUSH_BYTES_MAX];

pub(super) struct Process {
    pub(super) id: ProcessId,
    pub(super) replay: ReplayReport,
    pub(super) diagnostics: Diagnostics,
    pub(super) started: MonoTime,
    body: Body,
    stdin: OwnedFd,
    stdout: OwnedFd,
    /// None once it has closed it, which is its right.
    stderr: Option<OwnedFd>,
    plan: Plan,
    /// Position in the history, in bytes from tick 0; what lies before it has been written.
    fed_to: u64,
    frames: u64,
    packetizer: Packetizer,
    frame: Vec<u8>,
}

/// A child that is to be buried: nothing is kept of it but what `wait` needs.
pub(super) struct Body {
    child: Child,
    pidfd: OwnedFd,
}

impl Process {
    pub(super) fn start(id: ProcessId, command: &[OsString], plan: Plan, now: MonoTime) -> io::Result<Self> {
        let Spawned { child, pidfd, stdin, stdout, stderr } = spawn::spawn(command)?;
        Ok(Self {
            id,
            replay: ReplayReport::begin(plan),
            diagnostics: Diagnostics::default(),
            started: now,
            body: Body { child, pidfd },
            stdin,
            stdout,
            stderr: Some(stderr),
            plan,
            fed_to: plan.start_tick * TICK_BYTES as u64,
            frames: 0,
            packetizer: Packetizer::new(),
            frame: Vec::with_capacity(radio_signal::frame_ring::FRAME_BYTES_MAX),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.body.child.id()
    }

    pub(super) fn start_tick(&self) -> Serial {
        self.plan.start_tick
    }

    /// Frames below this number are for comparison only.
    pub(super) fn deliver_from(&self) -> FrameNumber {
        self.plan.deliver_from
    }

    /// Samples fed since its start.
    pub(super) fn samples_fed(&self) -> u64 {
        (self.fed_to - self.plan.start_tick * TICK_BYTES as u64) / 4
    }

    /// What can wake it. Its stdin only while there is something to write: a pipe with room is ready all the time.
    /// With `until_tick`, frames in its stdout do not; that it is closed still does.
    pub(super) fn poll_fds<'a>(&'a self, history: &PcmHistory, until_tick: bool, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(&self.stdout, if until_tick { PollFlags::empty() } else { PollFlags::IN }));
        fds.push(PollFd::new(&self.body.pidfd, PollFlags::IN));
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        if history.bytes_from(self.fed_to).is_none_or(|backlog| !backlog.is_empty()) {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
    }

    /// Writes as much of the history as the pipe takes.
    pub(super) fn feed(&mut self, history: &PcmHistory) -> Result<(), Reason> {
        loop {
            let backlog = history.bytes_from(self.fed_to).ok_or(Reason::FellBehind)?;
            if backlog.is_empty() {
                return Ok(());
            }
            match rustix::io::write(&self.stdin, backlog) {
                Ok(written) => self.fed_to += written as u64,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(self.ended().unwrap_or(Reason::BrokenStdin)),
            }
        }
    }

    /// Reads what has come and hands every whole frame of the right format to `deliver`, with its number.
    pub(super) fn take_frames(
        &mut self,
        bitrate_kbps: u32,
        buffer: &mut ReadBuffer,
        mut deliver: impl FnMut(&mut ReplayReport, FrameNumber, &[u8]),
    ) -> Result<(), Reason> {
        for _ in 0..READS_MAX {
            let read = match rustix::io::read(&self.stdout, &mut buffer[..]) {
                Ok(0) => return Err(self.ended().unwrap_or(Reason::ClosedStdout)),
                Ok(read) => read,
                // Nothing yet, which is not the end.
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(_) => return Err(self.ended().unwrap_or(Reason::ClosedStdout)),
            };
            // All of it is taken, because every frame before it has been.
            let _taken = self.packetizer.push(&buffer[..read]);
            while let Some(frame) = self.packetizer.next_frame() {
                self.frame.clear();
                self.frame.extend_from_slice(frame.bytes);
                let header = frame.header;
                // Bytes between two frames may have been a frame: from there on the numbers would be guesses.
                if self.packetizer.counters().bytes_skipped > 0 {
                    return Err(Reason::NotFrames);
                }
                if u32::from(header.bitrate_kbps) != bitrate_kbps || header.sample_rate_hz != SAMPLE_RATE_HZ {
                    return Err(Reason::WrongFormat);
                }
                let number = self.plan.start_tick + self.frames;
                self.frames += 1;
                deliver(&mut self.replay, number, &self.frame);
            }
            if self.packetizer.counters().bytes_skipped > 0 {
                return Err(Reason::NotFrames);
            }
        }
        Ok(())
    }

    /// Drains stderr; says whether anything came.
    pub(super) fn take_diagnostics(&mut self, now: MonoTime, buffer: &mut ReadBuffer) -> bool {
        let pid = self.pid();
        let mut came = false;
        for _ in 0..READS_MAX {
            let Some(stderr) = &self.stderr else { break };
            match rustix::io::read(stderr, &mut buffer[..]) {
                Ok(0) => self.stderr = None,
                Ok(read) => {
                    self.diagnostics.push(&buffer[..read], now.0 / 1_000_000_000, pid);
                    came = true;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.stderr = None,
            }
        }
        came
    }

    /// How it ended, if it has. It is not buried yet, so its number and its group are still its own.
    pub(super) fn has_ended(&self) -> Option<Reason> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::PidFd(self.body.pidfd.as_fd()), options).ok().flatten()?;
        let signalled = status.terminating_signal().map(|signal| Reason::Signalled { signal });
        signalled.or(status.exit_status().map(|status| Reason::Exited { status }))
    }

    /// For a process that has closed a pipe: how it ended, if that is why.
    fn ended(&self) -> Option<Reason> {
        self.body.wait_dead(DYING_MS);
        self.has_ended()
    }

    /// Kills it with whatever it has started, and closes its pipes.
    pub(super) fn kill(self) -> Body {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.body.child), Signal::KILL);
        self.body
    }
}

impl Body {
    pub(super) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Whether it is dead and buried.
    pub(super) fn bury(&mut self) -> bool {
        // An error means that there is nothing left to wait for.
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its death, at most so long.
    pub(super) fn wait_dead(&self, ms: i64) {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _ = rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }));
    }
}
