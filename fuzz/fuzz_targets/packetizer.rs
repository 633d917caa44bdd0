//! Any bytes in any chunking: every byte is accounted for, frames are pieces of the input in order, memory is bounded,
//! and the chunking makes no difference (SPEC MPEG-2).
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_signal::mpeg::Packetizer;
use radio_signal::mpeg::packetizer::{Counters, HELD_BYTES_MAX};

/// Frames of `stream` as (offset, length), and what was counted.
fn cut(stream: &[u8], chunk_bytes: impl Fn(usize) -> usize) -> (Vec<(usize, usize)>, Counters) {
    let mut packetizer = Packetizer::new();
    let mut frames = Vec::new();
    let mut pull = |packetizer: &mut Packetizer| {
        loop {
            let Some(len) = packetizer.next_frame().map(|frame| frame.bytes.len()) else {
                break;
            };
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

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (stream, sizes) = input;
    let whole = cut(&stream, |_| usize::MAX >> 1);
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
    packetizer.packetize(&stream, |frame| check(frame.bytes));
    packetizer.finish();
    while let Some(frame) = packetizer.next_frame() {
        check(frame.bytes);
    }

    assert_eq!(cut(&stream, |_| 1), whole, "byte by byte");
    if !sizes.is_empty() {
        assert_eq!(cut(&stream, |turn| usize::from(sizes[turn % sizes.len()])), whole, "in the chunks given");
    }
});
