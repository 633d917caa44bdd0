use super::*;
use ebur128::{EbuR128, Mode};

type Tick = [Vec<f32>; CHANNELS];

fn tick(at: impl Fn(usize, usize) -> f32, tick: usize) -> Tick {
    std::array::from_fn(|channel| (0..TICK_SAMPLES).map(|i| at(channel, tick * TICK_SAMPLES + i)).collect())
}

fn add(meter: &mut LoudnessMeter, tick: &Tick) {
    meter.add([&tick[0], &tick[1]]);
}

fn sine(sample: usize, frequency_hz: f32, phase: f32) -> f32 {
    // Whole periods are left out, so that hours later it is as exact as now.
    let turns = (sample as f64 * f64::from(frequency_hz) / f64::from(SAMPLE_RATE_HZ)).fract() as f32;
    (turns * std::f32::consts::TAU + phase).sin()
}

/// Tones of changing level with bursts of noise, and a second of silence in each eight.
fn programme(channel: usize, sample: usize) -> f32 {
    let second = sample / SAMPLE_RATE_HZ as usize;
    let level = [0.5, 0.02, 0.3, 0.9, 0.0, 0.1, 0.7, 0.004][second % 8];
    let noise = (sample as u32).wrapping_mul(2_654_435_761).rotate_left(channel as u32 * 7) ^ sample as u32;
    let noise = (noise.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 24) as f32 - 0.5;
    let share = if sample % 12_000 < 2_000 { 0.4 } else { 0.02 };
    level * ((1.0 - share) * sine(sample, 997.0 + 3000.0 * channel as f32, 0.3) + share * noise)
}

#[test]
fn a_stereo_sine_of_1_khz_at_minus_23_dbfs_is_minus_23_lufs() {
    // EBU Tech 3341, case 1.
    let mut meter = LoudnessMeter::default();
    let amplitude = 10f32.powf(-23.0 / 20.0);
    (0..42 * 5).for_each(|t| add(&mut meter, &tick(|_, sample| amplitude * sine(sample, 1000.0, 0.0), t)));
    for lufs in [meter.momentary_lufs(), meter.short_term_lufs(), meter.integrated_lufs()] {
        assert!((lufs + 23.0).abs() <= 0.1, "{lufs}");
    }
}

#[test]
fn loudness_and_peaks_are_those_of_another_implementation() {
    let mut meter = LoudnessMeter::default();
    let mut other = EbuR128::new(2, SAMPLE_RATE_HZ, Mode::S | Mode::I | Mode::TRUE_PEAK).expect("memory");
    let mut other_peak = 0.0_f64;
    for t in 0..42 * 30 {
        let planes = tick(programme, t);
        add(&mut meter, &planes);
        other.add_frames_planar_f32(&[&planes[0], &planes[1]]).expect("planes of one length");
        other_peak = (0..2).filter_map(|channel| other.prev_true_peak(channel).ok()).fold(other_peak, f64::max);
        if t % 42 == 41 {
            let peak = f64::from(meter.take_true_peak());
            let wanted = std::mem::take(&mut other_peak);
            assert!((peak - wanted).abs() <= 1e-4, "second {}: peak {peak}, wanted {wanted}", t / 42);
        }
        // At the end of a step both look at the same samples.
        if ((t + 1) * TICK_SAMPLES).is_multiple_of(STEP_SAMPLES) {
            for (lufs, wanted) in [
                (meter.momentary_lufs(), other.loudness_momentary()),
                (meter.short_term_lufs(), other.loudness_shortterm()),
                (meter.integrated_lufs(), other.loudness_global()),
            ] {
                let wanted = wanted.expect("its mode is on");
                assert!((lufs - wanted).abs() < 0.01 || (lufs < -90.0 && wanted < -90.0), "tick {t}: {lufs}, {wanted}");
            }
        }
    }
}

#[test]
fn a_peak_between_two_samples_is_found() {
    // EBU Tech 3341, case 16: samples of a quarter of the rate never meet the crest.
    let mut meter = LoudnessMeter::default();
    (0..50).for_each(|t| add(&mut meter, &tick(|_, s| 0.5 * sine(s, 12_000.0, std::f32::consts::FRAC_PI_4), t)));
    // Where the sine begins it is no sine yet, so the second look counts.
    meter.take_true_peak();
    (50..90).for_each(|t| add(&mut meter, &tick(|_, s| 0.5 * sine(s, 12_000.0, std::f32::consts::FRAC_PI_4), t)));
    let peak_dbtp = 20.0 * meter.take_true_peak().log10();
    assert!((-6.4..=-5.8).contains(&peak_dbtp), "{peak_dbtp} dBTP; the samples are at -9 dBFS");
}

#[test]
fn pauses_are_gated_and_ten_minutes_are_remembered() {
    let mut meter = LoudnessMeter::default();
    let second = |meter: &mut LoudnessMeter, amplitude: f32, seconds: usize| {
        (0..seconds * 125 / 3).for_each(|t| add(meter, &tick(|_, s| amplitude * sine(s, 1000.0, 0.0), t)));
    };
    second(&mut meter, 0.1, 30);
    second(&mut meter, 0.0, 60);
    let loud = meter.integrated_lufs();
    assert!((loud + 20.0).abs() < 0.2, "a pause counts nothing: {loud}");
    assert_eq!(meter.momentary_lufs(), f64::NEG_INFINITY, "silence, without a rest of the filters");
    second(&mut meter, 0.01, 601);
    let quiet = meter.integrated_lufs();
    assert!((quiet + 40.0).abs() < 0.2, "what was ten minutes ago is forgotten: {quiet}");
    assert_eq!(meter.blocks.len(), BLOCKS_MAX);
}

/// Prints the processor time of an hour of sound, ours and that of the other implementation, which
/// `docs/measured.md` compares. Ignored: it measures, and judges nothing.
#[test]
#[ignore = "measures, judges nothing"]
fn what_an_hour_of_sound_costs() {
    const TICKS: usize = 150_000;
    let planes: Vec<Tick> = (0..42 * 16).map(|t| tick(programme, t)).collect();
    let ours = spent(|| {
        let mut meter = LoudnessMeter::default();
        planes.iter().cycle().take(TICKS).enumerate().for_each(|(t, planes)| {
            add(&mut meter, planes);
            if t % 42 == 0 {
                std::hint::black_box((meter.take_true_peak(), meter.short_term_lufs(), meter.integrated_lufs()));
            }
            if t % 8 == 0 {
                std::hint::black_box(meter.momentary_lufs());
            }
        });
    });
    let other = spent(|| {
        let mut meter = EbuR128::new(2, SAMPLE_RATE_HZ, Mode::S | Mode::I | Mode::TRUE_PEAK).expect("memory");
        planes.iter().cycle().take(TICKS).enumerate().for_each(|(t, planes)| {
            meter.add_frames_planar_f32(&[&planes[0], &planes[1]]).expect("planes of one length");
            if t % 42 == 0 {
                let loudness = (meter.loudness_shortterm().ok(), meter.loudness_global().ok());
                std::hint::black_box((meter.prev_true_peak(0).ok(), meter.prev_true_peak(1).ok(), loudness));
            }
            if t % 8 == 0 {
                std::hint::black_box(meter.loudness_momentary().ok());
            }
        });
    });
    println!("an hour of stereo: {ours:.2} s, the other {other:.2} s of processor time");
}

/// Processor time of this thread that `work` takes, in seconds.
fn spent(work: impl FnOnce()) -> f64 {
    let now = || {
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        schedstat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
    };
    let before = now();
    work();
    now() - before
}
