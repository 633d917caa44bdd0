//! Hundreds of files of every format, made by the programs that people make them with: each is what
//! FFmpeg makes of it (SPEC FALL-3).

use super::corpus_formats::{By, FORMATS, Format, Like};
use std::collections::hash_map::DefaultHasher;
use std::f64::consts::TAU;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sound in each file.
const SECONDS: u32 = 1;
/// Not compared at either end, where resamplers meet silence.
const EDGE_SAMPLES: usize = 2400;
/// What differs by less than one step and a half of 16 bits is the same.
const STEP: f64 = 1.5 / 32_768.0;

/// Formats of so few bits that their rounding is heard as noise.
const COARSE: [&str; 5] = ["u8.wav", "alaw.wav", "mulaw.wav", "ms.wav", "ima.wav"];

/// A file of the corpus, and the one that FFmpeg is asked about.
struct Case<'a> {
    format: &'a Format,
    rate_hz: u32,
    channels: u16,
    /// Tags behind it, and ID3v2 before it.
    is_tagged: bool,
}

impl Case<'_> {
    fn name(&self) -> String {
        let tagged = if self.is_tagged { "tagged-" } else { "" };
        format!("{tagged}{}-{}-{}", self.rate_hz, self.channels, self.format.extension)
    }
}

fn cases() -> Vec<Case<'static>> {
    let mut cases = Vec::new();
    for format in FORMATS {
        for &rate_hz in format.rates_hz {
            for &channels in format.channels {
                for is_tagged in [false, true] {
                    // In these, places are counted from the beginning of the file.
                    if !is_tagged || format.by == By::Tower && !format.extension.ends_with("mov") {
                        cases.push(Case { format, rate_hz, channels, is_tagged });
                    }
                }
            }
        }
    }
    cases
}

/// A sweep that is nowhere the same, so that a shift of one sample is seen.
fn sweep(rate_hz: u32, channels: u16) -> Vec<u8> {
    let top_hz = f64::from(rate_hz) * 0.3;
    let value = |n: u32, channel: u16| {
        let at = f64::from(n) / f64::from(rate_hz);
        let phase = TAU * (200.0 * at + (top_hz.min(9000.0) - 200.0) * at * at / (2.0 * f64::from(SECONDS)));
        (8000.0 * (phase + f64::from(channel)).sin()) as i16
    };
    let frames = rate_hz * SECONDS;
    let data: Vec<u8> =
        (0..frames).flat_map(|n| (0..channels).flat_map(move |channel| value(n, channel).to_le_bytes())).collect();
    let (block, size) = (channels * 2, data.len() as u32);
    let format = [
        &b"RIFF"[..],
        &(size + 36).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0\x01\0",
        &channels.to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &(rate_hz * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        b"\x10\0data",
        &size.to_le_bytes(),
    ];
    [format.concat(), data].concat()
}

/// The file of a case, made once.
fn make(case: &Case<'_>, folder: &Path) -> PathBuf {
    let path = folder.join(case.name());
    if path.exists() {
        return path;
    }
    let temporary = folder.join(format!("making-{}", case.name()));
    if case.is_tagged {
        let plain = make(&Case { is_tagged: false, ..*case }, folder);
        let id3v1 = [&b"TAG"[..], b"A title", &[0; 118]].concat();
        let ape = [&b"APETAGEX"[..], &2000u32.to_le_bytes(), &32u32.to_le_bytes(), &[0; 16]].concat();
        let is_mp4 = [".m4a", ".mp4"].iter().any(|end| case.format.extension.ends_with(end));
        let front = if is_mp4 { Vec::new() } else { [&b"ID3\x03\0\0\0\0\x02\x00"[..], &[0; 256]].concat() };
        fs::write(&temporary, [front, fs::read(plain).expect("our own file"), ape, id3v1].concat()).expect("a file");
    } else {
        let wav = folder.join(format!("source-{}.wav", case.name()));
        fs::write(&wav, sweep(case.rate_hz, case.channels)).expect("a file");
        let (program, words) = case.format.maker.split_first().expect("a program");
        let words = words.iter().map(|word| match *word {
            "IN" => wav.clone().into_os_string(),
            "OUT" => temporary.clone().into_os_string(),
            word => word.into(),
        });
        let made = Command::new(program).args(words).stdout(Stdio::null()).output();
        let made = made.unwrap_or_else(|error| panic!("{program} is missing: apt-get install it ({error})"));
        assert!(made.status.success(), "{}: {}", case.name(), String::from_utf8_lossy(&made.stderr));
        fs::remove_file(&wav).expect("our own file");
    }
    fs::rename(&temporary, &path).expect("our own file");
    path
}

/// Samples of both channels that a command writes, and what it says.
fn heard(command: &mut Command) -> (Vec<f32>, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program");
    let values = output.stdout.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    (values.collect(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What FFmpeg makes of a case without tags.
fn reference(case: &Case<'_>, folder: &Path) -> Vec<f32> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-nostdin"]);
    if let By::Ffmpeg(demuxer) = case.format.by {
        command.args(["-f", demuxer, "-i"]).arg(make(case, folder));
        return heard(command.args(["-map", "0:a:0", "-ar", "48000", "-ac", "2", "-f", "f32le", "-"])).0;
    }
    // FFmpeg takes 3 dB from the floats of one channel that becomes two.
    let filter = match case.channels {
        1 => "pan=stereo|c0=c0|c1=c0,aresample=48000:filter_size=256:cutoff=0.98",
        _ => "aresample=48000:filter_size=256:cutoff=0.98",
    };
    command.arg("-i").arg(make(case, folder));
    heard(command.args(["-af", filter, "-ac", "2", "-f", "f32le", "-"])).0
}

/// What is wrong with what is heard of a case.
fn judge(case: &Case<'_>, theirs: &[f32], folder: &Path) -> Option<String> {
    let path = make(case, folder);
    let (ours, said) = heard(Command::new(env!("CARGO_BIN_EXE_tower")).arg("decode").arg(&path));
    if let By::Ffmpeg(demuxer) = case.format.by {
        let told = format!("NeedsFfmpeg {{ file: 0, demuxer: {demuxer} }}");
        let is_same = !ours.is_empty() && ours == theirs;
        let lengths = (ours.len(), theirs.len());
        return (!said.contains(&told) || !is_same).then(|| format!("no {told}, or not the same {lengths:?}: {said}"));
    }
    let (length, expected) = (ours.len() / 2, theirs.len() / 2);
    let expected = if case.format.like == Like::Exact { 48_000 * SECONDS as usize } else { expected };
    if length.abs_diff(expected) > 1 {
        return Some(format!("{length} samples instead of {expected}: {said}"));
    }
    let compared = 2 * EDGE_SAMPLES..2 * (length.min(theirs.len() / 2) - EDGE_SAMPLES);
    if compared.is_empty() {
        return Some(format!("FFmpeg gives {} samples", theirs.len() / 2));
    }
    difference(case, &ours[compared.clone()], &theirs[compared])
}

fn difference(case: &Case<'_>, ours: &[f32], theirs: &[f32]) -> Option<String> {
    let pairs = || ours.iter().zip(theirs).map(|(&one, &other)| (f64::from(one), f64::from(other)));
    let gain =
        pairs().map(|(one, other)| one * other).sum::<f64>() / pairs().map(|(_, other)| other * other).sum::<f64>();
    // Both fold surround by the same ratios, and scale the sum differently.
    let scale = if case.channels > 2 { gain } else { 1.0 };
    if !(0.99..1.01).contains(&(gain / scale)) {
        return Some(format!("the level is {gain:.3} of FFmpeg's"));
    }
    let worst = pairs().map(|(one, other)| (one - scale * other).abs()).fold(0.0, f64::max);
    let rest = pairs().map(|(one, other)| (one - scale * other).powi(2)).sum::<f64>()
        / pairs().map(|(one, _)| one * one).sum::<f64>();
    let is_same = match case.format.like {
        Like::Lossless if case.rate_hz == 48_000 => worst <= STEP,
        // Noise up to half of the rate, where two resamplers differ.
        Like::Lossless if COARSE.contains(&case.format.extension) => rest.sqrt() < 0.01,
        Like::Lossless => worst <= 2.0 * STEP,
        Like::Lossy | Like::Exact => rest.sqrt() < 0.01,
    };
    (!is_same).then(|| format!("{:.1} steps at worst, {:.5} of the sound at the mean", worst * 32_768.0, rest.sqrt()))
}

#[test]
fn every_format_is_what_ffmpeg_makes_of_it() {
    let cases = cases();
    assert!(cases.len() >= 400 && FORMATS.len() >= 40, "{} files, {} formats", cases.len(), FORMATS.len());
    let mut hasher = DefaultHasher::new();
    let table: Vec<_> = FORMATS.iter().map(|format| (format.extension, format.maker)).collect();
    (table, sweep(48_000, 2)).hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("corpus-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder).expect("a folder");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // The tagged file of a format is made of the one before it: both are one thread's.
    let pairs: Vec<&[Case<'_>]> = cases.chunk_by(|one, other| !one.is_tagged && other.is_tagged).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let theirs = reference(&pair[0], &folder);
                    for case in *pair {
                        if let Some(reason) = judge(case, &theirs, &folder) {
                            wrong.lock().expect("no panic").push(format!("{}: {reason}", case.name()));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} files are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
