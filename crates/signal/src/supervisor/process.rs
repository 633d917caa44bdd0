//! One process, as far as its supervisor knows it: what it owes and since when.

use super::words::{ProcessId, Settings};
use crate::units::MonoTime;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: ProcessId,
    /// Frames delivered that nobody had delivered before.
    pub(super) new_frames: u64,
    /// Frames that the PCM fed so far must have produced, since its start.
    owed: u64,
    /// Frames delivered, new or replayed, since its start.
    came: u64,
    /// Since when a frame is owed and none came. Its other end is absence, so it is kept as a point in time and not
    /// inferred from what arrives.
    waiting_since: Option<MonoTime>,
}

impl Process {
    pub(super) fn new(id: ProcessId) -> Self {
        Self { id, new_frames: 0, owed: 0, came: 0, waiting_since: None }
    }

    pub(super) fn owes(&mut self, now: MonoTime, frames: u64) {
        self.owed = frames;
        if self.owed > self.came && self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
    }

    pub(super) fn delivers(&mut self, now: MonoTime, new: bool) {
        self.came += 1;
        self.new_frames += u64::from(new);
        self.waiting_since = (self.owed > self.came).then_some(now);
    }

    /// When it is given up, if nothing comes before.
    pub(super) fn stalled_at(&self, settings: &Settings) -> Option<MonoTime> {
        self.waiting_since.map(|since| since.plus_ms(settings.stall_threshold_ms))
    }
}
