//! Answers to requests: streams, API, pages, sources (SPEC API, LIS).
//!
//! - [`front_door`]: takes connections, and gives each to what answers it; [`routes`] lists the
//!   targets. [`tls`]: the second port. [`shoutcast_source`]: the port of Shoutcast's sources.
//! - [`answer`]: what answers have in common. [`passage`]: how a connection over TLS comes inside.
//! - [`bodies`]: what the API reads behind a head; [`parameters`]: what it reads of a target.
//! - [`stream`]: mounts and monitor; their sockets leave for the fan-out engine.
//! - [`overflow`]: answers to listeners for which there is no room.
//! - [`admission`]: who is let in as administrator; [`login`]: for hours at a time.
//! - [`actions`]: what an operator can do; [`reload`]: to the configuration. - [`past`]: what has
//!   been; [`events`]: what happens; [`places`]: places of those that follow it.
//! - [`icecast`], [`icestats`], [`shoutcast`], [`playlists`]: what programs made for other servers
//!   look for; [`address`]: links back to the tower.
//! - [`openapi`]: the API describes itself.
//! - [`now_playing`]: titles; [`sender`]: whose each is.
//! - [`api`], [`page`]: everything else.
//!
//! How a request is read is in [`crate::request`], who asks in [`crate::auth`].
//!
//! Called by `serve`. It decides nothing about sound: what is on air is ordered from `desk` and
//! `playout`.

pub mod actions;
pub mod address;
pub mod admission;
pub mod answer;
pub mod api;
pub mod bodies;
pub mod events;
pub mod front_door;
pub mod icecast;
pub mod icestats;
pub mod login;
pub mod now_playing;
pub mod openapi;
pub mod overflow;
pub mod page;
pub mod parameters;
pub mod passage;
pub mod past;
pub mod places;
pub mod playlists;
pub mod reload;
pub mod routes;
pub mod sender;
pub mod shoutcast;
pub mod shoutcast_source;
pub mod station;
pub mod stream;
pub mod tls;
