//! The thread of one output. It waits in one place only, for whatever comes first.

use super::driver::Driver;
use super::feed::{Bell, Tick};
use super::history::PcmHistory;
use super::ledger::Ledger;
use super::process::ReadBuffer;
use super::system::{System, now};
use radio_signal::mpeg::packetizer::PUSH_BYTES_MAX;
use radio_signal::units::{FrameNumber, TICK_NS};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire};
use std::time::Duration;

/// A tick that is this late does not come: what is in the pipes is collected without it.
const TICK_OVERDUE_NS: u64 = TICK_NS;

/// Ticks before the first frame of a stream that does not begin with the tower: more than the warm-up of a replay.
pub(super) const LEAD_TICKS: u64 = 16;

/// What outlives a stop and the next start (SPEC ENC-12).
pub(super) struct Memory {
    pub(super) history: PcmHistory,
    pub(super) ledger: Ledger,
}

impl Memory {
    /// Nothing yet; `first` is the first frame of the stream. History begins before it, so that its first frames lean on
    /// what came before, as all later ones do; and where a frame of the codec begins with a tick, each `grid_ticks`.
    pub(super) fn starting_at(first: FrameNumber, grid_ticks: u64) -> Self {
        let begin = first.saturating_sub(LEAD_TICKS);
        let history = PcmHistory::starting_at(begin - begin % grid_ticks);
        Self { history, ledger: Ledger::starting_at(first) }
    }
}

/// Niceness of the encoders and of the threads that feed them: above ordinary programs.
const NICE: i32 = -5;

/// Puts the calling thread, and the processes that it starts from now on, above ordinary programs.
///
/// # Errors
/// The system's refusal, usually EACCES: the caller goes on at normal priority.
pub fn request_encoder_priority() -> Result<(), rustix::io::Errno> {
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE)
}

pub(super) struct DriverThread {
    pub(super) driver: Driver<System>,
    pub(super) ticks: rtrb::Consumer<Tick>,
    pub(super) bell: Arc<Bell>,
    /// Somebody wants a fresh process.
    pub(super) replace: Arc<AtomicBool>,
    pub(super) stop: Arc<AtomicBool>,
}

impl DriverThread {
    pub(super) fn run(mut self) -> Memory {
        let mut buffer: Box<ReadBuffer> = Box::new([0; PUSH_BYTES_MAX]);
        // The processes that it starts inherit it.
        if let Err(error) = request_encoder_priority() {
            tracing::debug!(%error, "encoders run at normal priority; `tower doctor` names the remedy");
        }
        self.driver.start();
        while !self.stop.load(Acquire) {
            self.wait();
            self.bell.quieten();
            self.take_ticks();
            if self.replace.swap(false, AcqRel) {
                self.driver.replace();
            }
            self.driver.turn(&mut buffer);
            self.driver.launcher.bury();
        }
        // Those that came during the last turn belong to the history of the next start.
        self.take_ticks();
        self.driver.stop();
        self.driver.launcher.bury_all();
        Memory { history: self.driver.history, ledger: self.driver.delivery.ledger }
    }

    fn take_ticks(&mut self) {
        while let Ok(tick) = self.ticks.pop() {
            self.driver.take_tick(&tick);
        }
    }

    fn wait(&self) {
        let driver = &self.driver;
        let turn_ticks = driver.turn_ticks();
        self.bell.wait_for(driver.history.end() + turn_ticks - 1);
        let mut fds = vec![PollFd::new(&*self.bell, PollFlags::IN)];
        let until_tick = driver.collects_at_ticks();
        for process in &driver.processes {
            process.child.poll_fds(!until_tick, process.has_backlog(&driver.history), &mut fds);
        }
        driver.launcher.poll_fds(&mut fds);
        let deadline_ns = driver.deadline().map(|deadline| deadline.since_ns(now()));
        let tick_ns = until_tick.then_some(turn_ticks * TICK_NS + TICK_OVERDUE_NS);
        let left_ns = deadline_ns.into_iter().chain(tick_ns).min();
        let timeout = left_ns.and_then(|ns| Timespec::try_from(Duration::from_nanos(ns)).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Out of memory: not to be made worse by asking again at once.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
