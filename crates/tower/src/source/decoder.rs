//! What is told of the decoder of a stream.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// What a decoder counts, for anyone.
#[derive(Debug, Default)]
pub struct DecoderFigures {
    /// The codec and its rate, once there is audio.
    pub sound: OnceLock<(&'static str, u32)>,
    /// Packets that could not be decoded.
    pub bad_packets: AtomicU64,
    /// Times that the container was looked for anew, or that another child went on.
    pub resyncs: AtomicU64,
    /// The child that decodes; 0 if there is none.
    pub child_pid: AtomicU32,
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
