//! Looks at the tower each second, for the strip of the last ten minutes.

use crate::recent::{Moment, PERIOD};
use crate::setup::OutputState;
use crate::state::Tower;
use radio_signal::units::Serial;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// While the machine is too busy, one of so many moments is kept.
const SHED_MOMENTS: u64 = 10;

/// Looks at the tower each second until the task is dropped.
pub(super) async fn follow(tower: Arc<Tower>) {
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
