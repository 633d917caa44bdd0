//! Waits until others leave the machine alone.

use radio_load::watch::machine_busy;
use std::time::{Duration, Instant};

/// Longest wait for a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Length of the span that has to be quiet.
const LOOK: Duration = Duration::from_secs(5);
/// What others may take of all cores together, in per cent of one.
const QUIET_PERCENT: f64 = 40.0;

/// Returns when others have left the machine alone for five seconds, or after a minute.
pub(super) fn wait_until_quiet() {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let before = machine_busy();
        std::thread::sleep(LOOK);
        if (machine_busy() - before).as_secs_f64() / LOOK.as_secs_f64() * 100.0 < QUIET_PERCENT {
            return;
        }
    }
    eprintln!("the machine is not quiet; measuring all the same");
}
