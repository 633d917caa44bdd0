//! The broadcast ring against a plain list of bytes.
//!
//! Input: capacity in bytes, capacity in frames, then steps of four bytes: length of a frame to write, position to read
//! from (little-endian), bytes to read.

use crate::decode;
use radio_fanout::ring::{RingSize, ring};

/// The ring returns the right bytes, and all that fit.
pub fn run(bytes: &[u8]) {
    let Some((bytes, frames, steps)) = decode::<(u8, u8, &[u8])>(bytes) else { return };
    let (mut writer, reader) = ring(RingSize::new(bytes.into(), frames.into()), 5);
    let (mut all, mut starts) = (Vec::<u8>::new(), vec![0u64]);
    for (length, from, count) in steps.chunks_exact(4).filter_map(decode::<(u8, u16, u8)>) {
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
}
