//! Sound at any rate to 48 kHz, faded where it breaks off.

use crate::media::convert::Converter;
use crate::media::seam::Seam;

/// Samples of a fade: 5 ms at 48 kHz.
const FADE_SAMPLES: usize = 240;

/// Joins the sound of segments. It holds back a fade, and what the resampler needs.
pub struct Joiner {
    seam: Seam,
    converter: Converter,
    rate_hz: u32,
    ready: Vec<f32>,
}

impl Default for Joiner {
    fn default() -> Self {
        Self { seam: Seam::of(FADE_SAMPLES), converter: Converter::new(), rate_hz: 0, ready: Vec::new() }
    }
}

impl Joiner {
    /// Takes interleaved stereo at `rate_hz`, and appends what is ready at 48 kHz to `out`.
    pub fn push(&mut self, rate_hz: u32, stereo: &[f32], out: &mut Vec<f32>) {
        if self.rate_hz != rate_hz {
            if self.rate_hz != 0 {
                self.cut(out);
                self.converter.finish_unrounded(out);
            }
            self.rate_hz = rate_hz;
        }
        self.seam.push(stereo, &mut self.ready);
        self.converter.push_unrounded(rate_hz, &self.ready, out);
        self.ready.clear();
    }

    /// What comes next does not join: what was held back comes with its fade.
    pub fn cut(&mut self, out: &mut Vec<f32>) {
        if self.rate_hz != 0 {
            self.seam.cut(&mut self.ready);
            self.converter.push_unrounded(self.rate_hz, &self.ready, out);
            self.ready.clear();
        }
    }

    /// There is no more: what was held back comes as it is.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        self.seam.finish(&mut self.ready);
        self.converter.push_unrounded(self.rate_hz, &self.ready, out);
        self.converter.finish_unrounded(out);
        self.ready.clear();
    }
}
