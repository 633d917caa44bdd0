//! What anyone may know of a producer's buffer (SPEC IN-6).

use super::gain::Gain;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What anyone may know of a buffer, in ticks.
#[derive(Clone, Debug)]
pub struct BufferGauge {
    pub(super) shared: Arc<Shared>,
}

/// What both ends of a buffer write and anyone reads.
#[derive(Debug)]
pub(super) struct Shared {
    pub capacity: usize,
    pub offered: AtomicU64,
    pub taken: AtomicU64,
    pub overflow: AtomicU64,
    pub stale: AtomicU64,
    pub is_silent: AtomicBool,
    /// Its bits, as those of the gain.
    pub peak: AtomicU32,
    /// The bits of its factor.
    pub gain: AtomicU32,
    pub gives_way: AtomicBool,
    pub ticks: AtomicU64,
    pub expected_lump_ticks: AtomicU32,
}

/// What the writer sees of its buffer when a frame comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferState {
    /// Ticks in the buffer.
    pub count: usize,
    /// Ticks of the tower's clock since the router took the buffer.
    pub tick: u64,
    /// Ticks taken out so far.
    pub taken: u64,
    /// Of these, ticks thrown away off air.
    pub stale: u64,
    /// Ticks dropped so far because it was full.
    pub overflow: u64,
}

impl BufferGauge {
    /// The gauge of an empty buffer.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                capacity,
                offered: AtomicU64::new(0),
                taken: AtomicU64::new(0),
                overflow: AtomicU64::new(0),
                stale: AtomicU64::new(0),
                is_silent: AtomicBool::new(false),
                peak: AtomicU32::new(0),
                gain: AtomicU32::new(Gain::UNITY.factor().to_bits()),
                gives_way: AtomicBool::new(false),
                ticks: AtomicU64::new(0),
                expected_lump_ticks: AtomicU32::new(0),
            }),
        }
    }

    /// Ticks it holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Ticks it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        // In this order, or one that is written and read in between would seem to be there still.
        let offered = self.shared.offered.load(Relaxed);
        offered.saturating_sub(self.taken()) as usize
    }

    /// All that tells of the producer's clock.
    #[must_use]
    pub fn state(&self) -> BufferState {
        BufferState {
            count: self.count(),
            tick: self.shared.ticks.load(Relaxed),
            taken: self.taken(),
            stale: self.stale_count(),
            overflow: self.overflow_count(),
        }
    }

    /// The producer's format may hold back so many ticks before they come as one lump. Off air it
    /// waits until it has as much in hand beside its pre-roll, as far as the buffer permits.
    pub fn expect_lumps(&self, ticks: u32) {
        self.shared.expected_lump_ticks.store(ticks, Relaxed);
    }

    /// Ticks that the producer's format may hold back (see [`Self::expect_lumps`]); 0: nothing is
    /// known.
    #[must_use]
    pub fn expected_lump_ticks(&self) -> u32 {
        self.shared.expected_lump_ticks.load(Relaxed)
    }

    /// Ticks ever put in: the position of the next one.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.shared.offered.load(Relaxed)
    }

    /// Ticks ever taken out, played or stale: the position of the next one to be played.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Relaxed)
    }

    /// Whether the producer counts as silent: its gate is closed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.shared.is_silent.load(Relaxed)
    }

    /// The loudest sample of what came lately, heard or not, with its gain, in dBFS; none while
    /// there was nothing but zeros.
    #[must_use]
    pub fn peak_dbfs(&self) -> Option<f32> {
        let gain = Gain::from_factor(f32::from_bits(self.shared.gain.load(Relaxed)));
        let peak = gain.of_peak(f32::from_bits(self.shared.peak.load(Relaxed)));
        (peak > 0.0).then(|| 20.0 * peak.log10())
    }

    /// Ticks dropped because it was full.
    #[must_use]
    pub fn overflow_count(&self) -> u64 {
        self.shared.overflow.load(Relaxed)
    }

    /// Ticks thrown away off air, so that nothing stale is played later.
    #[must_use]
    pub fn stale_count(&self) -> u64 {
        self.shared.stale.load(Relaxed)
    }
}
