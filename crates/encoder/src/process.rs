//! One encoder process: what it has been fed, what it has delivered.

use super::child::Child;
use super::framing::Framing;
use super::history::PcmHistory;
use super::hunt::Hunt;
use super::replay::Plan;
use super::status::ReplayReport;
use radio_base::child_process::diagnostics::Diagnostics;
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::supervisor::{ProcessId, Reason, Role};
use radio_signal::units::{FrameNumber, MonoTime, Serial, TICK_BYTES, TICK_SAMPLES};
use rustix::io::Errno;
use std::ops::Range;

/// What a process is fed before it is known to be up: as much as a pipe of one page holds, which is
/// writable again when the process has read it all.
const FIRST_BYTES: usize = 4096;

/// Room for a whole replay, so that it is read without a wake-up for every few ticks. The system
/// may grant less.
const REPLAY_PIPE_BYTES: usize = 1024 * 1024;

/// Room in the pipe of a process that has caught up: 14 ticks, beyond which nothing is lost if it
/// leaves out some.
pub(super) const LIVE_PIPE_BYTES: usize = 64 * 1024;

/// Reads from one pipe before the others get their turn; more than a pipe holds.
const READS_MAX: usize = 16;

/// Room for one read; as much as a packetizer takes at once.
pub(super) type ReadBuffer = [u8; PUSH_BYTES_MAX];

pub(super) struct Process<C> {
    pub(super) id: ProcessId,
    pub(super) role: Role,
    pub(super) child: C,
    pub(super) plan: Plan,
    pub(super) replay: ReplayReport,
    pub(super) diagnostics: Diagnostics,
    pub(super) started: MonoTime,
    /// When its first frame came, whatever number that had.
    pub(super) first_frame: Option<MonoTime>,
    /// Frames that were new.
    pub(super) new_frames: u64,
    /// It is being fed tick by tick.
    pub(super) hunt: Option<Hunt>,
    /// The part of a core that it got while it started, where that was little.
    pub(super) share: f64,
    /// It has read its first PCM, and gets all there is.
    joined: bool,
    /// Position in the history, in bytes from tick 0; what lies before it has been written.
    fed_to: u64,
    framing: Framing,
    frame: Vec<u8>,
}

impl<C: Child> Process<C> {
    pub(super) fn new(id: ProcessId, role: Role, mut child: C, plan: Plan, now: MonoTime, framing: Framing) -> Self {
        // Without a pipe of one page nothing tells when it has been read.
        let joined = !child.set_pipe_bytes(FIRST_BYTES);
        Self {
            id,
            role,
            child,
            plan,
            replay: ReplayReport::begin(plan),
            diagnostics: Diagnostics::default(),
            started: now,
            first_frame: None,
            new_frames: 0,
            hunt: None,
            share: 1.0,
            joined,
            fed_to: plan.start_tick * TICK_BYTES as u64,
            framing,
            frame: Vec::new(),
        }
    }

    /// Samples fed since its start.
    pub(super) fn samples_fed(&self) -> u64 {
        (self.fed_to - self.plan.start_tick * TICK_BYTES as u64) / 4
    }

    /// Whole or partly, the ticks fed since its start.
    pub(super) fn ticks_fed(&self) -> u64 {
        self.samples_fed().div_ceil(TICK_SAMPLES as u64)
    }

    /// Whether it has read its first PCM just now.
    pub(super) fn wants_to_join(&self) -> bool {
        !self.joined && self.samples_fed() * 4 >= FIRST_BYTES as u64 && self.child.unread_bytes() == 0
    }

    /// Whether it may still join later than was planned: it has delivered nothing, and is not fed
    /// tick by tick.
    pub(super) fn may_join_later(&self) -> bool {
        self.frames() == 0 && self.hunt.is_none()
    }

    /// It is fed all there is from now on.
    pub(super) fn join(&mut self) {
        self.joined = true;
        // Where the system does not grant so much, the usual size does.
        let _ = self.child.set_pipe_bytes(REPLAY_PIPE_BYTES) || self.child.set_pipe_bytes(LIVE_PIPE_BYTES);
    }

    /// Whether it can leave out ticks: it is up, and has done with what it left out before.
    pub(super) fn may_leave_out(&self) -> bool {
        self.joined && self.hunt.is_none() && !self.framing.is_before_left_out()
    }

    /// Leaves out so many ticks after those of its first `after_slots` slots, and delivers from
    /// there on.
    pub(super) fn leave_out(&mut self, after_slots: u64, ticks: u64, deliver_from: FrameNumber) {
        self.framing.leave_out(after_slots, ticks);
        self.plan.start_tick += ticks;
        self.plan.deliver_from = self.plan.deliver_from.max(deliver_from);
        if after_slots == 0 {
            self.replay = ReplayReport { until_due_ms: self.replay.until_due_ms, ..ReplayReport::begin(self.plan) };
        }
        self.fed_to += ticks * TICK_BYTES as u64;
    }

    /// Samples from its start to the end of the history.
    pub(super) fn samples_live(&self, history: &PcmHistory) -> u64 {
        history.end().saturating_sub(self.plan.start_tick) * TICK_BYTES as u64 / 4
    }

    /// Samples of which it owes frames: those fed; and until it has read any, all there are, for it
    /// is slow to read them.
    pub(super) fn samples_asked(&self, history: &PcmHistory) -> u64 {
        if self.joined { self.samples_fed() } else { self.samples_live(history) }
    }

    /// Frames (of one tick each) delivered since its start.
    pub(super) fn frames(&self) -> u64 {
        self.framing.ticks()
    }

    /// Whether there is PCM that it may be fed now, or will be once it has read its first.
    pub(super) fn has_backlog(&self, history: &PcmHistory) -> bool {
        if !self.joined && self.samples_fed() * 4 >= FIRST_BYTES as u64 {
            return true;
        }
        history.bytes_from(self.fed_to).is_none_or(|backlog| !backlog.is_empty()) && self.may_be_fed() > 0
    }

    /// Ticks that it has read, at least in part, and delivered no frame of.
    pub(super) fn unanswered(&self) -> Range<Serial> {
        let read_to = self.fed_to.saturating_sub(self.child.unread_bytes()).div_ceil(TICK_BYTES as u64);
        let answered_to = self.framing.next_tick();
        answered_to..read_to.max(answered_to)
    }

    /// The tick that it was fed last.
    pub(super) fn last_tick_fed(&self) -> Serial {
        (self.fed_to.div_ceil(TICK_BYTES as u64)).saturating_sub(1)
    }

    /// Writes as much of the history as the pipe takes.
    pub(super) fn feed(&mut self, history: &PcmHistory, now: MonoTime) -> Result<(), Reason> {
        if let Some(hunt) = &mut self.hunt {
            let all_read = self.child.unread_bytes() == 0;
            if hunt.step(now, self.fed_to / TICK_BYTES as u64, all_read) {
                self.hunt = None;
            }
        }
        self.probe_first(history)?;
        loop {
            let backlog = history.bytes_from(self.fed_to).ok_or(Reason::FellBehind)?;
            let allowed = self.may_be_fed().min(backlog.len() as u64) as usize;
            if allowed == 0 {
                return Ok(());
            }
            match self.child.write(&backlog[..allowed]) {
                Ok(written) => self.fed_to += written as u64,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(self.child.end_soon().unwrap_or(Reason::BrokenStdin)),
            }
        }
    }

    /// A process that has not read its first page may have closed its input instead: a full pipe tells
    /// nothing of that but to a write.
    fn probe_first(&mut self, history: &PcmHistory) -> Result<(), Reason> {
        let waits = !self.joined && self.samples_fed() * 4 >= FIRST_BYTES as u64 && self.child.unread_bytes() > 0;
        let more = history.bytes_from(self.fed_to).filter(|more| waits && !more.is_empty());
        match more.map(|more| self.child.write(more)) {
            // It has read the page just now.
            Some(Ok(written)) => self.fed_to += written as u64,
            None | Some(Err(Errno::AGAIN | Errno::INTR)) => {}
            Some(Err(_)) => return Err(self.child.end_soon().unwrap_or(Reason::BrokenStdin)),
        }
        Ok(())
    }

    /// Reads what has come and hands every whole frame of the right format to `deliver`, with its number; in all, no more
    /// than `frames_max` of what it has been fed.
    pub(super) fn take_frames(
        &mut self,
        frames_max: u64,
        buffer: &mut ReadBuffer,
        mut deliver: impl FnMut(&mut Self, FrameNumber, &[u8]),
    ) -> Result<(), Reason> {
        for _ in 0..READS_MAX {
            let read = match self.child.read(&mut buffer[..]) {
                Ok(0) => return Err(self.child.end_soon().unwrap_or(Reason::ClosedStdout)),
                Ok(read) => read,
                // Nothing yet, which is not the end.
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(_) => return Err(self.child.end_soon().unwrap_or(Reason::ClosedStdout)),
            };
            self.framing.push(&buffer[..read])?;
            let mut frame = std::mem::take(&mut self.frame);
            let outcome = loop {
                match self.framing.next(frames_max) {
                    Ok(None) => break Ok(()),
                    Err(reason) => break Err(reason),
                    Ok(Some((number, bytes))) => {
                        frame.clear();
                        frame.extend_from_slice(bytes);
                        deliver(self, number, &frame);
                    }
                }
            };
            self.frame = frame;
            outcome?;
        }
        Ok(())
    }

    /// Drains stderr; says whether anything came.
    pub(super) fn take_diagnostics(&mut self, now: MonoTime, buffer: &mut ReadBuffer) -> bool {
        let pid = self.child.pid();
        let mut came = false;
        for _ in 0..READS_MAX {
            match self.child.read_diagnostics(&mut buffer[..]) {
                Ok(read) => {
                    self.diagnostics.push(&buffer[..read], now.0 / 1_000_000_000, pid);
                    came = true;
                }
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        came
    }

    /// Bytes beyond what has been fed that it may be fed now.
    fn may_be_fed(&self) -> u64 {
        let hunted_to = self.hunt.as_ref().map(|hunt| hunt.feed_to() * TICK_BYTES as u64);
        let first_to = self.plan.start_tick * TICK_BYTES as u64 + FIRST_BYTES as u64;
        let limit = hunted_to.into_iter().chain((!self.joined).then_some(first_to)).min().unwrap_or(u64::MAX);
        limit.saturating_sub(self.fed_to)
    }
}
