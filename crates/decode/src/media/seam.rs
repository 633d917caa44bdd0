//! Where the sound of one decoder child ends and that of the next begins: never in the middle of a wave.
//!
//! A child that dies takes with it what it had not put out yet, so the next one goes on a tenth of a second later in the
//! programme. The end is faded out and the beginning in. For that the last 20 ms are held back until more comes.

use radio_signal::units::{CHANNELS, samples_in_ms};
use std::f32::consts::PI;

/// Samples of a fade, which is as long as the router's own.
const FADE: usize = samples_in_ms(20);

/// The sound of one child after the other.
#[derive(Debug)]
pub struct Seam {
    /// What has been held back, interleaved: a fade of it at most.
    held: Vec<f32>,
    /// Samples of the child's fade that are over.
    begun: usize,
    /// Samples of a fade.
    fade: usize,
}

impl Default for Seam {
    fn default() -> Self {
        Self::of(FADE)
    }
}

impl Seam {
    /// With fades of so many samples, before the first child, whose beginning is left as it is.
    #[must_use]
    pub const fn of(fade: usize) -> Self {
        Self { held: Vec::new(), begun: fade, fade }
    }

    /// Takes whole frames of stereo, and appends to `out` what need not be held back.
    pub fn push(&mut self, values: &[f32], out: &mut Vec<f32>) {
        let from = self.held.len();
        self.held.extend_from_slice(values);
        for frame in self.held[from..].chunks_exact_mut(CHANNELS).take(self.fade - self.begun) {
            fade(frame, self.begun, self.fade);
            self.begun += 1;
        }
        let ready = self.held.len().saturating_sub(self.fade * CHANNELS);
        out.extend(self.held.drain(..ready));
    }

    /// Samples that are held back.
    #[must_use]
    pub fn held_samples(&self) -> usize {
        self.held.len() / CHANNELS
    }

    /// The child is over and another follows: what was held back comes with its fade.
    pub fn cut(&mut self, out: &mut Vec<f32>) {
        // It closes with the last sample, however few there are.
        let length = self.held.len() / CHANNELS;
        for (left, frame) in self.held.chunks_exact_mut(CHANNELS).rev().enumerate() {
            fade(frame, left, length);
        }
        out.append(&mut self.held);
        self.begun = 0;
    }

    /// The source is over: what was held back comes as it is.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        out.append(&mut self.held);
    }
}

/// What a frame is that lies so many samples from where a fade of `length` is at nothing. The gain is half a cosine, without
/// a kink at either end.
fn fade(frame: &mut [f32], at: usize, length: usize) {
    let gain = 0.5 * (1.0 - (PI * at as f32 / length as f32).cos());
    frame.iter_mut().for_each(|value| *value *= gain);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: f32 = 20_000.0;

    /// The largest second difference of the left channel.
    fn bend(values: &[f32]) -> f32 {
        let left: Vec<f32> = values.iter().step_by(CHANNELS).copied().collect();
        left.windows(3).map(|three| (three[2] - 2.0 * three[1] + three[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn what_one_child_gives_is_left_as_it_is() {
        let all: Vec<f32> = (0..9000_u16).map(f32::from).collect();
        let (mut seam, mut out) = (Seam::default(), Vec::new());
        all.chunks(700).for_each(|piece| seam.push(piece, &mut out));
        assert_eq!(out.len(), all.len() - FADE * CHANNELS);
        seam.finish(&mut out);
        assert_eq!(out, all);
    }

    #[test]
    fn between_two_children_there_is_no_edge_and_nothing_is_lost() {
        let (mut seam, mut out) = (Seam::default(), Vec::new());
        seam.push(&[LOUD; 5000], &mut out);
        seam.cut(&mut out);
        [LOUD; 5000].chunks(700).for_each(|piece| seam.push(piece, &mut out));
        seam.finish(&mut out);
        assert_eq!(out.len(), 10_000);
        assert_eq!((out[0], out[5000 - FADE * CHANNELS - 1], out[9999]), (LOUD, LOUD, LOUD));
        assert_eq!((out[4999], out[5000]), (0.0, 0.0));
        assert!(bend(&out) <= 2.0, "{}", bend(&out));
    }

    #[test]
    fn a_child_that_gave_next_to_nothing_closes_too() {
        let (mut seam, mut out) = (Seam::default(), Vec::new());
        seam.cut(&mut out);
        assert!(out.is_empty());
        seam.push(&[LOUD; 20], &mut out);
        seam.cut(&mut out);
        assert_eq!((out.len(), out[19]), (20, 0.0));
        assert!(out.iter().all(|&value| value.abs() < LOUD / 10.0), "it had hardly begun: {out:?}");
    }
}
