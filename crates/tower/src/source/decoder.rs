//! What is told of the decoder of a stream.

use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, PoisonError};

/// What a decoder counts, for anyone.
#[derive(Debug, Default)]
pub struct DecoderFigures {
    /// What is decoded now.
    pub sound: Sound,
    /// Packets that could not be decoded.
    pub bad_packets: AtomicU64,
    /// Times that the container was looked for anew, or that another child went on.
    pub resyncs: AtomicU64,
    /// The child that decodes; 0 if there is none.
    pub child_pid: AtomicU32,
}

/// The codec and the rate in Hz of what is decoded, once there is audio.
#[derive(Debug, Default)]
pub struct Sound(Mutex<Option<(&'static str, u32)>>);

impl Sound {
    /// From now on it is this.
    pub fn set(&self, codec: &'static str, rate_hz: u32) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((codec, rate_hz));
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> Option<(&'static str, u32)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// There is no more of it.
    Over,
    /// There was never anything in it that could be read; why.
    Unreadable(String),
    /// There was audio, and then nothing more that could be read; why.
    Damaged(String),
    /// Nobody wants more of it.
    Unwanted,
}
