//! The encoder of each output: ticks of PCM in, numbered frames out, whatever happens to the processes in between
//! (SPEC ENC).
//!
//! # Layout, in the order in which a tick passes
//!
//! - [`manager`]: owns everything below, and the frame buffer (ENC-1, ENC-2).
//! - [`feed`]: the way in, from the pump's thread.
//! - [`history`]: the last ticks of PCM, which are also every process's queue.
//! - [`driver`]: moves bytes and does what the supervisor says; [`thread`] waits for it.
//! - [`replay`]: where a new process joins the stream. [`hunt`]: how the tick is found that kills them.
//! - [`process`]: one encoder process, fed and drained through [`child`], its bytes cut by [`framing`]; [`system`] has the real
//!   ones, which [`crate::child_process`] starts.
//! - [`join`]: what a process leaves out that gets too little of the processor.
//! - [`delivery`]: which of several processes is heard; [`ledger`]: what has been delivered, and its hashes.
//! - [`silence`]: what is sent when no encoder has anything.
//! - [`agreement`]: whether the built-in encoder gives the bytes of the one it stands in for.
//! - [`commands`], [`mod@format`], [`news`], [`status`]: what is configured, what is told, what is shown.

mod agreement;
mod child;
mod commands;
mod delivery;
mod driver;
mod feed;
mod format;
mod framing;
mod history;
mod hunt;
mod join;
mod ledger;
mod manager;
mod news;
mod past;
mod process;
mod replay;
mod silence;
#[cfg(test)]
mod simulation;
mod status;
mod system;
pub(crate) mod thread;

pub use commands::{ConfigError, EncoderConfig, Program, is_installed};
pub use feed::PcmFeed;
pub use format::Format;
pub use history::HISTORY_TICKS;
pub use manager::EncoderManager;
pub use news::EncoderNews;
pub use past::{Past, PastChange};
pub use radio_signal::supervisor::{Change as StateChange, Reason, Role, Settings as Supervision, State};
pub use silence::SilentFrames;
pub use status::{Agreement, EncoderStatus, ProcessStatus, ReplayReport};
