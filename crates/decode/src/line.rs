//! A line of decoder processes: the machine that supervises them, and its hands.

use super::process::{DecoderProcess, Job};
use super::settings::DecoderSettings;
use super::supervisor::{Action, Event, Item, ProcessId, Reason, Settings, Supervisor};
use crate::media::demuxer::Demuxer;
use radio_signal::units::MonoTime;
use rustix::event::PollFd;
use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};

/// For how long a process that was killed is waited for, before another is started beside it.
const ENDING_MS: i64 = 50;

/// What has become of the processes of a [`Line`].
#[derive(Debug)]
pub enum Told {
    /// One has started; its standard input, where it decodes a stream.
    Started(Option<OwnedFd>),
    /// One was given up; what it said last, if that is why.
    Lost(Reason, String),
    /// This is not to be decoded again.
    GiveUp(Item, Reason),
    /// Too many have died in a row: nothing more is started.
    Exhausted(Reason),
}

/// Processes that decode one after the other.
pub struct Line {
    supervisor: Supervisor,
    settings: DecoderSettings,
    live: Option<(ProcessId, DecoderProcess)>,
    dying: Vec<(ProcessId, DecoderProcess)>,
    last_words: Option<String>,
    /// Bounded: its owner takes all of it after every turn.
    told: VecDeque<Told>,
}

impl Line {
    /// A line without a process.
    #[must_use]
    pub fn new(settings: DecoderSettings, limits: Settings) -> Self {
        let (supervisor, told) = (Supervisor::new(limits), VecDeque::new());
        Self { supervisor, settings, live: None, dying: Vec::new(), last_words: None, told }
    }

    /// Wants a process from now on.
    pub fn start(&mut self) {
        self.supervisor.handle(now(), Event::Start);
    }

    /// The process that is at work.
    pub fn process(&mut self) -> Option<&mut DecoderProcess> {
        self.live.as_mut().map(|(_, process)| process)
    }

    /// Starts FFmpeg for what its process cannot decode: `file`, or the stream.
    pub fn lend_ffmpeg(&mut self, demuxer: Demuxer, file: Option<BorrowedFd<'_>>) {
        if let Some((id, process)) = &mut self.live
            && let Err(reason) = process.lend_ffmpeg(&self.settings, demuxer, file)
        {
            self.supervisor.handle(now(), Event::Lost(*id, reason));
        }
    }

    /// Learns how FFmpeg has ended. If it was killed or has failed, its process is lost with it.
    pub fn end_ffmpeg(&mut self) {
        if let Some((id, process)) = &mut self.live
            && let Err(reason) = process.end_ffmpeg()
        {
            self.last_words = Some(format!("FFmpeg {}", reason.text()));
            self.supervisor.handle(now(), Event::Lost(*id, reason));
        }
    }

    /// Whether FFmpeg decodes for its process.
    #[must_use]
    pub fn has_ffmpeg(&self) -> bool {
        self.live.as_ref().is_some_and(|(_, process)| process.has_ffmpeg())
    }

    /// Tells the machine what its process does.
    pub fn report(&mut self, event: impl FnOnce(ProcessId) -> Event) {
        if let Some((id, _)) = self.live {
            self.supervisor.handle(now(), event(id));
        }
    }

    /// Its process gives nothing more.
    pub fn lost(&mut self) {
        let Some((id, process)) = &mut self.live else { return };
        let (id, reason) = (*id, process.reason());
        self.last_words = Some(process.last_words());
        self.supervisor.handle(now(), Event::Lost(id, reason));
    }

    /// Does what is due; `job` is what a new process decodes.
    pub fn turn(&mut self, job: &Job) {
        let supervisor = &mut self.supervisor;
        self.dying.retain_mut(|(id, process)| {
            let is_buried = process.is_buried();
            if is_buried {
                supervisor.handle(now(), Event::Buried(*id));
            }
            !is_buried
        });
        if let Some((_, process)) = &mut self.live {
            process.listen();
        }
        if self.supervisor.deadline().is_some_and(|deadline| deadline <= now()) {
            self.supervisor.handle(now(), Event::Timeout);
        }
        while let Some(action) = self.supervisor.poll_action() {
            self.act(action, job);
        }
    }

    fn act(&mut self, action: Action, job: &Job) {
        match action {
            Action::Spawn(id) => match DecoderProcess::start(&self.settings, job) {
                Ok((process, stdin)) => {
                    self.live = Some((id, process));
                    self.told.push_back(Told::Started(stdin));
                }
                Err(error) => {
                    self.last_words = Some(format!("it cannot be started: {error}"));
                    self.supervisor.handle(now(), Event::SpawnFailed(id));
                }
            },
            Action::Kill(id, reason) => {
                let words = self.last_words.take().unwrap_or_default();
                if let Some((id, mut process)) = self.live.take_if(|(live, _)| *live == id) {
                    process.kill();
                    // One that does not wait for a disk ends at once.
                    process.wait_dead(ENDING_MS);
                    if process.is_buried() {
                        self.supervisor.handle(now(), Event::Buried(id));
                    } else {
                        self.dying.push((id, process));
                    }
                } else {
                    // It never lived.
                    self.supervisor.handle(now(), Event::Buried(id));
                }
                self.told.push_back(Told::Lost(reason, words));
            }
            Action::Look(id) => {
                let time = self.live.as_ref().and_then(|(_, process)| process.look());
                self.supervisor.handle(now(), Event::Looked(id, time));
            }
            Action::GiveUp(item, reason) => self.told.push_back(Told::GiveUp(item, reason)),
            Action::Exhausted(reason) => self.told.push_back(Told::Exhausted(reason)),
        }
    }

    /// What has happened since it was asked last.
    pub fn told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Whether a process that was killed has not ended.
    #[must_use]
    pub fn has_dying(&self) -> bool {
        !self.dying.is_empty()
    }

    /// Whether processes that cannot be killed keep another from being started.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.supervisor.is_blocked()
    }

    /// Processes that were replaced so far.
    #[must_use]
    pub const fn replaced(&self) -> u64 {
        self.supervisor.replaced()
    }

    /// In how many ms it must have its next turn, if nothing wakes it before; at most `ms_max`.
    #[must_use]
    pub fn wait_ms(&self, ms_max: u64) -> i64 {
        let left_ns = self.supervisor.deadline().map_or(u64::MAX, |deadline| deadline.since_ns(now()));
        left_ns.div_ceil(1_000_000).min(ms_max).try_into().unwrap_or(i64::MAX)
    }

    /// What can wake it.
    pub fn poll_fds<'a>(&'a self, wants_pcm: bool, fds: &mut Vec<PollFd<'a>>) {
        if let Some((_, process)) = &self.live {
            process.poll_fds(wants_pcm, fds);
        }
        fds.extend(self.dying.iter().map(|(_, process)| process.end_fd()));
    }
}

/// The monotonic clock.
pub(super) fn now() -> MonoTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    MonoTime(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
