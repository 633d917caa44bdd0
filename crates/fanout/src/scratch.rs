//! A shard's one copy of the stream, which slot-mates at the same place share.

use crate::mount::Mount;
use crate::ring::{FrameRun, Overwritten};

/// Bytes copied at once at most: far more than a socket takes, far less than a whole ring.
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct Scratch {
    run: FrameRun,
    /// Mount and frames asked for last.
    held: Option<(usize, u64, u64)>,
}

impl Scratch {
    /// Frames of `mount` from `from` on, not past `end`; copied only if the last call asked for something else.
    pub fn frames(&mut self, mount: &Mount, from: u64, end: u64) -> Result<&FrameRun, Overwritten> {
        let wanted = (mount.index(), from, end);
        if self.held != Some(wanted) {
            self.held = None;
            mount.ring().copy(from..end, CHUNK_BYTES, &mut self.run)?;
            self.held = Some(wanted);
        }
        Ok(&self.run)
    }
}
