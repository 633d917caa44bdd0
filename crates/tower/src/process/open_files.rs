//! How many files the tower may have open, each listener's socket one of them (SPEC LIS-6).

use radio_base::journal::event::Event;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::atomic::{AtomicBool, Ordering};

/// Files beside the listeners' sockets: streams being asked for, pipes of encoders, files that are played, logs.
pub const BESIDE_LISTENERS: u64 = 200;
/// Of those, what the tower's own doings need: nobody at the door may take the pipes of the next encoder.
const OWN: u64 = 120;
/// Connections that have not become a listener, however many files there are: heads being read and API requests being
/// answered.
const AT_THE_DOOR_MAX: u64 = 4096;
/// A word is said when this part of the limit is in use,
const WARN_PERCENT: u64 = 90;
/// and may be said again once it was less than this.
const CALM_PERCENT: u64 = 85;

/// The limit, and whether it is nearly reached.
#[derive(Debug)]
pub struct OpenFiles {
    limit: u64,
    reserved: u64,
    is_nearly_full: AtomicBool,
}

impl OpenFiles {
    /// Raises the soft limit to the hard one, which nobody needs permission for.
    #[must_use]
    pub fn raise_limit() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if let Err(error) = raised {
            tracing::warn!(%error, "the limit of open files stays at {current:?}; raise it with `ulimit -n`");
        }
        Self::with_limit(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
    }

    fn with_limit(limit: u64) -> Self {
        Self { limit, reserved: 0, is_nearly_full: AtomicBool::new(false) }
    }

    /// Keeps `files` free for something else.
    #[must_use]
    pub const fn reserving(mut self, files: u64) -> Self {
        self.reserved = files;
        self
    }

    /// The limit now.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Listeners for whom there are files.
    #[must_use]
    pub const fn room_for_listeners(&self) -> u64 {
        self.limit.saturating_sub(BESIDE_LISTENERS + self.reserved)
    }

    /// Connections without a place of their own for whom there are files beside `listeners_max`.
    #[must_use]
    pub fn room_at_the_door(&self, listeners_max: u64) -> usize {
        let beside = self.limit.saturating_sub(listeners_max.saturating_add(OWN + self.reserved));
        beside.clamp(BESIDE_LISTENERS - OWN, AT_THE_DOOR_MAX) as usize
    }

    /// So many listeners are there: what is to be said about it, if it is time to say something.
    pub fn note(&self, listeners: u64) -> Option<Event> {
        let in_use = listeners.saturating_add(BESIDE_LISTENERS);
        let part = |percent: u64| self.limit / 100 * percent;
        if in_use < part(CALM_PERCENT) {
            self.is_nearly_full.store(false, Ordering::Relaxed);
        }
        if in_use < part(WARN_PERCENT) || self.is_nearly_full.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Event::FilesNearLimit { listeners, percent: WARN_PERCENT, limit: self.limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_ninety_percent_it_is_said_once_and_again_after_it_was_better() {
        let files = OpenFiles::with_limit(10_000);
        assert_eq!(files.room_for_listeners(), 9800);
        assert!(files.note(8799).is_none());
        assert_eq!(files.note(8800), Some(Event::FilesNearLimit { listeners: 8800, percent: 90, limit: 10_000 }));
        assert!(files.note(9000).is_none());
        assert!(files.note(8400).is_none() && files.note(9000).is_none());
        assert!(files.note(8000).is_none() && files.note(9000).is_some());
    }

    #[test]
    fn those_at_the_door_leave_files_for_listeners_and_encoders() {
        let files = OpenFiles::with_limit(10_000);
        assert_eq!(files.room_at_the_door(1000), 4096);
        assert_eq!(files.room_at_the_door(9000), 880);
        assert_eq!(files.room_at_the_door(files.room_for_listeners()), 80);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let files = OpenFiles::raise_limit();
        assert_eq!(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), files.limit());
    }
}
