//! The last ten minutes, a second at a time: what the dashboard draws as a strip.

use crate::setup::OutputState;
use crate::state::Tower;
use radio_signal::router::OnAir;
use radio_signal::units::Serial;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Moments that are kept: ten minutes.
pub const MOMENTS_MAX: usize = 600;
/// From one moment to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

/// While the machine is too busy, one of so many moments is kept.
const SHED_MOMENTS: u64 = 10;

/// The tower at one moment. What is counted is counted since its start.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: f64,
    tick: Serial,
    source: OnAir,
    momentary_lufs: f64,
    listeners: usize,
    restarts: u64,
    holds: u64,
    silent_frames: u64,
}

/// The last [`MOMENTS_MAX`] moments.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Moment>>);

impl Recent {
    fn add(&self, moment: Moment) {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moments.len() == MOMENTS_MAX {
            moments.pop_front();
        }
        moments.push_back(moment);
    }

    /// The moments after tick `after`, oldest first.
    #[must_use]
    pub fn to_json(&self, tower: &Tower, after: Option<Serial>) -> Vec<Value> {
        let one = |moment: &Moment| {
            json!({
                "time": moment.time,
                "tick": moment.tick,
                "source": tower.on_air_name(moment.source),
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

/// Looks at the tower each second until the task is dropped.
pub async fn follow(tower: Arc<Tower>) {
    let mut period = tokio::time::interval(PERIOD);
    for second in 0_u64.. {
        period.tick().await;
        if tower.ear.is_shedding() && !second.is_multiple_of(SHED_MOMENTS) {
            continue;
        }
        if let Some(tick) = tower.figures.tick() {
            tower.recent.add(look(&tower, tick));
        }
    }
}

fn look(tower: &Tower, tick: Serial) -> Moment {
    let setup = tower.setup();
    let restarts =
        |output: &Arc<OutputState>| output.manager.lock().unwrap_or_else(PoisonError::into_inner).status().restarts;
    Moment {
        time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        tick,
        source: tower.on_air_source(),
        momentary_lufs: tower.ear.findings().programme.momentary_lufs,
        listeners: tower.fanout.listeners_now(),
        restarts: setup.outputs.iter().map(restarts).sum(),
        holds: setup.outputs.iter().map(|output| output.figures.holds.load(Relaxed)).sum(),
        silent_frames: setup.outputs.iter().map(|output| output.figures.silent_frames.load(Relaxed)).sum(),
    }
}
