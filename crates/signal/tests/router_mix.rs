//! Sound is f32 up to the end of the mix and is rounded and clamped there, once (SPEC SIG-1).

mod support;

use proptest::prelude::*;
use radio_signal::ingest::{BufferState, BufferWriter, DriftResampler, Gain};
use radio_signal::pcm::{AudioFrame, PcmFrame};
use radio_signal::router::{OnAir, SourceSpec};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_VALUES};
use support::*;

/// Half a second.
const LONG_SAMPLES: usize = 24_000;

/// A sine of `peak` times full scale, in f32.
fn sine(hz: f64, peak: f64, tick: usize) -> AudioFrame {
    let mut frame = AudioFrame::SILENCE;
    for (index, pair) in frame.0.chunks_exact_mut(CHANNELS).enumerate() {
        let seconds = (tick * TICK_SAMPLES + index) as f64 / f64::from(SAMPLE_RATE_HZ);
        pair.fill(((seconds * hz * std::f64::consts::TAU).sin() * peak) as f32);
    }
    frame
}

fn louder(db: f32) -> SourceSpec {
    SourceSpec { gain: Gain::from_db(db), fade_samples: Some(LONG_SAMPLES), ..station() }
}

/// The same on air, in f64: equal-power gains along a smoothstep.
fn expected(position: usize, from: f64, to: f64) -> f64 {
    let x = (position as f64 / LONG_SAMPLES as f64).clamp(0.0, 1.0);
    let (rising, falling) = (x * x * (3.0 - 2.0 * x) * std::f64::consts::FRAC_PI_2).sin_cos();
    (from * falling + to * rising) * 32_768.0
}

/// Left values beyond full scale, and the largest error of those within it, in steps.
fn compare(heard: &[PcmFrame], wanted: &[f64]) -> (usize, f64) {
    let left = heard.iter().flat_map(|frame| frame.0.iter().step_by(2));
    let clipped = |sample: i16| sample == i16::MAX || sample == i16::MIN;
    let error = |(sample, wanted): (&i16, &f64)| (f64::from(*sample) - wanted.clamp(-32_768.0, 32_767.0)).abs();
    (left.clone().filter(|sample| clipped(**sample)).count(), left.zip(wanted).map(error).fold(0.0, f64::max))
}

/// Two sources at full scale: their sum is 3 dB above it in the middle of the crossfade.
fn crossfade_at(db: f32) -> (usize, f64) {
    let mut desk = Desk::new(CONFIG, None, None);
    let (first, mut playing) = desk.producer(SourceSpec { priority: 1, ..louder(db) });
    let (mut heard, mut wanted) = (Vec::new(), Vec::new());
    (0..95).for_each(|tick| assert!(playing.offer(&sine(400.0, 1.0, tick))));
    for _ in 0..30 {
        assert_eq!(desk.tick().0, OnAir::Source(first));
    }
    let (second, mut following) = desk.producer(SourceSpec { input: PLAY, ..louder(db) });
    (0..95).for_each(|tick| assert!(following.offer(&sine(400.0, 1.0, tick + 30))));
    let factor = f64::from(Gain::from_db(db).factor());
    for tick in 30..60 {
        let (on_air, frame) = desk.tick();
        assert_eq!(on_air, OnAir::Source(second));
        let frames = sine(400.0, 1.0, tick);
        let left = frames.0.iter().step_by(2).map(|value| f64::from(*value) * factor).enumerate();
        wanted.extend(left.map(|(index, value)| expected((tick - 30) * TICK_SAMPLES + index, value, value)));
        heard.push(frame);
    }
    compare(&heard, &wanted)
}

#[test]
fn two_sources_at_full_scale_are_crossfaded_without_distortion_at_6_db_less() {
    let (clipped, error) = crossfade_at(-6.0);
    // Rounding, dither, and what f32 itself is short of.
    assert!(clipped == 0 && error < 2.0, "{clipped} samples at full scale, {error} steps off");
    let (clipped, error) = crossfade_at(0.0);
    assert!(clipped > 1000 && error < 2.0, "at 0 dB the sum is clamped at the end: {clipped}, {error}");
}

#[test]
fn what_is_beyond_full_scale_in_a_source_is_whole_again_behind_a_gain() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (_, mut writer) = desk.producer(SourceSpec { gain: Gain::from_db(-12.0), ..station() });
    // 6 dB above full scale, through the resampler that follows a clock.
    let mut resampler = DriftResampler::new(10);
    for tick in 0..60 {
        resampler.push(&sine(400.0, 2.0, tick), BufferState::default(), |frame| assert!(writer.offer(frame)));
    }
    let level = writer.gauge().peak_dbfs().expect("there is sound");
    assert!((level + 5.98).abs() < 0.1, "{level} dBFS with its gain");
    let heard: Vec<PcmFrame> = (0..40).map(|_| desk.tick().1).skip(1).collect();
    let factor = f64::from(Gain::from_db(-12.0).factor()) * 32_768.0;
    let wanted: Vec<f64> = (1..40)
        .flat_map(|tick| sine(400.0, 2.0, tick).0.into_iter().step_by(2))
        .map(|value| f64::from(value) * factor)
        .collect();
    let (clipped, error) = compare(&heard, &wanted);
    assert!(clipped == 0 && error < 2.0, "{clipped} samples at full scale, {error} steps off");
}

/// Plays what `writer` was given, from its second tick on: behind the ramp that it comes in with.
fn second_tick(offer: impl Fn(&mut BufferWriter)) -> PcmFrame {
    let mut desk = Desk::new(CONFIG, None, None);
    let (_, mut writer) = desk.producer(SourceSpec { preroll_ticks: 1, ..station() });
    (0..4).for_each(|_| offer(&mut writer));
    desk.tick();
    desk.tick().1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_untouched_16_bit_source_passes_bit_for_bit(values in proptest::collection::vec(any::<i16>(), TICK_VALUES)) {
        let mut frame = PcmFrame::SILENCE;
        frame.0.copy_from_slice(&values);
        let mut resampled = DriftResampler::new(10);
        prop_assert_eq!(second_tick(|writer| assert!(writer.offer_pcm(&frame))), frame);
        let mut got = Vec::new();
        (0..3).for_each(|_| resampled.push(&(&frame).into(), BufferState::default(), |out| got.push(*out)));
        prop_assert_eq!(second_tick(|writer| assert!(writer.offer(&got[2]))), frame);
    }

    /// Any bits at all: the mix is finite, and what follows is heard.
    #[test]
    fn values_that_are_no_sound_are_silence_and_leave_nothing_behind(
        bits in proptest::collection::vec(any::<u32>(), 1..200),
        kinds in proptest::collection::vec(0usize..6, 1..200),
    ) {
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE];
        let mut frame = AudioFrame::SILENCE;
        let values = bits.iter().map(|bits| f32::from_bits(*bits)).chain(kinds.iter().map(|kind| odd[*kind]));
        frame.0.iter_mut().zip(values.cycle()).for_each(|(value, other)| *value = other);
        let mut desk = Desk::new(CONFIG, None, None);
        let (_, mut writer) = desk.producer(louder(20.0));
        let (_, mut other) = desk.producer(SourceSpec { priority: 30, ..louder(-20.0) });
        let mut resampler = DriftResampler::new(10);
        (0..30).for_each(|_| assert!(writer.offer(&frame)));
        for tick in 0..60 {
            if tick < 20 {
                resampler.push(&frame, BufferState::default(), |frame| assert!(other.offer(frame)));
            } else {
                assert!(other.offer_pcm(&PcmFrame([3277; TICK_VALUES])));
            }
        }
        let last = (0..40).map(|_| desk.tick().1).last().expect("there are ticks");
        prop_assert!(last.0.iter().all(|value| (325..=330).contains(value)), "{:?}", &last.0[..4]);
    }
}
