//! How a codec's frames lie on the ticks (SPEC SIG-4).
//!
//! The tower counts in ticks, and so do the slots of its buffers. Only MP3 at 48 kHz has frames that are a tick long;
//! for any other codec slot `t` holds the *whole frames that begin in tick `t`*, which are none, one or two:
//!
//! ```text
//!  ticks          |    0    |    1    |    2    |    3    |    4    |    5 ...
//!  Opus, 20 ms    |   0    |   1   |   2   |   3   |   4   |   5   |   6 ...
//!  slot 0: frames 0 and 1; slot 1: frame 2; slot 2: frame 3; ... slot 5: frames 6 and 7
//! ```
//!
//! So the number of a frame and its time follow from each other exactly, for ever, and whatever handles slots need not
//! know which codec they are of.

use crate::units::{SAMPLE_RATE_HZ, Serial, TICK_SAMPLES};

/// `frames` frames take exactly as long as `ticks` ticks; the fraction is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    frames: u64,
    ticks: u64,
}

impl Grid {
    /// A frame a tick: MP3 at 48 kHz.
    pub const TICKS: Self = Self { frames: 1, ticks: 1 };

    /// The grid of a codec whose frames hold `frame_samples` samples (at least 1) at `sample_rate_hz`.
    ///
    /// `frames / ticks = TICK_SAMPLES * sample_rate_hz / (frame_samples * 48000)`: 147/160 for MP3 at 44.1 kHz, 9/8 for
    /// AAC, 6/5 for Opus of 20 ms.
    #[must_use]
    pub const fn new(frame_samples: u64, sample_rate_hz: u32) -> Self {
        let frames = TICK_SAMPLES as u64 * sample_rate_hz as u64;
        let ticks = frame_samples * SAMPLE_RATE_HZ as u64;
        let divisor = greatest_common_divisor(frames, ticks);
        Self { frames: frames / divisor, ticks: ticks / divisor }
    }

    /// Ticks after which a frame begins with a tick again: 1 to 160 for the codecs above.
    #[must_use]
    pub const fn period_ticks(self) -> u64 {
        self.ticks
    }

    /// Frames in that time.
    #[must_use]
    pub const fn period_frames(self) -> u64 {
        self.frames
    }

    /// Number of the first frame that begins in tick `tick` or later.
    #[must_use]
    pub const fn first_frame(self, tick: Serial) -> u64 {
        // In two parts, so that a tick in a million years does not overflow.
        let (periods, rest) = (tick / self.ticks, tick % self.ticks);
        periods * self.frames + (rest * self.frames).div_ceil(self.ticks)
    }

    /// The tick in which frame `frame` begins.
    #[must_use]
    pub const fn tick_of(self, frame: u64) -> Serial {
        let (periods, rest) = (frame / self.frames, frame % self.frames);
        periods * self.ticks + rest * self.ticks / self.frames
    }

    /// Ticks, from tick 0 on, all of whose frames are among the first `frames`.
    #[must_use]
    pub const fn whole_ticks(self, frames: u64) -> u64 {
        self.tick_of(frames)
    }

    /// Frames that can be whole with the first `samples` samples of PCM at 48 kHz.
    #[must_use]
    pub const fn frames_begun(self, samples: u64) -> u64 {
        let period = self.ticks * TICK_SAMPLES as u64;
        let (periods, rest) = (samples / period, samples % period);
        periods * self.frames + rest * self.frames / period + 1
    }
}

const fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MP3_44: Grid = Grid::new(1152, 44_100);
    const AAC: Grid = Grid::new(1024, 48_000);
    const OPUS: Grid = Grid::new(960, 48_000);

    #[test]
    fn the_grids_are_those_of_the_codecs() {
        assert_eq!(Grid::new(1152, 48_000), Grid::TICKS);
        assert_eq!([MP3_44, AAC, OPUS].map(|grid| (grid.frames, grid.ticks)), [(147, 160), (9, 8), (6, 5)]);
    }

    #[test]
    fn each_frame_belongs_to_the_one_tick_in_which_it_begins() {
        for grid in [Grid::TICKS, MP3_44, AAC, OPUS] {
            for tick in 0..1000 {
                let frames = grid.first_frame(tick)..grid.first_frame(tick + 1);
                assert!(frames.clone().count() <= 2);
                for frame in frames {
                    // In samples at 48 kHz, times `frames`, so that nothing is rounded.
                    let begins = u128::from(frame) * u128::from(grid.ticks) * 1152;
                    let unit = u128::from(grid.frames) * 1152;
                    assert_eq!((begins / unit) as u64, tick, "{grid:?}, frame {frame}");
                    assert_eq!(grid.tick_of(frame), tick);
                }
            }
        }
    }

    #[test]
    fn a_tick_is_whole_with_its_last_frame() {
        for grid in [Grid::TICKS, MP3_44, AAC, OPUS] {
            for frames in 0..1000 {
                let whole = grid.whole_ticks(frames);
                assert!(grid.first_frame(whole) <= frames, "the frames of {whole} ticks are there");
                assert!(grid.first_frame(whole + 1) > frames, "those of the next tick are not");
            }
        }
    }

    #[test]
    fn a_frame_begins_with_the_sample_before_which_it_had_not() {
        assert_eq!([0, 959, 960, 1919, 1920].map(|samples| OPUS.frames_begun(samples)), [1, 1, 2, 2, 3]);
        assert_eq!([0, 1023, 1024, 9216].map(|samples| AAC.frames_begun(samples)), [1, 1, 2, 10]);
        assert_eq!([1253, 1254].map(|samples| MP3_44.frames_begun(samples)), [1, 2]);
    }

    #[test]
    fn a_thousand_years_are_exact() {
        let tick = 1000 * 365 * 86_400 * 1000 / 24;
        for grid in [MP3_44, AAC, OPUS] {
            let aligned = tick - tick % grid.ticks;
            assert_eq!(grid.first_frame(aligned), aligned / grid.ticks * grid.frames);
            assert_eq!(grid.tick_of(grid.first_frame(aligned)), aligned);
        }
    }
}
