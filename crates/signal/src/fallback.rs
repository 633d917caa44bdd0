//! What is heard when there is no programme: file, tone, silence; the next serves at the very tick at which the one
//! before fails (SPEC FALL).

use crate::ingest::BufferReader;
use crate::pcm::AudioFrame;
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
    /// Whole steps of 16 bits.
    period: Vec<f32>,
}

impl Tone {
    /// A sine of 440 Hz with its peak at `level_dbfs`.
    #[must_use]
    pub fn new(level_dbfs: f32) -> Self {
        let peak = f64::from(i16::MAX) * 10f64.powf(f64::from(level_dbfs.min(0.0)) / 20.0);
        let sample = |index: usize| {
            let cycles = (index * TONE_PERIOD_CYCLES) as f64 / TONE_PERIOD_SAMPLES as f64;
            ((cycles * std::f64::consts::TAU).sin() * peak).round() as f32 / 32_768.0
        };
        Self { period: (0..TONE_PERIOD_SAMPLES).map(sample).collect() }
    }

    /// The tone at tick `tick`.
    pub fn render(&self, tick: Serial, out: &mut AudioFrame) {
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
    /// A file, decoded ahead by another thread; which of two buffers, so that one can be faded into the other.
    File(usize),
    /// The tone.
    Tone,
    /// Nothing but zeros.
    Silence,
}

/// Serves one frame at every tick, whatever has failed. Never blocks, never fails, never allocates.
#[derive(Debug)]
pub struct FallbackProvider {
    files: [Option<BufferReader>; 2],
    /// The one that is wanted. The other goes on until this one has something.
    current: usize,
    tone: Option<Tone>,
}

impl FallbackProvider {
    /// The fallback with an optional file.
    #[must_use]
    pub fn new(config: FallbackConfig, file: Option<BufferReader>) -> Self {
        Self { files: [file, None], current: 0, tone: config.tone_dbfs.map(Tone::new) }
    }

    /// Another file, or none, takes the place of the one there is. What is returned was replaced before that one, and is
    /// to be freed by the caller.
    pub fn replace_file(&mut self, file: Option<BufferReader>) -> Option<BufferReader> {
        self.current = 1 - self.current;
        std::mem::replace(&mut self.files[self.current], file)
    }

    /// Takes out the file that was replaced, once it is not `in_use` and another can serve in its place.
    pub fn take_replaced(&mut self, in_use: impl Fn(usize) -> bool) -> Option<BufferReader> {
        let other = 1 - self.current;
        let has_heir = self.files[self.current].as_ref().is_none_or(|file| file.fill() > 0);
        if has_heir && !in_use(other) { self.files[other].take() } else { None }
    }

    /// The best kind that can serve. A file must hold more than `look_ahead_ticks`, so that it can still be faded out.
    #[must_use]
    pub fn best(&self, look_ahead_ticks: usize) -> FallbackKind {
        // Where there is to be no file any more, the one that was is not asked.
        let before = self.files[self.current].is_some().then_some(1 - self.current);
        let mut files = std::iter::once(self.current).chain(before);
        let ready = files.find(|&file| self.fill(file) > look_ahead_ticks);
        ready.map_or_else(|| self.without_file(), FallbackKind::File)
    }

    /// What serves when there is no file.
    #[must_use]
    pub const fn without_file(&self) -> FallbackKind {
        if self.tone.is_some() { FallbackKind::Tone } else { FallbackKind::Silence }
    }

    /// Ticks of a file that are decoded and wait.
    #[must_use]
    pub fn fill(&self, file: usize) -> usize {
        self.files.get(file).and_then(Option::as_ref).map_or(0, BufferReader::fill)
    }

    /// The frame of `kind` at `tick`. A file that has nothing gives silence.
    pub fn render(&mut self, kind: FallbackKind, tick: Serial, out: &mut AudioFrame) {
        *out = AudioFrame::SILENCE;
        match (kind, &self.tone) {
            (FallbackKind::File(file), _) => {
                if let Some(file) = self.files.get_mut(file).and_then(Option::as_mut) {
                    file.pop(out);
                }
            }
            (FallbackKind::Tone, Some(tone)) => tone.render(tick, out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::PcmFrame;
    use crate::units::TICK_MS;

    fn tone_at(tick: Serial) -> PcmFrame {
        let (mut frame, mut rounded) = (AudioFrame::SILENCE, PcmFrame::SILENCE);
        Tone::new(-20.0).render(tick, &mut frame);
        rounded.round(&frame, tick);
        rounded
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
        let loud = AudioFrame([0.1; crate::units::TICK_VALUES]);
        writer.offer(&loud);
        writer.offer(&loud);
        assert_eq!(provider.best(1), FallbackKind::File(0));
        let mut out = AudioFrame::SILENCE;
        provider.render(FallbackKind::File(0), 0, &mut out);
        assert_eq!(out, loud);
        assert_eq!(provider.best(1), FallbackKind::Tone, "one frame is left, for the fade");
        assert_eq!(FallbackProvider::new(FallbackConfig { tone_dbfs: None }, None).best(1), FallbackKind::Silence);
    }

    #[test]
    fn a_file_goes_on_until_the_one_in_its_place_has_something_and_it_is_heard_no_more() {
        let tone = FallbackConfig { tone_dbfs: Some(-20.0) };
        let full = || {
            let (mut writer, reader) = crate::ingest::input_buffer(8);
            (0..4).for_each(|_| _ = writer.offer(&AudioFrame::SILENCE));
            (writer, reader)
        };
        let (_first, reader) = full();
        let mut provider = FallbackProvider::new(tone, Some(reader));
        let (mut second, reader) = crate::ingest::input_buffer(8);
        assert!(provider.replace_file(Some(reader)).is_none());
        assert_eq!(provider.best(1), FallbackKind::File(0), "nothing is decoded yet");
        assert!(provider.take_replaced(|_| false).is_none());
        (0..4).for_each(|_| _ = second.offer(&AudioFrame::SILENCE));
        assert_eq!(provider.best(1), FallbackKind::File(1));
        assert!(provider.take_replaced(|file| file == 0).is_none(), "it is being faded out");
        assert!(provider.take_replaced(|file| file == 1).is_some());

        assert!(provider.replace_file(None).is_none());
        assert_eq!(provider.best(1), FallbackKind::Tone, "there is to be no file");
        assert!(provider.take_replaced(|_| false).is_some());
    }
}
