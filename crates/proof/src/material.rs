//! What is fed: real music, real speech, tones, and noise in which every tick is unlike every other.

use crate::{TICK_BYTES, mp3};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Real music, from the Debian package `asc-music`.
pub const MUSIC_FILES: [&str; 3] = ["frontiers.mp3", "machine_wars.mp3", "time_to_strike.mp3"];

/// Twelve frames of HE-AAC by libfdk-aac, which no Debian program may encode, in ADTS: a core of 22.05 kHz with 990.5 Hz
/// at -12.04 dBFS, and above it, by SBR alone, four tones between 12.5 and 14 kHz. All of them fit a frame, so it can be
/// repeated.
pub const HE_AAC: &[u8] = include_bytes!("he-aac.adts");

/// Where `asc-music` puts it.
const MUSIC_FOLDER: &str = "/usr/share/games/asc/music";

/// What the voice says; espeak-ng takes about half a minute for it.
const SPEECH: &str = "Good evening. This is the radio tower, on the air day and night. A transmitter makes no decisions: \
    it takes what the station sends, and when the station is silent it says so. Tonight: sixty-six sixteen-bit samples, \
    seven sharp sibilants, and the shipping forecast. Viking, North Utsire, South Utsire, Forties, Cromarty, Forth, Tyne, \
    Dogger, Fisher, German Bight, Humber, Thames, Dover, Wight, Portland, Plymouth, Biscay, Trafalgar, FitzRoy, Sole.";

/// Path of a piece of music; panics with the remedy when the package is missing.
#[track_caller]
#[must_use]
pub fn music_file(index: usize) -> PathBuf {
    let path = Path::new(MUSIC_FOLDER).join(MUSIC_FILES[index]);
    assert!(path.exists(), "no {}: run `cargo xtask test`, or apt-get install asc-music", path.display());
    path
}

/// `seconds` of real music, from `from_second` of the piece on, as 48 kHz 16-bit stereo.
#[track_caller]
#[must_use]
pub fn music(index: usize, from_second: u32, seconds: u32) -> Vec<u8> {
    let name = format!("music-{index}-{from_second}-{seconds}.pcm");
    cached(&name, || {
        let path = music_file(index);
        let from = from_second.to_string();
        let length = seconds.to_string();
        let path = path.to_str().expect("a Debian path");
        let arguments = ["-v", "error", "-ss", &from, "-t", &length, "-i", path];
        let form = ["-f", "s16le", "-ar", "48000", "-ac", "2", "pipe:1"];
        mp3::filter("ffmpeg", &[&arguments[..], &form[..]].concat(), &[]).0
    })
}

/// Half a minute of speech as 48 kHz 16-bit stereo.
#[track_caller]
#[must_use]
pub fn speech() -> Vec<u8> {
    cached("speech.pcm", || {
        let (wav, _) = mp3::filter("espeak-ng", &["-v", "en", "-s", "140", "--stdout", SPEECH], &[]);
        let form = ["-v", "error", "-f", "wav", "-i", "pipe:0", "-f", "s16le", "-ar", "48000", "-ac", "2", "pipe:1"];
        mp3::filter("ffmpeg", &form, &wav).0
    })
}

/// Ticks of each piece of [`programme`]: nearly five seconds.
pub const PIECE_TICKS: usize = 200;

/// Pieces of [`programme`] by name, in order.
pub const PIECES: [&str; 4] = ["music", "level steps", "silence", "speech"];

/// Music, level steps, silence and speech, nearly five seconds of each, in this order, beginning with the piece `first`.
#[track_caller]
#[must_use]
pub fn programme(first: usize) -> Vec<u8> {
    let piece = |index: usize| {
        let pcm = match index % PIECES.len() {
            0 => music(0, 40, 20),
            1 => level_steps(PIECE_TICKS),
            2 => vec![0; PIECE_TICKS * TICK_BYTES],
            _ => speech(),
        };
        pcm[..PIECE_TICKS * TICK_BYTES].to_vec()
    };
    (first..first + PIECES.len()).flat_map(piece).collect()
}

/// Noise whose level jumps by 50 dB every 25 ticks, between -12 and -62 dBFS: what an encoder forgets last.
#[must_use]
pub fn level_steps(ticks: usize) -> Vec<u8> {
    const STEP_TICKS: usize = 25;
    let mut pcm = noise(50, ticks);
    for quiet in pcm.chunks_mut(STEP_TICKS * TICK_BYTES).skip(1).step_by(2) {
        for sample in quiet.chunks_exact_mut(2) {
            let value = f64::from(i16::from_le_bytes([sample[0], sample[1]])) * 10f64.powf(-50.0 / 20.0);
            sample.copy_from_slice(&(value.round() as i16).to_le_bytes());
        }
    }
    pcm
}

/// The first tick from `from` on that is like no other of `pcm`.
#[track_caller]
#[must_use]
pub fn unique_tick(pcm: &[u8], from: usize) -> usize {
    let mut seen = HashMap::new();
    pcm.chunks_exact(TICK_BYTES).for_each(|tick| *seen.entry(tick).or_insert(0u32) += 1);
    let unique = |tick: &usize| seen[&pcm[tick * TICK_BYTES..(tick + 1) * TICK_BYTES]] == 1;
    (from..pcm.len() / TICK_BYTES).find(unique).expect("no tick is like no other")
}

/// Whole ticks of pseudo-random stereo PCM at about -12 dBFS; the same seed gives the same bytes, no two ticks alike.
#[must_use]
pub fn noise(seed: u64, ticks: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(ticks * TICK_BYTES);
    while bytes.len() < ticks * TICK_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = (state >> 48) as u16 as i16 / 4;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A WAV file of 48 kHz 16-bit stereo PCM.
#[must_use]
pub fn wav(pcm: &[u8]) -> Vec<u8> {
    let length = |extra: usize| ((pcm.len() + extra) as u32).to_le_bytes();
    let format: [u8; 16] = [1, 0, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xee, 2, 0, 4, 0, 16, 0];
    let riff: [&[u8]; 8] = [b"RIFF", &length(36), b"WAVEfmt ", &[16, 0, 0, 0], &format, b"data", &length(0), pcm];
    riff.concat()
}

/// What `make` gives, kept under `target/` for the next run.
#[track_caller]
fn cached(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/material");
    let path = folder.join(name);
    if let Ok(bytes) = fs::read(&path) {
        return bytes;
    }
    let bytes = make();
    assert!(bytes.len() >= 5 * 192_000, "{name} is only {} bytes long", bytes.len());
    fs::create_dir_all(&folder).expect("target/ can be written");
    // Renamed into place, so that a test beside this one never reads half of it.
    let unfinished = folder.join(format!("{name}.{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::write(&unfinished, &bytes).expect("target/ can be written");
    fs::rename(&unfinished, &path).expect("target/ can be written");
    bytes
}

/// Whether a program is installed.
#[must_use]
pub fn installed(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|found| found.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn level_steps_are_50_db() {
        let left = crate::measure::left_s16(&level_steps(50));
        let (loud, quiet) = left.split_at(25 * crate::TICK_SAMPLES);
        let step_db = crate::measure::rms_dbfs(loud) - crate::measure::rms_dbfs(quiet);
        assert!((step_db - 50.0).abs() < 0.1, "{step_db}");
    }

    #[test]
    fn a_unique_tick_is_not_one_of_the_silence() {
        let pcm = [vec![0; 30 * TICK_BYTES], noise(3, 2)].concat();
        assert_eq!(unique_tick(&pcm, 20), 30);
    }

    #[test]
    fn no_two_ticks_of_noise_are_alike() {
        let (one, two) = (noise(1, 500), noise(2, 500));
        let ticks: HashSet<&[u8]> = one.chunks(TICK_BYTES).chain(two.chunks(TICK_BYTES)).collect();
        assert_eq!(ticks.len(), 1000);
        assert_eq!(noise(1, 500), one);
    }
}
