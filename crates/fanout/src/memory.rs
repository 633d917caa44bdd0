//! The memory that a fan-out works in, given to it: words that another process may read, and go on with.
//!
//! Everything that decides which byte a listener gets next lies here, as absolute numbers: no pointer, no descriptor.

use std::ops::Deref;
use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering, zeros};

/// Bytes of a page of memory; smaller than the truth does no harm.
const PAGE: usize = 4096;

/// Words shared by everyone who holds a clone.
#[derive(Clone)]
pub struct Memory(Words);

#[derive(Clone)]
enum Words {
    Heap(Arc<Box<[AtomicU64]>>),
    Mapped(&'static [AtomicU64]),
}

impl Memory {
    /// Memory of this process alone, all zero: what a fan-out begins with.
    pub fn zeroed(words: usize) -> Self {
        Self(Words::Heap(Arc::new(zeros(words))))
    }

    /// Memory that lives as long as the process, such as a mapping of a file that another process holds as well.
    pub fn mapped(words: &'static [AtomicU64]) -> Self {
        Self(Words::Mapped(words))
    }

    /// `len` words from `at` on.
    pub(crate) fn span(&self, at: usize, len: usize) -> Span {
        assert!(at + len <= self.len(), "a span beyond its memory");
        Span { memory: self.clone(), at, len }
    }
}

impl Deref for Memory {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        match &self.0 {
            Words::Heap(words) => words,
            Words::Mapped(words) => words,
        }
    }
}

/// A part of a memory.
#[derive(Clone)]
pub(crate) struct Span {
    memory: Memory,
    at: usize,
    len: usize,
}

impl Span {
    /// Touches each page now, or a writer would have to wait for them one by one.
    pub(crate) fn prefault(&self) {
        self.iter().step_by(PAGE / size_of::<u64>()).for_each(|word| {
            // Changes nothing, and is a write all the same; of `fetch_or(0)` the compiler makes a read.
            let _ = word.compare_exchange(0, 0, Ordering::Relaxed, Ordering::Relaxed);
        });
    }
}

impl Deref for Span {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        &self.memory[self.at..self.at + self.len]
    }
}
