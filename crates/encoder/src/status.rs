//! What is shown of an encoder.

use radio_config::{EncoderKind, Replay};
use radio_signal::supervisor::{Counters, Role, State};
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
    /// Which encoder is configured.
    pub kind: EncoderKind,
    /// How closely a restarted encoder continues the stream: `exact` means byte for byte.
    pub guarantee: Replay,
    /// Whether the built-in encoder, which stands in for this one, gives the same bytes.
    pub agreement: Agreement,
    /// Which encoder delivered the newest frame.
    pub carried_by: Option<EncoderKind>,
    /// The process of the configured encoder, the newest if there are several.
    pub pid: Option<u32>,
    /// All processes that live.
    pub processes: Vec<ProcessStatus>,
    /// Processes of the configured encoder started, or tried to.
    pub starts: u64,
    /// Those after the first.
    pub restarts: u64,
    /// Processes of the built-in encoder started to stand in.
    pub stand_in_starts: u64,
    /// Processes that ended unasked or were given up.
    pub deaths: u64,
    /// Of those, given up by the tower because they were late.
    pub given_up: u64,
    /// Why the last one of these ended.
    pub last_death: Option<String>,
    /// How often a process was late enough for a replacement beside it.
    pub suspicions: u64,
    /// How often a process was late and left in peace, because it waited for the processor.
    pub shortages: u64,
    /// Processor time that a frame costs, once a process has shown it.
    pub frame_cost_us: Option<u64>,
    /// Deaths of the configured encoder in a row, before catching up; processes given up for being
    /// late are none.
    pub consecutive_failures: u32,
    /// The last time that a process was fed from the history and delivered what was owed.
    pub last_replay: Option<ReplayReport>,
    /// Frames that were new.
    pub frames: u64,
    /// Frames refused by the frame buffer because their number had been passed.
    pub late: u64,
    /// Frames of a slot that was filled before.
    pub duplicates: u64,
    /// Of those, the ones that differed. (What differs while a replacement warms up is its replay's own business.)
    pub mismatches: u64,
    /// Replacements that have delivered after a replay, heard or behind another that was faster.
    pub replays: u64,
    /// Of those, the ones whose last compared frames were equal: not a byte of the stream shows them.
    pub replays_proved: u64,
    /// Of the replays, the ones of which no compared frame was equal, of at least 40.
    pub replays_unmatched: u64,
    /// Ticks of PCM that killed encoders and are silence now; the newest, at most 16.
    pub poisoned_ticks: Vec<Serial>,
    /// How many there ever were.
    pub poisoned_count: u64,
    /// Ticks that the driver could not take in time; silent in the history.
    pub ticks_lost: u64,
    /// The last line a process wrote to stderr.
    pub last_error: Option<String>,
    /// How long until the next process is started, while there is a wait.
    pub next_retry_ms: Option<u64>,
}

impl EncoderStatus {
    /// Whether the built-in encoder carries the programme in the place of the configured one.
    #[must_use]
    pub fn is_carried_by_stand_in(&self) -> bool {
        self.carried_by.is_some_and(|kind| kind != self.kind)
    }
}

/// One process, as `/status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessStatus {
    /// Its process id.
    pub pid: u32,
    /// What it is there for.
    #[serde(serialize_with = "shown")]
    pub role: Role,
    /// Which encoder it is.
    pub kind: EncoderKind,
    /// Frames it has delivered.
    pub frames: u64,
    /// Of those, the ones that were new.
    pub new_frames: u64,
    /// Whether it delivers in time.
    pub caught_up: bool,
    /// Whether it is late.
    pub suspect: bool,
    /// How it joined.
    pub replay: ReplayReport,
}

/// Whether two encoders make the same bytes of the same PCM (SPEC ENC-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// There is only one.
    #[default]
    None,
    /// They are being compared.
    Checking,
    /// Not a frame differed.
    Exact,
    /// They differ, or one of them says of itself that it does not repeat itself.
    Approx,
    /// They could not be compared; they will be when the configured encoder runs.
    Unknown,
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
    /// From its start to when its next frame was due, when it was started; negative if that had passed.
    pub until_due_ms: i64,
    /// The last ten compared were equal, or all of a replay from tick 0: the stream goes on as if nothing had happened.
    pub proved: bool,
    /// From its start to the frame that was owed, or the first that it could deliver, once that has come.
    pub took_ms: Option<u64>,
}

/// What the driver publishes. It holds the lock only to copy.
#[derive(Debug, Default)]
pub(super) struct Shared {
    board: Mutex<Board>,
    pub(super) ticks_lost: Arc<AtomicU64>,
}

/// The figures as they were when the driver came by last.
#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) state: State,
    pub(super) counters: Counters,
    pub(super) frame_cost_us: Option<u64>,
    pub(super) carried_by: Option<EncoderKind>,
    pub(super) processes: Vec<ProcessStatus>,
    pub(super) agreement: Agreement,
    pub(super) last_replay: Option<ReplayReport>,
    pub(super) replays: u64,
    pub(super) replays_proved: u64,
    pub(super) replays_unmatched: u64,
    pub(super) poisoned_ticks: Vec<Serial>,
    pub(super) poisoned_count: u64,
    pub(super) last_error: Option<String>,
    /// On the monotonic clock, in ns.
    pub(super) next_start_ns: Option<u64>,
}

/// Poisoned ticks that are shown.
const POISONED_TICKS_SHOWN: usize = 16;

impl Shared {
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// A replacement has delivered the frame that was owed when it was started; perhaps none of its
    /// frames before matched.
    pub(super) fn replayed(&mut self, replay: &ReplayReport, is_unmatched: bool) {
        // The first process of all replays nothing.
        if replay.ticks > 0 {
            self.replays += 1;
            self.replays_proved += u64::from(replay.proved);
            self.replays_unmatched += u64::from(is_unmatched);
            self.last_replay = Some(*replay);
        }
    }

    /// A tick has become silence.
    pub(super) fn poisoned(&mut self, tick: Serial) {
        if self.poisoned_ticks.len() == POISONED_TICKS_SHOWN {
            self.poisoned_ticks.remove(0);
        }
        self.poisoned_ticks.push(tick);
        self.poisoned_count += 1;
    }
}

impl Default for Board {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            counters: Counters::default(),
            frame_cost_us: None,
            carried_by: None,
            processes: Vec::new(),
            agreement: Agreement::None,
            last_replay: None,
            replays: 0,
            replays_proved: 0,
            replays_unmatched: 0,
            poisoned_ticks: Vec::new(),
            poisoned_count: 0,
            last_error: None,
            next_start_ns: None,
        }
    }
}

fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
