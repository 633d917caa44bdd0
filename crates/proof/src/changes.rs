//! What came on air when, and whether it came with a click.

use crate::monitor::{Monitor, MonitorPcm};
use crate::tower::Tower;
use crate::{alarm, machine, measure};
use serde_json::Value;
use std::time::Duration;

/// How much harder than steady a wave may bend at a change. The contract allows 2; a ramp of 1 ms in place of the 20 ms gives
/// up to 4.7 with a low and loud source, depending on the phases, and none at all far more.
pub const CLICK_MAX: f64 = 1.45;

/// Milliseconds from a source's connecting to its being on air; where tests share a busy machine, the program at the other end
/// may need a little more to begin.
const ON_AIR_MS_MAX: u64 = 1000;
const ON_AIR_MS_MAX_BUSY: u64 = 1200;

/// Ticks at which something else came on air, with its name.
#[must_use]
pub fn on_air(tower: &Tower) -> Vec<(u64, String)> {
    let source = |event: Value| event["source"].as_str().unwrap_or_default().to_owned();
    tower.events("on_air").into_iter().map(|(tick, event)| (tick, source(event))).collect()
}

/// Milliseconds, by the tower's own clock, from its newest source's connecting to input `name` being on air. Prints them.
#[track_caller]
#[must_use]
pub fn on_air_after_ms(tower: &Tower, name: &str) -> u64 {
    let has_connected = |(_, event): &(u64, Value)| event["what"] == "source_connected";
    let Some((connected, event)) = tower.events("source").into_iter().rfind(has_connected) else {
        panic!("no source has connected: {:?}", tower.status()["events"]);
    };
    // What was on air before it connected was another.
    let Some((on_air, _)) = on_air(tower).into_iter().find(|(tick, on_air)| *tick >= connected && on_air == name)
    else {
        panic!("{name} has not been on air since it connected at tick {connected}: {:?}", tower.status()["events"]);
    };
    let took_ms = (on_air - connected) * 24;
    println!("{event}; on air {took_ms} ms later");
    took_ms
}

/// Whether so many milliseconds are within a second of a source's connecting.
#[must_use]
pub fn is_within_a_second(took_ms: u64) -> bool {
    if alarm::full_length() {
        return took_ms < ON_AIR_MS_MAX;
    }
    // Starting a decoder is work.
    took_ms < ON_AIR_MS_MAX_BUSY || (took_ms as f64) < ON_AIR_MS_MAX as f64 * machine::stretch()
}

/// That input `name` was on air within a second of its newest source's connecting.
#[track_caller]
pub fn assert_on_air_within_a_second(tower: &Tower, name: &str) {
    let took_ms = on_air_after_ms(tower, name);
    assert!(is_within_a_second(took_ms), "{name} was on air {took_ms} ms after its source had connected");
}

/// How hard the router's PCM bends around tick `at`, in multiples of how hard it bends in the ticks `steady`.
#[must_use]
pub fn click(pcm: &MonitorPcm, at: u64, steady: &[u64]) -> f64 {
    let bend = |from: u64, ticks| measure::second_difference_max(&pcm.left_from(from, ticks));
    let steady = steady.iter().map(|&tick| bend(tick, 8)).fold(0.0, f64::max);
    bend(at - 2, 5) / steady
}

/// What came on air since tick `from`, and with what [`click`], `monitor` having heard all of it; every sound is steady 20
/// ticks after it came.
#[track_caller]
#[must_use]
pub fn clicks(tower: &Tower, monitor: &Monitor, from: u64) -> Vec<(u64, String, f64)> {
    monitor.wait_serial(monitor.next_serial() + 40, Duration::from_secs(30));
    let (pcm, mut changes) = (monitor.so_far(), on_air(tower));
    let heard = pcm.first_serial + pcm.ticks() as u64;
    changes.retain(|&(tick, _)| tick > from && tick + 30 < heard);
    let steady: Vec<u64> = changes.iter().filter(|(_, name)| name != "silence").map(|(tick, _)| tick + 20).collect();
    let told = changes.into_iter().map(|(tick, name)| {
        let click = click(&pcm, tick, &steady);
        println!("{name} came at tick {tick} with {click:.2} times the steady second difference");
        (tick, name, click)
    });
    told.collect()
}

/// That nothing since tick `from` came with a click. Gives how many changes there were.
#[track_caller]
pub fn assert_without_click(tower: &Tower, monitor: &Monitor, from: u64) -> usize {
    let clicks = clicks(tower, monitor, from);
    assert!(
        clicks.iter().all(|(_, _, click)| *click <= CLICK_MAX),
        "a click, in multiples of the steady bend: {clicks:?}"
    );
    clicks.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TICK_SAMPLES;
    use crate::measure::{sine, to_stereo_s16};
    use std::f64::consts::FRAC_PI_2;

    /// A source's tone, then the tower's: in tick 12 one fades into the other within `fade` samples, as the
    /// router's ramp does. The phases are in turns.
    fn change(fade: f64, phases: (f64, f64)) -> MonitorPcm {
        let source = sine(100.0, 0.352, phases.0, 30 * TICK_SAMPLES);
        let own = sine(440.0, 0.1, phases.1, 30 * TICK_SAMPLES);
        let mixed = source.iter().zip(own).enumerate().map(|(at, (source, own))| {
            let x = (at as f64 - (12 * TICK_SAMPLES) as f64).clamp(0.0, fade) / fade;
            let (rising, falling) = (x * x * (3.0 - 2.0 * x) * FRAC_PI_2).sin_cos();
            source * falling + own * rising
        });
        MonitorPcm { first_serial: 0, bytes: to_stereo_s16(&mixed.collect::<Vec<_>>()) }
    }

    #[test]
    fn a_ramp_of_a_millisecond_in_place_of_twenty_is_a_click_in_all_but_a_few_phases() {
        let phases: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i / 10) / 10.0, f64::from(i % 10) / 10.0)).collect();
        let clicks = |fade: f64| phases.iter().map(move |&phases| click(&change(fade, phases), 12, &[2, 20]));
        assert!(clicks(960.0).all(|click| click <= CLICK_MAX), "20 ms are right in every phase");
        let missed = clicks(48.0).filter(|click| *click <= CLICK_MAX).count();
        assert!(missed <= 12, "a ramp of 1 ms is taken for one of 20 ms in {missed} of 100 phases");
    }
}
