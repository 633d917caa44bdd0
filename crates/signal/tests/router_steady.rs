//! A crossfade never takes a source off air: whatever its length, a source whose buffer does not
//! run out stays on air (SPEC ROUTER-5, ROUTER-6).

mod support;

use proptest::prelude::*;
use radio_signal::ingest::{BufferWriter, DriftResampler};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Jitter, OnAir, RouterConfig, RouterEvent, SourceId, SourceSpec, WhenFull};
use radio_signal::units::TICK_SAMPLES;
use support::*;

/// Lumps of 4 to 400 ms.
const LUMP_SAMPLES: std::ops::RangeInclusive<u64> = 192..=19_200;
/// Every fade that a configuration may have: 1 ms to 10 s.
const FADE_MS: std::ops::RangeInclusive<usize> = 1..=10_000;
const SAMPLES_PER_MS: usize = 48;

/// A producer in real time that writes its samples in lumps, with a clock of its own.
struct Lumps {
    lump_samples: u64,
    /// Samples before its first lump.
    first_at: u64,
    ppm: f64,
    frames: u64,
}

impl Lumps {
    const fn new(lump_samples: u64, first_at: u64, ppm: f64) -> Self {
        Self { lump_samples, first_at, ppm, frames: 0 }
    }

    /// Whole frames that have arrived since the last call, at the beginning of `tick`.
    fn until(&mut self, tick: u64) -> u64 {
        let now = (tick * TICK_SAMPLES as u64) as f64 * (1.0 + self.ppm * 1e-6);
        let Some(since) = (now as u64).checked_sub(self.first_at) else { return 0 };
        let written = (since / self.lump_samples + 1) * self.lump_samples;
        let frames = written / TICK_SAMPLES as u64;
        frames - std::mem::replace(&mut self.frames, frames)
    }
}

fn offer(writer: &mut BufferWriter, resampler: &mut Option<DriftResampler>) {
    let frame = PcmFrame([1000; radio_signal::units::TICK_VALUES]);
    match resampler {
        None => assert!(writer.offer_pcm(&frame), "the buffer has room"),
        Some(resampler) => {
            let state = writer.gauge().state();
            resampler.push(&(&frame).into(), state, |frame| assert!(writer.offer(frame), "the buffer has room"));
        }
    }
}

/// Plays one producer for `ticks`; returns what was on air at each.
fn play(config: RouterConfig, spec: SourceSpec, mut lumps: Lumps, resampled: bool, ticks: u64) -> Vec<OnAir> {
    let mut desk = Desk::new(config, Some(-20.0), None);
    let (_, mut writer) = desk.producer(spec);
    let mut resampler = resampled.then(DriftResampler::measuring);
    (0..ticks)
        .map(|tick| {
            (0..lumps.until(tick)).for_each(|_| offer(&mut writer, &mut resampler));
            desk.tick().0
        })
        .collect()
}

fn is_source(on_air: &OnAir) -> bool {
    matches!(on_air, OnAir::Source(_))
}

/// The first tick of a source, and the ticks without it after that.
fn breaks(heard: &[OnAir]) -> Option<(usize, usize)> {
    let first = heard.iter().position(is_source)?;
    Some((first, heard[first..].iter().filter(|on_air| !is_source(on_air)).count()))
}

fn config(fade_ms: usize) -> RouterConfig {
    RouterConfig { fade_samples: fade_ms * SAMPLES_PER_MS, ..CONFIG }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Its pre-roll holds a lump and the tick that the router looks ahead.
    #[test]
    fn a_station_in_lumps_that_its_preroll_holds_stays_on_air_whatever_the_fade(
        lump_samples in LUMP_SAMPLES,
        first_at in 0u64..5000,
        spare_ticks in 0usize..20,
        fade_ms in FADE_MS,
        its_own_fade_ms in proptest::option::of(FADE_MS),
        ppm in -100f64..100.0,
    ) {
        let preroll_ticks = (lump_samples as usize).div_ceil(TICK_SAMPLES) + 2 + spare_ticks;
        let fade_samples = its_own_fade_ms.map(|ms| ms * SAMPLES_PER_MS);
        let spec = SourceSpec { preroll_ticks, fade_samples, ..station() };
        let lumps = Lumps::new(lump_samples, first_at, ppm);
        let (first, breaks) = breaks(&play(config(fade_ms), spec, lumps, false, 400)).expect("it is on air");
        prop_assert!(first <= 2 * preroll_ticks + 10, "on air at tick {}", first);
        prop_assert_eq!(breaks, 0);
    }

    /// Its lumps are longer than its pre-roll: it runs dry once, and has a pre-roll that holds them from
    /// then on.
    #[test]
    fn a_station_in_lumps_longer_than_its_preroll_runs_dry_once_at_most(
        lump_samples in LUMP_SAMPLES,
        first_at in 0u64..5000,
        preroll_ticks in 1usize..10,
        fade_ms in FADE_MS,
        ppm in -100f64..100.0,
        waits in any::<bool>(),
        grace_ticks in prop_oneof![Just(0), Just(62)],
    ) {
        let when_full = if waits { WhenFull::Wait } else { WhenFull::Drop };
        let spec = SourceSpec { preroll_ticks, when_full, ..station() };
        let lumps = Lumps::new(lump_samples, first_at, ppm);
        let heard = play(RouterConfig { grace_ticks, ..config(fade_ms) }, spec, lumps, false, 1500);
        let breaks = heard.windows(2).filter(|pair| is_source(&pair[0]) && !is_source(&pair[1])).count();
        prop_assert!(breaks <= 1, "{} breaks", breaks);
        prop_assert!(heard.iter().rev().take(1300).all(is_source), "it is on air for good");
    }

    /// Through a network: what it needs between two lumps it gathers in the time that it must have
    /// been there.
    #[test]
    fn a_source_of_a_network_with_a_clock_of_its_own_stays_on_air_whatever_the_fade(
        lump_samples in LUMP_SAMPLES,
        first_at in 0u64..5000,
        preroll_ticks in 3usize..40,
        fade_ms in FADE_MS,
        ppm in -200f64..200.0,
    ) {
        let jitter = Jitter { settle_ticks: preroll_ticks as u64, lump_ticks: 60 };
        let spec = SourceSpec { preroll_ticks, jitter, ..station() };
        let lumps = Lumps::new(lump_samples, first_at, ppm);
        let (first, breaks) = breaks(&play(config(fade_ms), spec, lumps, true, 1500)).expect("it is on air");
        prop_assert!(first <= preroll_ticks + 30, "on air at tick {}", first);
        prop_assert_eq!(breaks, 0);
    }

    /// Arrivals of any kind, gaps and bursts among them: the length of the fade does not change what is
    /// on air.
    #[test]
    fn with_any_fade_a_source_is_on_air_at_the_very_ticks_at_which_it_is_with_the_shortest(
        arrivals in proptest::collection::vec((0usize..40, 0usize..40), 1..30),
        preroll_ticks in 1usize..40,
        fade_ms in FADE_MS,
        ends in any::<bool>(),
    ) {
        let heard = |fade_ms: usize| {
            let mut desk = Desk::new(config(fade_ms), None, None);
            let (_, mut writer) = desk.producer(SourceSpec { preroll_ticks, ..station() });
            let mut heard = Vec::new();
            for &(frames, ticks) in &arrivals {
                (0..frames).for_each(|number| _ = writer.offer_pcm(&numbered(number)));
                heard.extend((0..ticks).map(|_| is_source(&desk.tick().0)));
            }
            if ends {
                drop(writer);
            }
            heard.extend((0..120).map(|_| is_source(&desk.tick().0)));
            heard
        };
        prop_assert_eq!(heard(fade_ms), heard(1));
    }
}

#[test]
fn a_healthy_source_in_lumps_of_96_ms_is_not_interrupted_by_a_fade_of_500_ms() {
    let heard = play(config(500), station(), Lumps::new(4 * TICK_SAMPLES as u64, 0, 0.0), false, 292);
    assert_eq!(breaks(&heard).map(|(_, breaks)| breaks), Some(0), "in 7 s");
}

/// What is told of its pre-roll when a source comes, of each time it does.
fn prerolls(desk: &mut Desk, source: SourceId) -> Vec<Option<usize>> {
    let came = |event: &RouterEvent| event.to == OnAir::Source(source);
    desk.events().into_iter().filter(came).map(|event| event.raised_preroll_ticks).collect()
}

#[test]
fn a_preroll_is_raised_to_the_lump_once_and_told_once_and_not_for_a_pause() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(SourceSpec { preroll_ticks: 5, ..station() });
    let mut run = |lumps: &mut Lumps, ticks: std::ops::Range<u64>| {
        for tick in ticks {
            (0..lumps.until(tick)).for_each(|_| offer(&mut writer, &mut None));
            desk.tick();
        }
        prerolls(&mut desk, id)
    };
    let lumps_of_17_ticks = &mut Lumps::new(17 * TICK_SAMPLES as u64, 0, 0.0);
    assert_eq!(run(lumps_of_17_ticks, 0..300), [None, Some(17 + 3)]);
    // A pause is no lump: after it the source comes with the pre-roll that it had.
    assert_eq!(run(&mut Lumps::new(TICK_SAMPLES as u64, 400 * TICK_SAMPLES as u64, 0.0), 300..800), [None]);
}

#[test]
fn a_preroll_is_never_longer_than_the_buffer() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(SourceSpec { preroll_ticks: 5, ..station() });
    feed(&mut writer, (0..20).map(numbered));
    assert_eq!(desk.ticks_until(|on_air| on_air == OnAir::Source(id)), 0);
    desk.ticks_until(|on_air| on_air == OnAir::Tone);
    feed(&mut writer, (0..100).map(numbered));
    assert!(desk.ticks_until(|on_air| on_air == OnAir::Source(id)) <= 1, "all that its buffer holds");
    assert_eq!(prerolls(&mut desk, id), [None, Some(100)]);
}

#[test]
fn a_preroll_of_one_tick_is_enough_for_a_source_that_sends_a_tick_each_tick() {
    for fade_ms in [1, 20, 500, 10_000] {
        let spec = SourceSpec { preroll_ticks: 1, ..station() };
        let heard = play(config(fade_ms), spec, Lumps::new(TICK_SAMPLES as u64, 0, 0.0), false, 300);
        assert_eq!(breaks(&heard), Some((1, 0)), "with a fade of {fade_ms} ms");
    }
}

/// Its lumps are longer than its pre-roll: what it gathered in the beginning must not be taken from
/// it by the control of its drift.
#[test]
fn in_lumps_of_400_ms_a_source_of_a_network_stays_on_air_for_20_minutes_with_any_clock() {
    for ppm in [-200.0, 200.0] {
        let jitter = Jitter { settle_ticks: 5, lump_ticks: 60 };
        let spec = SourceSpec { preroll_ticks: 5, jitter, ..station() };
        let heard = play(config(500), spec, Lumps::new(19_200, 0, ppm), true, 50_000);
        assert_eq!(breaks(&heard).map(|(_, breaks)| breaks), Some(0), "at {ppm} ppm");
    }
}
