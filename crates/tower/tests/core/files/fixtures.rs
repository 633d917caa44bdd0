//! Fixtures made on the spot, and measurements of a sine.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Amplitude of the fixtures: a quarter of full scale, -12 dBFS.
pub(super) const AMPLITUDE: f64 = 8192.0;

/// A sine of `frequency_hz`, `channels` times the same.
pub(super) fn sine(rate_hz: u32, channels: u16, frequency_hz: f64, frames: usize) -> Vec<i16> {
    let value = |n: usize| (AMPLITUDE * (TAU * frequency_hz * n as f64 / f64::from(rate_hz)).sin()).round() as i16;
    (0..frames).flat_map(|n| vec![value(n); usize::from(channels)]).collect()
}

/// Noise that compresses to nothing else: every bit must be right.
pub(super) fn noise(values: usize) -> Vec<i16> {
    let mut state = 0x1234_5678_9ABC_DEF1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 48) as i16
    };
    (0..values).map(|_| next()).collect()
}

/// Writes 16-bit PCM as a WAV file.
pub(super) fn write_wav(path: &Path, rate_hz: u32, channels: u16, values: &[i16]) {
    let data_len = (values.len() * 2) as u32;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data_len).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * u32::from(channels) * 2).to_le_bytes());
    bytes.extend((channels * 2).to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data_len.to_le_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).expect("the fixture can be written");
}

/// Converts `from` to `name` in the same folder by ffmpeg.
pub(super) fn ffmpeg(from: &Path, name: &str, options: &[&str]) -> PathBuf {
    let to = from.with_file_name(name);
    let run =
        Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from).args(options).arg(&to).status();
    let status = run.unwrap_or_else(|error| panic!("ffmpeg is missing: apt-get install ffmpeg ({error})"));
    assert!(status.success(), "ffmpeg could not make {name}");
    to
}

/// Amplitude of the sine at `frequency_hz` in one channel of interleaved stereo at 48 kHz, and the root mean square of
/// all that is not this sine, both in steps of 16 bits.
pub(super) fn measure(stereo: &[i16], channel: usize, frequency_hz: f64) -> (f64, f64) {
    let samples: Vec<f64> = stereo.iter().skip(channel).step_by(2).map(|&v| f64::from(v)).collect();
    // A whole number of cycles, so that sine and cosine are orthogonal.
    let cycle = 48_000.0 / frequency_hz;
    let n = ((samples.len() as f64 / cycle).floor() * cycle) as usize;
    let phase = |i: usize| TAU * frequency_hz * i as f64 / 48_000.0;
    let sum = |f: fn(f64) -> f64| (0..n).map(|i| samples[i] * f(phase(i))).sum::<f64>() * 2.0 / n as f64;
    let (a, b) = (sum(f64::sin), sum(f64::cos));
    let rest = |i: usize| samples[i] - a * phase(i).sin() - b * phase(i).cos();
    let rms = ((0..n).map(|i| rest(i).powi(2)).sum::<f64>() / n as f64).sqrt();
    (a.hypot(b), rms)
}

/// Decibels of `amplitude` relative to the fixtures'.
pub(super) fn level_db(amplitude: f64) -> f64 {
    20.0 * (amplitude / AMPLITUDE).log10()
}
