//! The atomics of the ring: the standard ones, or loom's when a model of all interleavings is run.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

/// So many words of zero. They become memory when they are written to.
#[cfg(not(loom))]
pub(crate) fn zeros(words: usize) -> Box<[AtomicU64]> {
    bytemuck::zeroed_slice_box(words)
}

/// So many words of zero.
#[cfg(loom)]
pub(crate) fn zeros(words: usize) -> Box<[AtomicU64]> {
    (0..words).map(|_| AtomicU64::new(0)).collect()
}
