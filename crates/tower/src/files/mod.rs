//! Audio files: decoding, folders, the player that turns them into a source (SPEC FALL-3).
//!
//! # Layout, in the order in which a sample passes
//!
//! - [`playlist`]: files and folders to one round of paths.
//! - `reader`: one file, by symphonia; `packets`: to stereo at its own rate; `downmix` folds its channels.
//! - [`convert`]: any rate to 48 kHz and 16 bits, across file boundaries.
//! - [`decode`]: the two together, and what can go wrong with a file.
//! - [`programme`]: one file after the other, without a sample between them.
//! - [`player`]: the thread that keeps an input buffer full.

pub mod convert;
pub mod decode;
mod downmix;
pub(crate) mod packets;
pub mod player;
pub mod playlist;
pub mod programme;
mod reader;

pub use decode::{DecodeError, Decoder, TrackInfo};
pub use player::{NowPlaying, Player, PlayerHandle};
pub use playlist::Playlist;
pub use programme::{Programme, Step};
