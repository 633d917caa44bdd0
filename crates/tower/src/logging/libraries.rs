//! What libraries may write into the log: warnings, and no more of them than a person reads.
//!
//! A decoder complains of each packet that it cannot read, and what a source sends decides how many
//! those are. Each source, player and listener socket is served by a thread, so each thread has a
//! budget of its own.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of libraries that one thread may write in a [`PERIOD`].
const LINES_MAX: u32 = 10;
/// So long the budget of a thread lasts.
const PERIOD: Duration = Duration::from_secs(60);
/// The beginnings of the targets of our own crates, and of what is logged for an operator's eyes.
const OWN: [&str; 2] = ["radio_", radio_base::journal::AUDIT];

/// The filter for the level that an operator has given: as it is where it names targets, otherwise
/// for our own crates, and libraries no lower than warnings.
#[must_use]
pub fn directives(level: &str) -> String {
    if !["trace", "debug", "info"].iter().any(|plain| level.trim().eq_ignore_ascii_case(plain)) {
        return level.to_owned();
    }
    // A target of the filter stands for all that begin with it.
    format!("warn,radio_={level}")
}

/// Leaves out the lines of libraries beyond each thread's budget, and counts them.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    left_out: Arc<AtomicU64>,
    /// Threads that have asked for it get all lines of libraries: the filter names targets.
    is_wanted: bool,
}

/// From now on libraries write nothing on this thread, unless the operator's filter names targets:
/// they complain of good files, and what is wrong with a bad one is told with its name.
pub fn mute_this_thread() {
    MUTED.set(true);
}

impl Limit {
    /// For the level that an operator has given.
    #[must_use]
    pub fn of(level: &str) -> Self {
        Self { is_wanted: level.contains('='), ..Self::default() }
    }

    /// Lines that were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Relaxed)
    }
}

thread_local! {
    /// When the period of this thread began, and the lines in it.
    static WRITTEN: Cell<Option<(Instant, u32)>> = const { Cell::new(None) };
    /// Whether libraries write nothing on this thread.
    static MUTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread may write one more line of a library now; if so, that counts.
fn may_write(now: Instant) -> bool {
    let (began, lines) = WRITTEN.get().filter(|(began, _)| now < *began + PERIOD).unwrap_or((now, 0));
    WRITTEN.set(Some((began, (lines + 1).min(LINES_MAX))));
    lines < LINES_MAX
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let target = event.metadata().target();
        if OWN.iter().any(|own| target.starts_with(own)) {
            return true;
        }
        if MUTED.get() && !self.is_wanted {
            return false;
        }
        if may_write(Instant::now()) {
            return true;
        }
        self.left_out.fetch_add(1, Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_for_our_own_crates_and_libraries_warn() {
        assert_eq!(directives("info"), "warn,radio_=info");
        for given in ["warn", "error", "off", "info,symphonia=debug", "radio_encoder=debug"] {
            assert_eq!(directives(given), given);
        }
    }

    /// Notes the target of each line that is written.
    struct Seen(Arc<std::sync::Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().expect("no panic").push(event.metadata().target().to_owned());
        }
    }

    #[test]
    fn a_thread_that_is_mute_writes_no_lines_of_libraries_unless_they_are_asked_for() {
        use tracing_subscriber::layer::SubscriberExt;
        let seen = |level: &'static str| {
            let targets: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
            let subscriber = tracing_subscriber::registry().with(Limit::of(level)).with(Seen(Arc::clone(&targets)));
            let write = move || {
                mute_this_thread();
                tracing::warn!(target: "symphonia_core::probe", "skipping junk");
                tracing::warn!(target: "radio_tower::files", "a file");
            };
            let writing = std::thread::spawn(move || tracing::subscriber::with_default(subscriber, write));
            writing.join().expect("no panic");
            targets.lock().expect("no panic").clone()
        };
        assert_eq!(seen("info"), ["radio_tower::files"]);
        assert_eq!(seen("info,symphonia=debug"), ["symphonia_core::probe", "radio_tower::files"]);
    }

    #[test]
    fn a_thread_may_write_so_many_lines_in_a_period_and_another_as_many() {
        let start = Instant::now();
        let written = |at: Instant| (0..1000).filter(|_| may_write(at)).count();
        let in_a_thread = move || {
            assert_eq!(written(start), LINES_MAX as usize);
            assert_eq!(written(start + PERIOD / 2), 0);
            assert_eq!(written(start + PERIOD), LINES_MAX as usize);
        };
        std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(in_a_thread)));
    }
}
