//! The silence gate of one input (SPEC ROUTER-7): a source that sends nothing but silence for long enough counts as absent,
//! and is there again with a little sound. Measured where frames arrive, so the router only asks.

/// Sound for so many ticks in a row, 240 ms, brings a source back: a click of a cable does not.
pub const RETURN_TICKS: u64 = 10;

/// When a source counts as silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilenceGate {
    /// Silence for so many ticks closes it; 0: it is never closed.
    pub ticks: u64,
    /// A tick without a sample further from zero than this is silent: 32 is -60 dBFS. It is the peak that counts, since
    /// quiet music has a level below that and peaks above it.
    pub peak: u16,
}

impl SilenceGate {
    /// A gate that closes after `ticks` below `dbfs`.
    #[must_use]
    pub fn new(ticks: u64, dbfs: f32) -> Self {
        let peak = 10f32.powf(dbfs / 20.0) * f32::from(i16::MAX);
        Self { ticks, peak: peak.clamp(0.0, f32::from(i16::MAX)) as u16 }
    }
}

/// Follows one source.
#[derive(Debug, Default)]
pub(super) struct GateKeeper {
    silent_ticks: u64,
    sounding_ticks: u64,
    is_closed: bool,
}

impl GateKeeper {
    /// Takes in the peak of a frame; says whether the gate is closed after it.
    pub(super) fn observe(&mut self, gate: SilenceGate, peak: u16) -> bool {
        if gate.ticks == 0 {
            *self = Self::default();
            return false;
        }
        if peak <= gate.peak {
            (self.silent_ticks, self.sounding_ticks) = (self.silent_ticks.saturating_add(1), 0);
        } else {
            (self.silent_ticks, self.sounding_ticks) = (0, self.sounding_ticks.saturating_add(1));
        }
        self.is_closed =
            if self.is_closed { self.sounding_ticks < RETURN_TICKS } else { self.silent_ticks >= gate.ticks };
        self.is_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: SilenceGate = SilenceGate { ticks: 100, peak: 32 };

    #[test]
    fn it_closes_after_its_time_and_opens_after_a_shorter_one() {
        let mut keeper = GateKeeper::default();
        let mut observe = |peak, ticks: u64| (0..ticks).filter(|_| keeper.observe(GATE, peak)).count();
        assert_eq!(observe(0, 99), 0);
        assert_eq!(observe(1000, 1), 0, "one sound, and it begins anew");
        assert_eq!(observe(32, 99), 0, "what is at the level is silent");
        assert_eq!(observe(32, 1), 1);
        assert_eq!(observe(33, RETURN_TICKS - 1), RETURN_TICKS as usize - 1, "not long enough");
        assert_eq!(observe(0, 1), 1);
        assert_eq!(observe(33, RETURN_TICKS), RETURN_TICKS as usize - 1);
        assert_eq!(observe(32_768, 50), 0);
    }

    #[test]
    fn quiet_music_is_not_silence_and_without_a_time_nothing_is() {
        let mut keeper = GateKeeper::default();
        // One sample at -50 dBFS among zeros: a level far below -60.
        assert!((0..1000).all(|_| !keeper.observe(SilenceGate::new(100, -60.0), 104)));
        assert!((0..1000).all(|_| !keeper.observe(SilenceGate::default(), 0)));
        assert_eq!(SilenceGate::new(1, -60.0).peak, 32);
    }
}
