//! The encoder of each output: ticks of PCM in, numbered frames out, whatever happens to the processes in between
//! (SPEC ENC).
//!
//! # Layout, in the order in which a tick passes
//!
//! - [`manager`]: owns everything below, and the frame buffer (ENC-1, ENC-2).
//! - [`feed`]: the way in, from the pump's thread.
//! - [`history`]: the last ticks of PCM, which are also every process's queue.
//! - [`driver`]: the thread that moves bytes and does what the supervisor says.
//! - [`replay`]: where a new process joins the stream.
//! - [`process`]: one encoder child and its pipes; [`spawn`] starts it, [`diagnostics`] keeps what it complains of.
//! - [`ledger`]: which frames have been delivered, and their hashes.
//! - [`silence`]: what is sent when no encoder has anything.
//! - [`commands`], [`status`]: what is configured, what is shown.

mod commands;
mod diagnostics;
mod driver;
mod feed;
mod history;
mod ledger;
mod manager;
mod process;
mod replay;
mod silence;
mod spawn;
mod status;

pub use commands::{ConfigError, EncoderConfig};
pub use feed::PcmFeed;
pub use history::HISTORY_TICKS;
pub use manager::EncoderManager;
pub use radio_signal::supervisor::{Change as StateChange, Reason, Settings as Supervision, State};
pub use silence::SilentFrames;
pub use status::{EncoderStatus, ReplayReport};
