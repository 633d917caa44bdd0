//! Live streams to sound, whatever they change to on the way. Used inside the decoder process only.
//!
//! A stream is a row of *segments*: what it begins with is found out by its bytes, decoded until it
//! changes, ends or is damaged, and then found out again at that byte.
//!
//! - `row`: the row. It alone reads, through `input`, which keeps what has not been taken.
//! - [`probe`]: what some bytes begin with.
//! - `segment`: what all kinds of segments have in common: they look at the bytes that are there, say
//!   how many they take, and put out sound, silence in place of what is damaged, and titles.
//! - `elementary`: MPEG audio and AAC in ADTS. [`ogg`]: Vorbis, FLAC and Opus in Ogg. `flac`, with
//!   `flac_frame`, and `wav`: files one after the other.
//! - `passage`: what goes to FFmpeg instead.
//! - [`head`]: what another process must read before it can go on.
//! - `codec`: the decoders of packets.
//! - [`joiner`]: sound at any rate to 48 kHz, faded where it breaks off.

mod codec;
mod elementary;
mod flac;
mod flac_frame;
pub mod head;
mod input;
pub mod joiner;
pub mod ogg;
mod passage;
pub mod probe;
mod row;
mod segment;
mod wav;

pub use head::Head;
pub use passage::Passage;
pub use row::{Options, Passed, Stream};
pub use segment::Event;
