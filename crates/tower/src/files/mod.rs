//! Audio files: decoding, folders, the player that turns them into a source (SPEC FALL-3).
//!
//! # Layout, in the order in which a sample passes
//!
//! - [`playlist`]: files and folders to one round of paths.
//! - `reader`: one file, by symphonia; `packets`: to stereo at its own rate; `downmix` folds its channels.
//! - [`convert`]: any rate to 48 kHz and 16 bits, across file boundaries.
//! - [`decode`]: the two together, and what can go wrong with a file.
//! - [`programme`]: one file after the other, without a sample between them.
//! - [`player`]: the thread that keeps an input buffer full, by a decoder process; `opener`: the one that opens its files;
//!   `handle`: what the rest of the tower sees of it.

pub mod convert;
pub mod decode;
mod downmix;
mod handle;
mod opener;
pub(crate) mod packets;
pub mod player;
pub mod playlist;
pub mod programme;
mod reader;

pub use decode::{DecodeError, Decoder, TrackInfo};
pub use handle::{NowPlaying, PlayerHandle, PlayerSettings};
pub use player::Player;
pub use playlist::Playlist;
pub use programme::{Programme, Step};
