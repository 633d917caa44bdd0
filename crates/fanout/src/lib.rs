//! One writer, one ring, many sockets.
//!
//! A mount is a stream of numbered frames of any size. Its one [`Publisher`] writes them into a ring that never blocks;
//! a few shard threads own the listeners' sockets and send each listener what it has not had yet, a period at a time.
//! The crate knows bytes, frame boundaries and sockets; it knows nothing of radio.
//!
//! ```text
//! Publisher --> ring of bytes + index of frames <-- shard threads --> sockets
//!    pump           one copy for all                slots of time       one record each
//! ```
//!
//! Time is the tick number handed to [`Ticker::tick`]: no thread here reads a clock while on air, so tests step time by hand.
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! Everything that decides which byte a listener gets next lies in memory given to the crate, so that another process can
//! go on with it:
//!
//! - `sync`: atomics, which tests replace by those of loom.
//! - `memory`: the words of a [`Memory`].
//! - `lag`: the policy for listeners that fall behind, a pure state machine (SPEC LIS-4). `asides`: rests of lost frames.
//! - [`ring`]: the byte ring and its frame index, lock-free and in safe Rust. `titles`: a ring of titles.
//! - [`record`]: a listener's 64 bytes, and its place as a pure function of them and of the bytes written.
//! - `config`: settings, checked. `layout`: what lies where in memory.
//!
//! What this process does with it:
//!
//! - `mount`: a ring with a name: [`Mount`] for readers, [`Publisher`] for the writer, and where a listener starts.
//!   `mounts`: those that are open.
//! - `figures`: what can be counted.
//! - `agents`, `guests`: what a listener's request told. `seats`: how many listeners there may be.
//! - `scratch`: the copy of the stream that slot-mates share. `serve`: sending one listener what it lacks.
//! - `slots`: which listeners are served at which tick (SPEC LIS-3). `socket`: options and calls.
//! - `shared`: what all threads share; `listener`: what a shard knows of each; `shard`: the thread around them.
//! - `fanout`: [`Fanout::start`], [`Fanout::admit`], [`Fanout::shutdown`].
//! - `changes`: mounts, limits and listeners to end, while listeners are there. `listing`: the listeners, read from the
//!   records, without a word to the shards. `survive`: listeners of a fan-out before this one.

mod agents;
mod asides;
mod changes;
mod config;
mod fanout;
mod figures;
mod guests;
mod lag;
mod layout;
mod listener;
mod listing;
mod memory;
mod mount;
mod mounts;
pub mod record;
pub mod ring;
mod scratch;
mod seats;
mod serve;
mod shard;
mod shared;
mod slots;
mod socket;
mod survive;
mod sync;
mod titles;

pub use asides::FRAME_BYTES_MAX;
pub use config::{FanoutConfig, MountConfig};
pub use fanout::{Fanout, Refused, Survivor, Ticker};
pub use figures::{
    LAG_FRAMES, Laggard, ListenerId, ListenerPage, ListenerRow, MountFigures, PageCursor, Rate, Snapshot, Totals,
};
pub use guests::ListenerMeta;
pub use memory::Memory;
pub use mount::{Mount, PublishError, Publisher, Start, StartAt, TitlePublisher};
pub use seats::RefusedReason;
pub use shared::Hooks;
