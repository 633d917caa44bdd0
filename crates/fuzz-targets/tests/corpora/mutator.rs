//! Mutations of corpus entries, as fuzzers make them, but without feedback from the code under test.

use super::corpus::Entry;
use super::rng::Rng;

/// Mutations of one input at most; half of all inputs have one.
const MUTATIONS_MAX: u32 = 8;
/// Bytes that are inserted or repeated at once, at most.
const PIECE_BYTES_MAX: usize = 64;
/// Times that a piece is repeated, at most.
const REPEATS_MAX: usize = 32;
/// Integers at which counts and lengths go wrong, beside small ones.
const EXTREMES: [u64; 14] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x1_0000_0000,
    i64::MAX as u64,
    u64::MAX,
];

/// A mutated input: one entry changed in one to eight places, at most `bytes_max` long.
pub(crate) fn mutated(corpus: &[Entry], words: &[Vec<u8>], bytes_max: usize, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = rng.one_of(corpus).bytes.clone();
    let count = (rng.next().trailing_ones() + 1).min(MUTATIONS_MAX);
    for _ in 0..count {
        mutate(&mut bytes, corpus, words, rng);
        bytes.truncate(bytes_max);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Entry], words: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.below(bytes.len() + 1);
    let piece = at..(at + 1 + rng.below(PIECE_BYTES_MAX)).min(bytes.len());
    match rng.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.next() as u8;
            }
        }
        2 => {
            let inserted: Vec<u8> = (0..=rng.below(8)).map(|_| rng.next() as u8).collect();
            bytes.splice(at..at, inserted);
        }
        3 => {
            bytes.drain(piece);
        }
        4 => {
            let repeated = bytes[piece].repeat(1 + rng.below(REPEATS_MAX));
            bytes.splice(at..at, repeated);
        }
        5 => bytes.truncate(at),
        6 => {
            let other = &rng.one_of(corpus).bytes;
            let from = rng.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        7 => {
            let number = *rng.one_of(&EXTREMES);
            write(bytes, at, number.to_string().as_bytes(), rng);
        }
        8 => {
            let number = *rng.one_of(&EXTREMES);
            let width = *rng.one_of(&[1, 2, 4, 8]);
            if rng.below(2) == 0 {
                write(bytes, at, &number.to_le_bytes()[..width], rng);
            } else {
                write(bytes, at, &number.to_be_bytes()[8 - width..], rng);
            }
        }
        _ if words.is_empty() => bytes.reverse(),
        _ => {
            let word = rng.one_of(words);
            write(bytes, at, word, rng);
        }
    }
}

/// Inserts `new` at a position, or overwrites what stands there.
fn write(bytes: &mut Vec<u8>, at: usize, new: &[u8], rng: &mut Rng) {
    let end = if rng.below(2) == 0 { at } else { (at + new.len()).min(bytes.len()) };
    bytes.splice(at..end, new.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64, count: u64) -> Vec<Vec<u8>> {
        let entry = |bytes: &[u8]| Entry { name: "entry".into(), bytes: bytes.to_vec() };
        let corpus = [entry(b"a corpus entry of some length"), entry(b"ANOTHER"), entry(b"")];
        (0..count).map(|number| mutated(&corpus, &[b"<WORD>".to_vec()], 100, &mut Rng::new(seed, number))).collect()
    }

    #[test]
    fn a_seed_repeats_its_inputs_and_another_gives_others() {
        assert_eq!(inputs(7, 1000), inputs(7, 1000));
        assert_ne!(inputs(7, 1000), inputs(8, 1000));
        assert!(inputs(7, 10_000).iter().all(|input| input.len() <= 100));
    }

    #[test]
    fn every_kind_of_mutation_occurs() {
        let inputs = inputs(1, 200_000);
        let has = |what: &str, is_one: &dyn Fn(&[u8]) -> bool| {
            assert!(inputs.iter().any(|input| is_one(input)), "no input with {what}");
        };
        let contains = |input: &[u8], part: &[u8]| input.windows(part.len()).any(|window| window == part);
        has("a flipped bit", &|input| input == b"a corpus enury of some length");
        has("deleted bytes", &|input| input.len() < 29 && input.starts_with(b"a corpus") && input.ends_with(b"length"));
        has("a repeated piece", &|input| contains(input, b"corpus corpus"));
        has("its end cut off", &|input| input == b"a corpus");
        has("the end of another entry", &|input| input.starts_with(b"a corpus") && input.ends_with(b"THER"));
        has("a word inserted", &|input| input == b"ANO<WORD>THER");
        has("a word written over", &|input| input == b"A<WORD>");
        has("an extreme integer", &|input| contains(input, &[0xFF; 8]));
        has("a decimal integer", &|input| contains(input, b"18446744073709551615"));
    }
}
