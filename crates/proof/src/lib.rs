//! Ears for the tests: start a real tower, feed it, listen to it, decode what came, and measure it.
//!
//! What the end-to-end tests, the long acceptance run and the benchmarks share. Nothing here uses the tower's own
//! code: an independent judge reads frame headers, splits streams and counts samples by itself. Everything that cannot
//! be done panics with a message that says what was waited for, because that is what a test needs.
//!
//! # Layout
//!
//! - [`alarm`]: every wait has a deadline. [`exclusive`]: locks between test processes.
//! - [`process`], [`tower`]: a tower in its own temporary directory, its children, its figures.
//! - [`http`], [`listener`], [`monitor`]: the three ways to hear something from it. [`browser`]: how it looks. [`desks`], [`requests`]: a crowd that asks, and for what. [`icy`]: titles between the audio. [`websocket`]: the station's events.
//! - [`station`], [`material`]: what it is fed, and how. [`chance`]: when something happens to it. [`changes`]: what came on air, and how.
//! - [`frames`], [`numbered`]: the received bytes as a strict chain of frames, against a reference.
//! - [`codecs`]: the same for frames that are not a tick long.
//! - [`witness`], [`judge`], [`report`]: one who follows a tower from frame 0, the verdict, and what is written down.
//! - [`machine`]: how busy it was meanwhile. [`bare_loop`]: how punctual it was.
//! - [`punctuality`]: judges a bound that depends on that.
//! - [`clock`]: whether numbered things arrived at exactly one per 24 ms.
//! - [`mp3`], [`offline`], [`measure`]: decode, encode, compare. [`tools`]: what others have to say of its pages and its API.
//! - [`overload`]: busy programs beside a stream, and what a listener lacks of it.
//! - [`tls`]: a certificate and a client that trusts it.

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
