//! MPEG audio of Layer I, which no program of Debian writes: frames made here, by ISO/IEC 11172-3, 2.4.1.5
//! (SPEC FALL-3).

use std::path::Path;
use std::process::Command;

const FRAMES: usize = 200;
const FRAME_SAMPLES: usize = 384;
/// At 384 kbit/s and 48 kHz.
const FRAME_BYTES: usize = 384;
const SUBBANDS: usize = 32;
/// Subbands that hold something, and the bits of a sample there.
const FILLED: usize = 8;
const SAMPLE_BITS: u32 = 8;

/// Writes numbers bit by bit, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("one was pushed");
            *last |= ((value >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }
}

/// A frame of stereo; what is in it goes by its number.
fn frame(number: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // Sync, MPEG-1, Layer I, no checksum; 384 kbit/s, 48 kHz; stereo.
    bits.push(0xFFFF, 16);
    bits.push(0b1100_0100, 8);
    bits.push(0, 8);
    for subband in 0..SUBBANDS {
        let allocation = if subband < FILLED { SAMPLE_BITS - 1 } else { 0 };
        (0..2).for_each(|_| bits.push(allocation, 4));
    }
    // A scale factor of 2^(1 - 15/3).
    (0..2 * FILLED).for_each(|_| bits.push(15, 6));
    let mut seed = number as u32 * 2_654_435_761 + 1;
    for _ in 0..12 * FILLED * 2 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // All ones would be no sample.
        bits.push((seed >> 24).min((1 << SAMPLE_BITS) - 2), SAMPLE_BITS);
    }
    bits.bytes.resize(FRAME_BYTES, 0);
    bits.bytes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]])).collect()
}

fn by_ffmpeg(path: &Path) -> Vec<f32> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "mp3", "-i"])
        .arg(path)
        .args(["-f", "f32le", "-ar", "48000", "-ac", "2", "-"])
        .output()
        .expect("ffmpeg: apt-get install ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    floats(&output.stdout)
}

#[test]
fn a_file_of_layer_i_is_what_ffmpeg_makes_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("one.mp1");
    let frames: Vec<u8> = (0..FRAMES).flat_map(frame).collect();
    std::fs::write(&path, frames).expect("a temporary file");
    let output = Command::new(env!("CARGO_BIN_EXE_tower")).arg("decode").arg(&path).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("mp1"), "{said}");
    let (ours, theirs) = (floats(&output.stdout), by_ffmpeg(&path));
    assert_eq!((ours.len(), theirs.len()), (2 * FRAMES * FRAME_SAMPLES, 2 * FRAMES * FRAME_SAMPLES));
    let loudest = theirs.iter().fold(0.0, |loudest: f32, value| loudest.max(value.abs()));
    assert!(loudest > 0.05, "it is no silence: {loudest}");
    let furthest = ours.iter().zip(&theirs).map(|(our, their)| (our - their).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-3, "{furthest} apart");
}
