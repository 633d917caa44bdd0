//! What came on air when, and whether it came with a click.

use crate::monitor::{Monitor, MonitorPcm};
use crate::tower::Tower;
use crate::{alarm, measure};
use std::time::Duration;

/// How much harder than steady a wave may bend at a change. The contract allows 2; with a ramp of 1 ms in place of the
/// 20 ms the sources of the tests give 1.5 to 1.8, and without a ramp far more.
pub const CLICK_MAX: f64 = 1.45;

/// Ticks at which something else came on air, with its name.
#[must_use]
pub fn on_air(tower: &Tower) -> Vec<(u64, String)> {
    let name = |text: String| text.split(" is on air").next().unwrap_or_default().to_owned();
    tower.events("on_air").into_iter().map(|(tick, text)| (tick, name(text))).collect()
}

/// That input `name` was on air within a second of its newest source's connecting. Prints how long it took, by the tower's own
/// clock; where tests share a busy machine, the program at the other end may take two seconds more.
#[track_caller]
pub fn assert_on_air_within_a_second(tower: &Tower, name: &str) {
    let connected = tower.events("source").into_iter().rfind(|(_, text)| text.contains(" connected "));
    let on_air = on_air(tower).into_iter().rfind(|(_, on_air)| on_air == name);
    let (Some((connected, text)), Some((on_air, _))) = (connected, on_air) else {
        panic!("{name} was not connected, or not on air: {:?}", tower.status()["events"]);
    };
    let (took_ms, limit_ms) = (on_air.saturating_sub(connected) * 24, if alarm::full_length() { 1000 } else { 3000 });
    println!("{text}; on air {took_ms} ms later");
    assert!(took_ms < limit_ms, "{text}; on air {took_ms} ms later");
}

/// How hard the router's PCM bends around tick `at`, in multiples of how hard it bends in the ticks `steady`.
#[must_use]
pub fn click(pcm: &MonitorPcm, at: u64, steady: &[u64]) -> f64 {
    let bend = |from: u64, ticks| measure::second_difference_max(&pcm.left_from(from, ticks));
    let steady = steady.iter().map(|&tick| bend(tick, 8)).fold(0.0, f64::max);
    bend(at - 2, 5) / steady
}

/// That nothing since tick `from` came with a click, `monitor` having heard all of it; every sound is steady 20 ticks
/// after it came. Gives how many changes there were.
#[track_caller]
pub fn assert_without_click(tower: &Tower, monitor: Monitor, from: u64) -> usize {
    monitor.wait_serial(monitor.next_serial() + 40, Duration::from_secs(30));
    let (pcm, mut changes) = (monitor.stop(), on_air(tower));
    changes.retain(|&(tick, _)| tick > from);
    let steady: Vec<u64> = changes.iter().filter(|(_, name)| name != "silence").map(|(tick, _)| tick + 20).collect();
    for (tick, name) in &changes {
        let click = click(&pcm, *tick, &steady);
        println!("{name} came at tick {tick} with {click:.2} times the steady second difference");
        assert!(click <= CLICK_MAX, "{name} came at tick {tick} with {click:.2} times the steady second difference");
    }
    changes.len()
}
