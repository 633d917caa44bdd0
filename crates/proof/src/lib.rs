//! Ears for the tests: start a real tower, feed it, listen to it, decode what came, and measure it.
//!
//! What the end-to-end tests, the long acceptance run and the benchmarks share. Nothing here uses the tower's own
//! code: an independent judge reads frame headers, splits streams and counts samples by itself. Everything that cannot
//! be done panics with a message that says what was waited for, because that is what a test needs.
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! - [`alarm`]: every wait has a deadline. [`exclusive`]: locks between test processes.
//! - [`chance`]: when something happens. [`clock`]: whether numbered things arrived at exactly one per 24 ms.
//! - [`mp3`], [`offline`], [`measure`]: decode, encode, compare.
//! - [`machine`]: how busy it was meanwhile. [`punctuality`]: judges a bound that depends on that; [`bare_loop`]: how
//!   punctual the machine was.
//! - [`http`], [`listener`], [`monitor`]: the three ways to hear something from a tower. [`tls`]: a certificate and a
//!   client that trusts it. [`icy`]: titles between the audio. [`websocket`]: the station's events.
//! - [`process`], [`tower`]: a tower in its own temporary directory, its children, its figures.
//! - [`station`], [`material`]: what it is fed, and how. [`hung_disk`]: a disk that does not answer.
//! - [`changes`]: what came on air, and how. [`requests`], [`desks`]: a crowd that asks, and for what.
//! - [`browser`]: how its pages look. [`tools`]: what others have to say of its pages and its API. [`mod@unit`]: the sandbox
//!   of its systemd unit.
//! - [`frames`], [`numbered`]: the received bytes as a strict chain of frames, against a reference.
//! - [`codecs`]: the same for frames that are not a tick long.
//! - [`judge`], [`witness`], [`report`]: the verdict on a stream, what follows a tower from frame 0, and what is written down.
//! - [`overload`]: busy programs beside a stream, and what a listener lacks of it.

pub mod alarm;
pub mod bare_loop;
pub mod browser;
pub mod chance;
pub mod changes;
pub mod clock;
pub mod codecs;
pub mod desks;
pub mod exclusive;
pub mod frames;
pub mod http;
pub mod hung_disk;
pub mod icy;
pub mod judge;
pub mod listener;
pub mod machine;
pub mod material;
pub mod measure;
pub mod monitor;
pub mod mp3;
pub mod numbered;
pub mod offline;
pub mod overload;
pub mod process;
pub mod punctuality;
pub mod report;
pub mod requests;
pub mod station;
pub mod tls;
pub mod tools;
pub mod tower;
pub mod unit;
pub mod websocket;
pub mod witness;

/// Samples per channel in one tick and in one MP3 frame.
pub const TICK_SAMPLES: usize = 1152;

/// Bytes of one tick of 16-bit stereo PCM.
pub const TICK_BYTES: usize = TICK_SAMPLES * 4;

/// Bytes of one frame of 128 kbit/s.
pub const FRAME_BYTES: usize = 384;

/// Length of one tick in nanoseconds.
pub const TICK_NS: i64 = 24_000_000;

/// Decoded MP3 frame `i` holds the PCM that begins this many samples before sample `1152 * i` (SPEC SIG-4).
pub const CODEC_DELAY_SAMPLES: usize = 1105;
