//! What is true of audio in time.
//!
//! The law of this crate: no I/O, no clock, no threads, no `unsafe`. Whatever has a state takes the time as a
//! parameter, so everything here can be stepped by hand.
//!
//! # Layout, in the order of the signal path (a module uses only those above it)
//!
//! - [`units`], [`pcm`]: the tick, the serial, one frame of PCM.
//! - [`grid`]: how the frames of a codec lie on the ticks.
//! - [`ingest`]: bytes to frames; each producer's buffer; clock drift.
//! - [`fallback`], [`router`]: what is on air, and the crossfade between two answers.
//! - [`titles`]: which title is heard at which tick.
//! - [`pump`]: when each tick is due.
//! - [`supervisor`]: when an encoder process is started, given up, replaced.
//! - [`poison`]: which tick of PCM kills them.
//! - [`mpeg`], [`ogg`]: bytes of an encoder to whole frames, and Opus packets to pages.
//! - [`frame_ring`]: numbered frames, written once.
//! - [`release`]: when a frame goes to the listeners.
//! - [`loudness`]: how loud it is, after EBU R 128.
//! - [`likeness`]: whether what is heard is what should be.
//! - [`alarm`]: when something that is wrong becomes an alarm.
//! - [`congestion`]: whether listeners lag because of the uplink that they share.
//! - [`pressure`]: whether the machine is too busy for the encoders.
#![forbid(unsafe_code)]

pub mod alarm;
pub mod congestion;
pub mod fallback;
pub mod frame_ring;
pub mod grid;
pub mod ingest;
pub mod likeness;
pub mod loudness;
pub mod mpeg;
pub mod ogg;
pub mod pcm;
pub mod poison;
pub mod pressure;
pub mod pump;
pub mod release;
pub mod router;
pub mod supervisor;
pub mod titles;
pub mod units;
