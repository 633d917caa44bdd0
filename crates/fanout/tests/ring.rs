//! The ring against a plain list of frames, and under a racing writer.
#![cfg(not(loom))]

use proptest::prelude::*;
use radio_fanout::ring::{Overwritten, RingSize, TooLong, ring};

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
        offset in 0u64..300,
        count in 0u64..300,
    ) {
        let capacity = capacity_words * 8;
        let (mut writer, reader) = ring(RingSize::new(capacity, depth), first);
        let mut model: Vec<Vec<u8>> = Vec::new();
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

            let position = |number: u64| model[..(number - first) as usize].iter().map(Vec::len).sum::<usize>() as u64;
            prop_assert_eq!(reader.live(), position(next));
            for number in oldest..=next {
                prop_assert_eq!(reader.position(number), Ok(position(number)));
            }
            prop_assert_eq!(reader.position(next + 1), Err(Overwritten));

            // Any bytes, whole frames or not.
            let all: Vec<u8> = model.concat();
            let (start, live) = (position(oldest), position(next));
            let from = live.saturating_sub(offset);
            let to = from + count;
            let mut out = vec![7];
            let copied = reader.copy(from..to, &mut out);
            if start <= from && to <= live {
                prop_assert_eq!(copied, Ok(()));
                prop_assert_eq!(&out[1..], &all[from as usize..to as usize]);
            } else {
                prop_assert_eq!(copied, Err(Overwritten));
                prop_assert_eq!(out.len(), 1);
            }
            for at in [from, to, start, live, start.saturating_sub(1), live + 1] {
                let found = reader.frame_at(at);
                if (start..=live).contains(&at) {
                    let number = (oldest..=next).rfind(|&number| position(number) <= at).unwrap();
                    prop_assert_eq!(found, Ok((number, position(number))));
                } else {
                    prop_assert_eq!(found, Err(Overwritten));
                }
            }
            if oldest > first {
                prop_assert_eq!(reader.position(oldest - 1), Err(Overwritten));
            }
        }
    }
}

#[test]
fn readers_of_a_racing_writer_get_right_bytes_or_are_told() {
    let (mut writer, reader) = ring(RingSize::new(4000, 40), 0);
    let length = |number: u64| 1 + (number * 7919 % 200) as usize;
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let reader = reader.clone();
            std::thread::spawn(move || {
                let mut out = Vec::new();
                let (mut right, mut told) = (0, 0);
                while reader.frames().end < 200_000 {
                    out.clear();
                    let there = reader.frames();
                    let bounds = reader.position(there.start).and_then(|from| Ok(from..reader.position(there.end)?));
                    match bounds.and_then(|bounds| reader.copy(bounds, &mut out)) {
                        Ok(()) => {
                            let expected: Vec<u8> = there.flat_map(|n| frame(n, length(n))).collect();
                            assert_eq!(out, expected);
                            right += 1;
                        }
                        Err(Overwritten) => told += 1,
                    }
                    // A position in the middle is found, or gone; nothing else.
                    let at = reader.live().saturating_sub(1500);
                    if let Ok((number, start)) = reader.frame_at(at) {
                        assert!(start <= at && at < start + length(number) as u64);
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
