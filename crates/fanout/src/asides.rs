//! What is left of a frame that is about to be overwritten while a listener is in the middle of it. It lies in the given
//! memory, since no byte may be known to this process alone.

use crate::memory::Span;
use crate::sync::{AtomicU64, Ordering};

/// Listeners for whom a rest can be kept at once; one more loses its place, and is dropped, if it is overwritten.
const ASIDES_MAX: usize = 1024;
/// Words of bytes of one aside.
const BYTES_WORDS: usize = 1024;
/// Bytes of a frame at most: a rest must fit an aside.
pub const FRAME_BYTES_MAX: usize = BYTES_WORDS * size_of::<u64>();
/// Words of all of them: owners, the positions where they end, their lengths, and the bytes.
pub(crate) const WORDS: usize = ASIDES_MAX * (3 + BYTES_WORDS);

#[derive(Clone)]
pub(crate) struct Asides(pub Span);

impl Asides {
    /// Keeps `rest`, which ends before position `end`, for the listener `id`; says whether there was room.
    pub(crate) fn keep(&self, id: u64, end: u64, rest: &[u8]) -> bool {
        if rest.len() > FRAME_BYTES_MAX {
            return false;
        }
        let claim = |owner: &AtomicU64| owner.compare_exchange(0, id, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let Some(aside) = self.owners().iter().position(claim) else {
            return false;
        };
        for (word, bytes) in self.bytes(aside).iter().zip(rest.chunks(size_of::<u64>())) {
            let mut value = [0; size_of::<u64>()];
            value[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(value), Ordering::Relaxed);
        }
        self.end(aside).store(end, Ordering::Relaxed);
        self.length(aside).store(rest.len() as u64, Ordering::Release);
        true
    }

    /// Puts what is kept for `id` from `position` on into `out`; says whether there is something.
    pub(crate) fn get(&self, id: u64, position: u64, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(aside) = self.of(id) else { return false };
        let left = self.end(aside).load(Ordering::Relaxed).wrapping_sub(position);
        let length = self.length(aside).load(Ordering::Acquire).min(FRAME_BYTES_MAX as u64);
        if left == 0 || left > length {
            return false;
        }
        let words = self.bytes(aside).iter().take(length.div_ceil(8) as usize);
        out.extend(words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()));
        out.truncate(length as usize);
        out.drain(..(length - left) as usize);
        true
    }

    /// Gives up what is kept for `id`, if anything is.
    pub(crate) fn forget(&self, id: u64) {
        if let Some(aside) = self.of(id) {
            self.length(aside).store(0, Ordering::Relaxed);
            self.owners()[aside].store(0, Ordering::Release);
        }
    }

    /// Gives up what is kept for listeners that are no longer there.
    pub(crate) fn retain(&self, is_there: impl Fn(u64) -> bool) {
        for owner in self.owners() {
            let id = owner.load(Ordering::Acquire);
            if id != 0 && !is_there(id) {
                owner.store(0, Ordering::Release);
            }
        }
    }

    fn of(&self, id: u64) -> Option<usize> {
        self.owners().iter().position(|owner| owner.load(Ordering::Acquire) == id)
    }

    fn owners(&self) -> &[AtomicU64] {
        &self.0[..ASIDES_MAX]
    }

    fn end(&self, aside: usize) -> &AtomicU64 {
        &self.0[ASIDES_MAX + aside]
    }

    fn length(&self, aside: usize) -> &AtomicU64 {
        &self.0[2 * ASIDES_MAX + aside]
    }

    fn bytes(&self, aside: usize) -> &[AtomicU64] {
        &self.0[3 * ASIDES_MAX + aside * BYTES_WORDS..][..BYTES_WORDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    #[test]
    fn a_rest_is_kept_for_its_owner_until_it_is_forgotten_and_there_is_an_end_of_room() {
        let asides = Asides(Memory::zeroed(WORDS).span(0, WORDS));
        let rest: Vec<u8> = (0..100).collect();
        for id in 1..=ASIDES_MAX as u64 {
            assert!(asides.keep(id, 1000 + id, &rest));
        }
        assert!(!asides.keep(9999, 1000, &rest));
        let mut out = Vec::new();
        for id in 1..=ASIDES_MAX as u64 {
            assert!(asides.get(id, 990 + id, &mut out));
            assert_eq!(out, &rest[90..]);
        }
        assert!(!asides.get(3, 1003, &mut out), "there is nothing after its end");
        asides.forget(3);
        assert!(!asides.get(3, 993, &mut out));
        assert!(asides.keep(9999, 1000, &rest[..FRAME_BYTES_MAX.min(7)]));
        asides.retain(|id| id == 9999);
        assert!(asides.get(9999, 999, &mut out) && out == [6]);
        assert!(!asides.get(4, 994, &mut out));
    }
}
