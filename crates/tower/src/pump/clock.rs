//! The only place that reads the clock by which audio is paced.

use radio_signal::units::MonoTime;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Now, on CLOCK_MONOTONIC.
#[must_use]
pub fn now() -> MonoTime {
    MonoTime(to_ns(clock_gettime(ClockId::Monotonic)))
}

/// Time spent in suspend since boot, in ns: the monotonic clock stands still meanwhile.
#[must_use]
pub fn suspended_ns() -> u64 {
    to_ns(clock_gettime(ClockId::Boottime)).saturating_sub(now().0)
}

/// Sleeps until `deadline`. An absolute deadline keeps a late wake-up from moving the next one.
pub fn sleep_until(deadline: MonoTime) {
    let request = Timespec {
        tv_sec: i64::try_from(deadline.0 / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: (deadline.0 % 1_000_000_000) as _,
    };
    // An interrupted sleep is no error: the caller looks at the clock and sleeps again.
    let _ = clock_nanosleep_absolute(ClockId::Monotonic, &request);
}

fn to_ns(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
