//! How late the ticks are while one core is kept busy (SPEC PUMP-1).

use super::{Figure, Lab};
use radio_proof::bare_loop::{BareLoop, Priority};
use radio_proof::tower::{Setup, Tower};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SPAN: Duration = Duration::from_secs(60);

/// Once at normal priority and, where the system permits, once at real-time priority.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let (tower, span) = (&*lab.tower, lab.options.span(SPAN));
    let mut figures = Vec::new();
    // Without the capability nor a limit that grants it, the tower must do with normal priority.
    let setup = Setup::new(tower);
    let text =
        format!("#!/bin/sh\nexec setpriv --bounding-set=-sys_nice prlimit --rtprio=0 {} \"$@\"\n", tower.display());
    let script = setup.script("tower-without-privilege", &text);
    figures.extend(one(&setup.executable(script).start(), Priority::Normal, span));
    figures.extend(one(&Setup::new(tower).start(), Priority::Realtime, span));
    figures
}

fn one(tower: &Tower, wanted: Priority, span: Duration) -> Option<Figure> {
    let is_realtime = tower.status()["realtime"].as_bool().unwrap_or(false);
    if is_realtime != (wanted == Priority::Realtime) {
        eprintln!("this machine gives real-time priority: {is_realtime}; one figure is left out");
        return None;
    }
    let bare_loop = BareLoop::start(wanted, None);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        std::thread::sleep(span);
        stop.store(true, Ordering::Relaxed);
    });
    let status = tower.status();
    let bare = bare_loop.stop().share_at(wanted, 0.999);
    let lateness = |name: &str| status["lateness_ms"][name].as_f64().unwrap_or(f64::NAN);
    let (priority, bound) = if is_realtime { ("real-time", 1.0) } else { ("normal", 5.0) };
    let note = format!(
        "{} s, one core kept busy; median {:.2}, max {:.2} ms",
        span.as_secs(),
        lateness("p50"),
        lateness("max")
    );
    Some(
        Figure::new(format!("tick lateness p99.9, {priority} priority"), lateness("p999"), "ms")
            .bound(bound)
            .beside(bare)
            .note(note),
    )
}
