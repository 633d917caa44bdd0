//! One audio file as 16-bit stereo at 48 kHz, with what it says about itself.
//!
//! - [`decode`]: the way in, and what can go wrong with a file.
//! - `reader`: one file, by the `container` that reads its packets, `cut` to what is heard.
//! - [`tags`]: title, artist, album, cover, by `id3`, `ape`, `comments` and symphonia.
//! - [`mastering`]: which songs belong together, and how loud tags say they are.

mod ape;
mod comments;
mod container;
mod cut;
pub mod decode;
mod id3;
pub mod mastering;
mod reader;
pub mod tags;

pub use decode::{DecodeError, Decoder, TrackInfo};
