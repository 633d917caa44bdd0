//! What is shown of an encoder.

use crate::config::EncoderKind;
use radio_signal::supervisor::{Counters, State};
use radio_signal::units::{FrameNumber, Serial};
use serde::{Serialize, Serializer};
use std::fmt::Display;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One output's encoder, as `/status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct EncoderStatus {
    /// Where it is.
    #[serde(serialize_with = "shown")]
    pub state: State,
    /// Which encoder.
    pub kind: EncoderKind,
    /// How closely a restarted encoder continues the stream: `exact` means byte for byte.
    pub guarantee: &'static str,
    /// The process at work.
    pub pid: Option<u32>,
    /// Processes started after the first.
    pub restarts: u64,
    /// Processes that ended unasked.
    pub deaths: u64,
    /// Why the last one ended.
    pub last_death: Option<String>,
    /// Deaths in a row before catching up.
    pub consecutive_failures: u32,
    /// The last time that a process was fed from the history.
    pub last_replay: Option<ReplayReport>,
    /// Frames that were new.
    pub frames: u64,
    /// Frames refused by the frame buffer because their number had been passed.
    pub late: u64,
    /// Frames of a slot that was filled before.
    pub duplicates: u64,
    /// Of those, the ones that differed. (What differs while a replacement warms up is its replay's own business.)
    pub mismatches: u64,
    /// Replacements that have delivered after a replay.
    pub replays: u64,
    /// Of those, the ones whose last compared frames were equal: not a byte of the stream shows them.
    pub replays_proved: u64,
    /// Ticks that the driver could not take in time; silent in the history.
    pub ticks_lost: u64,
    /// The last line a process wrote to stderr.
    pub last_error: Option<String>,
    /// How long until the next process is started, while there is a wait.
    pub next_retry_ms: Option<u64>,
}

/// How a replacement joined the stream (SPEC ENC-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// First tick it was fed.
    pub start_tick: Serial,
    /// The frame that was owed when it was started.
    pub next_frame: FrameNumber,
    /// Ticks replayed before that frame.
    pub ticks: u64,
    /// Frames compared with those delivered before.
    pub compared: u64,
    /// Of those, equal ones.
    pub equal: u64,
    /// Equal ones in a row, up to the last.
    pub equal_in_a_row: u64,
    /// The last ten compared were equal, or all of a replay from tick 0: the stream goes on as if nothing had happened.
    pub proved: bool,
    /// From its start to its first new frame, once that has come.
    pub took_ms: Option<u64>,
}

/// What the driver publishes. It holds the lock only to copy.
#[derive(Debug, Default)]
pub(super) struct Shared {
    board: Mutex<Board>,
    pub(super) ticks_lost: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) state: State,
    pub(super) counters: Counters,
    pub(super) pid: Option<u32>,
    pub(super) last_replay: Option<ReplayReport>,
    pub(super) replays: u64,
    pub(super) replays_proved: u64,
    pub(super) last_error: Option<String>,
    /// On the monotonic clock, in ns.
    pub(super) next_start_ns: Option<u64>,
}

impl Shared {
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// A replacement has delivered its first new frame.
    pub(super) fn joined(&mut self, replay: &ReplayReport) {
        // The first process of all replays nothing.
        if replay.ticks > 0 {
            self.replays += 1;
            self.replays_proved += u64::from(replay.proved);
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            counters: Counters::default(),
            pid: None,
            last_replay: None,
            replays: 0,
            replays_proved: 0,
            last_error: None,
            next_start_ns: None,
        }
    }
}

fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
