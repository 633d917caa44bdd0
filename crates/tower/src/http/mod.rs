//! The front door: streams, API, page (SPEC API, LIS).
//!
//! - [`front_door`]: whose connection is it? - [`head`], [`auth`], [`routes`] help it decide.
//! - [`guesses`]: who has given wrong passwords.
//! - [`stream`]: mounts and monitor; their sockets leave for the fan-out engine.
//! - [`who`]: who has been let in. - [`actions`]: what an operator can do. - [`past`]: what has been.
//! - [`api`], [`now_playing`], [`page`]: everything else.

pub mod actions;
pub mod api;
pub mod auth;
pub mod front_door;
pub mod guesses;
pub mod head;
pub mod now_playing;
pub mod page;
pub mod past;
pub mod query;
mod rewind;
pub mod routes;
pub mod stream;
pub mod who;
