//! DJ software as a source, as it connects to an Icecast server (SPEC IN-7, ROUTER-1, API-1).
//!
//! A request passes [`handshake`], which decides and does no I/O, and [`doors`] and `holder`, which know what is connected
//! where. Sources of Shoutcast 1 come to the same. [`claim`] says what else may speak for a source. Then its socket leaves for a thread of its own: [`body`] is what comes from it, without the chunks of
//! [`chunked`]; a [`child`] makes PCM of it, fed by `feeder`, after one that died as [`repeat`] says, and
//! joined to it by a [`radio_decode::media::seam`]; [`decoder`] counts, and [`end`] says how it ended;
//! [`session`] puts that into the source's buffer, as `ingest/producer.rs` does for PCM.
//!
//! Called by `http`, and kept by `setup`. What a source has to tell goes to a `SourceHost`; it
//! knows no tower.

pub mod body;
pub mod child;
pub mod chunked;
pub mod claim;
pub mod decoder;
pub mod doors;
mod end;
mod feeder;
pub mod handshake;
mod holder;
mod host;
pub mod repeat;
pub mod session;
pub mod spec;
mod title_source;

pub use doors::SourceDoors;
pub use host::SourceHost;
