//! MPEG audio framing (SPEC MPEG-1 to MPEG-3): an encoder's bytes in any chunking to whole frames of Layer III or AAC.
//!
//! - [`header`]: the 32 bits that open a frame of Layer III.
//! - [`adts`]: the 56 bits that open one of AAC.
//! - [`tags`]: what lies between the frames of real streams and is not audio.
//! - [`packetizer`]: the frames themselves.
//! - [`elementary`], [`splitter`]: any layer and AAC, as a source sends them, which may change from any frame on.

pub mod adts;
pub mod elementary;
pub mod header;
pub mod packetizer;
pub mod splitter;
pub mod tags;

pub use adts::AdtsHeader;
pub use header::FrameHeader;
pub use packetizer::{Frame, Framer, Header, Packetizer};
