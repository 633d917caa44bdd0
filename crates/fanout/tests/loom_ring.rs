//! Every interleaving of the ring's one writer and a reader: a copy that the reader accepts is right, byte for byte.
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p radio-fanout --test loom_ring --release`.
#![cfg(loom)]

use radio_fanout::ring::{RingReader, RingSize, ring};

/// Frame `n` is `n + 1`, so many times as its length says; lengths that straddle words.
fn frame(n: u64) -> Vec<u8> {
    vec![n as u8 + 1; [5, 6, 7][n as usize % 3]]
}

/// Copies all frames that are there; says which, if the copy was accepted. It is then right.
fn copy(reader: &RingReader) -> Option<std::ops::Range<u64>> {
    let there = reader.frames();
    let (from, to) = (reader.position(there.start).ok()?, reader.position(there.end).ok()?);
    let mut out = Vec::new();
    reader.copy(from..to, &mut out).ok()?;
    assert_eq!(out, there.clone().flat_map(frame).collect::<Vec<u8>>());
    Some(there)
}

/// All interleavings with at most three preemptions: enough to show each of the ring's orderings when it is taken away.
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

#[test]
fn a_copy_that_is_accepted_is_never_torn() {
    model(|| {
        let (mut writer, reader) = ring(RingSize::new(16, 3), 0);
        writer.push(&frame(0)).unwrap();
        let thread = loom::thread::spawn(move || {
            for n in 1..4 {
                writer.push(&frame(n)).unwrap();
            }
        });
        copy(&reader);
        thread.join().unwrap();
        assert_eq!(copy(&reader), Some(2..4));
    });
}

#[test]
fn a_position_that_is_accepted_is_that_of_its_frame() {
    model(|| {
        let (mut writer, reader) = ring(RingSize::new(16, 2), 0);
        let thread = loom::thread::spawn(move || {
            for n in 0..3 {
                writer.push(&frame(n)).unwrap();
            }
        });
        let there = reader.frames();
        if let Ok(position) = reader.position(there.start) {
            assert_eq!(position, (0..there.start).map(|n| frame(n).len() as u64).sum::<u64>());
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_position_is_found_in_its_frame_or_not_at_all() {
    model(|| {
        let (mut writer, reader) = ring(RingSize::new(16, 2), 0);
        writer.push(&frame(0)).unwrap();
        let thread = loom::thread::spawn(move || {
            for n in 1..3 {
                writer.push(&frame(n)).unwrap();
            }
        });
        if let Ok((number, start)) = reader.frame_at(6) {
            assert_eq!((number, start), (1, 5));
        }
        thread.join().unwrap();
        assert_eq!(reader.frame_at(6), Ok((1, 5)));
    });
}
