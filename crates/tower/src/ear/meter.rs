//! How loud it is, after EBU R 128, and since when it is silent.

use radio_signal::loudness::LoudnessMeter;
use radio_signal::units::{CHANNELS, TICK_MS, TICK_SAMPLES};
use serde::Serialize;
use std::collections::VecDeque;

/// What is quieter is shown as this, in LUFS or dBFS: there is no number for silence.
const QUIETEST: f64 = -100.0;
/// Ticks between two looks at what changes slowly: 1008 ms.
const SLOW_TICKS: u32 = 42;
/// Peaks of so many of these are remembered: the highest of ten seconds is shown.
const PEAKS_SHOWN: usize = 10;

/// Loudness as EBU R 128 defines it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Loudness {
    /// Of the last 400 ms, in LUFS.
    pub momentary_lufs: f64,
    /// Of the last 3 s, in LUFS.
    pub short_term_lufs: f64,
    /// Of the last ten minutes, gated, in LUFS.
    pub integrated_lufs: f64,
    /// The highest true peak of the last ten seconds, in dBTP.
    pub true_peak_dbtp: f64,
    /// For how long it has been silent, in ms.
    pub silent_ms: u64,
}

impl Default for Loudness {
    fn default() -> Self {
        Self {
            momentary_lufs: QUIETEST,
            short_term_lufs: QUIETEST,
            integrated_lufs: QUIETEST,
            true_peak_dbtp: QUIETEST,
            silent_ms: 0,
        }
    }
}

/// Measures sound a tick at a time.
pub(super) struct Meter {
    loudness: LoudnessMeter,
    shown: Loudness,
    ticks: u32,
    peaks: VecDeque<f32>,
    silence_dbfs: f32,
}

impl Meter {
    /// A meter for which sound below `silence_dbfs` is silence.
    pub(super) fn new(silence_dbfs: f32) -> Self {
        let (loudness, shown) = (LoudnessMeter::default(), Loudness::default());
        Self { loudness, shown, ticks: 0, peaks: VecDeque::new(), silence_dbfs }
    }

    /// From now on sound below this is silence.
    pub(super) const fn set_silence(&mut self, silence_dbfs: f32) {
        self.silence_dbfs = silence_dbfs;
    }

    /// Adds a tick of left and right; gives the level of the louder one, in dBFS.
    pub(super) fn add(&mut self, planes: [&[f32]; CHANNELS]) -> f32 {
        let level_dbfs = planes.map(level_dbfs).into_iter().fold(f32::NEG_INFINITY, f32::max);
        self.shown.silent_ms = if level_dbfs < self.silence_dbfs { self.shown.silent_ms + TICK_MS } else { 0 };
        self.loudness.add(planes);
        self.ticks += 1;
        if self.ticks == SLOW_TICKS {
            self.look_slowly();
        }
        level_dbfs
    }

    fn look_slowly(&mut self) {
        if self.peaks.len() == PEAKS_SHOWN {
            self.peaks.pop_front();
        }
        self.peaks.push_back(self.loudness.take_true_peak());
        self.ticks = 0;
        let highest = self.peaks.iter().copied().fold(0.0, f32::max);
        self.shown.true_peak_dbtp = shown(20.0 * f64::from(highest).log10());
        self.shown.short_term_lufs = shown(self.loudness.short_term_lufs());
        self.shown.integrated_lufs = shown(self.loudness.integrated_lufs());
    }

    /// What it shows now.
    pub(super) fn read(&mut self) -> Loudness {
        self.shown.momentary_lufs = shown(self.loudness.momentary_lufs());
        self.shown
    }
}

/// To a tenth, and never less than the quietest.
fn shown(value: f64) -> f64 {
    // Not `clamp`: what is no number is to be the quietest, too.
    (value.max(QUIETEST) * 10.0).round() / 10.0
}

fn level_dbfs(plane: &[f32]) -> f32 {
    // Eight sums side by side, which a processor computes at once.
    let (lanes, rest) = plane.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for lane in lanes {
        sums.iter_mut().zip(lane).for_each(|(sum, sample)| *sum += sample * sample);
    }
    let power = sums.into_iter().chain(rest.iter().map(|sample| sample * sample)).sum::<f32>();
    10.0 * (power / TICK_SAMPLES as f32).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, tick: usize) -> Vec<f32> {
        let at = |i: usize| (tick * TICK_SAMPLES + i) as f32 * std::f32::consts::TAU * 1000.0 / 48_000.0;
        (0..TICK_SAMPLES).map(|i| amplitude * at(i).sin()).collect()
    }

    #[test]
    fn a_stereo_sine_of_1_khz_at_minus_23_dbfs_is_minus_23_lufs() {
        // EBU Tech 3341, case 1.
        let mut meter = Meter::new(-60.0);
        let amplitude = 10f32.powf(-23.0 / 20.0);
        for tick in 0..42 * 5 {
            let plane = sine(amplitude, tick);
            let level = meter.add([&plane, &plane]);
            assert!((level + 26.0).abs() < 0.1, "RMS is 3 dB below the peak: {level}");
        }
        let shown = meter.read();
        for lufs in [shown.momentary_lufs, shown.short_term_lufs, shown.integrated_lufs, shown.true_peak_dbtp] {
            assert!((lufs + 23.0).abs() <= 0.1, "{shown:?}");
        }
        assert_eq!(shown.silent_ms, 0);
    }

    #[test]
    fn silence_is_counted_and_shown_as_a_number() {
        let mut meter = Meter::new(-60.0);
        for tick in 0..100 {
            let plane = sine(0.0005, tick);
            meter.add([&plane, &plane]);
        }
        assert_eq!(meter.read().silent_ms, 2400, "-69 dBFS");
        let silence = vec![0.0; TICK_SAMPLES];
        for _ in 0..42 * 15 {
            meter.add([&silence, &silence]);
        }
        let shown = meter.read();
        assert_eq!((shown.momentary_lufs, shown.short_term_lufs, shown.true_peak_dbtp), (-100.0, -100.0, -100.0));
        let plane = sine(0.01, 0);
        meter.add([&silence, &plane]);
        assert_eq!(meter.read().silent_ms, 0, "one channel is enough");
    }
}
