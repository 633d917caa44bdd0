//! Whether numbered things came at exactly one per tick.
//!
//! If thing `n` is made at `origin + n * 24 ms` and seen a little later, then `seen - n * 24 ms` is never before
//! `origin`, and its smallest value over many things is close to it, however loaded the machine is: one sighting in
//! time is enough. So the origin found early and the origin found late must agree; one thing too many or too few in
//! between moves the second by a whole tick.

use crate::TICK_NS;
use std::time::{Duration, Instant};

/// A numbered thing and the moment it was seen.
pub type Sighting = (Instant, u64);

/// Shift of the origin between the first and the last third of the sightings, in nanoseconds. Positive: things became
/// too few (late); negative: too many.
#[track_caller]
#[must_use]
pub fn drift_ns(sightings: &[Sighting]) -> i64 {
    let third = sightings.len() / 3;
    assert!(third >= 3, "{} sightings are no proof of a rate", sightings.len());
    origin_ns(&sightings[sightings.len() - third..], sightings[0]) - origin_ns(&sightings[..third], sightings[0])
}

/// Smallest `seen - n * 24 ms` over the sightings, relative to that of `zero`.
fn origin_ns(sightings: &[Sighting], zero: Sighting) -> i64 {
    let lateness = |&(at, n): &Sighting| {
        let since = at.saturating_duration_since(zero.0).as_nanos() as i64
            - zero.0.saturating_duration_since(at).as_nanos() as i64;
        since - (n as i64 - zero.1 as i64) * TICK_NS
    };
    sightings.iter().map(lateness).min().unwrap_or(0)
}

/// Panics unless the things over at least `span` came at exactly one per tick, not one more or less.
#[track_caller]
pub fn assert_exact_rate(what: &str, sightings: &[Sighting], span: Duration) {
    let covered = match (sightings.first(), sightings.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => Duration::ZERO,
    };
    assert!(covered >= span, "{what}: {covered:?} were seen, not {span:?}");
    let drift = drift_ns(sightings);
    assert!(
        drift.abs() < TICK_NS / 2,
        "{what}: {} too {} over {covered:?} ({:.1} ms)",
        (drift as f64 / TICK_NS as f64).abs().round(),
        if drift > 0 { "few" } else { "many" },
        drift as f64 / 1e6
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2500 ticks, each seen up to 80 ms late in a repeating pattern.
    fn loaded_machine() -> Vec<Sighting> {
        let start = Instant::now();
        (0..2500u64).map(|n| (start + Duration::from_millis(24 * n + n * 37 % 80), n)).collect()
    }

    #[test]
    fn lateness_of_single_ticks_is_not_a_drift() {
        assert_exact_rate("ticks", &loaded_machine(), Duration::from_secs(59));
    }

    #[test]
    #[should_panic(expected = "1 too many")]
    fn one_tick_too_many_in_a_minute_is_found() {
        let mut sightings = loaded_machine();
        sightings[1200..].iter_mut().for_each(|sighting| sighting.1 += 1);
        assert_exact_rate("ticks", &sightings, Duration::from_secs(59));
    }

    #[test]
    #[should_panic(expected = "1 too few")]
    fn one_tick_too_few_in_a_minute_is_found() {
        let mut sightings = loaded_machine();
        sightings[1200..].iter_mut().for_each(|sighting| sighting.1 -= 1);
        assert_exact_rate("ticks", &sightings, Duration::from_secs(59));
    }
}
