//! One process, as far as its supervisor knows it: what it owes and since when.

use super::CAUGHT_UP_FRAMES;
use super::words::{ProcessId, Role};
use crate::units::MonoTime;

/// A frame counts as in time while so few frames are owed beyond it: 72 ms, the unrest of a busy machine.
const IN_TIME_FRAMES: u64 = 3;

/// A replay that takes longer than this is slower than the programme.
const CATCH_UP_MS_MAX: u64 = 10_000;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: ProcessId,
    pub(super) role: Role,
    /// It has delivered ten frames running in time, and has not been suspect since.
    pub(super) caught_up: bool,
    /// It is late: a replacement has been asked for.
    pub(super) suspect: bool,
    /// When it was started, or delivered last.
    pub(super) last_sign: MonoTime,
    /// Frames that the PCM fed so far must have produced, since its start.
    owed: u64,
    /// Frames that all the PCM there is must produce, since its start.
    live: u64,
    /// Frames delivered, new or replayed, since its start.
    came: u64,
    /// Of those, the last ones running that came in time.
    in_time: u64,
    /// Since when it owes a frame without having paid: what is late is absence, so this is kept as a point in time and
    /// not inferred from what arrives.
    waiting_since: Option<MonoTime>,
    /// Since when it owes frames, whether it delivers others or not.
    behind_since: Option<MonoTime>,
}

impl Process {
    pub(super) fn new(id: ProcessId, role: Role, now: MonoTime) -> Self {
        Self {
            id,
            role,
            caught_up: false,
            suspect: false,
            last_sign: now,
            owed: 0,
            live: 0,
            came: 0,
            in_time: 0,
            waiting_since: None,
            behind_since: None,
        }
    }

    pub(super) fn owes(&mut self, now: MonoTime, owed: u64, live: u64) {
        (self.owed, self.live) = (owed, live);
        if self.owed > self.came && self.waiting_since.is_none() {
            self.waiting_since = Some(now);
            self.behind_since = Some(now);
        }
    }

    /// Whether it catches up with this frame.
    pub(super) fn delivers(&mut self, now: MonoTime) -> bool {
        self.came += 1;
        self.last_sign = now;
        if self.came >= self.owed {
            self.waiting_since = None;
            self.behind_since = None;
            self.suspect = false;
        } else if !self.caught_up {
            // It is working through its replay. One that had caught up and no longer gets even is too slow, however
            // steadily it delivers.
            self.waiting_since = Some(now);
        }
        self.in_time = if self.live.saturating_sub(self.came) <= IN_TIME_FRAMES { self.in_time + 1 } else { 0 };
        let catches_up = !self.caught_up && self.in_time >= CAUGHT_UP_FRAMES;
        self.caught_up |= catches_up;
        if catches_up {
            self.suspect = false;
        }
        catches_up
    }

    /// From now on it has to catch up again; says whether it had.
    pub(super) fn falls_under_suspicion(&mut self) -> bool {
        self.suspect = true;
        self.in_time = 0;
        std::mem::take(&mut self.caught_up)
    }

    /// When it falls under suspicion, if nothing changes.
    pub(super) fn suspect_at(&self, first_frame_ms: u64, suspicion_ms: u64) -> Option<MonoTime> {
        if self.suspect {
            return None;
        }
        let patience_ms = if self.came == 0 { first_frame_ms } else { suspicion_ms };
        let late = self.waiting_since.map(|since| since.plus_ms(patience_ms));
        // Steadily behind is late too.
        let behind = self.behind_since.map(|since| since.plus_ms(CATCH_UP_MS_MAX));
        late.into_iter().chain(behind).min()
    }

    /// Since when it owes a frame.
    pub(super) fn waiting_since(&self) -> Option<MonoTime> {
        self.waiting_since
    }
}
