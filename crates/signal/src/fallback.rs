//! What is heard when there is no programme: file, tone, silence; the next serves at the very tick at which the one
//! before fails (SPEC FALL).

use crate::ingest::BufferReader;
use crate::pcm::PcmFrame;
use crate::units::{CHANNELS, SAMPLE_RATE_HZ, Serial, TICK_SAMPLES};

/// Frequency of the tone.
pub const TONE_HZ: u32 = 440;
/// Whole cycles of the tone in one period of [`TONE_PERIOD_SAMPLES`]: 11 * 48000 / 440 = 1200.
pub const TONE_PERIOD_CYCLES: usize = 11;
/// Samples after which the tone repeats exactly.
pub const TONE_PERIOD_SAMPLES: usize = 1200;
/// Ticks after which the tone repeats exactly: 25 * 1152 = 24 * 1200.
const TONE_PERIOD_TICKS: u64 = 25;
const _: () = assert!(TONE_PERIOD_CYCLES * SAMPLE_RATE_HZ as usize == TONE_PERIOD_SAMPLES * TONE_HZ as usize);
const _: () = assert!((TONE_PERIOD_TICKS as usize * TICK_SAMPLES).is_multiple_of(TONE_PERIOD_SAMPLES));

/// A tone that is a function of the sample number alone, so it is in phase after any number of years.
#[derive(Clone, Debug)]
pub struct Tone {
    period: Vec<i16>,
}

impl Tone {
    /// A sine of 440 Hz with its peak at `level_dbfs`.
    #[must_use]
    pub fn new(level_dbfs: f32) -> Self {
        let peak = f64::from(i16::MAX) * 10f64.powf(f64::from(level_dbfs.min(0.0)) / 20.0);
        let sample = |index: usize| {
            let cycles = (index * TONE_PERIOD_CYCLES) as f64 / TONE_PERIOD_SAMPLES as f64;
            ((cycles * std::f64::consts::TAU).sin() * peak).round() as i16
        };
        Self { period: (0..TONE_PERIOD_SAMPLES).map(sample).collect() }
    }

    /// The tone at tick `tick`.
    pub fn render(&self, tick: Serial, out: &mut PcmFrame) {
        let first = (tick % TONE_PERIOD_TICKS) as usize * TICK_SAMPLES % TONE_PERIOD_SAMPLES;
        for (index, pair) in out.0.chunks_exact_mut(CHANNELS).enumerate() {
            pair.fill(self.period[(first + index) % TONE_PERIOD_SAMPLES]);
        }
    }
}

/// How the fallback sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FallbackConfig {
    /// Peak level of the tone in dBFS; `None`: silence instead of the tone.
    pub tone_dbfs: Option<f32>,
}

/// What the fallback can serve at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackKind {
    /// A file, decoded ahead by another thread.
    File,
    /// The tone.
    Tone,
    /// Nothing but zeros.
    Silence,
}

/// Serves one frame at every tick, whatever has failed. Never blocks, never fails, never allocates.
#[derive(Debug)]
pub struct FallbackProvider {
    file: Option<BufferReader>,
    tone: Option<Tone>,
}

impl FallbackProvider {
    /// The fallback with an optional file.
    #[must_use]
    pub fn new(config: FallbackConfig, file: Option<BufferReader>) -> Self {
        Self { file, tone: config.tone_dbfs.map(Tone::new) }
    }

    /// The best kind that can serve. A file must hold more than `look_ahead_ticks`, so that it can still be faded out.
    #[must_use]
    pub fn best(&self, look_ahead_ticks: usize) -> FallbackKind {
        if self.file_fill() > look_ahead_ticks { FallbackKind::File } else { self.without_file() }
    }

    /// What serves when there is no file.
    #[must_use]
    pub const fn without_file(&self) -> FallbackKind {
        if self.tone.is_some() { FallbackKind::Tone } else { FallbackKind::Silence }
    }

    /// Ticks of the file that are decoded and wait.
    #[must_use]
    pub fn file_fill(&self) -> usize {
        self.file.as_ref().map_or(0, BufferReader::fill)
    }

    /// The frame of `kind` at `tick`. A file that has nothing gives silence.
    pub fn render(&mut self, kind: FallbackKind, tick: Serial, out: &mut PcmFrame) {
        *out = PcmFrame::SILENCE;
        match (kind, &mut self.file, &self.tone) {
            (FallbackKind::File, Some(file), _) => _ = file.pop(out),
            (FallbackKind::Tone, _, Some(tone)) => tone.render(tick, out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::TICK_MS;

    fn tone_at(tick: Serial) -> PcmFrame {
        let mut frame = PcmFrame::SILENCE;
        Tone::new(-20.0).render(tick, &mut frame);
        frame
    }

    #[test]
    fn after_ten_and_a_hundred_years_the_tone_is_tick_0s_shifted_in_phase() {
        for years in [10u64, 100] {
            for extra in 0..30 {
                let tick = years * 365 * 86_400_000 / TICK_MS + extra;
                // The phase by arithmetic that cannot be short of bits, independent of the table.
                let first_sample = u128::from(tick) * TICK_SAMPLES as u128;
                let frame = tone_at(tick);
                for index in [0usize, 1, 500, 1151] {
                    let cycles = (first_sample + index as u128) * u128::from(TONE_HZ) % u128::from(SAMPLE_RATE_HZ);
                    let phase = cycles as f64 / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
                    let expected = (phase.sin() * f64::from(i16::MAX) * 0.1).round();
                    assert!((f64::from(frame.0[2 * index]) - expected).abs() <= 1.0, "tick {tick} sample {index}");
                }
            }
        }
    }

    #[test]
    fn the_tone_goes_on_without_a_seam_from_tick_to_tick() {
        let mut samples: Vec<f64> = Vec::new();
        for tick in 0..60 {
            samples.extend(tone_at(tick).0.iter().step_by(2).map(|&v| f64::from(v)));
        }
        let difference = |w: &[f64]| (w[0] - 2.0 * w[1] + w[2]).abs();
        let steady = samples[..1000].windows(3).map(difference).fold(0.0, f64::max);
        assert!(samples.windows(3).map(difference).fold(0.0, f64::max) <= steady + 2.0);
    }

    #[test]
    fn file_then_tone_then_silence() {
        let (mut writer, reader) = crate::ingest::input_buffer(8);
        let tone = FallbackConfig { tone_dbfs: Some(-20.0) };
        let mut provider = FallbackProvider::new(tone, Some(reader));
        assert_eq!(provider.best(1), FallbackKind::Tone, "nothing is decoded yet");
        let loud = PcmFrame([1000; crate::units::TICK_VALUES]);
        writer.offer(&loud);
        writer.offer(&loud);
        assert_eq!(provider.best(1), FallbackKind::File);
        let mut out = PcmFrame::SILENCE;
        provider.render(FallbackKind::File, 0, &mut out);
        assert_eq!(out, loud);
        assert_eq!(provider.best(1), FallbackKind::Tone, "one frame is left, for the fade");
        assert_eq!(FallbackProvider::new(FallbackConfig { tone_dbfs: None }, None).best(1), FallbackKind::Silence);
    }
}
