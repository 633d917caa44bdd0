//! The front door: streams, API, page (SPEC API, LIS).
//!
//! - [`front_door`]: whose connection is it? - [`head`], [`auth`], [`routes`] help it decide.
//! - [`stream`]: mounts and monitor; their sockets leave for the fan-out engine.
//! - [`api`], [`page`]: everything else.

pub mod api;
pub mod auth;
pub mod front_door;
pub mod head;
pub mod page;
mod rewind;
pub mod routes;
pub mod stream;
