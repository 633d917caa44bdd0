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
//! # Layout
//!
//! - [`ring`]: the byte ring and its frame index, lock-free and in safe Rust.
//! - `mount`: a ring with a name: [`Mount`] for readers, [`Publisher`] for the writer, and where a listener starts.
//! - `lag`: the policy for listeners that fall behind, a pure state machine (SPEC LIS-4).
//! - `listener`: one listener's record and the sending of what it lacks.
//! - `slots`: which listeners are served at which tick (SPEC LIS-3).
//! - `shard`: the thread around them. `socket`: options and calls. `figures`: what can be counted.
//! - `fanout`: the door: [`Fanout::start`], [`Fanout::admit`], [`Fanout::shutdown`].

mod agents;
mod config;
mod fanout;
mod figures;
mod lag;
mod listener;
mod mount;
pub mod ring;
mod scratch;
mod shard;
mod shared;
mod slots;
mod socket;
mod sync;

pub use config::{FanoutConfig, MountConfig};
pub use fanout::{Fanout, ListenerMeta, Refused, RefusedReason, Ticker};
pub use figures::{ListenerId, ListenerPage, ListenerRow, MountFigures, PageCursor, Snapshot, Totals};
pub use mount::{Mount, PublishError, Publisher, Start, StartAt};
