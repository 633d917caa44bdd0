//! An MPEG stream in any chunking (SPEC MPEG-2).
//!
//! Input: eight chunk sizes, used in turn, then the stream.

use crate::decode;
use radio_signal::mpeg::Packetizer;
use radio_signal::mpeg::packetizer::{Counters, HELD_BYTES_MAX};

/// Every byte is accounted for, frames are pieces of the input in order, memory is bounded, and the chunking makes no
/// difference.
pub fn run(bytes: &[u8]) {
    let Some((sizes, stream)) = decode::<([u8; 8], &[u8])>(bytes) else { return };
    let whole = cut(stream, |_| usize::MAX >> 1);
    let (frames, counters) = &whole;

    let accounted = counters.frame_bytes + counters.tag_bytes_skipped + counters.bytes_skipped;
    assert_eq!(accounted, stream.len() as u64);
    assert_eq!(counters.frames, frames.len() as u64);
    assert!(frames.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "frames overlap");

    // Released bytes are the input's bytes.
    let mut next = frames.iter();
    let mut packetizer = Packetizer::new();
    let mut check = |bytes: &[u8]| {
        let &(at, len) = next.next().expect("as many frames as before");
        assert_eq!(bytes, &stream[at..at + len]);
    };
    packetizer.packetize(stream, |frame| check(frame.bytes));
    packetizer.finish();
    while let Some(frame) = packetizer.next_frame() {
        check(frame.bytes);
    }

    assert_eq!(cut(stream, |_| 1), whole, "byte by byte");
    assert_eq!(cut(stream, |turn| usize::from(sizes[turn % sizes.len()])), whole, "in the chunks given");
}

/// Frames of `stream` as (offset, length), and the counters at its end.
fn cut(stream: &[u8], chunk_bytes: impl Fn(usize) -> usize) -> (Vec<(usize, usize)>, Counters) {
    let mut packetizer = Packetizer::new();
    let mut frames = Vec::new();
    let mut pull = |packetizer: &mut Packetizer| {
        while let Some(len) = packetizer.next_frame().map(|frame| frame.bytes.len()) {
            let passed = packetizer.counters();
            let end = (passed.frame_bytes + passed.tag_bytes_skipped + passed.bytes_skipped) as usize;
            frames.push((end - len, len));
        }
    };
    let (mut at, mut turn) = (0, 0);
    while at < stream.len() {
        let end = stream.len().min(at + chunk_bytes(turn).max(1));
        at += packetizer.push(&stream[at..end]);
        turn += 1;
        pull(&mut packetizer);
        assert!(packetizer.held_bytes() <= HELD_BYTES_MAX);
    }
    packetizer.finish();
    pull(&mut packetizer);
    assert_eq!(packetizer.held_bytes(), 0);
    (frames, packetizer.counters())
}
