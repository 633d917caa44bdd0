//! One output's encoder as the rest of the tower sees it (SPEC ENC-1, ENC-2).

use super::agreement;
use super::commands::EncoderConfig;
use super::delivery::Delivery;
use super::driver::Driver;
use super::feed::{Bell, PcmFeed};
use super::format::ConfigError;
use super::news::EncoderNews;
use super::status::{Agreement, EncoderStatus, Shared};
use super::system::{System, now};
use super::thread::{DriverThread, Memory};
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get};
use radio_signal::supervisor::Role;
use radio_signal::units::FrameNumber;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::Release};
use std::thread::{Builder, JoinHandle};

/// Owns the frame buffer, the PCM history and the hashes of one output; it alone starts and stops the supervisor that
/// fills the buffer.
pub struct EncoderManager {
    config: EncoderConfig,
    first: FrameNumber,
    frames: Arc<FrameRingBuffer>,
    shared: Arc<Shared>,
    /// Here while stopped, with the driver while running.
    memory: Option<Memory>,
    driver: Option<DriverHandle>,
}

struct DriverHandle {
    thread: JoinHandle<Memory>,
    replace: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl EncoderManager {
    /// A manager that is stopped. Without `frames` it creates the frame buffer itself, as configured; otherwise the
    /// very one passed in is filled.
    pub fn new(config: EncoderConfig, frames: Option<Arc<FrameRingBuffer>>) -> Result<Self, ConfigError> {
        Self::starting_at(0, config, frames)
    }

    /// As [`new`](Self::new), for a stream whose first frame is `first`. What is fed a little before that is warm-up.
    pub fn starting_at(
        first: FrameNumber,
        config: EncoderConfig,
        frames: Option<Arc<FrameRingBuffer>>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let frames = frames
            .unwrap_or_else(|| Arc::new(FrameRingBuffer::new(config.buffer_frames, config.format.tick_bytes_max())));
        frames.advance_to(first);
        let memory = Some(Memory::starting_at(first, config.common_grid_ticks()));
        Ok(Self { config, first, frames, shared: Arc::default(), memory, driver: None })
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

    /// Starts the driver and, with it, the first processes. `tell_news` is called on the driver's thread and must not
    /// wait for anything. Whether a process can be started at all shows in the state: the tower is on air without.
    ///
    /// Started twice, it is stopped in between; buffer, history and hashes are kept.
    pub fn start(&mut self, mut tell_news: impl FnMut(EncoderNews) + Send + 'static) -> io::Result<PcmFeed> {
        self.stop();
        if !self.config.enabled {
            return Ok(PcmFeed::to_nobody());
        }
        if self.config.stand_in.is_some() {
            compare_in_background(&self.config, &self.shared);
        }
        let bell = Arc::new(Bell::new()?);
        let stop = Arc::new(AtomicBool::new(false));
        let replace = Arc::new(AtomicBool::new(false));
        let (pcm_feed, ticks) = PcmFeed::new(Arc::clone(&bell), Arc::clone(&self.shared.ticks_lost));
        let Memory { history, ledger } =
            self.memory.take().unwrap_or_else(|| Memory::starting_at(self.first, self.config.common_grid_ticks()));
        let delivery = Delivery::new(ledger, Arc::clone(&self.frames));
        let (config, shared) = (self.config.clone(), Arc::clone(&self.shared));
        let news = Box::new(move |news| {
            if news == EncoderNews::CanBeCompared {
                compare_in_background(&config, &shared);
            }
            tell_news(news);
        });
        let (config, shared) = (self.config.clone(), Arc::clone(&self.shared));
        let thread = DriverThread {
            driver: Driver::new(config, System::default(), history, delivery, shared, news),
            ticks,
            bell: Arc::clone(&bell),
            replace: Arc::clone(&replace),
            stop: Arc::clone(&stop),
        };
        let thread = Builder::new().name("encoder".into()).spawn(move || thread.run())?;
        self.driver = Some(DriverHandle { thread, replace, stop, bell });
        Ok(pcm_feed)
    }

    /// Has a fresh process start beside the one at work, which it relieves once it has replayed the past and caught up:
    /// no frame is missed, and none differs. Says whether there is a driver to ask.
    pub fn replace(&self) -> bool {
        if let Some(driver) = &self.driver {
            driver.replace.store(true, Release);
            driver.bell.ring();
        }
        self.driver.is_some()
    }

    /// Kills the processes, buries them, and ends the driver.
    pub fn stop(&mut self) {
        let Some(driver) = self.driver.take() else { return };
        driver.stop.store(true, Release);
        driver.bell.ring();
        // A driver that panicked has taken its memory with it; the next start begins anew.
        self.memory = driver.thread.join().ok();
    }

    /// What is shown of this encoder.
    #[must_use]
    pub fn status(&self) -> EncoderStatus {
        let board = self.shared.board().clone();
        let wait_ms = |at: u64| at.saturating_sub(now().0) / 1_000_000;
        let counters = board.counters;
        EncoderStatus {
            state: board.state,
            kind: self.config.main.kind,
            guarantee: self.config.main.replay,
            agreement: board.agreement,
            carried_by: board.carried_by,
            pid: board.processes.iter().rfind(|process| process.role == Role::Main).map(|process| process.pid),
            processes: board.processes,
            starts: counters.starts - counters.stand_in_starts,
            restarts: (counters.starts - counters.stand_in_starts).saturating_sub(1),
            stand_in_starts: counters.stand_in_starts,
            deaths: counters.deaths,
            given_up: counters.given_up,
            last_death: counters.last_death.map(|reason| reason.to_string()),
            suspicions: counters.suspicions,
            shortages: counters.shortages,
            frame_cost_us: board.frame_cost_us,
            consecutive_failures: counters.failures_in_a_row,
            last_replay: board.last_replay,
            frames: counters.new_frames,
            late: self.frames.late_count(),
            duplicates: self.frames.duplicate_count(),
            mismatches: self.frames.mismatch_count(),
            replays: board.replays,
            replays_proved: board.replays_proved,
            replays_unmatched: board.replays_unmatched,
            poisoned_ticks: board.poisoned_ticks,
            poisoned_count: board.poisoned_count,
            ticks_lost: self.shared.ticks_lost.load(Relaxed),
            last_error: board.last_error,
            next_retry_ms: board.next_start_ns.map(wait_ms),
        }
    }
}

fn compare_in_background(config: &EncoderConfig, shared: &Arc<Shared>) {
    shared.board().agreement = Agreement::Checking;
    let (config, result) = (config.clone(), Arc::clone(shared));
    let compared = Builder::new().name("agreement".into()).spawn(move || {
        let agreement = agreement::check(&config);
        result.board().agreement = agreement;
    });
    if compared.is_err() {
        shared.board().agreement = Agreement::Unknown;
    }
}

impl Drop for EncoderManager {
    fn drop(&mut self) {
        self.stop();
    }
}
