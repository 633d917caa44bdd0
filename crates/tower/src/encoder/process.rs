//! One encoder process: what it has been fed, what it has delivered.

use super::child::Child;
use super::diagnostics::Diagnostics;
use super::framing::Framing;
use super::history::PcmHistory;
use super::hunt::Hunt;
use super::replay::Plan;
use super::status::ReplayReport;
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::supervisor::{ProcessId, Reason, Role};
use radio_signal::units::{FrameNumber, MonoTime, Serial, TICK_BYTES};
use rustix::io::Errno;
use std::ops::Range;

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
    /// Position in the history, in bytes from tick 0; what lies before it has been written.
    fed_to: u64,
    framing: Framing,
    frame: Vec<u8>,
}

impl<C: Child> Process<C> {
    pub(super) fn new(id: ProcessId, role: Role, child: C, plan: Plan, now: MonoTime, framing: Framing) -> Self {
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
            fed_to: plan.start_tick * TICK_BYTES as u64,
            framing,
            frame: Vec::new(),
        }
    }

    /// Samples fed since its start.
    pub(super) fn samples_fed(&self) -> u64 {
        (self.fed_to - self.plan.start_tick * TICK_BYTES as u64) / 4
    }

    /// Samples from its start to the end of the history.
    pub(super) fn samples_live(&self, history: &PcmHistory) -> u64 {
        history.end().saturating_sub(self.plan.start_tick) * TICK_BYTES as u64 / 4
    }

    /// Frames (of one tick each) delivered since its start.
    pub(super) fn frames(&self) -> u64 {
        self.framing.ticks()
    }

    /// Whether there is PCM that it may be fed now.
    pub(super) fn has_backlog(&self, history: &PcmHistory) -> bool {
        history.bytes_from(self.fed_to).is_none_or(|backlog| !backlog.is_empty()) && self.may_be_fed() > 0
    }

    /// Ticks that it has read, at least in part, and delivered no frame of.
    pub(super) fn unanswered(&self) -> Range<Serial> {
        let read_to = self.fed_to.saturating_sub(self.child.unread_bytes()).div_ceil(TICK_BYTES as u64);
        let answered_to = self.plan.start_tick + self.frames();
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
        let limit = self.hunt.as_ref().map_or(u64::MAX, |hunt| hunt.feed_to() * TICK_BYTES as u64);
        limit.saturating_sub(self.fed_to)
    }
}
