//! Ogg (RFC 3533) as far as Opus (RFC 7845) needs it, SPEC MPEG-4: packets out of an encoder's pages, and pages of our
//! own around them.
//!
//! - [`page`]: one page: its header, its checksum.
//! - [`packets`]: an encoder's bytes in any chunking to whole packets.
//! - [`opus`]: the stream that listeners get. Number, time and serial of each page follow from the tick alone, so that
//!   no restart of an encoder shows in any of them.
//! - [`paging`]: how long the pages of a source keep its sound back.

pub mod opus;
pub mod packets;
pub mod page;
pub mod paging;

pub use opus::OpusStream;
pub use packets::Packets;
pub use paging::Paging;
