//! One output's encoder as the rest of the tower sees it (SPEC ENC-1, ENC-2).

use super::commands::{ConfigError, EncoderConfig};
use super::driver::{Driver, Memory, now};
use super::feed::{self, PcmFeed};
use super::history::PcmHistory;
use super::ledger::Ledger;
use super::status::{EncoderStatus, Shared};
use radio_signal::frame_ring::{FRAME_BYTES_MAX, FrameBuf, FrameRingBuffer, Get};
use radio_signal::supervisor::{Change, PROCESSES_MAX, Supervisor};
use radio_signal::units::FrameNumber;
use rustix::event::EventfdFlags;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::Release};
use std::thread::JoinHandle;

/// Owns the frame buffer, the PCM history and the hashes of one output; it alone starts and stops the supervisor that
/// fills the buffer.
pub struct EncoderManager {
    config: EncoderConfig,
    frames: Arc<FrameRingBuffer>,
    shared: Arc<Shared>,
    /// Here while stopped, with the driver while running.
    memory: Option<Memory>,
    driver: Option<DriverHandle>,
}

struct DriverHandle {
    thread: JoinHandle<Memory>,
    stop: Arc<AtomicBool>,
    bell: Arc<OwnedFd>,
}

impl EncoderManager {
    /// A manager that is stopped. Without `frames` it creates the frame buffer itself, as configured; otherwise the
    /// very one passed in is filled.
    pub fn new(config: EncoderConfig, frames: Option<Arc<FrameRingBuffer>>) -> Result<Self, ConfigError> {
        config.check()?;
        let frames = frames.unwrap_or_else(|| Arc::new(FrameRingBuffer::new(config.buffer_frames, FRAME_BYTES_MAX)));
        let memory = Some(Memory { history: PcmHistory::new(), ledger: Ledger::new() });
        Ok(Self { config, frames, shared: Arc::default(), memory, driver: None })
    }

    /// The frame buffer: the same one in the whole life of the manager.
    #[must_use]
    pub fn frame_buffer(&self) -> &Arc<FrameRingBuffer> {
        &self.frames
    }

    /// Copies frame `n` to `out` if it is there; answers at once.
    pub fn get_frame(&self, n: FrameNumber, out: &mut FrameBuf) -> Get {
        self.frames.get_frame(n, out)
    }

    /// Starts the driver and, with it, the first process. `on_state_change` is called on the driver's thread and must
    /// not wait for anything. Whether a process can be started at all shows in the state: the tower is on air without.
    ///
    /// Started twice, it is stopped in between; buffer, history and hashes are kept.
    pub fn start(&mut self, on_state_change: impl FnMut(Change) + Send + 'static) -> io::Result<PcmFeed> {
        self.stop();
        if !self.config.enabled {
            return Ok(PcmFeed::to_nobody());
        }
        let bell = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (pcm_feed, ticks) = PcmFeed::new(Arc::clone(&bell), Arc::clone(&self.shared.ticks_lost));
        let fresh = || Memory { history: PcmHistory::new(), ledger: Ledger::new() };
        let driver = Driver {
            memory: self.memory.take().unwrap_or_else(fresh),
            frames: Arc::clone(&self.frames),
            ticks,
            bell: Arc::clone(&bell),
            stop: Arc::clone(&stop),
            shared: Arc::clone(&self.shared),
            on_state_change: Box::new(on_state_change),
            supervisor: Supervisor::new(self.config.supervision.clone()),
            processes: Vec::with_capacity(PROCESSES_MAX),
            bodies: Vec::new(),
            config: self.config.clone(),
        };
        let thread = std::thread::Builder::new().name("encoder".into()).spawn(move || driver.run())?;
        self.driver = Some(DriverHandle { thread, stop, bell });
        Ok(pcm_feed)
    }

    /// Kills the processes, buries them, and ends the driver.
    pub fn stop(&mut self) {
        let Some(driver) = self.driver.take() else { return };
        driver.stop.store(true, Release);
        feed::ring(&driver.bell);
        // A driver that panicked has taken its memory with it; the next start begins anew.
        self.memory = driver.thread.join().ok();
    }

    /// What is shown of this encoder.
    #[must_use]
    pub fn status(&self) -> EncoderStatus {
        let board = self.shared.board().clone();
        let wait_ms = |at: u64| at.saturating_sub(now().0) / 1_000_000;
        EncoderStatus {
            state: board.state,
            kind: self.config.kind,
            guarantee: "exact",
            pid: board.pid,
            restarts: board.counters.starts.saturating_sub(1),
            deaths: board.counters.deaths,
            last_death: board.counters.last_death.map(|reason| reason.to_string()),
            consecutive_failures: board.counters.failures_in_a_row,
            last_replay: board.last_replay,
            frames: board.counters.new_frames,
            late: self.frames.late_count(),
            duplicates: self.frames.duplicate_count(),
            mismatches: self.frames.mismatch_count() + board.unequal,
            compared: board.compared,
            ticks_lost: self.shared.ticks_lost.load(Relaxed),
            last_error: board.last_error,
            next_retry_ms: board.next_start_ns.map(wait_ms),
        }
    }
}

impl Drop for EncoderManager {
    fn drop(&mut self) {
        self.stop();
    }
}
