//! PCM from a socket to a buffer that the router reads (SPEC IN).
//!
//! - [`names`]: what the inputs are called.
//! - [`socket`]: the path's owner; it stays there, and is left clean.
//! - [`producer`]: one connection, from bytes to its own buffer.
//! - [`registry`]: the producers that are connected, and the ring on which new buffers reach the pump.
//! - [`running`]: inputs that the tower runs itself, by name.
//!
//! Used by `source`, `feeds`, `playout` and `pump`. It knows PCM alone: neither formats nor
//! requests.

pub mod names;
pub mod producer;
pub mod registry;
pub mod running;
pub mod socket;

pub use registry::{Inputs, Newcomer};
pub use running::{RunningInput, RunningInputs};
pub use socket::{Acceptor, PcmSocket};
