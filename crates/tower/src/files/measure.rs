//! Measures a song once: how loud it is, and the silence at its ends.
//!
//! By a decoder process of its own, at idle priority: it takes only the time that nothing else
//! wants.

use super::open;
use radio_decode::intake::{Intake, Piece};
use radio_decode::media::file::mastering::Level;
use radio_decode::process::{DecoderProcess, Job, Read};
use radio_decode::protocol::{Body, Outcome, Request};
use radio_decode::settings::{DecoderSettings, timespec};
use radio_signal::loudness::LoudnessMeter;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, TICK_SAMPLES};
use rustix::event::PollFd;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is never louder is silence: -60 dBFS.
const SILENCE: f32 = 0.001;
/// A decoder that gives nothing for so long is ended. It may wait long for a busy processor.
const STALL: Duration = Duration::from_secs(60);
/// Samples of a song that are measured: three hours.
const SAMPLES_MAX: u64 = 3 * 3600 * SAMPLE_RATE_HZ as u64;
/// How often it is looked whether the measurement is still wanted.
const LOOK_MS: u64 = 500;

/// Measures samples as they come.
#[derive(Default)]
pub struct LevelMeter {
    meter: LoudnessMeter,
    samples: u64,
    /// Samples up to the last one that is no silence.
    sounding: u64,
    head: Option<u64>,
    /// Samples of less than a tick, by channel.
    planes: [Vec<f32>; CHANNELS],
}

impl LevelMeter {
    /// Adds whole frames of stereo, full scale 1.
    pub fn push(&mut self, values: &[f32]) {
        for frame in values.chunks_exact(CHANNELS) {
            if frame.iter().any(|value| value.abs() > SILENCE) {
                self.head.get_or_insert(self.samples);
                self.sounding = self.samples + 1;
            }
            self.samples += 1;
            self.planes.iter_mut().zip(frame).for_each(|(plane, value)| plane.push(*value));
        }
        self.add_whole_ticks();
    }

    /// The meter takes whole ticks; what is left waits for more.
    fn add_whole_ticks(&mut self) {
        let whole = self.planes[0].len() / TICK_SAMPLES * TICK_SAMPLES;
        let [left, right] = &self.planes;
        self.meter.add([&left[..whole], &right[..whole]]);
        self.planes.iter_mut().for_each(|plane| drop(plane.drain(..whole)));
    }

    /// What it was.
    #[must_use]
    pub fn level(mut self) -> Level {
        let whole = self.planes[0].len().next_multiple_of(TICK_SAMPLES);
        self.planes.iter_mut().for_each(|plane| plane.resize(whole, 0.0));
        self.add_whole_ticks();
        let lufs = self.meter.integrated_lufs();
        Level {
            lufs: lufs.is_finite().then_some(lufs as f32),
            true_peak: self.meter.take_true_peak(),
            head: self.head.unwrap_or(self.samples),
            tail: self.samples - self.sounding,
            samples: self.samples,
        }
    }
}

/// What became of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measured {
    /// It was measured.
    Level(Level),
    /// It cannot be decoded to its end.
    Unknown,
}

/// Measures the file at `path` while `is_wanted`; none: it is not wanted any more, cannot be opened, or
/// was not measured for a reason that is not its own. Then it is tried again.
pub(super) fn measure(path: &Path, settings: &DecoderSettings, is_wanted: impl Fn() -> bool) -> Option<Measured> {
    // Of its own: a descriptor that another decoder reads has one position for both.
    let (file, _) = open::open(path).ok()?;
    let (mut process, _) = DecoderProcess::start(settings, &Job::Files).ok()?;
    process.make_idle();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_owned();
    process.request(&Request::Play { file: 0, from_sample: 0, extension }, Some(file.as_fd())).ok()?;
    process.request(&Request::Flush, None).ok()?;
    let (mut intake, mut meter, mut done, mut last) = (Intake::new(0), LevelMeter::default(), None, Instant::now());
    let mut is_foreign = false;
    while is_wanted() {
        process.listen();
        let (mut needs, mut ffmpeg_is_over) = (None, false);
        let read = intake.take(&mut process, true, |piece| match piece {
            Piece::Pcm(values) => meter.push(values),
            Piece::Record(record) => match record.body {
                // FFmpeg may be installed later.
                Body::Ended { outcome: Outcome::Empty | Outcome::Unreadable(_), .. } => {
                    done = Some(if is_foreign { None } else { Some(Measured::Unknown) });
                }
                Body::NeedsFfmpeg { demuxer, .. } => (needs, is_foreign) = (Some(demuxer), true),
                Body::FfmpegOver => ffmpeg_is_over = true,
                Body::Flushed => {
                    done = done.or_else(|| Some(Some(Measured::Level(std::mem::take(&mut meter).level()))));
                }
                _ => {}
            },
        });
        if needs.is_some_and(|demuxer| process.lend_ffmpeg(settings, demuxer, Some(file.as_fd())).is_err())
            || ffmpeg_is_over && process.end_ffmpeg().is_err()
        {
            return None;
        }
        if needs.is_some() {
            process.make_idle();
        }
        if meter.samples > SAMPLES_MAX {
            // What stands there is not its end.
            return Some(Measured::Level(Level { tail: 0, ..meter.level() }));
        }
        match read {
            _ if let Some(done) = done => return done,
            Ok(Read::Some) => last = Instant::now(),
            Ok(Read::Nothing) if last.elapsed() < STALL => {
                let mut fds: Vec<PollFd<'_>> = Vec::new();
                process.poll_fds(true, &mut fds);
                let _ = rustix::event::poll(&mut fds, Some(&timespec(LOOK_MS as i64)));
            }
            Ok(Read::Nothing | Read::Ended) | Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    #[test]
    fn loudness_peak_and_the_silent_ends_are_measured() {
        // It begins softly: a tone that begins at once overshoots between its samples.
        let sine = |n: usize| 0.1 * (n as f32 / 4800.0).min(1.0) * (TAU * 1000.0 * n as f32 / 48_000.0).sin();
        let mut values = vec![0.0005; 2 * 10_000];
        values.extend((0..960_000).flat_map(|n| [sine(n); 2]));
        values.extend([0.0; 2 * 30_000]);
        let mut meter = LevelMeter::default();
        values.chunks(2 * 777).for_each(|piece| meter.push(piece));
        let level = meter.level();
        // A sine of both channels at -20 dBFS: -20 LUFS (EBU Tech 3341).
        assert!(level.lufs.is_some_and(|lufs| (lufs + 20.0).abs() < 0.3), "{level:?}");
        assert!((level.true_peak - 0.1).abs() < 0.005, "{level:?}");
        // It is louder than silence after a hundredth of its soft beginning.
        assert!(level.head.abs_diff(10_050) < 50 && level.tail.abs_diff(30_000) < 3, "{level:?}");
        assert_eq!(level.samples, 1_000_000);
        assert_eq!(level.sounding(), 0..level.samples - level.tail + 24_000, "half a second of silence is kept");
        assert_eq!(Level { head: 30_000, tail: 0, ..level }.sounding(), 6000..u64::MAX);
        assert_eq!(
            Level { head: 1_000_000, tail: 1_000_000, ..level }.sounding(),
            0..u64::MAX,
            "silence is a song too"
        );
        let silent = LevelMeter::default().level();
        assert_eq!((silent.lufs, silent.head, silent.tail), (None, 0, 0));
    }
}
