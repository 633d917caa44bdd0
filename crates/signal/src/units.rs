//! The units in which the tower counts: samples, ticks, serials, nanoseconds (SPEC SIG-1 to SIG-3).

/// Rate of the tower's internal PCM, in samples per second and channel.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Channels of the internal PCM: left, right, interleaved.
pub const CHANNELS: usize = 2;

/// Samples per channel in one tick: one MPEG-1 Layer III frame at 48 kHz.
pub const TICK_SAMPLES: usize = 1152;

/// Interleaved values in one tick.
pub const TICK_VALUES: usize = TICK_SAMPLES * CHANNELS;

/// Bytes of one tick of 16-bit PCM.
pub const TICK_BYTES: usize = TICK_VALUES * 2;

/// Length of one tick in milliseconds; exact, since 1152 / 48000 s = 24 ms.
pub const TICK_MS: u64 = 24;

/// Length of one tick in nanoseconds.
pub const TICK_NS: u64 = TICK_MS * 1_000_000;

/// Number of a tick of the programme, from 0 in each life of the tower; contiguous, never repeated.
pub type Serial = u64;

/// Number of an encoded frame on its output's own codec grid. For MP3 at 48 kHz it equals the serial.
pub type FrameNumber = u64;

/// Whole ticks in `ms` milliseconds, rounded down (SPEC SIG-2).
pub const fn ticks_in_ms(ms: u64) -> u64 {
    ms / TICK_MS
}

/// Samples of each channel in `ms` milliseconds.
#[must_use]
pub const fn samples_in_ms(ms: u64) -> usize {
    (ms * SAMPLE_RATE_HZ as u64 / 1000) as usize
}

/// Whole milliseconds in `samples` of each channel, rounded down.
#[must_use]
pub const fn ms_in_samples(samples: usize) -> u64 {
    samples as u64 * 1000 / SAMPLE_RATE_HZ as u64
}

/// A point on the monotonic clock, in nanoseconds from an arbitrary origin.
///
/// State machines take time as this value instead of reading a clock, so a test can run ten years in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(pub u64);

impl MonoTime {
    /// This point moved `ms` milliseconds into the future, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        self.plus_ns(ms.saturating_mul(1_000_000))
    }

    /// This point moved `ns` nanoseconds into the future, saturating.
    #[must_use]
    pub const fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds since `earlier`; 0 if `earlier` lies in the future.
    #[must_use]
    pub const fn since_ns(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole milliseconds since `earlier`; 0 if `earlier` lies in the future.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.since_ns(earlier) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_24_ms_exactly() {
        assert_eq!(TICK_SAMPLES as u64 * 1_000_000_000, TICK_NS * u64::from(SAMPLE_RATE_HZ));
        assert_eq!(TICK_BYTES, 4608);
    }

    #[test]
    fn limits_in_ms_act_in_whole_ticks_rounded_down() {
        assert_eq!(ticks_in_ms(1500), 62);
        assert_eq!(ticks_in_ms(23), 0);
    }
}
