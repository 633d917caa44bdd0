//! The title timeline of a mount: blobs that listeners who asked find between the frames, each from the frame on to
//! which it belongs (SPEC LIS-3).
//!
//! It is a ring like that of the frames: a title's number is its version, its bytes are its frame and its block. What
//! the blob means is none of this crate's business; it only gives it the form that players parse: a length byte L and
//! 16 * L bytes.

use crate::ring::{RingReader, RingSize, RingWriter};

/// Titles and bytes kept. A title each 100 ms for a whole minute fits.
pub(crate) const SIZE: RingSize = RingSize::new(128 * 1024, 1024);
/// Version of the first title; 0 is none.
pub(crate) const FIRST: u64 = 1;
/// Unit of a block's length.
const UNIT: usize = 16;
/// Bytes of a blob at most.
pub(crate) const BLOB_BYTES_MAX: usize = 255 * UNIT;
/// Bytes of the frame number before a block.
const FRAME: usize = size_of::<u64>();

/// The writing end.
pub(crate) struct TitleWriter {
    ring: RingWriter,
    /// The frame of the newest title: frames do not go back.
    frame: u64,
    /// Frame and block of the title being written.
    entry: Box<[u8; FRAME + 1 + BLOB_BYTES_MAX]>,
}

impl TitleWriter {
    pub(crate) fn new(ring: RingWriter, reader: &Titles) -> Self {
        let mut entry = Vec::new();
        let frame = reader.frame_of(ring.next().wrapping_sub(1), &mut entry).unwrap_or(0);
        Self { ring, frame, entry: Box::new([0; FRAME + 1 + BLOB_BYTES_MAX]) }
    }

    /// From `frame` on this is the title. Says whether the blob is short enough. Neither blocks nor allocates.
    pub(crate) fn set(&mut self, frame: u64, blob: &[u8]) -> bool {
        if blob.len() > BLOB_BYTES_MAX {
            return false;
        }
        self.frame = frame.max(self.frame);
        let units = blob.len().div_ceil(UNIT);
        let end = FRAME + 1 + units * UNIT;
        self.entry[..FRAME].copy_from_slice(&self.frame.to_le_bytes());
        self.entry[FRAME] = units as u8;
        self.entry[FRAME + 1..][..blob.len()].copy_from_slice(blob);
        self.entry[FRAME + 1 + blob.len()..end].fill(0);
        self.ring.push(&self.entry[..end]).is_ok()
    }
}

/// A reading end.
#[derive(Clone)]
pub(crate) struct Titles(pub RingReader);

impl Titles {
    /// The version in force at `frame`, 0 if none is known. `scratch` holds its entry afterwards.
    pub(crate) fn version_at(&self, frame: u64, scratch: &mut Vec<u8>) -> u64 {
        let there = self.0.frames();
        let mut is_in_force = |version| self.frame_of(version, scratch).is_some_and(|from| from <= frame);
        // The newest is nearly always the one; then half by half, as their frames do not go back.
        let (mut low, mut high) = (there.start, there.end);
        let mut middle = there.end.saturating_sub(1);
        while low < high {
            if is_in_force(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
            middle = low + (high - low) / 2;
        }
        if low > there.start { low - 1 } else { 0 }
    }

    /// The block of `version` as it is sent, length byte first; `None` if it is no longer there.
    pub(crate) fn block<'a>(&self, version: u64, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        self.frame_of(version, scratch)?;
        scratch.get(FRAME..)
    }

    fn frame_of(&self, version: u64, scratch: &mut Vec<u8>) -> Option<u64> {
        scratch.clear();
        if version == 0 {
            return None;
        }
        let (from, to) = (self.0.position(version).ok()?, self.0.position(version + 1).ok()?);
        self.0.copy(from..to, scratch).ok()?;
        Some(u64::from_le_bytes(scratch.get(..FRAME)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::ring;

    fn timeline() -> (TitleWriter, Titles) {
        let (writer, reader) = ring(SIZE, FIRST);
        let titles = Titles(reader);
        (TitleWriter::new(writer, &titles), titles)
    }

    #[test]
    fn a_title_is_in_force_from_its_frame_until_the_next_ones() {
        let (mut writer, titles) = timeline();
        let mut scratch = Vec::new();
        assert_eq!(titles.version_at(1000, &mut scratch), 0);
        for n in 0..5000u64 {
            assert!(writer.set(10 * n, format!("title {n}").as_bytes()));
        }
        let oldest = titles.0.frames().start;
        assert!(oldest > 3000);
        for frame in [10 * oldest, 49_000, 49_989, 49_990, 60_000] {
            let version = titles.version_at(frame, &mut scratch);
            assert_eq!(version, (frame / 10).min(4999) + 1);
            let block = titles.block(version, &mut scratch).unwrap();
            assert_eq!(block.len(), 1 + 16 * usize::from(block[0]));
            assert!(block[1..].starts_with(format!("title {}", version - 1).as_bytes()));
        }
        assert_eq!(titles.version_at(5, &mut scratch), 0, "it is no longer known");
    }

    #[test]
    fn blocks_are_padded_and_a_blob_has_a_limit() {
        let (mut writer, titles) = timeline();
        assert!(writer.set(0, &[b'x'; 40]));
        assert!(writer.set(0, &[b'x'; BLOB_BYTES_MAX]));
        assert!(!writer.set(0, &[b'x'; BLOB_BYTES_MAX + 1]));
        assert!(writer.set(0, &[]));
        let mut scratch = Vec::new();
        let block = titles.block(1, &mut scratch).unwrap();
        assert_eq!((block[0], block.len(), &block[41..]), (3, 49, &[0; 8][..]));
        assert_eq!(titles.block(2, &mut scratch).unwrap().len(), 1 + BLOB_BYTES_MAX);
        assert_eq!(titles.block(3, &mut scratch), Some(&[0][..]));
        assert_eq!(titles.block(4, &mut scratch), None);
    }

    #[test]
    fn a_title_for_the_past_counts_from_the_newest_titles_frame() {
        let (mut writer, titles) = timeline();
        assert!(writer.set(100, b"a") && writer.set(50, b"b"));
        let mut scratch = Vec::new();
        assert_eq!((titles.version_at(99, &mut scratch), titles.version_at(100, &mut scratch)), (0, 2));
    }
}
