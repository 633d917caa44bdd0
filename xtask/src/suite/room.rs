//! Room for one more job: while the machine is busy, those that run are let run.
//!
//! A test of a live tower waits most of its time, but some decode for a minute. Started by number
//! alone, ten of them at once take more than there is, and what they listen to is late.

use radio_proof::machine;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The machine has room while less than this share of its processors' time is used, in thousandths.
const BUSY_PERMILLE_MAX: u32 = 850;
/// Over this time. A job begins at most so often, so that the one before is felt.
const STRETCH: Duration = Duration::from_millis(400);

/// Who may begin.
pub(super) struct Room {
    running: AtomicUsize,
    /// So many may run however busy the machine is.
    always: usize,
    /// Held by the one that looks for room.
    turn: Mutex<()>,
    busy_permille: fn() -> u32,
}

/// One that runs; it has ended when this is dropped.
pub(super) struct Place<'a>(&'a Room);

impl Room {
    /// In which `always` jobs run whatever else the machine does.
    pub(super) fn new(always: usize) -> Self {
        Self::judged_by(always, || machine::busy_permille_for(STRETCH))
    }

    fn judged_by(always: usize, busy_permille: fn() -> u32) -> Self {
        Self { running: AtomicUsize::new(0), always, turn: Mutex::new(()), busy_permille }
    }

    /// Waits for room.
    pub(super) fn enter(&self) -> Place<'_> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while self.running.load(Ordering::Acquire) >= self.always && (self.busy_permille)() >= BUSY_PERMILLE_MAX {}
        self.running.fetch_add(1, Ordering::AcqRel);
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LOOKS: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn on_a_busy_machine_one_more_begins_when_it_has_room_and_a_few_at_once() {
        let room = Room::judged_by(2, || if LOOKS.fetch_add(1, Ordering::Relaxed) < 5 { 990 } else { 500 });
        let first = room.enter();
        let _second = room.enter();
        assert_eq!(LOOKS.load(Ordering::Relaxed), 0);
        let _third = room.enter();
        assert_eq!(LOOKS.load(Ordering::Relaxed), 6);
        drop(first);
        assert_eq!(room.running.load(Ordering::Relaxed), 2);
    }
}
