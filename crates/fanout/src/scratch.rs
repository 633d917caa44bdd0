//! A shard's one copy of the stream, which slot-mates at the same place share.

use std::ops::Range;

use crate::mount::Mount;
use crate::ring::Overwritten;

/// Bytes copied at once at most: far more than a socket takes, far less than a whole ring.
const CHUNK_BYTES: u64 = 256 * 1024;

#[derive(Default)]
pub(crate) struct Scratch {
    audio: Vec<u8>,
    /// Mount and positions that `audio` is of.
    held: Option<(usize, Range<u64>)>,
    block: Vec<u8>,
    /// Mount, version and length that `block` is of.
    held_block: Option<(usize, u64, u64)>,
    /// Whatever is needed for a moment.
    pub spare: Vec<u8>,
}

impl Scratch {
    /// Has bytes of `mount` at hand for [`Scratch::audio`]; copies them only if they are not held.
    pub(crate) fn prepare_audio(&mut self, mount: &Mount, position: u64, bytes: u64) -> Result<(), Overwritten> {
        let end = position + bytes.min(CHUNK_BYTES);
        let is_held =
            |(of, held): &(usize, Range<u64>)| *of == mount.index() && held.start <= position && end <= held.end;
        if self.held.as_ref().is_some_and(is_held) {
            return Ok(());
        }
        self.held = None;
        self.audio.clear();
        mount.ring().copy(position..end, &mut self.audio)?;
        self.held = Some((mount.index(), position..end));
        Ok(())
    }

    /// At most `bytes` bytes from `position` on, which have been prepared.
    pub(crate) fn audio(&self, position: u64, bytes: u64) -> &[u8] {
        let offset = self.held.as_ref().map_or(0, |(_, held)| (position - held.start) as usize);
        let there = self.audio.get(offset..).unwrap_or_default();
        &there[..there.len().min(bytes as usize)]
    }

    /// Has the block of this version, which is so long, at hand for [`Scratch::block`].
    pub(crate) fn prepare_block(&mut self, mount: &Mount, version: u64, bytes: u64) {
        if self.held_block == Some((mount.index(), version, bytes)) {
            return;
        }
        self.held_block = Some((mount.index(), version, bytes));
        self.block.clear();
        match mount.titles().block(version, &mut self.spare) {
            Some(block) if block.len() as u64 == bytes => self.block.extend_from_slice(block),
            // One that says nothing new; or one that is gone, and zeros keep its place: players take them for no title.
            _ => {
                self.block.resize(bytes as usize, 0);
                self.block[0] = (bytes / 16) as u8;
            }
        }
    }

    /// The block that has been prepared.
    pub(crate) fn block(&self) -> &[u8] {
        &self.block
    }
}
