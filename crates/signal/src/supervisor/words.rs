//! What the supervisor and its shell say to each other.

use super::processor::ProcessorTime;
use std::fmt;

/// Number of a process in the life of its supervisor; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u64);

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It is the encoder that was configured.
    Main,
    /// It is the built-in encoder, and carries the programme while no main process does.
    StandIn,
}

/// Limits and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The configured encoder.
    pub main: LineSettings,
    /// The built-in encoder beside another, where there is one.
    pub stand_in: Option<LineSettings>,
    /// A process that owes a frame this long is suspect: a replacement starts beside it.
    pub suspicion_ms: u64,
    /// A process that owes a frame this long is given up.
    pub stall_threshold_ms: u64,
    /// Waits before the restarts of an encoder that dies before catching up; the last one repeats.
    pub backoff_ms: Vec<u64>,
    /// Restarts with a wait, before the encoder is FAILED.
    pub restarts_max: u32,
}

/// What differs between the configured encoder and its stand-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// In place of `suspicion_ms` until a process's first frame.
    pub first_frame_ms: u64,
    /// Between attempts when restarts are used up.
    pub recovery_retry_ms: u64,
}

/// Where an encoder is (SPEC ENC-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing runs, nothing is wanted.
    Stopped,
    /// The first process is being started.
    Starting,
    /// It runs and has delivered nothing.
    Booting,
    /// New frames come.
    Running,
    /// A process died; the next has delivered nothing new.
    Restarting,
    /// Its processes died too often; it is tried again rarely, for ever.
    Failed,
}

/// Why something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked to start.
    Start,
    /// It was asked to stop.
    Stop,
    /// The process has been started.
    Spawned,
    /// A frame came that nobody had delivered before.
    FirstFrame,
    /// The executable could not be started.
    SpawnFailed,
    /// It exited by itself.
    Exited {
        /// Its exit status.
        status: i32,
    },
    /// A signal ended it.
    Signalled {
        /// Which one.
        signal: i32,
    },
    /// It closed its output and lives on.
    ClosedStdout,
    /// It closed its input and lives on.
    BrokenStdin,
    /// Its output is not made of frames.
    NotFrames,
    /// It delivered more frames than can be made of what it was fed.
    TooManyFrames,
    /// Its frames are not those that were configured.
    WrongFormat,
    /// It hit its memory limit.
    OutOfMemory,
    /// The tick of PCM that kills it has been found, and is silence now.
    Poisoned,
    /// A frame was owed and did not come soon enough; it may yet recover.
    Suspect,
    /// A frame was owed and none came.
    Stalled,
    /// Another process has caught up, so it is not needed any more.
    Relieved,
    /// It was the one silent longest when room was needed for another.
    Displaced,
    /// It took PCM so slowly that the history it had to be fed from is gone.
    FellBehind,
    /// It died too often before catching up.
    RestartsUsedUp,
}

/// What has happened since the supervisor was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processes started, or tried to.
    pub starts: u64,
    /// Of those, stand-ins.
    pub stand_in_starts: u64,
    /// Processes that ended without being asked to, or were given up.
    pub deaths: u64,
    /// Of those, given up by the supervisor because they were late.
    pub given_up: u64,
    /// How often a process was late enough for a replacement to be started beside it.
    pub suspicions: u64,
    /// How often a process was late and left in peace, because it waited for the processor.
    pub shortages: u64,
    /// Processes put down because another had caught up, or to make room for another.
    pub relieved: u64,
    /// Deaths of the configured encoder in a row, before catching up; processes given up for being
    /// late are none.
    pub failures_in_a_row: u32,
    /// Frames that were new.
    pub new_frames: u64,
    /// Why the last process ended that was not asked to.
    pub last_death: Option<Reason>,
}

/// A change of state, with all that a log wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// As they stand at the change.
    pub counters: Counters,
}

/// What the shell reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Be on air.
    Start,
    /// Be off air: every process is to end.
    Stop,
    /// The process runs.
    Spawned {
        /// Which.
        process: ProcessId,
    },
    /// It could not be started.
    SpawnFailed {
        /// Which.
        process: ProcessId,
    },
    /// PCM has been fed.
    Owes {
        /// To which process.
        process: ProcessId,
        /// Frames that all PCM fed to it since its start must produce.
        frames: u64,
        /// Frames that all PCM there is, fed or waiting, must produce; not less than `frames`.
        live: u64,
    },
    /// It delivered one frame.
    Frame {
        /// Which process.
        process: ProcessId,
        /// Whether nobody had delivered this number before.
        new: bool,
    },
    /// It exited, or did what a process that is given up does.
    Ended {
        /// Which.
        process: ProcessId,
        /// How.
        reason: Reason,
    },
    /// Its processor time was read, as [`Action::Look`] asks for.
    Looked {
        /// Which process.
        process: ProcessId,
        /// None where it cannot be read: then the clock alone decides.
        time: Option<ProcessorTime>,
    },
    /// The process at work is to be replaced, without a frame being missed.
    Replace,
    /// The [deadline](super::Supervisor::deadline) may have passed.
    Timeout,
}

/// What the shell must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process of this number.
    Spawn {
        /// Its number.
        process: ProcessId,
        /// What it is there for.
        role: Role,
    },
    /// Kill it with its group, close its pipes, bury it when it is dead. Nothing need be reported of it any more.
    Kill {
        /// Which.
        process: ProcessId,
        /// Why.
        reason: Reason,
    },
    /// Read its processor time and report it with [`Event::Looked`].
    Look {
        /// Which.
        process: ProcessId,
    },
    /// Tell whoever wants to know.
    Changed(Change),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Main => "main",
            Self::StandIn => "stand_in",
        })
    }
}

impl Reason {
    /// Whether the supervisor ended the process because it was late, so that it counts as no death.
    #[must_use]
    pub const fn is_given_up(self) -> bool {
        matches!(self, Self::Stalled | Self::FellBehind)
    }

    /// Whether a process that ended so did it by itself, and perhaps because of what it was fed: not killed from
    /// outside, and not by its supervisor.
    #[must_use]
    pub const fn is_own_fault(self) -> bool {
        const KILL: i32 = 9;
        const TERM: i32 = 15;
        match self {
            Self::Exited { .. } => true,
            Self::Signalled { signal } => signal != KILL && signal != TERM,
            _ => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Booting => "BOOTING",
            Self::Running => "RUNNING",
            Self::Restarting => "RESTARTING",
            Self::Failed => "FAILED",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "asked to start",
            Self::Stop => "asked to stop",
            Self::Spawned => "process started",
            Self::FirstFrame => "new frames come",
            Self::SpawnFailed => "process could not be started",
            Self::Exited { status } => return write!(f, "process exited with status {status}"),
            Self::Signalled { signal } => return write!(f, "process was killed by signal {signal}"),
            Self::ClosedStdout => "process closed its output",
            Self::BrokenStdin => "process closed its input",
            Self::NotFrames => "output is not frames of its codec",
            Self::TooManyFrames => "more frames than there was PCM for",
            Self::WrongFormat => "frames are not of the configured format",
            Self::OutOfMemory => "process hit its memory limit",
            Self::Poisoned => "process died of PCM that is silence now",
            Self::Suspect => "a frame is late",
            Self::Stalled => "no frame came though one was owed",
            Self::Relieved => "another process has caught up",
            Self::Displaced => "it was silent longest when room was needed",
            Self::FellBehind => "process was too slow for its history",
            Self::RestartsUsedUp => "process died too often before catching up",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, reason, counters } = self;
        write!(f, "{from} -> {to}: {reason} (starts {}, deaths {})", counters.starts, counters.deaths)
    }
}
