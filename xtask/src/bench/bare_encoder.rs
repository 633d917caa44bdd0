//! A bare encoder: the work of an encoder that replaces a dead one, without a tower.

use radio_proof::punctuality::Bare;
use radio_proof::{TICK_BYTES, material, measure, offline};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Instant;

/// An encoder of an output.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoder {
    /// `tower encode`.
    Builtin,
    /// Debian's ffmpeg.
    Ffmpeg,
}

/// How long replays took, one after the other.
#[derive(Default)]
pub(super) struct Replays {
    took_ms: Vec<f64>,
}

impl Replays {
    /// Starts the encoders of an output, gives each so many ticks of music at once, and waits for
    /// the first to be done.
    pub(super) fn run(&mut self, tower: &Path, encoders: &[Encoder], ticks: u64, count: usize) {
        let music = material::music(0, 40, 20);
        let pcm = &music[..music.len().min(ticks as usize * TICK_BYTES)];
        for _ in 0..count {
            let begun = Instant::now();
            let (done, is_done) = channel();
            std::thread::scope(|scope| {
                for encoder in encoders {
                    let done = done.clone();
                    scope.spawn(move || {
                        let _mp3 = match encoder {
                            Encoder::Builtin => offline::tower_encode(tower, pcm, 128),
                            Encoder::Ffmpeg => offline::ffmpeg_encode(pcm, 128),
                        };
                        let _receiver_waits_for_the_first = done.send(begun.elapsed());
                    });
                }
            });
            self.took_ms.extend(is_done.try_iter().next().map(|took| took.as_secs_f64() * 1000.0));
        }
    }

    /// The time that a share of them did not exceed; quiet is the median.
    pub(super) fn share(&self, share: f64) -> Bare {
        Bare { value: measure::quantile(&self.took_ms, share), quiet: measure::quantile(&self.took_ms, 0.5) }
    }
}
