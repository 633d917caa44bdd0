//! Thousands of listeners in one thread, each byte of each of them checked.
//!
//! Nothing here uses the code of the tower. What one listener was sent is compared with what all others were sent,
//! frame by frame: [`table`] keeps each frame as the first listener saw it, [`chain`] holds every other one against it.
//!
//! # Layout (a module uses only those above it)
//!
//! - [`frame`]: headers, and a synthetic stream whose frames carry their number.
//! - [`bare`], [`source`]: a server that only sends, and a source client for Icecast.
//! - [`table`], [`chain`], [`icy`]: what a listener was sent, and whether it is what the others were sent.
//! - [`plan`]: how many listeners of which kinds, when they come and go.
//! - [`listener`], [`watch`]: one listener; what the server's process costs.
//! - [`generator`]: all listeners around one epoll.
//! - [`report`], [`run`]: the figures of one run.

pub mod bare;
pub mod chain;
pub mod frame;
pub mod generator;
pub mod icy;
pub mod listener;
pub mod plan;
pub mod report;
pub mod run;
pub mod source;
pub mod table;
pub mod watch;
