//! One output, heard as a listener hears it, beside what should be heard.

use super::meter::{Loudness, Meter};
use super::sound::Sound;
use radio_encoder::Format;
use radio_fanout::Mount;
use radio_signal::likeness::{Comparison, Second, Thinner};
use radio_signal::units::{CHANNELS, TICK_SAMPLES, TICK_VALUES};
use serde::Serialize;

/// Frames heard at one go at most.
const FRAMES_AT_ONCE: u64 = 250;
/// An ear that is further behind goes on at the newest frame: 12 s, far within the stream's history.
const BEHIND_FRAMES_MAX: u64 = 500;
/// Ticks after a beginning that may lean on frames before it.
const WARM_UP_TICKS: u64 = 3;
/// The sound begins 1105 samples earlier than its tick, that is one tick less 47 samples (SPEC
/// SIG-4). Its first tick lies before what is compared with it, and is left out, with one sample
/// more;
const SOUND_LEFT_OUT_SAMPLES: isize = TICK_SAMPLES as isize + 1;
/// and so are the samples of the programme before that: a whole number of values.
const PROGRAMME_LEFT_OUT_SAMPLES: isize = SOUND_LEFT_OUT_SAMPLES - 1105;
/// An encoder's greatest error, beside the sound around it, times its bitrate in kbit/s: half as much again as noise, steps
/// and speech made LAME err at any bitrate (0.72 at 32 kbit/s, 0.29 at 64). Damage errs by 0.4 and more.
const ERROR_TIMES_KBPS: f32 = 35.0;
/// At high bitrates no less than this; four minutes of music, speech and noise erred by 0.31 once.
const ERROR_MIN: f32 = 0.35;
/// Of other codecs and rates, damage must be this much louder than the sound around it: at a hard cut of the programme they err
/// as much as damage does.
const ERROR_OTHER: f32 = 4.0;
/// The comparison wants to see the programme this much further than the frame.
const AHEAD_TICKS: u64 = 5;

/// What a good encoder may do to a tick: the ratio of the powers of its error and of the sound around it.
fn error_max(format: &Format) -> f32 {
    if format.is_native() { (ERROR_TIMES_KBPS / format.bitrate_kbps as f32).max(ERROR_MIN) } else { ERROR_OTHER }
}

/// What is known of an output's sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Heard {
    /// The last frame that was heard.
    pub frame: u64,
    /// How much louder than the programme it is, in dB, on the channel where that is further from 0.
    pub louder_db: f32,
    /// How much it is like the programme: 1 the same, 0 another sound; none while there is too little to compare.
    pub likeness: Option<f32>,
    /// Frames that could not be decoded, or that held what does not belong there.
    pub damaged_frames: u64,
    /// Frames that were not heard or left out, because the machine was too busy.
    pub unheard_frames: u64,
}

/// Something that was noticed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice {
    /// A frame sounded this loud, and was good or could not be decoded.
    Frame { frame: u64, level_dbfs: f32, is_good: bool },
    /// The second that ended about this frame compares like this.
    Second { frame: u64, second: Second },
}

/// Follows one output.
pub(crate) struct OutputEar {
    sound: Sound,
    meter: Meter,
    follow: Option<Follow>,
    heard: Heard,
    error_max: f32,
    mono: bool,
    bytes: Vec<u8>,
}

/// Where it is in stream and programme.
struct Follow {
    next_frame: u64,
    next_tick: u64,
    /// Ticks that have been heard.
    ticks: u64,
    comparison: Comparison,
    thin_frames: Thinner,
    thin_ticks: Thinner,
}

impl Follow {
    /// From a frame on whose sound begins with `tick`.
    fn from(frame: u64, tick: u64, error_max: f32) -> Self {
        Self {
            next_frame: frame,
            next_tick: tick,
            ticks: 0,
            comparison: Comparison::new(0, error_max),
            thin_frames: Thinner::skipping(SOUND_LEFT_OUT_SAMPLES),
            thin_ticks: Thinner::skipping(PROGRAMME_LEFT_OUT_SAMPLES),
        }
    }
}

impl OutputEar {
    /// # Errors
    /// No decoder.
    pub(crate) fn new(silence_dbfs: f32, format: Format) -> anyhow::Result<Self> {
        let error_max = error_max(&format);
        let (sound, meter, mono) = (Sound::new(format)?, Meter::new(silence_dbfs), format.channels == 1);
        Ok(Self { sound, meter, follow: None, heard: Heard::default(), error_max, mono, bytes: Vec::new() })
    }

    /// From now on sound below this is silence.
    pub(crate) const fn set_silence(&mut self, silence_dbfs: f32) {
        self.meter.set_silence(silence_dbfs);
    }

    /// What it knows now.
    pub(crate) fn read(&mut self) -> (Loudness, Heard) {
        (self.meter.read(), self.heard)
    }

    /// The frame to be heard next; none before the first.
    pub(crate) fn next_frame(&self) -> Option<u64> {
        self.follow.as_ref().map(|follow| follow.next_frame)
    }

    /// Hears what is new.
    pub(crate) fn listen(&mut self, output: &Mount, programme: &Mount, mut tell: impl FnMut(Notice)) {
        let there = output.frames();
        // Before its first frame there is nothing to be late for.
        if there.is_empty() {
            return;
        }
        let mut follow = match self.follow.take() {
            Some(follow) if there.end.saturating_sub(follow.next_frame) <= BEHIND_FRAMES_MAX => follow,
            Some(lost) => {
                self.heard.unheard_frames += there.end.saturating_sub(lost.next_frame);
                self.begin(there.end)
            }
            None => self.begin(there.start),
        };
        let until = there.end.min(follow.next_frame + FRAMES_AT_ONCE);
        while follow.next_frame < until {
            if !output.copy_frame(follow.next_frame, &mut self.bytes) {
                follow.next_frame = there.end.saturating_add(BEHIND_FRAMES_MAX);
                break;
            }
            self.sound.push(follow.next_frame, &self.bytes);
            self.heard.frame = follow.next_frame;
            follow.next_frame += 1;
            self.hear_sound(&mut follow, &mut tell);
            self.hear_programme(&mut follow, programme);
            if let Some(second) = follow.comparison.take() {
                self.heard.louder_db = second.louder_db;
                self.heard.likeness = second.likeness;
                self.heard.damaged_frames += second.damaged_ticks;
                tell(Notice::Second { frame: self.heard.frame, second });
            }
        }
        self.follow = Some(follow);
    }

    /// Leaves out what is new.
    pub(crate) fn leave_out(&mut self, output: &Mount) {
        if let Some(follow) = self.follow.take() {
            let end = output.frames().end;
            self.heard.unheard_frames += end.saturating_sub(follow.next_frame);
            self.follow = Some(self.begin(end));
        }
    }

    fn begin(&mut self, frame: u64) -> Follow {
        Follow::from(frame, self.sound.begin(frame), self.error_max)
    }

    fn hear_sound(&mut self, follow: &mut Follow, tell: &mut impl FnMut(Notice)) {
        let frame = self.heard.frame;
        while let Some((planes, is_good)) = self.sound.next_tick() {
            let is_good = is_good || follow.ticks < WARM_UP_TICKS;
            let level_dbfs = self.meter.add(planes);
            let samples = planes[0].iter().zip(planes[1]).map(|(left, right)| [*left, *right]);
            follow.thin_frames.push(samples, follow.comparison.is());
            follow.ticks += 1;
            self.heard.damaged_frames += u64::from(!is_good);
            tell(Notice::Frame { frame, level_dbfs, is_good });
        }
    }

    fn hear_programme(&mut self, follow: &mut Follow, programme: &Mount) {
        let until = programme.frames().end.min(follow.next_frame + AHEAD_TICKS);
        while follow.next_tick < until {
            // What is no longer there is compared as silence: an ear so far behind hears that it is not alike.
            let is_there = programme.copy_frame(follow.next_tick, &mut self.bytes);
            let mono = self.mono;
            let samples = pcm_samples(if is_there { &self.bytes } else { &[] })
                .map(|[left, right]| if mono { [(left + right) / 2.0; CHANNELS] } else { [left, right] });
            follow.thin_ticks.push(samples, follow.comparison.should());
            follow.next_tick += 1;
        }
    }
}

/// Left and right of a tick of PCM, full scale 1; what is missing is silence.
fn pcm_samples(bytes: &[u8]) -> impl Iterator<Item = [f32; CHANNELS]> {
    let value = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
    let samples = bytes.chunks_exact(2 * CHANNELS).map(move |four| [value(&four[..2]), value(&four[2..])]);
    samples.chain(std::iter::repeat([0.0; CHANNELS])).take(TICK_SAMPLES)
}

/// The programme itself, before any encoder.
pub(crate) struct ProgrammeEar {
    meter: Meter,
    next_tick: Option<u64>,
    bytes: Vec<u8>,
    planes: [Vec<f32>; CHANNELS],
}

impl ProgrammeEar {
    pub(crate) fn new(silence_dbfs: f32) -> Self {
        let planes = [(); CHANNELS].map(|()| Vec::with_capacity(TICK_VALUES / CHANNELS));
        Self { meter: Meter::new(silence_dbfs), next_tick: None, bytes: Vec::new(), planes }
    }

    /// From now on sound below this is silence.
    pub(crate) const fn set_silence(&mut self, silence_dbfs: f32) {
        self.meter.set_silence(silence_dbfs);
    }

    /// Hears what is new.
    pub(crate) fn listen(&mut self, programme: &Mount) {
        let there = programme.frames();
        let next = self.next_tick.filter(|next| there.end.saturating_sub(*next) <= BEHIND_FRAMES_MAX);
        let from = next.unwrap_or(there.end.saturating_sub(BEHIND_FRAMES_MAX).max(there.start));
        for tick in from..there.end.min(from + FRAMES_AT_ONCE) {
            let is_there = programme.copy_frame(tick, &mut self.bytes);
            self.planes.iter_mut().for_each(Vec::clear);
            for [left, right] in pcm_samples(if is_there { &self.bytes } else { &[] }) {
                self.planes[0].push(left);
                self.planes[1].push(right);
            }
            self.meter.add([&self.planes[0], &self.planes[1]]);
            self.next_tick = Some(tick + 1);
        }
    }

    /// The tick to be heard next; none before the first.
    pub(crate) const fn next_tick(&self) -> Option<u64> {
        self.next_tick
    }

    /// What it knows now.
    pub(crate) fn read(&mut self) -> Loudness {
        self.meter.read()
    }
}

#[cfg(test)]
#[path = "damage_tests.rs"]
mod damage_tests;
