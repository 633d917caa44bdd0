//! Sources of any clock, in lumps of any length, in virtual time (SPEC IN-7): within 1 % they are
//! resampled, beyond that they skip or wait in one faded step, and what their lumps demand is
//! learned once.

mod support;

use proptest::prelude::*;
use radio_signal::ingest::{DriftResampler, input_buffer};
use radio_signal::pcm::AudioFrame;
use radio_signal::router::{Jitter, OnAir, SourceId, SourceSpec};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES};
use std::sync::LazyLock;
use support::*;

const PREROLL_TICKS: usize = 20;
const CAPACITY_TICKS: usize = 500;
const MINUTE: usize = 2500;

/// How a source was heard.
#[derive(Debug, Default)]
struct Heard {
    /// Times without it, after it was on air first: the first tick of each, and how many there
    /// were.
    breaks: Vec<(usize, usize)>,
    first_tick: Option<usize>,
    /// Ticks that were left out, and in how many places.
    left_out: u64,
    cuts: usize,
    measured_ppm: Option<f64>,
    /// The hardest bend of the sound behind its first tick.
    bend: f64,
    /// The most that waited.
    fill_ticks: usize,
}

/// Plays a source of a 300 Hz sine that is `ppm` fast and sends `lump(n)` samples at a time, when
/// they are over.
fn play(ppm: f64, mut lump: impl FnMut(usize) -> u64, ticks: usize) -> Heard {
    let mut desk = Desk::new(CONFIG, None, None);
    let jitter = Jitter { settle_ticks: PREROLL_TICKS as u64, lump_ticks: 60 };
    let spec = SourceSpec { preroll_ticks: PREROLL_TICKS, jitter, ..station() };
    let (mut writer, reader) = input_buffer(CAPACITY_TICKS);
    let id = SourceId { input: spec.input, producer: 0 };
    desk.router.attach(id, spec, reader).expect("there is a place");
    let gauge = writer.gauge();
    let (mut resampler, mut heard) = (DriftResampler::measuring(), Heard::default());
    let (mut lumps, mut sent, mut made) = (0, 0u64, 0u64);
    let mut next = lump(0);
    let mut before: Vec<i16> = Vec::new();
    let mut dropped_before = false;
    for tick in 0..ticks {
        let now = (tick * TICK_SAMPLES) as f64 * (1.0 + ppm * 1e-6);
        while (sent + next) as f64 <= now {
            sent += next;
            lumps += 1;
            next = lump(lumps);
        }
        while (made + 1) * TICK_SAMPLES as u64 <= sent {
            let frame = sine(made);
            made += 1;
            resampler.push(&frame, gauge.state(), |frame| {
                let dropped = !writer.offer(frame);
                heard.cuts += usize::from(dropped && !dropped_before);
                dropped_before = dropped;
            });
        }
        heard.fill_ticks = heard.fill_ticks.max(gauge.count());
        let (on_air, frame) = desk.tick();
        let is_heard = on_air == OnAir::Source(id);
        match (is_heard, heard.first_tick) {
            (true, None) => heard.first_tick = Some(tick),
            (false, Some(_)) => match heard.breaks.last_mut() {
                Some((from, count)) if *from + *count == tick => *count += 1,
                _ => heard.breaks.push((tick, 1)),
            },
            _ => {}
        }
        before.extend(frame.0.iter().step_by(CHANNELS));
        let bend = |w: &[i16]| (f64::from(w[0]) - 2.0 * f64::from(w[1]) + f64::from(w[2])).abs();
        heard.bend = before.windows(3).map(bend).fold(heard.bend, f64::max);
        before.drain(..before.len() - 2);
    }
    heard.left_out = gauge.overflow_count();
    heard.measured_ppm = resampler.uncorrected_ppm();
    heard
}

fn sine(tick: u64) -> AudioFrame {
    // 300 Hz: 160 samples, of which all that matters is the remainder.
    static PERIOD: LazyLock<[f32; 160]> =
        LazyLock::new(|| std::array::from_fn(|index| (index as f32 / 160.0 * std::f32::consts::TAU).sin() * 0.5));
    let (period, first) = (&*PERIOD, (tick * TICK_SAMPLES as u64 % 160) as usize);
    AudioFrame(std::array::from_fn(|index| period[(first + index / CHANNELS) % 160]))
}

/// Twice the bend of the sine itself, and rounding: what ROUTER-6 allows a change.
fn bend_max() -> f64 {
    let step = std::f64::consts::TAU * 300.0 / f64::from(SAMPLE_RATE_HZ);
    2.0 * 16_384.0 * step * step + 8.0
}

fn milliseconds(ms: u64) -> u64 {
    ms * u64::from(SAMPLE_RATE_HZ) / 1000
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_1_per_cent_a_source_in_lumps_of_4_ms_to_8_s_is_resampled_and_runs_dry_once_at_most(
        (lump_ms, ppm) in (4f64.ln()..8000f64.ln(), -9500f64..9500.0).prop_map(|(ms, ppm)| (ms.exp() as u64, ppm)),
    ) {
        let heard = play(ppm, |_| milliseconds(lump_ms), 3 * MINUTE);
        let first = heard.first_tick.expect("it is on air");
        prop_assert!(first <= lump_ms as usize / 24 + PREROLL_TICKS + 3, "on air at tick {first}");
        prop_assert_eq!(heard.left_out, 0);
        prop_assert!(heard.breaks.len() <= usize::from(lump_ms > 400), "{:?}", heard.breaks);
        // A slow source runs dry before its third lump. What a fast one is ahead by is taken back within
        // minutes, and only then may its one break come.
        let early = 3 * (lump_ms as usize / 24) + 100;
        prop_assert!(ppm > 0.0 || heard.breaks.iter().all(|(tick, _)| *tick < early), "{:?}", heard.breaks);
        prop_assert!(heard.measured_ppm.is_none() && heard.bend < bend_max(), "{heard:?}");
    }

    #[test]
    fn beyond_1_per_cent_a_fast_source_skips_rarely_and_a_slow_one_waits_in_one_step(
        lump_ms in 4u64..400,
        percent in 1.2f64..3.0,
        is_fast: bool,
    ) {
        let ppm = percent * 1e4 * if is_fast { 1.0 } else { -1.0 };
        let ticks = 4 * MINUTE;
        let heard = play(ppm, |_| milliseconds(lump_ms), ticks);
        // What is too much for the resampler, and too little.
        let excess_ticks = ticks as f64 * (percent - 1.0) / 100.0;
        let measured = heard.measured_ppm.expect("it is told");
        prop_assert!((measured - ppm).abs() < 500.0, "{} ppm instead of {}", measured, ppm);
        prop_assert!(heard.bend < bend_max(), "{heard:?}");
        if is_fast {
            prop_assert_eq!(heard.breaks.len(), 0);
            prop_assert!(heard.cuts as f64 <= excess_ticks / (CAPACITY_TICKS / 4) as f64 + 1.0, "{heard:?}");
            prop_assert!(heard.left_out as f64 <= excess_ticks + (CAPACITY_TICKS / 4) as f64, "{heard:?}");
        } else {
            prop_assert_eq!(heard.left_out, 0);
            let steps = excess_ticks / (PREROLL_TICKS as f64 / 2.0) + 2.0;
            prop_assert!(!heard.breaks.is_empty() && heard.breaks.len() as f64 <= steps, "{heard:?}");
            // One may not be over at the end.
            let mut whole = heard.breaks.iter().filter(|(from, count)| from + count < ticks);
            prop_assert!(whole.all(|(_, count)| *count >= PREROLL_TICKS / 2), "{:?}", heard.breaks);
        }
    }
}

/// As the report of a program that sent 17 % more sound than time passed.
#[test]
fn a_source_that_is_17_per_cent_fast_is_cut_once_in_15_seconds() {
    let heard = play(170_000.0, |_| milliseconds(50), 2 * MINUTE);
    assert!(heard.breaks.is_empty() && heard.left_out > 300 && heard.bend < bend_max(), "{heard:?}");
    assert!((3..=120 / 15).contains(&heard.cuts), "{heard:?}");
    let measured = heard.measured_ppm.expect("it is told");
    assert!((measured - 170_000.0).abs() < 500.0, "{measured}");
}

/// Ogg pages are ended by their size: in a pause one holds six seconds.
#[test]
fn a_page_of_6_s_in_a_pause_takes_a_source_off_air_once_and_never_again() {
    let lump = |lump: usize| milliseconds(if lump % 400 > 380 { 5900 } else { 350 });
    let heard = play(0.0, lump, 6 * MINUTE);
    assert_eq!((heard.breaks.len(), heard.left_out), (1, 0), "{heard:?}");
}
