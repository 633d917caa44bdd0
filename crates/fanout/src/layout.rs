//! Where everything lies in the given memory, and the header that says so.
//!
//! ```text
//! header | clocks | records | lags | asides | for each mount: frames, titles
//! ```
//!
//! A fan-out goes on with a memory only if layout and settings are those that it was begun with.

use std::io;

use crate::asides::{self, Asides};
use crate::config::{FanoutConfig, MountConfig, SHARDS_MAX};
use crate::lag::LAG_WORDS;
use crate::memory::{Memory, Span};
use crate::record::RECORD_WORDS;
use crate::ring::{self, RingReader, RingSize, RingWriter};
use crate::sync::{AtomicU64, Ordering};
use crate::titles;

/// "radiofan".
const MAGIC: u64 = u64::from_be_bytes(*b"radiofan");
/// Raised with each change of what any word means.
const VERSION: u64 = 1;
/// Words of the header: magic, version, digest of the settings, tick given last, number of the next listener.
const HEADER: usize = 8;
const TICK: usize = 3;
const NEXT_ID: usize = 4;

/// The parts of a memory.
pub(crate) struct Parts {
    pub header: Span,
    /// For each shard the first tick that it has not served, plus one.
    pub clocks: Span,
    pub records: Span,
    pub lags: Span,
    pub asides: Asides,
}

impl Parts {
    /// The tick given last, plus one; 0 before the first.
    pub(crate) fn tick(&self) -> &AtomicU64 {
        &self.header[TICK]
    }

    /// Number of the listener admitted last.
    pub(crate) fn last_id(&self) -> &AtomicU64 {
        &self.header[NEXT_ID]
    }

    pub(crate) fn record(&self, seat: usize) -> &[AtomicU64] {
        &self.records[seat * RECORD_WORDS..][..RECORD_WORDS]
    }

    pub(crate) fn lag(&self, seat: usize) -> &[AtomicU64] {
        &self.lags[seat * LAG_WORDS..][..LAG_WORDS]
    }
}

/// The two rings of a mount.
pub(crate) struct MountParts {
    pub frames: (RingWriter, RingReader),
    pub titles: (RingWriter, RingReader),
}

fn frames_size(mount: &MountConfig) -> RingSize {
    RingSize::new(mount.ring_bytes, mount.ring_frames)
}

fn common_words(config: &FanoutConfig) -> usize {
    HEADER + SHARDS_MAX + config.listeners_max * (RECORD_WORDS + LAG_WORDS) + asides::WORDS
}

/// Words of memory that these settings need.
pub(crate) fn words(config: &FanoutConfig, mounts: &[MountConfig]) -> usize {
    let of_mounts = mounts.iter().map(|mount| frames_size(mount).words() + titles::SIZE.words());
    common_words(config) + of_mounts.sum::<usize>()
}

/// The settings that decide what a word means; not those that may change while listeners stay. FNV-1a, since it must be
/// the same in every process.
fn digest(config: &FanoutConfig, mounts: &[MountConfig]) -> u64 {
    let mut bytes = [config.listeners_max as u64, config.tick_ms].map(u64::to_le_bytes).concat();
    for mount in mounts {
        bytes.extend_from_slice(mount.name.as_bytes());
        bytes.extend([mount.ring_bytes as u64, mount.ring_frames as u64].map(u64::to_le_bytes).concat());
    }
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn open_mount(mount: &MountConfig, is_new: bool, take: &mut impl FnMut(usize) -> Span) -> MountParts {
    let mut open_ring = |size: RingSize, first: u64| {
        let span = take(size.words());
        if is_new {
            ring::format(&span, first);
        }
        ring::open(span, size)
    };
    MountParts {
        frames: open_ring(frames_size(mount), mount.first_frame),
        titles: open_ring(titles::SIZE, titles::FIRST),
    }
}

/// A mount that is opened later has memory of its own, which no later fan-out goes on with.
pub(crate) fn open_later(mount: &MountConfig) -> MountParts {
    open_mount(mount, true, &mut |words| Memory::zeroed(words).span(0, words))
}

/// Takes a memory apart: a zeroed one is made ready, another one must fit the settings.
pub(crate) fn open(
    memory: &Memory,
    config: &FanoutConfig,
    mounts: &[MountConfig],
) -> io::Result<(Parts, Vec<MountParts>)> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if memory.len() != words(config, mounts) {
        return refuse("the memory is not as large as these settings need: ask Fanout::memory_words");
    }
    let header = [MAGIC, VERSION, digest(config, mounts)];
    let found = [0, 1, 2].map(|word: usize| memory[word].load(Ordering::Acquire));
    let is_new = found == [0; 3];
    if !is_new && found != header {
        return refuse("the memory is of another layout or other settings: begin with a new one");
    }
    let mut at = 0;
    let mut take = |len: usize| {
        at += len;
        memory.span(at - len, len)
    };
    let parts = Parts {
        header: take(HEADER),
        clocks: take(SHARDS_MAX),
        records: take(config.listeners_max * RECORD_WORDS),
        lags: take(config.listeners_max * LAG_WORDS),
        asides: Asides(take(asides::WORDS)),
    };
    let mounts = mounts.iter().map(|mount| open_mount(mount, is_new, &mut take)).collect();
    (0..3).rev().for_each(|word| memory[word].store(header[word], Ordering::Release));
    Ok((parts, mounts))
}
