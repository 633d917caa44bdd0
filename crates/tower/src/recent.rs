//! The last ten minutes, a second at a time: what the dashboard draws as a strip.

use radio_signal::router::OnAir;
use radio_signal::units::Serial;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Moments that are kept: ten minutes.
pub const MOMENTS_MAX: usize = 600;
/// From one moment to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

/// The tower at one moment. What is counted is counted since its start.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds since 1970.
    pub time: f64,
    /// The tick.
    pub tick: Serial,
    /// What is on air.
    pub source: OnAir,
    /// Momentary loudness of the programme, in LUFS.
    pub momentary_lufs: f64,
    /// Listeners that are there.
    pub listeners: usize,
    /// Starts of encoders after the first, of all outputs.
    pub restarts: u64,
    /// Holds of all outputs.
    pub holds: u64,
    /// Silent frames of all outputs.
    pub silent_frames: u64,
}

/// The last [`MOMENTS_MAX`] moments.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Moment>>);

impl Recent {
    /// Keeps a moment, and forgets the oldest beyond [`MOMENTS_MAX`].
    pub fn add(&self, moment: Moment) {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moments.len() == MOMENTS_MAX {
            moments.pop_front();
        }
        moments.push_back(moment);
    }

    /// The moments after tick `after`, oldest first; `name_of` says what a source is called.
    #[must_use]
    pub fn to_json(&self, name_of: impl Fn(OnAir) -> String, after: Option<Serial>) -> Vec<Value> {
        let one = |moment: &Moment| {
            json!({
                "time": moment.time,
                "tick": moment.tick,
                "source": name_of(moment.source),
                "momentary_lufs": moment.momentary_lufs,
                "listeners": moment.listeners,
                "restarts": moment.restarts,
                "holds": moment.holds,
                "silent_frames": moment.silent_frames,
            })
        };
        let moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moments.iter().filter(|moment| after.is_none_or(|after| moment.tick > after)).map(one).collect()
    }
}
