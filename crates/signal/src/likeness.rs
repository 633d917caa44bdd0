//! Whether what is heard is what should be: two sounds compared second by second.
//!
//! Both are thinned out to 4000 values a second first. What is left, below 2 kHz, is what every encoder keeps at every
//! bitrate, so that levels can be compared within a decibel; and it costs next to nothing.

/// Samples that become one value.
const THINNING: usize = 12;
/// Values of one tick.
pub const VALUES_PER_TICK: usize = crate::units::TICK_SAMPLES / THINNING;
/// Ticks that are compared at a time: 1008 ms.
pub const WINDOW_TICKS: usize = 42;
/// Values that are compared at a time.
const WINDOW: usize = WINDOW_TICKS * VALUES_PER_TICK;
/// How far the two may be shifted against each other, in values: 50 ms. Encoders differ in their delay.
const LAG_MAX: usize = 200;
/// A shift is believed if the sounds are this much alike then.
const LIKENESS_OF_LAG: f32 = 0.8;
/// Below this level there is nothing to compare, in dBFS.
const FLOOR_DBFS: f32 = -45.0;
/// The least level of an error that counts as damage: -50 dBFS, as a mean square.
const DAMAGE_POWER: f32 = 1e-5;
/// The least ratio of an error to the sound around it where the two were shifted, by whole values only: then they are less alike from the outset.
const DAMAGE_RATIO_SHIFTED: f32 = 4.0;
/// Damage is so many times the error that is usual at the time. Noise at 32 kbit/s errs by 0.3, and at most twice that.
const DAMAGE_USUAL: f32 = 5.0;
/// With more damaged ticks in a window it is another sound rather than damage.
const DAMAGED_TICKS_MAX: usize = WINDOW_TICKS / 4;

/// Left and right, full scale 1.
type Value = [f32; 2];

/// Thins stereo sound out.
#[derive(Clone, Debug)]
pub struct Thinner {
    sum: Value,
    /// Samples in the sum; negative: to be left out.
    count: isize,
}

impl Thinner {
    /// One that leaves out the first `samples`.
    #[must_use]
    pub const fn skipping(samples: isize) -> Self {
        Self { sum: [0.0; 2], count: -samples }
    }

    /// Adds samples and appends what they give to `out`.
    pub fn push(&mut self, samples: impl Iterator<Item = Value>, out: &mut Vec<Value>) {
        for [left, right] in samples {
            self.count += 1;
            if self.count <= 0 {
                continue;
            }
            self.sum = [self.sum[0] + left, self.sum[1] + right];
            if self.count == THINNING as isize {
                out.push(self.sum.map(|sum| sum / THINNING as f32));
                (self.sum, self.count) = ([0.0; 2], 0);
            }
        }
    }
}

/// How one second of two sounds compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second {
    /// How much louder it is than it should be, in dB, on the channel where that is furthest from 0.
    pub louder_db: f32,
    /// 1: the same sound; 0: another one. `None` where one of them is too quiet to tell.
    pub likeness: Option<f32>,
    /// Ticks with something in them that does not belong there.
    pub damaged_ticks: u64,
}

/// Compares two sounds.
#[derive(Clone, Debug)]
pub struct Comparison {
    should: Vec<Value>,
    is: Vec<Value>,
    lag: isize,
    error_max: f32,
}

impl Comparison {
    /// A comparison of which what is heard begins `earlier` values before what should be. `error_max` is what a good
    /// encoder may do to a tick, as the ratio of the powers of its error and of the sound around it.
    #[must_use]
    pub fn new(earlier: usize, error_max: f32) -> Self {
        // What lies before the beginning is looked at when the sounds are shifted.
        Self { should: vec![[0.0; 2]; LAG_MAX + earlier], is: Vec::new(), lag: 0, error_max }
    }

    /// Where the next values of what should be heard are to be put. They may come early, and must not come never.
    pub fn should(&mut self) -> &mut Vec<Value> {
        &mut self.should
    }

    /// Where the next values of what is heard are to be put; the first belongs to the first of the other.
    pub fn is(&mut self) -> &mut Vec<Value> {
        &mut self.is
    }

    /// The next second, when both are there.
    pub fn take(&mut self) -> Option<Second> {
        if self.is.len() < WINDOW || self.should.len() < WINDOW + 2 * LAG_MAX {
            return None;
        }
        let second = self.second();
        self.is.drain(..WINDOW);
        self.should.drain(..WINDOW);
        Some(second)
    }

    fn second(&mut self) -> Second {
        let is = &self.is[..WINDOW];
        let mut likeness = likeness(self.shifted(self.lag), is);
        let level = |of: &[Value], channel: usize| dbfs(power(of, channel)).max(FLOOR_DBFS);
        let should = self.shifted(self.lag);
        let louder = [0, 1].map(|channel| level(is, channel) - level(should, channel));
        let louder_db = if louder[0].abs() > louder[1].abs() { louder[0] } else { louder[1] };
        let is_quiet = |of: &[Value]| [0, 1].iter().all(|&channel| level(of, channel) <= FLOOR_DBFS);
        if is_quiet(is) || is_quiet(should) {
            return Second { louder_db, likeness: None, damaged_ticks: 0 };
        }
        if likeness < LIKENESS_OF_LAG
            && let Some((lag, found)) = self.search()
        {
            (self.lag, likeness) = (lag, found);
        }
        let ratio_min = if self.lag == 0 { self.error_max } else { DAMAGE_RATIO_SHIFTED };
        let damaged_ticks = damaged_ticks(self.around(), self.shifted(self.lag), is, ratio_min);
        Second { louder_db, likeness: Some(likeness), damaged_ticks }
    }

    /// What should be heard, by this shift later.
    fn shifted(&self, lag: isize) -> &[Value] {
        let start = LAG_MAX.saturating_add_signed(lag);
        &self.should[start..start + WINDOW]
    }

    /// Mean squares of the tick before the window, those of the window and the one after it: what is
    /// loud there is heard in the window as well, before and after its time. 0 for one that is not
    /// there.
    fn around(&self) -> Vec<f32> {
        let start = LAG_MAX.saturating_add_signed(self.lag);
        let tick = |tick: usize| (start + tick * VALUES_PER_TICK).checked_sub(VALUES_PER_TICK);
        let values = |at: usize| self.should.get(at..at + VALUES_PER_TICK);
        (0..WINDOW_TICKS + 2).map(|number| tick(number).and_then(values).map_or(0.0, mean_square)).collect()
    }

    /// A shift by which the two are alike.
    fn search(&self) -> Option<(isize, f32)> {
        let reach = LAG_MAX as isize;
        let likenesses = (-reach..=reach).map(|lag| (lag, likeness(self.shifted(lag), &self.is[..WINDOW])));
        likenesses.max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, likeness)| *likeness >= LIKENESS_OF_LAG)
    }
}

/// The coefficient of correlation over both channels; 0 if one of the two is nothing.
fn likeness(should: &[Value], is: &[Value]) -> f32 {
    let (mut both, mut ours, mut theirs) = (0.0, 0.0, 0.0);
    for (a, b) in should.iter().zip(is) {
        both += a[0] * b[0] + a[1] * b[1];
        ours += a[0] * a[0] + a[1] * a[1];
        theirs += b[0] * b[0] + b[1] * b[1];
    }
    let scale = (ours * theirs).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

fn power(of: &[Value], channel: usize) -> f32 {
    of.iter().map(|value| value[channel] * value[channel]).sum::<f32>() / of.len().max(1) as f32
}

fn dbfs(power: f32) -> f32 {
    10.0 * power.log10()
}

/// Of the values of one tick, both channels together.
fn mean_square(values: &[Value]) -> f32 {
    values.iter().map(|value| value[0] * value[0] + value[1] * value[1]).sum::<f32>() / VALUES_PER_TICK as f32
}

/// Ticks whose error is far from what is usual, beside the sound around them: `sounds` are the mean
/// squares of the window's ticks, of the one before and the one after it.
fn damaged_ticks(sounds: Vec<f32>, should: &[Value], is: &[Value], ratio_min: f32) -> u64 {
    let error = |(should, is): (&[Value], &[Value])| {
        let difference: Vec<Value> = should.iter().zip(is).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
        mean_square(&difference)
    };
    let ticks = should.chunks_exact(VALUES_PER_TICK).zip(is.chunks_exact(VALUES_PER_TICK));
    let errors: Vec<f32> = ticks.map(error).collect();
    let loudest_near = sounds.windows(3).map(|near| near.iter().copied().fold(0.0, f32::max));
    let ratios: Vec<f32> = errors.iter().zip(loudest_near).map(|(error, loudest)| error / loudest).collect();
    let mut sorted = ratios.clone();
    sorted.sort_by(f32::total_cmp);
    let limit = (DAMAGE_USUAL * sorted[sorted.len() / 2]).max(ratio_min);
    let count = ratios.iter().zip(&errors).filter(|(ratio, error)| **ratio > limit && **error > DAMAGE_POWER).count();
    if count <= DAMAGED_TICKS_MAX { count as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise, smoothed a little so that it has neighbours that are alike, as sound has.
    fn noise(seed: u64, values: usize) -> Vec<Value> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut last = [0.0; 2];
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..values)
            .map(|_| {
                last = last.map(|last: f32| 0.5 * last + 0.3 * next());
                last
            })
            .collect()
    }

    /// The second second: by then a shift has been found.
    fn compare(should: &[Value], is: impl Fn(usize) -> Value) -> Second {
        let mut comparison = Comparison::new(0, 0.3);
        comparison.should().extend_from_slice(should);
        comparison.is().extend((0..2 * WINDOW).map(is));
        comparison.take().expect("a second");
        comparison.take().expect("another")
    }

    fn material() -> Vec<Value> {
        noise(1, 4 * WINDOW)
    }

    #[test]
    fn what_is_loud_just_outside_the_window_is_no_damage_inside_it() {
        let loud = noise(3, 3 * WINDOW);
        for (quiet, at) in [(WINDOW..2 * WINDOW, 2 * WINDOW - VALUES_PER_TICK), (WINDOW..2 * WINDOW, WINDOW)] {
            let level = |i: usize| if quiet.contains(&i) { 0.1 } else { 1.0 };
            let should: Vec<Value> = loud.iter().enumerate().map(|(i, value)| value.map(|v| v * level(i))).collect();
            // What an encoder spreads of the loud part into the tick beside it.
            let spread = |i: usize| if (at..at + VALUES_PER_TICK).contains(&i) { 0.05 } else { 0.0 };
            let heard = compare(&should, |i| should[i].map(|v| v + spread(i)));
            assert_eq!(heard.damaged_ticks, 0, "in the tick from value {at} on");
        }
    }

    #[test]
    fn the_same_sound_is_alike_and_as_loud() {
        let should = material();
        let same = compare(&should, |i| should[i]);
        assert!(same.likeness > Some(0.999) && same.louder_db.abs() < 0.01, "{same:?}");
        assert_eq!(same.damaged_ticks, 0);
    }

    #[test]
    fn a_level_is_measured_on_the_channel_that_is_further_off() {
        let should = material();
        let quiet = compare(&should, |i| [should[i][0] * 0.8, should[i][1] * 0.1]);
        assert!((quiet.louder_db + 20.0).abs() < 0.1, "{quiet:?}");
        assert_eq!(quiet.damaged_ticks, 0);
    }

    #[test]
    fn another_delay_is_the_same_sound() {
        let should = material();
        for lag in [-150i64, 120] {
            let late = compare(&should, |i| usize::try_from(i as i64 + lag).map_or([0.0; 2], |i| should[i]));
            assert!(late.likeness > Some(0.99), "{lag}: {late:?}");
        }
    }

    #[test]
    fn another_sound_and_another_speed_are_not_alike() {
        let (should, other) = (material(), noise(2, 2 * WINDOW));
        assert!(compare(&should, |i| other[i]).likeness < Some(0.2));
        for speed in [0.8, 0.97, 1.1] {
            let slow = compare(&should, |i| should[(i as f64 * speed) as usize]);
            assert!(slow.likeness < Some(0.4), "{speed}: {slow:?}");
            assert_eq!(slow.damaged_ticks, 0, "another sound is no damage");
        }
    }

    #[test]
    fn silence_in_the_place_of_sound_is_a_level_and_silence_in_the_place_of_silence_is_right() {
        let should = material();
        let silent = compare(&should, |_| [0.0; 2]);
        assert!(silent.louder_db < -20.0 && silent.likeness.is_none(), "{silent:?}");
        let nothing = vec![[0.0; 2]; 4 * WINDOW];
        assert_eq!(compare(&nothing, |_| [0.0; 2]), Second { louder_db: 0.0, likeness: None, damaged_ticks: 0 });
        assert!(compare(&nothing, |i| should[i]).louder_db > 20.0, "sound in the place of silence");
    }

    #[test]
    fn a_burst_of_noise_or_a_hole_is_damage_also_if_it_is_one_tick() {
        let (should, burst) = (material(), noise(3, 2 * WINDOW));
        let at = WINDOW + 7 * VALUES_PER_TICK;
        let damaged = compare(&should, |i| {
            if (at..at + VALUES_PER_TICK).contains(&i) { burst[i] } else { should[i].map(|x| 0.9 * x) }
        });
        assert_eq!(damaged.damaged_ticks, 1);
        let hole = compare(&should, |i| if (at..at + VALUES_PER_TICK).contains(&i) { [0.0; 2] } else { should[i] });
        assert_eq!(hole.damaged_ticks, 1);
    }

    #[test]
    fn twelve_samples_become_one_value_whatever_the_chunks() {
        let mut thinner = Thinner::skipping(1);
        let mut out = Vec::new();
        let samples: Vec<Value> = (0..37).map(|i| [i as f32, -(i as f32)]).collect();
        samples.chunks(5).for_each(|chunk| thinner.push(chunk.iter().copied(), &mut out));
        assert_eq!(out, [[6.5, -6.5], [18.5, -18.5], [30.5, -30.5]]);
    }
}
