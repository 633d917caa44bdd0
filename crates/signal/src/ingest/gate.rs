//! The silence gate of one input (SPEC ROUTER-7): a source that has nothing but silence for long
//! enough counts as absent, and is there again with a little sound. The gate judges what is about
//! to be heard, at the front of the buffer, and not what arrives at its end: sound that waits in
//! the buffer is played.

/// Sound for so many ticks in a row, 240 ms, brings a source back: a click of a cable does not.
pub const RETURN_TICKS: u64 = 10;

/// When a source counts as silent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SilenceGate {
    /// Silence for so many ticks closes it; 0: it is never closed.
    pub ticks: u64,
    /// A tick without a sample further from zero than this is silent; full scale is 1. It is the
    /// peak that counts, since quiet music has a level below that and peaks above it.
    pub peak: f32,
}

impl SilenceGate {
    /// A gate that closes after `ticks` below `dbfs`.
    #[must_use]
    pub fn new(ticks: u64, dbfs: f32) -> Self {
        Self { ticks, peak: 10f32.powf(dbfs / 20.0) }
    }
}

/// Follows one source by the peaks of its frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GateKeeper {
    gate: SilenceGate,
    /// Silent frames that have left the buffer in a row.
    silent_ticks: u64,
    is_closed: bool,
}

impl GateKeeper {
    pub(super) const fn set(&mut self, gate: SilenceGate) {
        self.gate = gate;
    }

    /// Takes in the peak of a frame that leaves the buffer, heard or not.
    pub(super) const fn pass(&mut self, peak: f32) {
        self.silent_ticks = if peak > self.gate.peak { 0 } else { self.silent_ticks.saturating_add(1) };
    }

    /// Says whether the gate is closed, by the peaks of the frames that are next, oldest first.
    /// `is_whole`: none can follow these before the first of them is due.
    ///
    /// It is not closed while sound is near, and opened by the first frame of enough sound, so
    /// nothing of that is lost.
    pub(super) fn judge(&mut self, ahead: impl Iterator<Item = f32>, is_whole: bool) -> bool {
        let (mut ahead, most) = (ahead.take(RETURN_TICKS as usize), RETURN_TICKS as usize);
        self.is_closed = if self.gate.ticks == 0 {
            false
        } else if self.is_closed {
            let (mut sounding, mut frames) = (0, 0);
            for peak in ahead {
                frames += 1;
                sounding += usize::from(peak > self.gate.peak && sounding + 1 == frames);
            }
            let is_enough = sounding == most || is_whole && frames > 0 && sounding == frames;
            !is_enough
        } else {
            self.silent_ticks >= self.gate.ticks && ahead.all(|peak| peak <= self.gate.peak)
        };
        self.is_closed
    }

    /// How many frames pass unheard in this tick, while the gate is closed: silence passes as time
    /// does, so that what is next stays what would be heard now; a click passes once it is known to
    /// be one. Of a source that `has_ended` the silence after the last sound passes at once.
    pub(super) fn passing(&self, ahead: impl Iterator<Item = f32>, has_ended: bool) -> usize {
        let mut ahead = ahead.map(|peak| peak > self.gate.peak).peekable();
        let Some(sounds) = ahead.peek().copied() else { return 0 };
        let alike = std::iter::from_fn(|| ahead.next_if_eq(&sounds)).count();
        let is_last = ahead.next().is_none();
        match sounds {
            true if is_last && !has_ended => 0,
            false if !is_last || !has_ended => 1,
            _ => alike,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: SilenceGate = SilenceGate { ticks: 100, peak: 32.0 };

    fn keeper(gate: SilenceGate) -> GateKeeper {
        let mut keeper = GateKeeper::default();
        keeper.set(gate);
        keeper
    }

    /// Lets frames of one peak through, each judged with `ahead` after it; the number after which
    /// the gate is closed.
    fn closed(keeper: &mut GateKeeper, peak: f32, ticks: u64, ahead: &[f32]) -> usize {
        let mut one = || {
            keeper.pass(peak);
            keeper.judge(ahead.iter().copied(), false)
        };
        (0..ticks).filter(|_| one()).count()
    }

    #[test]
    fn it_closes_after_its_time_unless_sound_is_near() {
        let mut keeper = keeper(GATE);
        assert_eq!(closed(&mut keeper, 0.0, 99, &[]), 0);
        assert_eq!(closed(&mut keeper, 1000.0, 1, &[]), 0, "one sound, and it begins anew");
        assert_eq!(closed(&mut keeper, 32.0, 99, &[]), 0, "what is at the level is silent");
        assert_eq!(closed(&mut keeper, 32.0, 10, &[0.0, 0.0, 33.0]), 0, "there will be sound");
        let far = [[0.0; RETURN_TICKS as usize].as_slice(), &[33.0]].concat();
        assert_eq!(closed(&mut keeper, 32.0, 1, &far), 1, "not soon");
    }

    #[test]
    fn it_opens_with_enough_sound_ahead_and_a_click_passes() {
        let mut keeper = keeper(GATE);
        closed(&mut keeper, 0.0, 100, &[]);
        let enough = [33.0; RETURN_TICKS as usize];
        let opens = |ahead: &[f32], is_whole| !GateKeeper::judge(&mut keeper.clone(), ahead.iter().copied(), is_whole);
        assert!(opens(&enough, false));
        assert!(!opens(&enough[1..], false) && !opens(&[&[0.0], &enough[..]].concat(), false), "it must be next");
        assert!(opens(&enough[1..], true) && !opens(&[33.0, 0.0], true) && !opens(&[], true), "all that can be there");
        let passing = |ahead: &[f32], has_ended| keeper.passing(ahead.iter().copied(), has_ended);
        assert_eq!([passing(&[], true), passing(&[0.0, 0.0, 0.0], false), passing(&[0.0, 0.0, 0.0], true)], [0, 1, 3]);
        assert_eq!(passing(&[0.0, 0.0, 33.0], true), 1, "there is sound after it, at its time");
        assert_eq!(
            [passing(&[33.0, 33.0], false), passing(&[33.0, 33.0, 0.0], false), passing(&[33.0, 33.0], true)],
            [0, 2, 2]
        );
        keeper.set(SilenceGate::default());
        assert!(!keeper.judge([].into_iter(), false), "no gate is never closed");
    }

    #[test]
    fn quiet_music_is_not_silence_and_without_a_time_nothing_is() {
        // One sample at -50 dBFS among zeros: a level far below -60.
        assert_eq!(closed(&mut keeper(SilenceGate::new(100, -60.0)), 104.0 / 32_768.0, 1000, &[]), 0);
        assert_eq!(closed(&mut keeper(SilenceGate::default()), 0.0, 1000, &[]), 0);
        assert!((SilenceGate::new(1, -60.0).peak - 0.001).abs() < 1e-7);
    }
}
