//! Levels, signal to noise, clicks and alignment. All samples are f64 between -1 and 1.

use std::f64::consts::TAU;

/// Sampling rate of everything measured.
const RATE_HZ: f64 = 48_000.0;

/// Left channel of interleaved 16-bit stereo PCM.
#[must_use]
pub fn left_s16(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(4).map(|frame| f64::from(i16::from_le_bytes([frame[0], frame[1]])) / 32_768.0).collect()
}

/// Amplitude of the tone of `frequency_hz` in `samples`, in dB relative to full scale.
#[must_use]
pub fn tone_dbfs(samples: &[f64], frequency_hz: f64) -> f64 {
    let (re, im) = correlate(samples, frequency_hz);
    20.0 * (2.0 * re.hypot(im) / samples.len() as f64).log10()
}

/// Frequency of the strongest tone near `frequency_hz` (within half the inverse of the piece's half length): how far its
/// phase turns, against that frequency, from the first half to the second.
#[must_use]
pub fn tone_hz(samples: &[f64], frequency_hz: f64) -> f64 {
    let half = samples.len() / 2;
    let phase = |from: usize| {
        let (re, im) = correlate(&samples[from..from + half], frequency_hz);
        // The vector starts at zero in each half; turn it on to where it would be at `from`.
        (-im).atan2(re) - TAU * frequency_hz * from as f64 / RATE_HZ
    };
    let turn = (phase(half) - phase(0) + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
    frequency_hz + turn / TAU * RATE_HZ / half as f64
}

/// Sum of `samples` times the turning vector of `frequency_hz`, Hann-windowed to the same total weight.
fn correlate(samples: &[f64], frequency_hz: f64) -> (f64, f64) {
    let step = TAU * frequency_hz / RATE_HZ;
    let window = TAU / samples.len() as f64;
    samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, sample)| {
        let weighted = sample * (1.0 - (window * i as f64).cos());
        let (sin, cos) = (step * i as f64).sin_cos();
        (re + weighted * cos, im + weighted * sin)
    })
}

/// Root mean square level in dB relative to full scale; minus infinity for silence.
#[must_use]
pub fn rms_dbfs(samples: &[f64]) -> f64 {
    10.0 * (samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64).log10()
}

/// How far `signal` is from `reference`, in dB: more is nearer.
#[track_caller]
#[must_use]
pub fn snr_db(reference: &[f64], signal: &[f64]) -> f64 {
    assert_eq!(reference.len(), signal.len(), "pieces of different length cannot be compared");
    let power: f64 = reference.iter().map(|sample| sample * sample).sum();
    let noise: f64 = reference.iter().zip(signal).map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * (power / noise).log10()
}

/// Largest second difference: what a click is, and a smooth wave is not.
#[must_use]
pub fn second_difference_max(samples: &[f64]) -> f64 {
    samples.windows(3).map(|three| (three[2] - 2.0 * three[1] + three[0]).abs()).fold(0.0, f64::max)
}

/// Lag in samples, within `lag_max`, at which `signal` looks most like `reference`: `signal[i + lag] ~ reference[i]`.
#[must_use]
pub fn lag_samples(reference: &[f64], signal: &[f64], lag_max: isize) -> isize {
    let likeness = |lag: isize| {
        let pairs = (0..reference.len()).filter_map(|i| Some((reference[i], *signal.get(i.checked_add_signed(lag)?)?)));
        let (dot, power) = pairs.fold((0.0, 1e-12), |(dot, power), (a, b)| (dot + a * b, power + b * b));
        dot / f64::sqrt(power)
    };
    (-lag_max..=lag_max).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b))).unwrap_or(0)
}

/// A figure out of many: its value at `share` (0.5: the median) of the sorted list.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).ceil() as usize).copied().unwrap_or(f64::NAN)
}

/// A sine of `frequency_hz` with this amplitude and start phase (in turns).
#[must_use]
pub fn sine(frequency_hz: f64, amplitude: f64, turns: f64, samples: usize) -> Vec<f64> {
    (0..samples).map(|i| amplitude * (TAU * (frequency_hz * i as f64 / RATE_HZ + turns)).sin()).collect()
}

/// 16-bit stereo PCM with the same samples on both channels.
#[must_use]
pub fn to_stereo_s16(samples: &[f64]) -> Vec<u8> {
    let value = |sample: &f64| ((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).to_le_bytes();
    samples.iter().flat_map(|sample| [value(sample), value(sample)].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_its_level_and_frequency() {
        let tone = sine(1000.0, 0.5, 0.1, 48_000);
        assert!((tone_dbfs(&tone, 1000.0) + 6.0206).abs() < 0.001);
        assert!((tone_hz(&sine(1000.7, 0.5, 0.1, 48_000), 1000.0) - 1000.7).abs() < 0.01);
        assert!((tone_hz(&sine(439.6, 0.5, 0.3, 24_000), 440.0) - 439.6).abs() < 0.01);
    }

    #[test]
    fn noise_of_a_hundredth_is_40_db() {
        let reference = sine(700.0, 0.5, 0.0, 9600);
        let signal: Vec<f64> = reference.iter().map(|sample| sample * 1.01).collect();
        assert!((snr_db(&reference, &signal) - 40.0).abs() < 0.001);
    }

    #[test]
    fn a_shift_of_one_sample_is_found() {
        let wave: Vec<f64> = (0..4000).map(|i| f64::from((i * i) % 101) / 101.0 - 0.5).collect();
        assert_eq!(lag_samples(&wave[100..1100], &wave[93..], 20), 7);
        assert_eq!(lag_samples(&wave[100..1100], &wave[101..], 20), -1);
    }

    #[test]
    fn a_hard_cut_is_a_click_and_a_steady_wave_is_none() {
        let wave = sine(300.0, 0.5, 0.0, 4800);
        let mut cut = wave.clone();
        cut[2440..].fill(0.0);
        assert!(second_difference_max(&cut) > 10.0 * second_difference_max(&wave));
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values: Vec<f64> = (1..=30).rev().map(f64::from).collect();
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.95), quantile(&values, 1.0)), (16.0, 29.0, 30.0));
    }
}
