//! Files that are played: folders, lists, and the player that makes a source of them (SPEC FALL-3).
//!
//! - [`playlist`]: files, folders and lists to one round of files; [`folder`] walks folders, `list` reads lists.
//! - [`rounds`]: where a round is, kept across restarts. [`mod@media`]: whether what is configured is there.
//! - `opener`: the thread that opens files (`open`), some of which are held in memory (`shelf`).
//! - [`player`]: the thread that keeps an input buffer full, by a decoder process; `handle`: what the rest of the tower
//!   sees of it; `warnings`: what it says of files once.
//! - `output`: from the decoder to the buffer; [`join`] crossfades songs, `succession` says how each is joined, [`songs`]
//!   knows which one is on air.
//! - [`levels`]: how loud songs are and how silent at their ends, each measured once by [`measure`].
//! - [`programme`]: one file after the other, without a sample between them, in this process: for `tower feed`.
//!
//! How a file is read is in [`radio_decode::media`].
//!
//! Used by `playout`. It knows nothing of other inputs, nor of what is on air.

pub mod folder;
mod handle;
mod item;
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
pub use item::Item;
pub use levels::Levels;
pub use media::MediaBoard;
pub use player::Player;
pub use playlist::{Place, Playlist, Round};
pub use programme::{Programme, Step};
pub use rounds::Rounds;
