//! The limit of the uplink, `server.mbit_max`: what a listener counts, and newcomers that are not
//! admitted (SPEC LIS-8).

use radio_signal::units::TICK_MS;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Payload of a packet at most: a path of 1,500 bytes, less the headers of IPv6, and of TCP with
/// time stamps.
const SEGMENT_BYTES: usize = 1500 - HEADERS_BYTES;
/// Headers of IPv6, and of TCP with time stamps.
const HEADERS_BYTES: usize = 40 + 32;
/// A record of TLS, and the length of a title block, for each send.
const SEND_BYTES: usize = 32;
/// Between two events about newcomers that are not admitted.
const TOLD_PERIOD: Duration = Duration::from_secs(60);

/// Bits a second that a listener takes which is sent `tick_bytes` for each tick, every
/// `period_ticks`, headers included. Every listener counts as if it came over TLS and IPv6; the
/// text of a title, once a song, is not counted.
#[must_use]
pub const fn listener_bps(tick_bytes: usize, period_ticks: u64) -> u64 {
    let payload_bytes = tick_bytes * period_ticks as usize;
    let bytes = payload_bytes + payload_bytes.div_ceil(SEGMENT_BYTES) * HEADERS_BYTES + SEND_BYTES;
    bytes as u64 * 8 * 1000 / (period_ticks * TICK_MS)
}

/// A configured rate in bits a second.
#[must_use]
pub fn bps(mbit: f64) -> u64 {
    (mbit * 1e6).round() as u64
}

/// Bits a second as Mbit/s, to three digits.
#[must_use]
pub fn mbit(bps: u64) -> f64 {
    (bps as f64 / 1e3).round() / 1e3
}

/// Newcomers that the limit did not admit.
#[derive(Debug, Default)]
pub struct Uplink {
    refused: AtomicU64,
    redirected: AtomicU64,
    told: Mutex<Told>,
}

impl Uplink {
    /// Newcomers that got 503.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Newcomers that were redirected.
    #[must_use]
    pub fn redirected(&self) -> u64 {
        self.redirected.load(Relaxed)
    }

    /// Counts a newcomer that is not admitted; gives how many were not since the last event if
    /// another event is due.
    pub fn note(&self, is_redirected: bool, now: Instant) -> Option<u64> {
        (if is_redirected { &self.redirected } else { &self.refused }).fetch_add(1, Relaxed);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).note(now)
    }
}

/// When the last event was, and how many newcomers were not admitted since.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    since: u64,
}

impl Told {
    fn note(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self.at.is_some_and(|at| now.saturating_duration_since(at) < TOLD_PERIOD) {
            return None;
        }
        self.at = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_counts_with_its_headers() {
        // 128 kbit/s are 384 bytes a tick: 8,064 bytes in six packets every 504 ms, or one packet a
        // tick.
        assert_eq!(listener_bps(384, 21), 135_365);
        assert_eq!(listener_bps(384, 1), 162_666);
        assert_eq!((bps(0.3), bps(0.0), mbit(135_365)), (300_000, 0, 0.135));
    }

    #[test]
    fn the_first_is_told_at_once_and_those_after_it_once_a_minute() {
        let (uplink, start) = (Uplink::default(), Instant::now());
        assert_eq!(uplink.note(false, start), Some(1));
        for second in 1..60 {
            assert_eq!(uplink.note(second % 2 == 0, start + Duration::from_secs(second)), None);
        }
        assert_eq!(uplink.note(true, start + TOLD_PERIOD), Some(60));
        assert_eq!(uplink.note(true, start + TOLD_PERIOD), None);
        assert_eq!((uplink.refused(), uplink.redirected()), (31, 31));
    }
}
