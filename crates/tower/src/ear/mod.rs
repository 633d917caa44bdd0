//! The tower listens to itself: what it really sends is decoded, measured and compared with what it should send, and
//! alarms are raised (SPEC API-2).
//!
//! One thread at low priority reads the same rings as the listeners' shards do. The audio path does not know of it.
//!
//! - `decode`: frames to sound; `sound`: that in ticks, whatever the codec; `meter`: loudness and silence; `output`: one output beside the programme; `delay`: how far behind the
//!   arrival it is.
//! - `watch`: the alarms, around the pure state machine of [`radio_signal::alarm`]; `advice`: what they say.
//! - [`Board`]: what others may read of all this.

mod advice;
mod decode;
mod delay;
mod disk;
mod kind;
mod meter;
mod output;
mod sound;
mod thread;
mod watch;

pub use delay::Delays;
pub use kind::{Kind, Severity};
pub use meter::Loudness;
pub use output::Heard;
pub use thread::{EarHandle, start};
pub use watch::{RaisedAlarm, Tally};

use crate::setup::OutputId;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below this likeness it is another sound: one's own is above 0.9 at any bitrate, another speed's below 0.4.
const LIKENESS_MIN: f32 = 0.5;

/// What the ear has found out.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The programme's loudness, before any encoder.
    pub programme: Loudness,
    /// Of each output: its loudness and how it compares with the programme.
    pub outputs: Vec<(OutputId, Loudness, Heard)>,
    /// Of each output: how long what arrives waits until it is sent.
    pub delays: Vec<(OutputId, Delays)>,
    /// The alarms that are raised.
    pub alarms: Vec<RaisedAlarm>,
    /// All alarms, and how often they have been raised.
    pub tallies: Vec<Tally>,
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

/// Where the ear puts its findings, and others read them.
#[derive(Debug, Default)]
pub struct Board(Mutex<Findings>);

impl Board {
    /// The findings as they are now. Held for a moment only, and never by the audio path.
    pub fn findings(&self) -> MutexGuard<'_, Findings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
