//! Programme stops, silence, fallback, programme returns: at the right tick, without a click, nothing discarded
//! (SPEC ROUTER-3, ROUTER-4, ROUTER-5, ROUTER-6, FALL-1).

use crate::common;
use radio_proof::monitor::MonitorPcm;
use radio_proof::station::{self, Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{TICK_BYTES, TICK_SAMPLES, material, measure};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// 1.5 s of grace in whole ticks.
const GRACE_TICKS: u64 = 62;

/// Samples of the opening ramp at the default of 20 ms.
const RAMP_BYTES: usize = 960 * 4;

/// Length of each programme: 4.8 s, a whole number of periods of the tones below.
const PROGRAMME_TICKS: usize = 200;

const SILENCE: [u8; TICK_BYTES] = [0; TICK_BYTES];

/// Waits until the router has been in fallback for a second.
fn wait_for_tone(tower: &Tower) {
    tower.wait_source("tone", Duration::from_secs(20));
    std::thread::sleep(Duration::from_secs(1));
}

/// A programme that begins and ends at the crest of its wave: the hardest cut there is.
fn hostile(frequency_hz: f64) -> Vec<u8> {
    measure::to_stereo_s16(&measure::sine(frequency_hz, 0.5, 0.25, PROGRAMME_TICKS * TICK_SAMPLES))
}

/// Plays `programme` between stretches of tone and gives the router's PCM of all of it.
fn between_tones(tower: &Tower, programme: Vec<u8>) -> MonitorPcm {
    wait_for_tone(tower);
    let monitor = tower.monitor(None);
    let before = monitor.next_serial() + 40;
    monitor.wait_serial(before, Duration::from_secs(10));
    let station = Station::start(&tower.pcm_socket(), Arc::new(programme), Manner::default());
    assert!(station.finish() > 0);
    wait_for_tone(tower);
    monitor.stop()
}

/// The first tick of silence at or after `from`, and the first tick after it that is none.
fn silence(pcm: &MonitorPcm, from: u64) -> (u64, u64) {
    let begins = pcm.find(from, |tick| tick == SILENCE).expect("silence after the programme");
    let ends = pcm.find(begins, |tick| tick != SILENCE).expect("tone after the silence");
    (begins, ends)
}

/// Largest second difference around the changes tone-programme, programme-silence and silence-tone, each as a multiple
/// of the larger of the two steady ones.
fn clicks(pcm: &MonitorPcm) -> [f64; 3] {
    let (silence_begins, tone_begins) = silence(pcm, pcm.first_serial);
    let programme_begins = silence_begins - PROGRAMME_TICKS as u64;
    let around = |tick: u64| measure::second_difference_max(&pcm.left_from(tick - 2, 4));
    let tone = measure::second_difference_max(&pcm.left_from(programme_begins - 20, 10));
    let programme = measure::second_difference_max(&pcm.left_from(programme_begins + 50, 10));
    [around(programme_begins) / tone.max(programme), around(silence_begins) / programme, around(tone_begins) / tone]
}

#[test]
fn a_station_that_goes_on_and_sends_silence_makes_way_until_it_sends_sound() {
    let tower = common::setup().line("station.silence_gate_ms = 2400").line("router.grace_ms = 0").start();
    wait_for_tone(&tower);
    let monitor = tower.monitor(None);
    let (sound, silent_ticks) = (hostile(312.5), 250);
    let programme = [&sound[..], &vec![0; silent_ticks * TICK_BYTES], &sound[..]].concat();
    let station = Station::start(&tower.pcm_socket(), Arc::new(programme), Manner::default());
    assert!(station.finish() > 0);
    wait_for_tone(&tower);
    let pcm = monitor.stop();
    let one =
        |tick: u64| [312.5, 440.0].into_iter().find(|&hz| measure::tone_dbfs(&pcm.left_from(tick, 1), hz) > -25.0);
    let mut order: Vec<(f64, u64)> = Vec::new();
    for tick in pcm.serials() {
        match (one(tick), order.last_mut()) {
            (Some(hz), Some((last, count))) if *last == hz => *count += 1,
            (Some(hz), _) => order.push((hz, 1)),
            (None, _) => {}
        }
    }
    order.retain(|(_, ticks)| *ticks > 5);
    let heard: Vec<f64> = order.iter().map(|(hz, _)| *hz).collect();
    assert_eq!(heard, [440.0, 312.5, 440.0, 312.5, 440.0], "{order:?}");
    // 100 ticks until the gate closes, less what waits in the buffer; then tone until there is sound.
    assert!((130..=170).contains(&order[2].1), "{order:?}");
    let told = tower.events("on_air");
    assert!(told.iter().any(|(_, event)| event["reason"] == "silent"), "{told:?}");
}

#[test]
fn after_the_programme_silence_lasts_exactly_its_grace_and_no_change_clicks() {
    let tower = common::setup().start();
    for frequency_hz in [100.0, 312.5, 1000.0] {
        let pcm = between_tones(&tower, hostile(frequency_hz));
        let (silence_begins, tone_begins) = silence(&pcm, pcm.first_serial);
        assert_eq!(tone_begins - silence_begins, GRACE_TICKS, "ticks of silence after {frequency_hz} Hz");
        let tone = pcm.left_from(tone_begins + 1, 30);
        assert!((measure::tone_dbfs(&tone, 440.0) + 20.0).abs() < 0.1, "the fallback is the tone");
        for (change, click) in ["tone to programme", "programme to silence", "silence to tone"].iter().zip(clicks(&pcm))
        {
            assert!(click <= 2.0, "{change} at {frequency_hz} Hz: {click:.2} times the steady second difference");
        }
    }
}

#[test]
fn with_a_ramp_of_1_ms_the_same_measurement_hears_clicks() {
    let tower = common::setup().line("router.fade_ms = 1").start();
    let clicks = clicks(&between_tones(&tower, hostile(312.5)));
    assert!(clicks[0] > 2.0 && clicks[1] > 2.0, "the control run must fail, but gives {clicks:?}");
}

#[test]
fn a_programme_that_returns_is_on_air_from_its_first_sample_and_grace_starts_anew() {
    let tower = common::setup().start();
    for (seed, ticks) in [(1, 60), (2, 90), (3, 40)] {
        let programme = material::noise(seed, ticks);
        let pcm = between_tones(&tower, programme.clone());
        let serial = pcm.serial_of_fed(&programme, 5);
        let opening = pcm.tick(serial);
        assert_eq!(opening[RAMP_BYTES..], programme[RAMP_BYTES..TICK_BYTES], "the first tick, after its ramp");
        assert_eq!(pcm.first_difference(serial, &programme, 1..ticks - 1), None, "tick of the programme");
        let (silence_begins, tone_begins) = silence(&pcm, serial);
        assert_eq!(silence_begins - serial, ticks as u64, "the whole programme was on air");
        assert_eq!(tone_begins - silence_begins, GRACE_TICKS);
    }
}

#[test]
fn a_station_that_pauses_inside_its_grace_goes_on_with_the_very_next_sample() {
    let tower = common::setup().start();
    wait_for_tone(&tower);
    let monitor = tower.monitor(None);
    let (before, after) = (material::noise(4, 60), material::noise(5, 60));
    let mut stream = UnixStream::connect(tower.pcm_socket()).expect("the station's socket");
    station::send(&mut stream, &before, Manner::default()).expect("the tower reads");
    std::thread::sleep(Duration::from_millis(900));
    station::send(&mut stream, &after, Manner::default()).expect("the tower reads");
    drop(stream);
    wait_for_tone(&tower);
    let pcm = monitor.stop();

    let (first, second) = (pcm.serial_of_fed(&before, 5), pcm.serial_of_fed(&after, 5));
    assert_eq!(pcm.first_difference(first, &before, 1..59), None, "tick before the pause");
    assert_eq!(pcm.first_difference(second, &after, 1..59), None, "tick after the pause");
    assert_eq!(pcm.tick(second)[RAMP_BYTES..], after[RAMP_BYTES..TICK_BYTES], "its first tick, after the ramp");
    let pause: Vec<u64> = pcm.serials().filter(|&serial| serial >= first + 60 && serial < second).collect();
    assert!(pause.len() > 10 && pause.len() < GRACE_TICKS as usize, "{} ticks of pause", pause.len());
    assert!(pause.iter().all(|&serial| pcm.tick(serial) == SILENCE), "silence, not fallback, in a short pause");
}
