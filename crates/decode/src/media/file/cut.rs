//! Cuts decoded samples to what of a file is to be heard.

use crate::media::StereoBlock;
use crate::media::mp4::Edit;
use std::time::Duration;

/// What is left of an edit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cut {
    edit: Option<Edit>,
    /// Units before the first that is decoded.
    from: u64,
    /// Samples that were decoded since.
    decoded: u64,
}

impl Cut {
    pub(super) fn new(edit: Option<Edit>) -> Self {
        Self { edit, from: 0, decoded: 0 }
    }

    /// Where what is heard at `at` is in the track.
    pub(super) fn in_track(&self, at: Duration) -> Duration {
        at + self.edit.map_or(Duration::ZERO, |edit| edit.time(edit.skipped))
    }

    /// Goes on at `reached` in the track; when that is heard.
    pub(super) fn go_on_at(&mut self, reached: Duration) -> Duration {
        self.decoded = 0;
        let Some(edit) = self.edit else { return reached };
        self.from = (reached.as_secs_f64() * f64::from(edit.timescale)).round() as u64;
        edit.time(self.from.saturating_sub(edit.skipped))
    }

    /// Leaves of `block`, which follows the one before, what is heard.
    pub(super) fn apply(&mut self, block: &mut StereoBlock) {
        let Some(edit) = self.edit else { return };
        let scaled = |units: u64| {
            let samples = u128::from(units) * u128::from(block.rate_hz) / u128::from(edit.timescale.max(1));
            u64::try_from(samples).unwrap_or(u64::MAX)
        };
        let first = scaled(edit.skipped);
        let end = edit.heard.map_or(u64::MAX, |heard| first.saturating_add(scaled(heard)));
        let at = scaled(self.from) + self.decoded;
        let samples = (block.samples.len() / 2) as u64;
        self.decoded += samples;
        let kept = |bound: u64| 2 * bound.saturating_sub(at).min(samples) as usize;
        block.samples.truncate(kept(end));
        block.samples.drain(..kept(first).min(block.samples.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_to_the_sample_from_the_beginning_and_after_a_seek() {
        let edit = Edit { timescale: 48_000, skipped: 1500, heard: Some(2000) };
        let heard = |cut: &mut Cut, from: usize| -> Vec<f32> {
            let block = |at: usize| (at..at + 1000).flat_map(|n| [n as f32; 2]).collect();
            let blocks = (from..5000).step_by(1000).map(|at| StereoBlock { rate_hz: 48_000, samples: block(at) });
            blocks
                .flat_map(|mut block| {
                    cut.apply(&mut block);
                    block.samples
                })
                .step_by(2)
                .collect()
        };
        let all: Vec<f32> = (1500..3500).map(|n| n as f32).collect();
        assert_eq!(heard(&mut Cut::new(Some(edit)), 0), all);
        let mut cut = Cut::new(Some(edit));
        assert_eq!(cut.in_track(Duration::from_secs(1)), Duration::from_micros(1_031_250));
        assert_eq!(cut.go_on_at(Duration::from_secs_f64(2000.0 / 48_000.0)), edit.time(500));
        assert_eq!(heard(&mut cut, 2000), all[500..]);
    }
}
