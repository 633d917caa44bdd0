//! Audio files: decoding, folders, the player that turns them into a source (SPEC FALL-3).
//!
//! # Layout, in the order in which a sample passes
//!
//! - [`playlist`]: files, folders and lists to one round of files; [`folder`] walks folders, `list`
//!   reads lists.
//! - [`tags`]: what a file says about itself, by `id3`, `ape`, `comments` and symphonia.
//! - `container`: what reads a file's packets; `reader`: one file, by it, `cut` to what is heard; `packets`: to stereo at its own rate; `downmix` folds its channels.
//! - [`convert`]: any rate to 48 kHz and 16 bits, across file boundaries.
//! - [`decode`]: the two together, and what can go wrong with a file.
//! - [`programme`]: one file after the other, without a sample between them.
//! - [`player`]: the thread that keeps an input buffer full, by a decoder process; `opener`: the one that opens its files (`open`), some held in memory (`shelf`);
//!   `warnings`: what it says of them once;
//!   [`rounds`] keeps where it is across restarts; `handle`: what the rest of the tower sees of it.
//! - `output`: from the decoder to the buffer; [`join`] crossfades songs, `succession` says how each
//!   is joined, [`songs`] knows which one is on air.
//! - [`mastering`]: which songs belong together, and how loud tags say they are.
//! - [`levels`]: how loud songs are and how silent at their ends, each measured once by [`measure`].
//! - [`media`]: whether what is configured is there.

pub mod folder;
mod handle;
pub mod join;
pub mod levels;
mod list;
pub mod measure;
pub mod media;
mod open;
mod opener;
mod output;
pub mod player;
pub mod playlist;
pub mod programme;
pub mod rounds;
mod shelf;
pub mod songs;
mod succession;
mod warnings;

pub use handle::{Backing, NowPlaying, PlayerHandle, PlayerSettings};
pub use levels::Levels;
pub use media::MediaBoard;
pub use player::Player;
pub use playlist::{Item, Place, Playlist, Round};
pub use programme::{Programme, Step};
pub use rounds::Rounds;
