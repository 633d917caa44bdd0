//! The front door: streams, API, page (SPEC API, LIS).
//!
//! - [`front_door`]: whose connection is it? - [`head`], [`auth`], [`routes`] help it decide.
//! - [`request_line`]: one spelling of every target.
//! - [`waiting`]: places of connections whose request is not complete yet.
//! - [`bodies`]: what the API reads behind a head. - [`framing`]: how the body of a request ends, and
//!   whether another request may follow.
//! - [`origin`]: whose a request is that a proxy passes on; [`proxy_header`]: what a proxy writes before it.
//! - [`foreign`]: what a page of another site makes a browser ask. - [`guesses`]: who has given wrong passwords; [`pace`]:
//!   who does something too often.
//! - [`stream`]: mounts and monitor; their sockets leave for the fan-out engine.
//! - [`overflow`]: answers to listeners for which there is no room.
//! - [`admission`]: who is let in as administrator; [`login`], [`session`]: for hours at a time; [`who`]: who that was.
//! - [`actions`]: what an operator can do; [`reload`]: to the configuration. - [`past`]: what has been; [`events`]: what happens;
//!   [`places`]: places of those that follow it.
//! - [`icecast`], [`icestats`], [`shoutcast`], [`playlists`]: what programs made for other servers look for; [`address`]: links back to the tower.
//! - [`openapi`]: the API describes itself.
//! - [`now_playing`]: titles; [`sender`]: whose each is.
//! - [`api`], [`page`]: everything else.

pub mod actions;
pub mod address;
pub mod admission;
pub mod api;
pub mod auth;
pub mod bodies;
pub mod events;
pub mod foreign;
pub mod framing;
pub mod front_door;
pub mod guesses;
pub mod head;
pub mod icecast;
pub mod icestats;
pub mod login;
pub mod now_playing;
pub mod openapi;
pub mod origin;
pub mod overflow;
pub mod pace;
pub mod page;
pub mod parameters;
pub mod past;
pub mod places;
pub mod playlists;
pub mod proxy_header;
pub mod query;
pub mod reload;
pub mod request_line;
mod rewind;
pub mod routes;
pub mod sender;
pub mod session;
pub mod shoutcast;
pub mod station;
pub mod stream;
pub mod waiting;
pub mod who;
