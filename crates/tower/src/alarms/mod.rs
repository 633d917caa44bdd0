//! The alarms: a thread listens to what the tower sends, looks at what else may be wrong, and raises
//! them (SPEC API-2).
//!
//! - [`mod@thread`]: listens five times a second. `batch`: when sound is measured; `ears`: what is
//!   known of one output between two looks.
//! - `uplink`: whether listeners lag together, and whether its limit refuses newcomers. `disk`: room
//!   on disks.
//! - `advice`: what alarms say.
//!
//! What sound is measured to be, and when an alarm is raised, is decided in [`crate::ear`].
//!
//! Started by `serve`. It reads what the audio path has done and never touches it; it does not know
//! who asks for alarms.

mod advice;
mod batch;
mod disk;
mod ears;
mod thread;
mod uplink;

pub use thread::{EarHandle, start};
