//! The parts of a tower that a reload starts and ends while it is on air: [`outputs`], with their
//! encoders and mounts, and [`players`] of files. [`mod@skip`] skips the song of a player.
//!
//! Called by `serve`, `reload`, `feeds` and `http`. It knows nothing of requests.

pub mod outputs;
pub mod players;
pub mod skip;
