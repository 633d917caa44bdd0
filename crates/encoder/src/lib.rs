//! The encoder of each output: ticks of PCM in, numbered frames out, whatever happens to the processes in between
//! (SPEC ENC).
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! What is configured and shown:
//!
//! - [`mod@format`]: the codec of an output, and why one cannot be made.
//! - [`status`]: what is shown; [`news`]: what is told; [`past`]: what became of it lately.
//! - [`replay`]: where a new process joins the stream. [`commands`]: what is run for an output.
//!
//! One tick of PCM to one frame:
//!
//! - [`history`]: the last ticks of PCM, which are also every process's queue.
//! - [`ledger`]: what has been delivered, and its hashes. [`delivery`]: which of several processes is heard.
//! - [`child`]: what is asked of the system; [`system`]: the real answers, by [`radio_base::child_process`].
//! - [`feed`]: the way in, from the pump's thread.
//! - [`framing`]: an encoder's bytes to frames. [`silence`]: what is sent when no encoder has anything.
//! - [`hunt`]: how the tick is found that kills processes.
//! - [`process`]: one encoder process, fed and drained.
//! - [`driver`]: moves bytes and does what the supervisor says. [`join`]: what a process leaves out that gets too little
//!   of the processor.
//! - [`agreement`]: whether the built-in encoder gives the bytes of the one that it stands in for.
//! - [`thread`]: waits for the driver. [`manager`]: owns everything above, and the frame buffer (ENC-1, ENC-2).
//!
//! `simulation` runs the driver on virtual time among processes that do everything wrong.

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
mod thread;

pub use commands::{EncoderConfig, Program, is_installed};
pub use feed::PcmFeed;
pub use format::{ConfigError, Format};
pub use history::HISTORY_TICKS;
pub use manager::EncoderManager;
pub use news::EncoderNews;
pub use past::{Past, PastChange};
pub use radio_signal::supervisor::{Change as StateChange, Reason, Role, Settings as Supervision, State};
pub use silence::SilentFrames;
pub use status::{Agreement, EncoderStatus, ProcessStatus, ReplayReport};
pub use thread::request_encoder_priority;
