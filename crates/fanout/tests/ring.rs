//! The ring against a plain list of frames, and under a racing writer.
#![cfg(not(loom))]

use proptest::prelude::*;
use radio_fanout::ring::{FrameRun, Overwritten, TooLong, ring};

fn frame(number: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (number.wrapping_mul(31) + i) as u8).collect()
}

proptest! {
    #[test]
    fn the_ring_holds_the_newest_frames_that_fit_and_nothing_else(
        capacity_words in 1usize..40,
        depth in 1usize..12,
        first in prop_oneof![Just(0u64), Just(1_000_000_007), Just(u64::MAX / 2)],
        lengths in prop::collection::vec(0usize..120, 0..60),
        bytes_max in 0usize..200,
        taken in 0usize..300,
    ) {
        let capacity = capacity_words * 8;
        let (mut writer, reader) = ring(capacity, depth, first);
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut run = FrameRun::default();
        for length in lengths {
            let bytes = frame(first + model.len() as u64, length);
            if length > capacity {
                prop_assert_eq!(writer.push(&bytes), Err(TooLong));
                continue;
            }
            prop_assert_eq!(writer.push(&bytes), Ok(()));
            model.push(bytes);

            let mut kept = 0;
            let mut size = 0;
            for bytes in model.iter().rev().take(depth) {
                size += bytes.len();
                if size > capacity { break; }
                kept += 1;
            }
            let oldest = first + (model.len() - kept) as u64;
            let next = first + model.len() as u64;
            prop_assert_eq!(reader.frames(), oldest..next);

            for number in oldest..=next {
                let before = &model[..(number - first) as usize];
                prop_assert_eq!(reader.position(number), Ok(before.iter().map(Vec::len).sum::<usize>() as u64));
                reader.copy(number..u64::MAX, bytes_max, &mut run).unwrap();
                let count = (run.frames().end - run.frames().start) as usize;
                let from = (number - first) as usize;
                prop_assert_eq!(run.bytes(), model[from..from + count].concat());
                prop_assert!(count > 0 || number == next);
                prop_assert!(count <= 1 || run.bytes().len() <= bytes_max);
                let more = model.get(from + count).map(|bytes| run.bytes().len() + bytes.len());
                prop_assert!(more.is_none_or(|bytes| bytes > bytes_max));

                let taken = taken.min(run.bytes().len());
                let (go_on, rest) = run.after(taken);
                let sent = [&run.bytes()[..taken], rest].concat();
                prop_assert_eq!(sent, model[from..(go_on - first) as usize].concat());
            }
            prop_assert_eq!(reader.position(next + 1), Err(Overwritten));
            if oldest > first {
                prop_assert_eq!(reader.position(oldest - 1), Err(Overwritten));
                prop_assert_eq!(reader.copy(oldest - 1..next, bytes_max, &mut run), Err(Overwritten));
                prop_assert_eq!(run.bytes(), b"");
            }
        }
    }
}

#[test]
fn readers_of_a_racing_writer_get_right_bytes_or_are_told() {
    let (mut writer, reader) = ring(4000, 40, 0);
    let length = |number: u64| 1 + (number * 7919 % 200) as usize;
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let reader = reader.clone();
            std::thread::spawn(move || {
                let mut run = FrameRun::default();
                let (mut right, mut told) = (0, 0);
                while reader.frames().end < 200_000 {
                    let there = reader.frames();
                    match reader.copy(there, 4000, &mut run) {
                        Ok(()) => {
                            let expected: Vec<u8> = run.frames().flat_map(|n| frame(n, length(n))).collect();
                            assert_eq!(run.bytes(), expected);
                            right += 1;
                        }
                        Err(Overwritten) => told += 1,
                    }
                }
                (right, told)
            })
        })
        .collect();
    for number in 0..200_000 {
        writer.push(&frame(number, length(number))).unwrap();
    }
    for reader in readers {
        let (right, _told) = reader.join().unwrap();
        assert!(right > 0);
    }
}
