//! The program `tower`: what the crates below it make of sound, joined into one transmitter, and the world around it.
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! - [`logging`]: the log.
//!
//! The signal path, in the order in which sound passes ([`radio_decode`] before it, [`radio_encoder`] within it):
//!
//! - [`files`]: files that are played. [`ingest`]: PCM of producers, and the buffers of all inputs.
//! - [`broadcast`]: frames to listeners, when they are due.
//! - [`pump`]: the clock; asks the router what is on air.
//! - [`titles`]: which title is heard with which sound.
//!
//! The control plane, from what a request is to what it does:
//!
//! - [`request`], [`auth`]: what is asked, and who asks.
//! - [`source`]: the mounts of DJ software.
//! - [`tls`], [`webhook`], [`station_events`]: TLS; who elsewhere is told what happens; what the station says.
//! - [`setup`]: what the configuration makes of a tower; a reload replaces it whole.
//! - [`ear`]: decodes and measures what is sent.
//! - [`process`], [`desk`], [`recent`], [`uplink`]: open files and systemd; what an operator wants; the last ten minutes;
//!   the limit of the uplink.
//! - [`state`]: a running tower, as all of the following share it.
//! - [`alarms`]: the thread that listens to what is sent, and raises alarms.
//! - [`playout`]: players and outputs that come and go. [`feeds`]: inputs that the tower runs itself.
//! - [`reload`]: another configuration while the tower is on air.
//! - [`metrics`], [`status`]: how the tower is, for Prometheus and for people.
//! - [`http`]: answers to requests.
//! - [`serve`]: joins all of it into one tower.
//! - [`cli`]: the command line.

pub mod alarms;
pub mod auth;
pub mod broadcast;
pub mod cli;
pub mod desk;
pub mod ear;
pub mod feeds;
pub mod files;
pub mod http;
pub mod ingest;
pub mod logging;
pub mod metrics;
pub mod playout;
pub mod process;
pub mod pump;
pub mod recent;
pub mod reload;
pub mod request;
pub mod serve;
pub mod setup;
pub mod source;
pub mod state;
pub mod station_events;
pub mod status;
pub mod titles;
pub mod tls;
pub mod uplink;
pub mod webhook;
