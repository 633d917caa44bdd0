//! Bytes and samples to frames, and the buffer of each producer (SPEC IN).
//!
//! - [`Accumulator`]: bytes of any sizes, cut into ticks.
//! - [`input_buffer`]: one producer's bounded buffer, from its socket to the router.
//! - [`SilenceGate`]: when a producer that sends nothing but silence counts as absent.
//! - [`DriftController`], [`DriftResampler`]: for a producer whose clock is not the tower's.

mod accumulator;
mod buffer;
mod drift;
mod gain;
mod gate;
mod gauge;
mod interpolator;
mod peak;
mod resampler;

pub use accumulator::Accumulator;
pub use buffer::{BufferReader, BufferWriter, input_buffer};
pub use drift::{CORRECTION_PPM_MAX, ClockMeter, DriftController};
pub use gain::{Gain, GainRamp};
pub use gate::{RETURN_TICKS, SilenceGate};
pub use gauge::{BufferGauge, BufferState};
pub use resampler::DriftResampler;
