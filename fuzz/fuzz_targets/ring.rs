//! The ring against a plain list of bytes: what it gives is right, and it gives all that fits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_fanout::ring::{RingSize, ring};

fuzz_target!(|input: (u8, u8, Vec<(u8, u16, u8)>)| {
    let (bytes, frames, steps) = input;
    let (mut writer, reader) = ring(RingSize::new(bytes.into(), frames.into()), 5);
    let (mut all, mut starts) = (Vec::new(), vec![0u64]);
    for (length, from, count) in steps {
        let frame: Vec<u8> = (0..length).map(|i| i.wrapping_mul(7) ^ starts.len() as u8).collect();
        if writer.push(&frame).is_ok() {
            all.extend(&frame);
            starts.push(all.len() as u64);
        }
        let there = reader.frames();
        assert_eq!((there.end, reader.live()), (4 + starts.len() as u64, all.len() as u64));
        let oldest = starts[(there.start - 5) as usize];
        assert_eq!(reader.position(there.start), Ok(oldest));

        let positions = u64::from(from)..u64::from(from) + u64::from(count);
        let mut out = Vec::new();
        let is_there = oldest <= positions.start && positions.end <= reader.live();
        assert_eq!(reader.copy(positions.clone(), &mut out).is_ok(), is_there);
        if is_there {
            assert_eq!(out, all[positions.start as usize..positions.end as usize]);
        }
        let found = reader.frame_at(positions.start);
        assert_eq!(found.is_ok(), (oldest..=reader.live()).contains(&positions.start));
        if let Ok((number, start)) = found {
            assert_eq!(starts[(number - 5) as usize], start);
            assert!(
                start <= positions.start && starts.get((number - 4) as usize).is_none_or(|end| positions.start < *end)
            );
        }
    }
});
