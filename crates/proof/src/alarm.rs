//! Every wait has a deadline, and says what it waited for.

use std::time::{Duration, Instant};

/// How often a condition that cannot be waited for is looked at.
const POLL: Duration = Duration::from_millis(5);

/// The value that `probe` gives in the end; a panic that names `what` when `limit` has passed.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// Waits until `done`; a panic that names `what` when `limit` has passed.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    wait_for(what, limit, || done().then_some(()));
}

/// Whether the long acceptance run is asked for (`RADIO_PROVE=1`, set by `cargo xtask prove`).
#[must_use]
pub fn full_length() -> bool {
    std::env::var_os("RADIO_PROVE").is_some_and(|value| value == "1")
}

/// `short` in CI, `long` in the acceptance run.
#[must_use]
pub fn seconds(short: u64, long: u64) -> Duration {
    Duration::from_secs(if full_length() { long } else { short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "in vain for a miracle")]
    fn a_wait_ends_at_its_deadline_and_names_what_it_waited_for() {
        wait_until("a miracle", Duration::from_millis(20), || false);
    }
}
