//! Audio files and streams to PCM, in processes of their own: the process that is on air reads no foreign container.
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! - [`media`]: the formats, byte by byte. Used inside decoder processes.
//!
//! What the two sides say to each other:
//!
//! - [`settings`]: how decoder processes are started.
//! - [`wire`], [`protocol`]: numbers and texts; requests and records. `socket`, `samples`: their bytes and PCM.
//!
//! The decoder's side, `tower decode`:
//!
//! - [`sandbox`]: closes it in. `output`: what leaves it. [`requests`]: what it is told. `paged`: pages of a stream.
//! - `foreign`: the PCM that FFmpeg decodes for it. [`child`]: its main function.
//!
//! The tower's side:
//!
//! - [`supervisor`]: decides when a process is replaced, and what is given up with it.
//! - [`ffmpeg_sandbox`], [`ffmpeg`]: FFmpeg beside a decoder, closed in too.
//! - [`process`]: one decoder process; [`intake`]: its PCM and records, in order.
//! - [`mod@line`]: does what the supervisor decides. [`board`]: what alarms and `/status` know of it.
//! - [`by_hand`]: plays the tower's side for a person.

pub mod board;
pub mod by_hand;
pub mod child;
pub mod ffmpeg;
pub mod ffmpeg_sandbox;
mod foreign;
pub mod intake;
pub mod line;
pub mod media;
mod output;
mod paged;
pub mod process;
pub mod protocol;
pub mod requests;
mod samples;
pub mod sandbox;
pub mod settings;
mod socket;
pub mod supervisor;
pub mod wire;

use radio_signal::units::SAMPLE_RATE_HZ;
use supervisor::Settings;

/// Memory that a decoder process may allocate.
pub const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// The limits of a player's decoders. Its buffer holds 4.8 s, in which a process may hang twice and
/// its file go on.
pub const FILE_LIMITS: Settings = Settings {
    stall_ms: 1500,
    processor_start_ms: 2000,
    processor_per_second_ms: 700,
    strikes_max: 3,
    deaths_max: None,
    settled_samples: SAMPLE_RATE_HZ as u64,
};

/// The limits of a source's decoders. A source is live, with a fraction of a second in hand.
pub const STREAM_LIMITS: Settings = Settings {
    stall_ms: 500,
    processor_start_ms: 2000,
    processor_per_second_ms: 900,
    strikes_max: u32::MAX,
    deaths_max: Some(5),
    settled_samples: SAMPLE_RATE_HZ as u64,
};
