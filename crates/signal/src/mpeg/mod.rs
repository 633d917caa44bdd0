//! MPEG audio framing (SPEC MPEG-1 to MPEG-3): an encoder's bytes in any chunking to whole Layer III frames.
//!
//! - [`header`]: the 32 bits that open a frame.
//! - [`tags`]: what lies between the frames of real streams and is not audio.
//! - [`packetizer`]: the frames themselves.

pub mod header;
pub mod packetizer;
pub mod tags;

pub use header::FrameHeader;
pub use packetizer::{Frame, Packetizer};
