//! The verdict on a stream: is it, frame for frame and byte for byte, what one uninterrupted encoder makes?

use crate::frames;
use crate::numbered::{self, Mismatch};

/// How far a frame that is not at its place is looked for.
const NEIGHBOURHOOD: usize = 200;

/// How a stream compares with a reference whose frame `i` is at index `i`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Number of the first frame.
    pub first: u64,
    /// Frames that have a counterpart of the same number.
    pub compared: usize,
    /// Of those, the ones that are not what their number says.
    pub different: Vec<Mismatch>,
    /// Reference frames that were passed over.
    pub missing: usize,
    /// Frames that came again.
    pub repeated: usize,
    /// Frames that are at their place, but not the reference's.
    pub altered: usize,
    /// Why the stream is no chain of frames, from where on nothing was compared.
    pub broken: Option<String>,
}

/// Compares the bytes of a stream whose first frame has the number `first`.
#[must_use]
pub fn judge(first: u64, stream: &[u8], reference: &[&[u8]]) -> Verdict {
    let (whole, broken) = match frames::chain(stream) {
        Ok(chain) => (chain.frames, None),
        Err(broken) => {
            let sound = frames::chain(&stream[..broken.offset]);
            (sound.map_or_else(|_| Vec::new(), |chain| chain.frames), Some(format!("{broken:?}")))
        }
    };
    let compared = whole.len().min(reference.len().saturating_sub(first as usize));
    let different = numbered::mismatches(first, &whole, reference);
    let mut verdict = Verdict { first, compared, different, broken, ..Verdict::default() };
    if !verdict.different.is_empty() {
        verdict.follow(&whole, reference);
    }
    verdict
}

impl Verdict {
    /// Tells gaps and repetitions, after which all is shifted, from altered frames.
    fn follow(&mut self, received: &[&[u8]], reference: &[&[u8]]) {
        let mut place = self.first as usize;
        for (index, &frame) in received.iter().enumerate() {
            if reference.get(place).is_some_and(|&expected| expected != frame) {
                // Two unlike frames running: frames of silence are like those of any other silence.
                let two = &received[index..(index + 2).min(received.len())];
                let goes_on_at = |at: &usize| reference.get(*at..*at + 2).is_some_and(|found| found == two);
                let search = if two.first() == two.last() { 0 } else { NEIGHBOURHOOD };
                let ahead = (1..search).map(|distance| place + distance).find(goes_on_at);
                let back = (1..search).filter_map(|distance| place.checked_sub(distance)).find(goes_on_at);
                match (ahead, back) {
                    (Some(ahead), back) if back.is_none_or(|back| ahead - place <= place - back) => {
                        self.missing += ahead - place;
                        place = ahead;
                    }
                    (_, Some(back)) => {
                        self.repeated += place - back;
                        place = back;
                    }
                    _ => self.altered += 1,
                }
            }
            place += 1;
        }
    }

    /// Frames that are what their number says.
    #[must_use]
    pub fn identical(&self) -> usize {
        self.compared - self.different.len()
    }

    /// Why it is not the reference; `None` if it is, and at least `at_least` frames say so.
    #[must_use]
    pub fn fault(&self, at_least: usize) -> Option<String> {
        if let Some(broken) = &self.broken {
            return Some(format!("after {} frames the stream is broken: {broken}", self.compared));
        }
        if self.compared < at_least {
            return Some(format!("only {} of {at_least} frames could be compared", self.compared));
        }
        let first = self.different.first()?;
        let Self { missing, repeated, altered, compared, .. } = self;
        let count = self.different.len();
        Some(format!(
            "{count} of {compared} frames are not those of an uninterrupted encoder: {missing} missing, {repeated} \
             repeated, {altered} altered; the first: {first:?}"
        ))
    }

    /// Panics unless it is the reference, and at least `at_least` frames say so.
    #[track_caller]
    pub fn assert_identical(&self, at_least: usize) {
        if let Some(fault) = self.fault(at_least) {
            panic!("{fault}");
        }
    }

    /// The stretches of frames that differ, as first and last number; gaps of up to `gap` equal frames belong to one.
    #[must_use]
    pub fn stretches(&self, gap: u64) -> Vec<(u64, u64)> {
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        for number in self.different.iter().map(|mismatch| mismatch.number) {
            match stretches.last_mut() {
                Some((_, last)) if number <= *last + 1 + gap => *last = number,
                _ => stretches.push((number, number)),
            }
        }
        stretches
    }
}
