//! Decoding in processes of its own: the process that is on air reads no foreign container.
//!
//! - [`child`] is the decoder, `tower decode`, closed in by [`sandbox`]; [`protocol`] (in the numbers and texts of [`wire`]) is what it says
//!   and is told, over a `socket`.
//!   What leaves it is `output`; `paged` watches a stream's pages for it.
//! - [`process`] starts one and moves its bytes (`samples`); [`intake`] puts its PCM and records in order.
//! - [`ffmpeg`] decodes for it what it cannot, as one of FFmpeg's [`demuxer`]s, closed in by
//!   [`ffmpeg_sandbox`] (`foreign` is the process's side of it); [`by_hand`] plays the tower's part for a person.
//! - [`supervisor`] decides when one is replaced and what is given up with it; [`mod@line`] does so.
//! - [`board`]: what the alarms and `/status` know of them.
//!
//! On top of them play the players of files and the sources.

pub mod board;
pub mod by_hand;
pub mod child;
pub mod ffmpeg;
pub mod ffmpeg_sandbox;
mod foreign;
pub mod intake;
pub mod line;
mod output;
mod paged;
pub mod process;
pub mod protocol;
pub mod requests;
mod samples;
pub mod sandbox;
mod socket;
pub mod supervisor;
pub mod wire;

use radio_signal::units::SAMPLE_RATE_HZ;
use supervisor::Settings;

/// Memory that a decoder process may allocate.
pub const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// The limits of a player's decoders. Its buffer holds 4.8 s, in which a process may hang twice and
/// its file go on.
pub(crate) const FILE_LIMITS: Settings = Settings {
    stall_ms: 1500,
    processor_start_ms: 2000,
    processor_per_second_ms: 700,
    strikes_max: 3,
    deaths_max: None,
    settled_samples: SAMPLE_RATE_HZ as u64,
};

/// The limits of a source's decoders. A source is live, with a fraction of a second in hand.
pub(crate) const STREAM_LIMITS: Settings = Settings {
    stall_ms: 500,
    processor_start_ms: 2000,
    processor_per_second_ms: 900,
    strikes_max: u32::MAX,
    deaths_max: Some(5),
    settled_samples: SAMPLE_RATE_HZ as u64,
};
