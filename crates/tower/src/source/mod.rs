//! DJ software as a source, as it connects to an Icecast server (SPEC IN-7, ROUTER-1, API-1).
//!
//! A request passes [`handshake`], which decides and does no I/O, and [`doors`], which know who is connected where. Then
//! its socket leaves for a thread of its own: [`body`] is what comes from it, without the chunks of [`chunked`];
//! [`decoder`] makes PCM of it; [`session`] puts that into the source's buffer, as `ingest/producer.rs` does for PCM.

pub mod body;
pub mod chunked;
pub mod decoder;
pub mod doors;
pub mod formats;
pub mod handshake;
pub mod session;

pub use doors::SourceDoors;
