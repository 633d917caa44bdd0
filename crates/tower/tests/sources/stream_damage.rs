//! Damaged streams: what is damaged costs itself, and nothing ends a stream but its end (SPEC IN-8).

use crate::stream_material::{Heard, Kind, decode, piece, runs};
use radio_signal::mpeg::elementary::ElementaryHeader;
use radio_signal::ogg::page::Page;

const HZ: f64 = 700.0;
const LENGTH_S: f64 = 4.0;
const KINDS: [(&str, Kind); 8] = [
    ("mp3", Kind::MP3_44100),
    ("mp2", Kind::MP2_48000),
    ("aac", Kind::AAC_44100),
    ("flac", Kind::FLAC),
    ("wav", Kind::WAV),
    ("vorbis", Kind::VORBIS),
    ("ogg flac", Kind::OGG_FLAC),
    ("opus", Kind::OPUS),
];

/// Linear congruential: the same sequence everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// The frames or pages of a stream; of others pieces of 1000 bytes.
fn units(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut units) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = match (ElementaryHeader::read(rest), Page::read(rest)) {
            (Some(header), _) => header.frame_bytes,
            (None, Ok(page)) => page.content.end,
            (None, Err(_)) => 1000,
        };
        let (unit, later) = rest.split_at(length.min(rest.len()));
        units.push(unit);
        rest = later;
    }
    units
}

fn seconds_heard(heard: &Heard) -> f64 {
    runs(&heard.left, &[HZ]).iter().map(|run| run.1).sum()
}

/// A stream of which one unit in 20 is changed, and how many.
fn damaged(bytes: &[u8], random: &mut Random, change: impl Fn(&[u8], &mut Random) -> Vec<u8>) -> (Vec<u8>, usize) {
    let (units, mut changed) = (units(bytes), 0);
    let stream = units.iter().enumerate().flat_map(|(n, unit)| {
        // The heads stay.
        if n > 8 && n % 20 == 10 {
            changed += 1;
            change(unit, random)
        } else {
            unit.to_vec()
        }
    });
    (stream.collect(), changed)
}

#[test]
fn what_is_cut_short_wrong_lost_or_put_in_between_costs_itself_and_never_ends_a_stream() {
    let mut random = Random(7);
    for (name, kind) in KINDS {
        let whole = piece(kind, HZ, LENGTH_S);
        let before = seconds_heard(&decode(&whole));
        assert!(before > LENGTH_S - 0.1, "{name}: {before} s undamaged");
        let changes: [(&str, fn(&[u8], &mut Random) -> Vec<u8>); 4] = [
            ("cut short", |unit, random| unit[..random.below(unit.len())].to_vec()),
            ("one bit wrong", |unit, random| {
                let (mut unit, bit) = (unit.to_vec(), random.below(8 * unit.len()));
                unit[bit / 8] ^= 1 << (bit % 8);
                unit
            }),
            ("lost", |_, _| Vec::new()),
            ("garbage behind it", |unit, random| {
                let length = 1 + random.below(700);
                [unit, &random.bytes(length)].concat()
            }),
        ];
        for (what, change) in changes {
            let (stream, changed) = damaged(&whole, &mut random, change);
            let heard = decode(&stream);
            let seconds = seconds_heard(&heard);
            println!("{name}, {changed} {what}: {seconds:.2} s of {before:.2}, {} bad packets", heard.bad_packets);
            assert!(heard.ended_well, "{name}, {what}");
            // Samples that are shifted by half of one are noise up to the end.
            if name != "wav" {
                let longest = if matches!(name, "vorbis" | "ogg flac") { 1.0 } else { 0.25 };
                assert!(seconds >= before - longest * changed as f64, "{name}, {what}: {seconds:.2} s");
            }
            // Time goes on, and no more of it than there was.
            let length = heard.left.len() as f64 / 48_000.0;
            assert!(length <= LENGTH_S + 0.2 + 0.1 * changed as f64, "{name}, {what}: {length:.2} s");
        }
    }
}

/// Any bytes: nothing ends before they do, panics or hangs.
#[test]
fn of_2000_mutations_of_each_format_none_ends_a_stream_early_or_panics() {
    for (name, kind) in KINDS {
        let whole = piece(kind, HZ, 0.25);
        for seed in 0..2000 {
            let (mut random, mut bytes) = (Random(seed), whole.clone());
            for _ in 0..=random.below(4) {
                let (at, length) = (random.below(bytes.len()), random.below(200));
                match random.below(5) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => _ = bytes.drain(at..(at + length).min(bytes.len())),
                    2 => _ = bytes.splice(at..at, random.bytes(length)),
                    3 => {
                        let noise = random.bytes(length);
                        let end = (at + length).min(bytes.len());
                        bytes[at..end].copy_from_slice(&noise[..end - at]);
                    }
                    _ => {
                        let copy = bytes[at..(at + length).min(bytes.len())].to_vec();
                        let to = random.below(bytes.len());
                        _ = bytes.splice(to..to, copy);
                    }
                }
                bytes.push(0);
            }
            // Behind it, what follows is heard: the decoder lives.
            let follows = [&bytes[..], &whole].concat();
            let heard = std::panic::catch_unwind(|| decode(&follows));
            let Ok(heard) = heard else { panic!("{name}, seed {seed}: the decoder panicked") };
            assert!(heard.left.len() < 48_000 * 20, "{name}, seed {seed}: {} samples", heard.left.len());
            assert!(heard.ended_well || heard.needs.is_some(), "{name}, seed {seed}");
        }
    }
}
