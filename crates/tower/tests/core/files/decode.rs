//! Every format and rate comes out as the same sound at 48 kHz, 16 bits, stereo (SPEC FALL-3, SIG-1).

use super::fixtures::{ffmpeg, level_db, measure, noise, sine, write_wav};
use radio_decode::media::file::{DecodeError, Decoder};
use std::path::Path;
use std::time::Duration;

fn decode(path: &Path) -> Result<Vec<i16>, DecodeError> {
    let mut decoder = Decoder::open(path)?;
    let mut out = Vec::new();
    while decoder.next_block(&mut out)? {}
    decoder.finish(&mut out);
    Ok(out)
}

/// Level and purity of 1 kHz, away from the ends (where a resampler or codec meets silence).
fn assert_is_1_khz(name: &str, stereo: &[i16], level_db_max: f64, snr_db_min: f64) {
    let middle = &stereo[2 * 9600..stereo.len() - 2 * 9600];
    for channel in 0..2 {
        let (amplitude, rest) = measure(middle, channel, 1000.0);
        let snr_db = 20.0 * (amplitude / std::f64::consts::SQRT_2 / rest.max(1e-9)).log10();
        assert!(level_db(amplitude).abs() <= level_db_max, "{name}: level {:.3} dB", level_db(amplitude));
        assert!(snr_db >= snr_db_min, "{name}: {snr_db:.1} dB above the rest");
    }
}

#[test]
fn a_wav_of_48_khz_and_16_bits_is_bit_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise.wav");
    let values = noise(2 * 48_123);
    write_wav(&path, 48_000, 2, &values);
    assert!(decode(&path).expect("a good file") == values);
    // Mono: the same bits on both sides.
    write_wav(&path, 48_000, 1, &values);
    let both: Vec<i16> = values.iter().flat_map(|&v| [v, v]).collect();
    assert!(decode(&path).expect("a good file") == both);
}

#[test]
fn a_flac_of_48_khz_and_16_bits_is_bit_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("noise.wav");
    let values = noise(2 * 48_123);
    write_wav(&wav, 48_000, 2, &values);
    assert!(decode(&ffmpeg(&wav, "noise.flac", &[])).expect("a good file") == values);
}

#[test]
fn every_rate_and_channel_count_keeps_level_frequency_and_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sine.wav");
    for rate_hz in [22_050, 44_100, 48_000, 96_000] {
        for channels in [1, 2] {
            write_wav(&path, rate_hz, channels, &sine(rate_hz, channels, 1000.0, rate_hz as usize * 2));
            let stereo = decode(&path).expect("a good file");
            assert_eq!(stereo.len(), 2 * 96_000, "{rate_hz} Hz, {channels} channels");
            assert_is_1_khz(&format!("{rate_hz} Hz, {channels} channels"), &stereo, 0.01, 75.0);
        }
    }
}

#[test]
fn every_format_keeps_level_and_frequency() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("sine.wav");
    for rate_hz in [44_100, 48_000] {
        write_wav(&wav, rate_hz, 2, &sine(rate_hz, 2, 1000.0, rate_hz as usize * 2));
        // What the codec may change in level (LAME scales by 0.95), the noise it may add, the frames it may add.
        let formats: [(&str, &[&str], f64, f64, usize); 6] = [
            ("sine.mp3", &["-b:a", "192k"], 0.6, 45.0, 0),
            ("sine.flac", &[], 0.01, 75.0, 0),
            ("sine.ogg", &["-c:a", "libvorbis", "-q:a", "6"], 0.1, 45.0, 0),
            // ffmpeg's own decoder measures 38.6 dB; what the encoder adds at both ends is not marked for us.
            ("sine.m4a", &["-c:a", "aac", "-b:a", "192k"], 0.1, 36.0, 3 * 1115),
            ("sine.aac", &["-c:a", "aac", "-b:a", "192k"], 0.1, 36.0, 3 * 1115),
            ("24-bit.wav", &["-c:a", "pcm_s24le"], 0.01, 75.0, 0),
        ];
        for (name, options, level_db_max, snr_db_min, longer_max) in formats {
            let stereo = decode(&ffmpeg(&wav, name, options)).expect("a good file");
            let frames = stereo.len() / 2;
            assert!((96_000..=96_000 + longer_max).contains(&frames), "{name} {rate_hz}: {frames} frames");
            assert_is_1_khz(&format!("{name} {rate_hz}"), &stereo, level_db_max, snr_db_min);
        }
    }
}

#[test]
fn surround_is_folded_to_both_sides_without_clipping() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("sine.wav");
    write_wav(&wav, 48_000, 1, &sine(48_000, 1, 1000.0, 96_000));
    let to_six = ["-af", "pan=5.1|FL=c0|FR=c0|FC=c0|LFE=0*c0|BL=c0|BR=c0"];
    let stereo = decode(&ffmpeg(&wav, "six.flac", &to_six)).expect("a good file");
    assert_eq!(stereo.len(), 2 * 96_000);
    assert_is_1_khz("5.1", &stereo, 0.01, 75.0);
}

#[test]
fn tags_and_duration_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("sine.wav");
    write_wav(&wav, 44_100, 2, &sine(44_100, 2, 1000.0, 44_100 * 3));
    let tags = ["-metadata", "title=Night Shift", "-metadata", "artist=The Masts"];
    for name in ["tagged.mp3", "tagged.flac", "tagged.ogg", "tagged.m4a"] {
        let decoder = Decoder::open(&ffmpeg(&wav, name, &tags)).expect("a good file");
        let info = decoder.info();
        assert_eq!(info.title.as_deref(), Some("Night Shift"), "{name}");
        assert_eq!(info.artist.as_deref(), Some("The Masts"), "{name}");
        let off = info.duration.expect("a duration").abs_diff(Duration::from_secs(3));
        assert!(off < Duration::from_millis(100), "{name}: {:?}", info.duration);
    }
}

#[test]
fn what_is_no_audio_is_an_error_that_names_file_and_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("good.wav");
    write_wav(&wav, 48_000, 2, &[]);
    let text = folder.path().join("text.mp3");
    std::fs::write(&text, "Never gonna give you up. ".repeat(10_000)).expect("a file");
    let empty = folder.path().join("empty.ogg");
    std::fs::write(&empty, b"").expect("a file");
    let garbage = folder.path().join("garbage.flac");
    let bytes: Vec<u8> = noise(100_000).iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(&garbage, bytes).expect("a file");
    let missing = folder.path().join("missing.wav");
    for path in [&wav, &text, &empty, &garbage, &missing, &folder.path().into()] {
        let error = decode(path).expect_err(&path.display().to_string());
        assert_eq!(error.path(), path.as_path());
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(["use ", "check ", "replace "].iter().any(|remedy| message.contains(remedy)), "{message}");
    }
}

#[test]
fn damage_anywhere_is_never_a_panic_and_never_endless() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("noise.wav");
    write_wav(&wav, 44_100, 2, &noise(2 * 44_100));
    for name in ["n.mp3", "n.flac", "n.ogg", "n.m4a", "n.aac", "n.wav"] {
        let options: &[&str] = if name == "n.ogg" { &["-c:a", "libvorbis"] } else { &[] };
        let good = std::fs::read(ffmpeg(&wav, name, options)).expect("the fixture");
        let path = folder.path().join(format!("damaged-{name}"));
        for at in (1..8).map(|eighth| good.len() * eighth / 8) {
            std::fs::write(&path, &good[..at]).expect("a file");
            let _ = decode(&path);
            let mut hurt = good.clone();
            let end = (at + 500).min(hurt.len());
            hurt[at..end].iter_mut().for_each(|byte| *byte ^= 0x5A);
            std::fs::write(&path, &hurt).expect("a file");
            if let Ok(stereo) = decode(&path) {
                assert!(stereo.len() < 4 * 2 * 48_000, "{name} hurt at {at}: {} frames", stereo.len() / 2);
            }
        }
    }
}

#[test]
fn a_truncated_file_plays_to_where_it_was_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.wav");
    let values = noise(2 * 48_000);
    write_wav(&path, 48_000, 2, &values);
    let bytes = std::fs::read(&path).expect("the fixture");
    std::fs::write(&path, &bytes[..44 + 4 * 24_000]).expect("a file");
    let mut decoder = Decoder::open(&path).expect("a good head");
    let mut out = Vec::new();
    while matches!(decoder.next_block(&mut out), Ok(true)) {}
    assert!(out == values[..2 * 24_000], "{} frames", out.len() / 2);
}

#[test]
fn a_file_of_hours_is_streamed_not_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hours.wav");
    write_wav(&path, 48_000, 2, &noise(2 * 1152));
    // Two gigabytes of silence that take no room on the disk, announced in both length fields.
    let len: u32 = 2_000_000_044;
    let mut bytes = std::fs::read(&path).expect("the fixture");
    bytes[4..8].copy_from_slice(&(len - 8).to_le_bytes());
    bytes[40..44].copy_from_slice(&(len - 44).to_le_bytes());
    std::fs::write(&path, &bytes).expect("a file");
    let file = std::fs::File::options().write(true).open(&path).expect("the file");
    file.set_len(u64::from(len)).expect("a sparse file");
    let mut decoder = Decoder::open(&path).expect("a good file");
    let (mut out, mut frames) = (Vec::new(), 0);
    while frames < 10 * 48_000 {
        out.clear();
        assert!(decoder.next_block(&mut out).expect("a good file"));
        assert!(out.len() <= 2 * 48_000, "{} values in one block", out.len());
        frames += out.len() / 2;
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("the process's figures");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kb: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kb < 300_000, "{kb} kB resident");
}
