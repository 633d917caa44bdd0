//! How the audio of a source arrives: in lumps.

/// How unevenly a source's audio arrives: whatever came through a network comes in lumps.
///
/// A lump as long as the pre-roll would put a source on air that runs dry before the next one. So
/// it waits for a time, not for a fill alone, and off air it keeps a lump more than the pre-roll. A
/// source that ran dry before a longer lump waits for its time in any case, so that as long a lump
/// never takes it off air again. Where its format tells of longer lumps, as Ogg does by its pages,
/// it has as much in hand before it is on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    /// Ticks that its first frame must have waited before it is present, unless a lump beside its
    /// pre-roll is there.
    pub settle_ticks: u64,
    /// Ticks it keeps off air beside its pre-roll: the longest lump.
    pub lump_ticks: usize,
}

impl Jitter {
    /// Audio that comes as it is played.
    pub const NONE: Self = Self { settle_ticks: 0, lump_ticks: 0 };
}

/// How far a source that ran dry comes ahead of the time that it takes to play.
#[derive(Debug, Default)]
pub(super) struct Lumps {
    /// Frames that had come at the last tick.
    pub offered: u64,
    /// By how many ticks what has come since it ran dry is ahead of now; none while it is on air,
    /// and before it has run dry.
    pub ahead_ticks: Option<usize>,
    /// Its pre-roll from then on, which holds a lump; 0: as configured.
    pub raised_ticks: usize,
    /// It has been raised since it was last told.
    pub is_untold: bool,
}

/// How the frames of a source have come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrivals {
    pub offered: u64,
    /// Ticks since something came.
    pub gap_ticks: u64,
    /// The longest lump: what came in one tick, in place of the ticks without anything before it.
    pub lump_ticks: u64,
    /// It was on air, and there was nothing more.
    pub has_run_dry: bool,
}

impl Arrivals {
    pub(super) fn note(&mut self, offered: u64) {
        let came = offered.saturating_sub(self.offered);
        self.gap_ticks += 1;
        if came > 0 {
            self.lump_ticks = self.lump_ticks.max(came.min(self.gap_ticks));
            (self.offered, self.gap_ticks) = (offered, 0);
        }
    }
}
