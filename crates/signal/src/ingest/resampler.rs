//! A producer whose clock is not the tower's, played a little faster or slower (SPEC IN-7).

use super::drift::{CORRECTION_PPM_MAX, ClockMeter, DriftController};
use super::gauge::BufferState;
use super::interpolator::{Interpolator, Sample};
use crate::pcm::AudioFrame;
use crate::units::{CHANNELS, TICK_SAMPLES, TICK_VALUES};

/// Ticks over which the fill to hold is measured: 10 s.
const MEASURED_TICKS: u64 = 417;
/// A clock that is further off by then is corrected at once.
const EVIDENT_PPM: f64 = 3000.0;
const EVIDENT_S: f64 = 9.0;
/// Ticks over which what came is compared with the time that it took, 5 s: far more than the unevenness of a program.
const COMPARED_TICKS: u64 = 208;
/// Nobody is told of a clock that was compared for less.
const TOLD_S: f64 = 20.0;

/// Follows a producer's clock by giving a sample more or less, now and then, so slowly that it is
/// not heard; in between, samples pass as they are.
///
/// Audio comes in lumps. What tells of the clock is the fill behind the last frame of each: how
/// long a lump is, and how long the next one takes, changes nothing of it.
pub struct DriftResampler {
    /// `None` while the fill to hold is being measured.
    controller: Option<DriftController>,
    measured_samples: f64,
    measured_count: u32,
    measured_ticks: u64,
    /// The tower's clock, and ticks that were taken by then, when measuring began.
    measured_from: (u64, u64),
    /// The lump that may not have ended yet.
    lump: Option<Lump>,
    meter: ClockMeter,
    /// Samples that came since the last comparison, and the ticks that they took.
    compared: (f64, u64),
    interpolator: Interpolator,
    pending: AudioFrame,
    pending_values: usize,
    correction_ppm: f64,
    before: BufferState,
}

/// A lump that came after ticks without anything may take as many parts of them to be decoded.
const LUMP_PART: u64 = 8;

/// Frames that came within one tick; of a long lump, within all those that it takes.
#[derive(Clone, Copy, Debug)]
struct Lump {
    tick: u64,
    /// Since the lump before.
    ticks: u64,
    frames: u64,
    /// Before its last frame.
    fill_samples: usize,
}

impl Lump {
    /// Whether what comes at `tick` belongs to it: the fill within a lump tells nothing of the
    /// clock.
    const fn goes_on_at(self, tick: u64) -> bool {
        tick.saturating_sub(self.tick) <= self.ticks / LUMP_PART
    }
}

impl DriftResampler {
    /// Holds `target_ticks` in the producer's buffer.
    #[must_use]
    pub fn new(target_ticks: usize) -> Self {
        Self { controller: Some(DriftController::new((target_ticks * TICK_SAMPLES) as f64)), ..Self::measuring() }
    }

    /// Holds the fill that it finds: the mean over the first ten seconds, in which nothing is corrected. For a producer
    /// whose audio comes in lumps, or in a burst.
    #[must_use]
    pub fn measuring() -> Self {
        Self {
            controller: None,
            measured_samples: 0.0,
            measured_count: 0,
            measured_ticks: 0,
            measured_from: (0, 0),
            lump: None,
            meter: ClockMeter::default(),
            compared: (0.0, 0),
            interpolator: Interpolator::new(),
            pending: AudioFrame::SILENCE,
            pending_values: 0,
            correction_ppm: 0.0,
            before: BufferState::default(),
        }
    }

    /// The correction in force, in ppm.
    #[must_use]
    pub const fn correction_ppm(&self) -> f64 {
        self.correction_ppm
    }

    /// How much too fast the producer's clock is, in ppm, where that is more than can be corrected.
    #[must_use]
    pub fn uncorrected_ppm(&self) -> Option<f64> {
        // A tenth more than the limit: a clock at the limit is told of by chance.
        self.meter.offset_ppm(TOLD_S).filter(|offset| offset.abs() > CORRECTION_PPM_MAX * 1.1)
    }

    /// The fill to hold is measured anew. What is known of the producer's clock stays, and is
    /// corrected meanwhile.
    fn measure_again(&mut self) {
        if let Some(controller) = self.controller.take() {
            self.correction_ppm = controller.clock_ppm();
        }
        (self.measured_samples, self.measured_count, self.measured_ticks) = (0.0, 0, 0);
        self.measured_from = (self.before.tick, self.before.taken);
    }

    /// The producer waits for room, so it has no clock of its own, and nothing is corrected.
    pub fn forget(&mut self) {
        self.measure_again();
        (self.correction_ppm, self.meter, self.lump) = (0.0, ClockMeter::default(), None);
        self.compared = (0.0, 0);
    }

    /// Takes one frame of the producer, whose buffer is in `state`, and gives what it becomes to
    /// `sink`.
    pub fn push(&mut self, frame: &AudioFrame, state: BufferState, mut sink: impl FnMut(&AudioFrame)) {
        self.observe(state);
        let correction_ppm = self.correction_ppm;
        let (pending, filled) = (&mut self.pending, &mut self.pending_values);
        self.interpolator.push(frame, correction_ppm, |sample| give(pending, filled, sample, &mut sink));
    }

    /// The producer has left: what is there is padded with zeros to a last frame.
    pub fn finish(mut self, mut sink: impl FnMut(&AudioFrame)) {
        let (pending, filled) = (&mut self.pending, &mut self.pending_values);
        self.interpolator.finish(|sample| give(pending, filled, sample, &mut sink));
        if self.pending_values > 0 {
            self.pending.0[self.pending_values..].fill(0.0);
            sink(&self.pending);
        }
    }

    fn observe(&mut self, state: BufferState) {
        let before = std::mem::replace(&mut self.before, state);
        let fill_samples = state.count * TICK_SAMPLES + self.pending_values / CHANNELS + self.interpolator.held();
        if let Some(lump) = self.lump.filter(|lump| lump.goes_on_at(state.tick)) {
            self.lump = Some(Lump { frames: lump.frames + 1, fill_samples, ..lump });
            return;
        }
        // The fill says nothing of the clock where the producer was not heard, or was cut.
        let (tick, taken) = self.measured_from;
        let is_unplayed = state.tick.saturating_sub(tick) > state.taken.saturating_sub(taken) + 1;
        let is_cut = state.stale != before.stale || state.overflow != before.overflow;
        if state.count == 0 || is_unplayed || is_cut {
            self.measure_again();
        }
        let ticks = self.lump.map_or(0, |lump| state.tick.saturating_sub(lump.tick));
        let next = Lump { tick: state.tick, ticks, frames: 1, fill_samples };
        if let Some(lump) = self.lump.replace(next) {
            self.follow(lump);
        }
    }

    /// `lump` has ended.
    fn follow(&mut self, lump: Lump) {
        // The first of all, or of those that tell of the clock: nothing is known of the time before.
        if lump.ticks > 0 {
            let (samples, ticks) = self.compared;
            self.compared = (samples + (lump.frames * TICK_SAMPLES as u64) as f64, ticks + lump.ticks);
        }
        if self.compared.1 >= COMPARED_TICKS {
            let (samples, ticks) = std::mem::take(&mut self.compared);
            let step_samples = self.meter.compare(samples, ticks);
            if let Some(controller) = self.controller.as_mut().filter(|_| step_samples != 0.0) {
                controller.shift(step_samples);
            }
        }
        match &mut self.controller {
            Some(controller) => {
                self.correction_ppm = controller.tick(lump.fill_samples as f64, lump.ticks);
            }
            // It came into the fill of a time before measuring began.
            None if lump.tick < self.measured_from.0 => {}
            None => {
                self.measured_samples += lump.fill_samples as f64;
                self.measured_count += 1;
                self.measured_ticks += lump.ticks;
                let is_evident = |offset_ppm: &f64| offset_ppm.abs() > EVIDENT_PPM;
                if let Some(offset_ppm) = self.meter.offset_ppm(EVIDENT_S).filter(is_evident) {
                    self.correction_ppm = -offset_ppm.clamp(-CORRECTION_PPM_MAX, CORRECTION_PPM_MAX);
                }
                if self.measured_ticks >= MEASURED_TICKS {
                    let mean_samples = self.measured_samples / f64::from(self.measured_count);
                    self.controller = Some(DriftController::new(mean_samples).knowing(self.correction_ppm));
                }
            }
        }
    }
}

fn give(pending: &mut AudioFrame, filled: &mut usize, sample: Sample, sink: &mut impl FnMut(&AudioFrame)) {
    if let Some(room) = pending.0.get_mut(*filled..*filled + CHANNELS) {
        room.copy_from_slice(&sample);
        *filled += CHANNELS;
    }
    if *filled >= TICK_VALUES {
        sink(pending);
        *filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SAMPLE_RATE_HZ;

    const HZ: f64 = 1000.0;
    const AMPLITUDE: f64 = 0.6;

    /// Two minutes of a 1 kHz producer whose clock is `drift_ppm` fast, through the resampler into a buffer from which
    /// the tower takes exactly one frame a tick. Everything that was taken, and the fill at the end.
    fn two_minutes(drift_ppm: f64) -> (Vec<f32>, usize) {
        let mut resampler = DriftResampler::new(10);
        let mut buffer: std::collections::VecDeque<AudioFrame> = vec![AudioFrame::SILENCE; 10].into();
        let (mut taken, mut sample, mut due) = (Vec::new(), 0u64, 0.0f64);
        for tick in 0..5000 {
            due += 1.0 + drift_ppm * 1e-6;
            while due >= 1.0 {
                due -= 1.0;
                let mut frame = AudioFrame::SILENCE;
                for pair in frame.0.chunks_exact_mut(2) {
                    let phase = sample as f64 * HZ / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
                    pair.fill((phase.sin() * AMPLITUDE) as f32);
                    sample += 1;
                }
                let state = played(buffer.len(), tick);
                resampler.push(&frame, state, |frame| buffer.push_back(*frame));
            }
            let frame = buffer.pop_front().expect("the buffer never runs dry");
            taken.extend(frame.0.iter().step_by(2));
        }
        (taken, buffer.len())
    }

    /// The buffer of a source that is on air.
    fn played(count: usize, tick: u64) -> BufferState {
        BufferState { count, tick, taken: tick, ..BufferState::default() }
    }

    fn second_difference_max(samples: &[f32]) -> f64 {
        let difference = |w: &[f32]| (f64::from(w[0]) - 2.0 * f64::from(w[1]) + f64::from(w[2])).abs();
        samples.windows(3).map(difference).fold(0.0, f64::max)
    }

    #[test]
    fn a_producer_200_ppm_off_is_played_without_click_or_loss() {
        for drift_ppm in [200.0, -200.0] {
            let (taken, fill) = two_minutes(drift_ppm);
            assert!((7..=13).contains(&fill), "{drift_ppm} ppm: {fill} ticks are left");
            let steady = AMPLITUDE * (std::f64::consts::TAU * HZ / f64::from(SAMPLE_RATE_HZ)).powi(2);
            // The first ten frames were there before the producer; its own beginning is a step and not at issue.
            let worst = second_difference_max(&taken[11 * TICK_SAMPLES..]);
            assert!(worst < steady * 1.2, "{drift_ppm} ppm: {worst} against {steady}");
        }
    }

    #[test]
    fn a_producer_in_lumps_is_held_at_the_fill_it_had() {
        for drift_ppm in [200.0, -200.0] {
            let mut resampler = DriftResampler::measuring();
            // A second at a time, into a buffer that holds 20 ticks when a lump comes.
            let (mut fill, mut due, mut least, mut greatest) = (62usize, 0.0f64, usize::MAX, 0);
            for tick in 0..150_000u64 {
                due += 1.0 + drift_ppm * 1e-6;
                if tick % 42 == 41 {
                    for _ in 0..due as usize {
                        let before = fill;
                        resampler.push(&AudioFrame::SILENCE, played(before, tick), |_| fill += 1);
                    }
                    due = due.fract();
                }
                fill = fill.saturating_sub(1);
                if tick > 50_000 && tick % 42 == 40 {
                    (least, greatest) = (least.min(fill), greatest.max(fill));
                }
            }
            assert!(least > 10 && greatest < 30, "{drift_ppm} ppm: {least} to {greatest} ticks before a lump");
        }
    }

    /// A page of Ogg that holds a pause takes some ticks to be decoded.
    #[test]
    fn a_long_lump_that_comes_over_several_ticks_tells_nothing_of_the_clock() {
        let mut resampler = DriftResampler::measuring();
        let (mut fill, mut owed, mut waiting) = (270usize, 0usize, 0usize);
        for tick in 0..20_000u64 {
            owed += 1;
            // Music for 20 s, in pages of 15 ticks, and a pause in pages of 250.
            let page = if tick % 1250 < 833 { 15 } else { 250 };
            if owed >= page {
                (waiting, owed) = (waiting + owed, 0);
            }
            for _ in 0..waiting.min(40) {
                resampler.push(&AudioFrame::SILENCE, played(fill, tick), |_| fill += 1);
                waiting -= 1;
            }
            fill -= 1;
            // A cent of pitch: of such a lump the last part comes some ticks later.
            let ppm = resampler.correction_ppm();
            assert!(ppm.abs() < 578.0, "{ppm} ppm at tick {tick}");
        }
    }

    #[test]
    fn a_sample_dropped_without_crossfade_would_be_heard_as_a_click() {
        let mut sine: Vec<f32> = (0..4800)
            .map(|i| {
                let phase = f64::from(i) * HZ / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
                (phase.sin() * AMPLITUDE) as f32
            })
            .collect();
        let steady = second_difference_max(&sine);
        sine.remove(2400);
        assert!(second_difference_max(&sine) > steady * 2.0);
    }

    #[test]
    fn a_producer_on_the_towers_clock_passes_bit_exact() {
        let mut resampler = DriftResampler::new(10);
        let mut frame = AudioFrame::SILENCE;
        frame.0.iter_mut().enumerate().for_each(|(i, v)| *v = f32::from((i * 37) as i16) / 32_768.0);
        for tick in 0..100 {
            let mut got = Vec::new();
            resampler.push(&frame, played(10, tick), |out| got.push(*out));
            assert_eq!(got, [frame]);
        }
    }
}
