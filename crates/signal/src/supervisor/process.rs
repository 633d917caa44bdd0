//! One process, as far as its supervisor knows it: what it owes and since when.

use super::CAUGHT_UP_FRAMES;
use super::line::Patience;
use super::processor::{Cost, Looks, ProcessorTime};
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
    looks: Looks,
    /// What it costs has been learnt: it has caught up.
    measured: bool,
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
            looks: Looks::default(),
            measured: false,
        }
    }

    pub(super) fn owes(&mut self, now: MonoTime, owed: u64, live: u64) {
        (self.owed, self.live) = (owed, live);
        if self.owed > self.came && self.waiting_since.is_none() {
            self.waiting_since = Some(now);
            self.behind_since = Some(now);
            self.looks.forget();
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
            self.looks.forget();
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

    /// It is so late that another has to carry the programme until it has caught up again.
    pub(super) fn must_catch_up_again(&mut self) {
        (self.caught_up, self.in_time) = (false, 0);
    }

    /// Whether it has ever caught up.
    pub(super) fn had_caught_up(&self) -> bool {
        self.measured
    }

    /// Whether this was its first frame.
    pub(super) fn has_begun(&self) -> bool {
        self.came == 1
    }

    /// When it falls under suspicion, if nothing changes and it is not short of the processor.
    pub(super) fn suspect_at(&self, patience: Patience) -> Option<MonoTime> {
        if self.suspect {
            return None;
        }
        let late = self.waiting_since.map(|since| since.plus_ms(self.patience_ms(patience)));
        // Steadily behind is late too.
        let behind = self.behind_since.map(|since| since.plus_ms(CATCH_UP_MS_MAX));
        late.into_iter().chain(behind).min()
    }

    /// When it is given up, if nothing changes and it is not short of the processor.
    pub(super) fn given_up_at(&self, patience: Patience) -> Option<MonoTime> {
        self.waiting_since.map(|since| since.plus_ms(patience.stall_ms))
    }

    /// When its processor time is to be read: before it is judged, and once before that, to
    /// compare.
    pub(super) fn look_at(&self, patience: Patience) -> Option<MonoTime> {
        let due = self.suspect_at(patience).into_iter().chain(self.given_up_at(patience)).min();
        let judged = due.map(|due| self.looks.judge_at(due));
        let before = self.waiting_since.filter(|_| !self.looks.has_base());
        let before = before.map(|since| since.plus_ms(self.patience_ms(patience) / 3));
        judged.into_iter().chain(before).min()
    }

    /// Takes in its processor time; says whether it can be judged by it.
    pub(super) fn looked(&mut self, now: MonoTime, time: Option<ProcessorTime>, cost: &mut Cost) -> bool {
        self.looks.look(now, time, self.came, self.owed.saturating_sub(self.came), *cost);
        if self.caught_up && !self.measured {
            self.measured = true;
            self.looks.measure(cost);
        }
        self.looks.can_judge(now)
    }

    /// Whether it is late because it waits for the processor.
    pub(super) fn is_short(&self) -> bool {
        self.looks.is_short()
    }

    fn patience_ms(&self, patience: Patience) -> u64 {
        if self.came == 0 { patience.first_frame_ms } else { patience.suspicion_ms }
    }
}
