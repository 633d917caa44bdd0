//! The tower listens to itself: what it really sends is decoded, measured and compared with what it should send, and
//! alarms are raised (SPEC API-2).
//!
//! One thread at low priority reads the same rings as the listeners' shards do. The audio path does not know of it.
//!
//! - `decode`: frames to sound; `sound`: that in ticks, whatever the codec; `meter`: loudness and silence; `output`: one output beside the programme; `histogram`: how far
//!   behind the arrival it is, and listeners behind it.
//! - `pressure`: whether the machine is too busy, and what is left out while it is.
//! - `deaf`: whether it still listens.
//! - `watch`: the alarms, around the pure state machine of [`radio_signal::alarm`].
//! - [`Board`]: what others may read of all this.
//!
//! The thread that listens is in [`crate::alarms`].
//!
//! Called by `alarms`; read by `status`, `metrics` and `http`. It knows no request, and cannot
//! change what is sent.

mod deaf;
mod decode;
mod histogram;
pub(crate) mod kind;
mod meter;
pub(crate) mod output;
pub(crate) mod pressure;
mod sound;
pub(crate) mod watch;

pub use deaf::Listened;
pub use histogram::Histogram;
pub use kind::{Kind, Severity};
pub use meter::Loudness;
pub use output::Heard;
pub use pressure::Machine;
pub use watch::{RaisedAlarm, Tally};

use crate::broadcast::OutputId;
use crate::pump::PumpFigures;
use crate::setup::Setup;
use deaf::Herald;
use pressure::MachineWatch;
use radio_base::journal::Journal;
use radio_signal::units::Serial;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Below this likeness it is another sound: one's own is above 0.9 at any bitrate, another speed's below 0.4.
pub(crate) const LIKENESS_MIN: f32 = 0.5;

/// What the ear has found out.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// When it listened last; none before it begins.
    pub listened: Option<Listened>,
    /// The programme's loudness, before any encoder.
    pub programme: Loudness,
    /// Of each output: its loudness and how it compares with the programme.
    pub outputs: Vec<(OutputId, Loudness, Heard)>,
    /// Of each output: how long what arrives waits until it is sent.
    pub delays: Vec<(OutputId, Histogram)>,
    /// Of each mount, by its name: how far its listeners were behind, each counted at every look.
    pub lags: Vec<(String, Histogram)>,
    /// The alarms that are raised.
    pub alarms: Vec<RaisedAlarm>,
    /// All alarms, and how often they have been raised.
    pub tallies: Vec<Tally>,
    /// What is known of the machine.
    pub machine: Machine,
    /// Time of a processor that listening has taken, in seconds.
    pub cpu_s: f64,
}

impl Findings {
    /// What is known of an output's sound, once it has been listened to.
    #[must_use]
    pub fn of(&self, id: OutputId) -> Option<(Loudness, Heard)> {
        self.outputs.iter().find(|(other, ..)| *other == id).map(|(_, loudness, heard)| (*loudness, *heard))
    }
}

/// What the machine is judged by, and where it is told.
pub struct Surroundings<'a> {
    /// The configuration in force, with its encoders.
    pub setup: &'a Setup,
    /// How late ticks are.
    pub figures: &'a PumpFigures,
    /// The journal.
    pub journal: &'a Journal,
    /// When this process began to serve.
    pub started: Instant,
}

/// Where the ear puts its findings, and others read them.
#[derive(Debug, Default)]
pub struct Board {
    findings: Mutex<Findings>,
    herald: Mutex<Herald>,
    machine: Mutex<MachineWatch>,
}

impl Board {
    /// The findings as they are now; that they are old is an alarm among them. Never read by the audio path.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut findings = lock(&self.findings).clone();
        let machine = lock(&self.machine);
        findings.machine = machine.machine;
        findings.alarms.extend(machine.raised());
        findings.tallies.extend(machine.tallies());
        let alarm = |listened: Listened| listened.alarm(Instant::now(), machine.machine.is_shedding);
        findings.alarms.extend(findings.listened.and_then(alarm));
        findings
    }

    /// Whether the machine is too busy, so that work that listeners do not hear is left out.
    #[must_use]
    pub fn is_shedding(&self) -> bool {
        lock(&self.machine).machine.is_shedding
    }

    /// Looks at the machine, and notes in the journal when the ear stops listening, and when it listens again. For a
    /// thread that lives on without it.
    pub fn look_after(&self, around: &Surroundings<'_>, tick: Serial) {
        lock(&self.machine).look(around, tick);
        let listened = lock(&self.findings).listened;
        let alarm = listened.and_then(|listened| listened.alarm(Instant::now(), self.is_shedding()));
        lock(&self.herald).tell(alarm.as_ref(), tick, around.journal);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Findings> {
        lock(&self.findings)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
