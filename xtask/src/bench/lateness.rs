//! How late the ticks are while one core is kept busy (SPEC PUMP-1).

use super::Figure;
use radio_proof::tower::{Setup, Tower};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SPAN: Duration = Duration::from_secs(60);

/// Once at normal priority and, where the system permits, once at real-time priority.
pub fn run(tower: &Path) -> Vec<Figure> {
    let mut figures = Vec::new();
    // Without the capability nor a limit that grants it, the tower must do with normal priority.
    let setup = Setup::new(tower);
    let text =
        format!("#!/bin/sh\nexec setpriv --bounding-set=-sys_nice prlimit --rtprio=0 {} \"$@\"\n", tower.display());
    let script = setup.script("tower-without-privilege", &text);
    figures.extend(one(&setup.executable(script).start(), false));
    figures.extend(one(&Setup::new(tower).start(), true));
    figures
}

fn one(tower: &Tower, want_realtime: bool) -> Option<Figure> {
    let realtime = tower.status()["realtime"].as_bool().unwrap_or(false);
    if realtime != want_realtime {
        eprintln!("this machine gives real-time priority: {realtime}; one figure is left out");
        return None;
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        std::thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
    });
    let status = tower.status();
    let lateness = |name: &str| status["lateness_ms"][name].as_f64().unwrap_or(f64::NAN);
    let (priority, bound) = if realtime { ("real-time", 1.0) } else { ("normal", 5.0) };
    let note = format!(
        "{} s, one core kept busy; median {:.2}, max {:.2} ms",
        SPAN.as_secs(),
        lateness("p50"),
        lateness("max")
    );
    Some(
        Figure::new(format!("tick lateness p99.9, {priority} priority"), lateness("p999"), "ms")
            .bound(bound)
            .note(note),
    )
}
