//! Joins songs: one after the other without a gap, or the end of one crossfaded with the beginning
//! of the next (SPEC SONG-1).
//!
//! A pure machine: samples and the places at which songs begin go in, samples and the places at
//! which songs are heard come out. The end of a song is held back, as long as a crossfade, and the
//! beginning of the next is looked at twice as far, because how long it is decides the crossfade:
//! no more than half of a song is in one. So at most three crossfades of sound are held. The sum of
//! two songs may exceed full scale; nothing is clamped here.

use radio_signal::units::CHANNELS;
use std::collections::VecDeque;
use std::f32::consts::FRAC_PI_2;
use std::ops::Range;

/// Length of the longest crossfade, in ms.
pub const CROSSFADE_MS_MAX: u64 = 12_000;

/// How a song begins.
#[derive(Clone, Debug)]
pub struct Begin<T> {
    /// What it is.
    pub song: T,
    /// Factor of its samples.
    pub gain: f32,
    /// Whether it follows the one before it without a gap and without a crossfade.
    pub follows: bool,
    /// Which of its samples are heard; the others are left out.
    pub kept: Range<u64>,
}

/// Songs on their way from a decoder to a buffer. All counts are of samples of both channels.
#[derive(Debug)]
pub struct Join<T> {
    crossfade: usize,
    gain: f32,
    kept: Range<u64>,
    /// Samples of the song that came, those that are left out too.
    position: u64,
    /// Samples that came in, and those that went out.
    received: u64,
    given: u64,
    /// Songs that begin with a sample that has not come.
    begins: VecDeque<(u64, Begin<T>)>,
    /// Samples of the song that came last, beside what it has in `incoming`.
    song_samples: u64,
    /// The newest of them, interleaved, at most a crossfade.
    held: VecDeque<f32>,
    incoming: Option<Incoming<T>>,
    /// Songs that are heard from so many samples on, of those that went out.
    heard: VecDeque<(u64, T)>,
}

/// A song whose crossfade is not known yet.
#[derive(Debug)]
struct Incoming<T> {
    song: T,
    head: Vec<f32>,
    overlap_max: usize,
}

impl<T> Join<T> {
    /// Crossfades last so many samples, or less with short songs; 0: there are none.
    #[must_use]
    pub const fn new(crossfade: usize) -> Self {
        Self {
            crossfade,
            gain: 1.0,
            kept: 0..u64::MAX,
            position: 0,
            received: 0,
            given: 0,
            begins: VecDeque::new(),
            song_samples: 0,
            held: VecDeque::new(),
            incoming: None,
            heard: VecDeque::new(),
        }
    }

    /// A song begins, behind so many samples that are still to come of the one before it.
    pub fn begin(&mut self, to_come: usize, begin: Begin<T>) {
        let at = self.received + to_come as u64;
        // Songs begin in their order.
        let at = self.begins.back().map_or(at, |(last, _)| at.max(*last));
        self.begins.push_back((at, begin));
    }

    /// Takes whole frames of stereo, and appends to `out` what is decided.
    pub fn push(&mut self, mut values: &[f32], out: &mut Vec<f32>) {
        while let Some(&(at, _)) = self.begins.front() {
            let here = usize::try_from(at - self.received).unwrap_or(usize::MAX).saturating_mul(CHANNELS);
            // One that begins where these samples end begins with the next.
            if here >= values.len() {
                break;
            }
            let (old, new) = values.split_at(here);
            self.take(old, out);
            values = new;
            self.next_begins(out);
        }
        self.take(values, out);
    }

    /// Nothing follows for now: appends all that is held.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        while !self.begins.is_empty() {
            self.next_begins(out);
        }
        self.settle(out);
        self.give(self.held.len(), out);
    }

    /// What is next is late: appends at most so many samples of what is held for its crossfade,
    /// which becomes that much shorter.
    pub fn release(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.settle(out);
        self.give((samples * CHANNELS).min(self.held.len()), out);
    }

    /// The next song that is heard, and from which of the samples on that went out.
    pub fn heard(&mut self) -> Option<(u64, T)> {
        self.heard.pop_front()
    }

    /// Samples that went out.
    #[must_use]
    pub const fn given(&self) -> u64 {
        self.given
    }

    /// Whether samples are held.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty() || self.incoming.is_some()
    }

    fn take(&mut self, values: &[f32], out: &mut Vec<f32>) {
        let came = (values.len() / CHANNELS) as u64;
        self.received += came;
        let index = |at: u64| at.saturating_sub(self.position).min(came) as usize * CHANNELS;
        let (from, to) = (index(self.kept.start), index(self.kept.end));
        let values = &values[from..to.max(from)];
        self.position += came;
        let (gain, samples) = (self.gain, (values.len() / CHANNELS) as u64);
        let louder = values.iter().map(|value| value * gain);
        if let Some(incoming) = &mut self.incoming {
            incoming.head.extend(louder);
            if incoming.head.len() >= 2 * incoming.overlap_max * CHANNELS {
                self.settle(out);
            }
        } else {
            self.song_samples += samples;
            self.held.extend(louder);
            self.give_surplus(out);
        }
    }

    fn give_surplus(&mut self, out: &mut Vec<f32>) {
        self.give(self.held.len().saturating_sub(self.crossfade * CHANNELS), out);
    }

    /// Appends the oldest values of what is held.
    fn give(&mut self, values: usize, out: &mut Vec<f32>) {
        self.given += (values / CHANNELS) as u64;
        out.extend(self.held.drain(..values));
    }

    /// The first of `begins` begins here.
    fn next_begins(&mut self, out: &mut Vec<f32>) {
        let Some((_, Begin { song, gain, follows, kept })) = self.begins.pop_front() else { return };
        self.settle(out);
        (self.gain, self.kept, self.position) = (gain, kept, 0);
        let half = usize::try_from(self.song_samples / 2).unwrap_or(usize::MAX);
        let overlap_max = if follows { 0 } else { (self.held.len() / CHANNELS).min(half) };
        self.incoming = Some(Incoming { song, head: Vec::new(), overlap_max });
        if overlap_max == 0 {
            self.settle(out);
        }
    }

    /// Crossfades into the song that came, as long as what is there of it allows.
    fn settle(&mut self, out: &mut Vec<f32>) {
        let Some(Incoming { song, head, overlap_max }) = self.incoming.take() else { return };
        let overlap = overlap_max.min(head.len() / CHANNELS / 2);
        self.give(self.held.len() - overlap * CHANNELS, out);
        self.heard.push_back((self.given, song));
        let pairs = self.held.make_contiguous().chunks_exact(CHANNELS).zip(head.chunks_exact(CHANNELS));
        for (sample, (old, new)) in pairs.enumerate() {
            let (fade_out, fade_in) = gains(sample, overlap);
            out.extend(old.iter().zip(new).map(|(old, new)| old * fade_out + new * fade_in));
        }
        self.given += overlap as u64;
        self.held.clear();
        self.held.extend(&head[overlap * CHANNELS..]);
        self.song_samples = (head.len() / CHANNELS) as u64;
        self.give_surplus(out);
    }
}

/// The gains of the old and the new song at a sample of a crossfade: of equal power, and without a
/// kink at either end, as the router's are.
fn gains(sample: usize, overlap: usize) -> (f32, f32) {
    let t = (sample as f32 + 0.5) / overlap as f32;
    let smooth = t * t * 2.0_f32.mul_add(-t, 3.0);
    let (sine, cosine) = (smooth * FRAC_PI_2).sin_cos();
    (cosine, sine)
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
