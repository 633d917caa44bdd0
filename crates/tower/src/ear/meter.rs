//! How loud it is, after EBU R 128, and since when it is silent.

use ebur128::{EbuR128, Error, Mode};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_MS, TICK_SAMPLES};
use serde::Serialize;
use std::collections::VecDeque;

/// Integrated loudness is that of the last ten minutes.
const INTEGRATED_MS: u32 = 600_000;
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
    ebu: EbuR128,
    shown: Loudness,
    ticks: u32,
    peak: f64,
    peaks: VecDeque<f64>,
    silence_dbfs: f32,
}

impl Meter {
    /// A meter for which sound below `silence_dbfs` is silence.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new(silence_dbfs: f32) -> Result<Self, Error> {
        let mut ebu = EbuR128::new(CHANNELS as u32, SAMPLE_RATE_HZ, Mode::S | Mode::I | Mode::TRUE_PEAK)?;
        ebu.set_max_history(INTEGRATED_MS)?;
        Ok(Self { ebu, shown: Loudness::default(), ticks: 0, peak: 0.0, peaks: VecDeque::new(), silence_dbfs })
    }

    /// From now on sound below this is silence.
    pub(super) const fn set_silence(&mut self, silence_dbfs: f32) {
        self.silence_dbfs = silence_dbfs;
    }

    /// Adds a tick of left and right; gives the level of the louder one, in dBFS.
    pub(super) fn add(&mut self, planes: [&[f32]; CHANNELS]) -> f32 {
        let level_dbfs = planes.map(level_dbfs).into_iter().fold(f32::NEG_INFINITY, f32::max);
        self.shown.silent_ms = if level_dbfs < self.silence_dbfs { self.shown.silent_ms + TICK_MS } else { 0 };
        // It fails only for planes of different length, and a tick has one length.
        let _ = self.ebu.add_frames_planar_f32(&planes);
        let peaks = (0..CHANNELS as u32).filter_map(|channel| self.ebu.prev_true_peak(channel).ok());
        self.peak = peaks.fold(self.peak, f64::max);
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
        self.peaks.push_back(std::mem::take(&mut self.peak));
        self.ticks = 0;
        let highest = self.peaks.iter().copied().fold(0.0, f64::max);
        self.shown.true_peak_dbtp = shown(20.0 * highest.log10());
        self.shown.short_term_lufs = lufs(self.ebu.loudness_shortterm());
        self.shown.integrated_lufs = lufs(self.ebu.loudness_global());
    }

    /// What it shows now.
    pub(super) fn read(&mut self) -> Loudness {
        self.shown.momentary_lufs = lufs(self.ebu.loudness_momentary());
        self.shown
    }
}

fn lufs(measured: Result<f64, Error>) -> f64 {
    shown(measured.unwrap_or(QUIETEST))
}

/// To a tenth, and never less than the quietest.
fn shown(value: f64) -> f64 {
    // Not `clamp`: what is no number is to be the quietest, too.
    (value.max(QUIETEST) * 10.0).round() / 10.0
}

fn level_dbfs(plane: &[f32]) -> f32 {
    let power = plane.iter().map(|sample| sample * sample).sum::<f32>() / TICK_SAMPLES as f32;
    10.0 * power.log10()
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
        let mut meter = Meter::new(-60.0).expect("memory");
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
        let mut meter = Meter::new(-60.0).expect("memory");
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
