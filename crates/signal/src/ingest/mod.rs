//! Bytes and samples to frames, and the buffer of each producer (SPEC IN).
//!
//! - [`Accumulator`]: bytes of any sizes, cut into ticks.
//! - [`input_buffer`]: one producer's bounded buffer, from its socket to the router.
//! - [`DriftController`], [`DriftResampler`]: for a producer whose clock is not the tower's.

mod accumulator;
mod buffer;
mod drift;
mod resampler;

pub use accumulator::Accumulator;
pub use buffer::{BufferGauge, BufferReader, BufferWriter, input_buffer};
pub use drift::{CORRECTION_PPM_MAX, DriftController};
pub use resampler::DriftResampler;
