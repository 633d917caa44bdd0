//! Files are heard whole: no sample is lost to tags, padding or damage, and none is added
//! (SPEC FALL-3).

use super::fixtures::{AMPLITUDE, ffmpeg, level_db, measure, noise, sine, write_wav};
use radio_decode::media::convert::Converter;
use radio_decode::media::file::{DecodeError, Decoder};
use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

/// Decodes files one behind the other; the samples, and what went wrong.
fn play(paths: &[&Path]) -> (Vec<i16>, Vec<DecodeError>) {
    let (mut converter, mut out, mut errors) = (Converter::new(), Vec::new(), Vec::new());
    for path in paths {
        match Decoder::open_after(path, &mut converter) {
            Ok(mut decoder) => {
                loop {
                    match decoder.next_block(&mut out) {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => break errors.push(error),
                    }
                }
                converter = decoder.into_converter();
            }
            Err(error) => errors.push(error),
        }
    }
    converter.finish(&mut out);
    (out, errors)
}

fn whole(path: &Path) -> Vec<i16> {
    let (out, errors) = play(&[path]);
    assert!(errors.is_empty(), "{errors:?}");
    out
}

#[test]
fn parts_of_a_recording_are_joined_to_the_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let rate_hz = 44_100;
    let recording = sine(rate_hz, 2, 441.0, 3 * 44_500);
    let options: [(&str, &[&str]); 6] = [
        ("mp3", &["-b:a", "192k"]),
        ("m4a", &["-b:a", "192k"]),
        ("alac.m4a", &["-c:a", "alac"]),
        ("flac", &[]),
        ("ogg", &["-c:a", "libvorbis", "-q:a", "6"]),
        ("aiff", &[]),
    ];
    for (extension, options) in options {
        let mut parts = Vec::new();
        for (number, values) in recording.chunks(2 * 44_500).enumerate() {
            let wav = folder.path().join(format!("{number}.wav"));
            write_wav(&wav, rate_hz, 2, values);
            parts.push(ffmpeg(&wav, &format!("{number}.{extension}"), options));
        }
        let (out, errors) = play(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        assert!(errors.is_empty(), "{extension}: {errors:?}");
        let expected = (recording.len() as f64 / 2.0 * 48_000.0 / f64::from(rate_hz)).round() as usize;
        assert_eq!(out.len() / 2, expected, "{extension}");
        let ideal = |n: usize| AMPLITUDE * (441.0 * TAU * n as f64 / 48_000.0).sin();
        // An encoder that begins in the middle of a sine has no past to know it by.
        let worst = (4800..expected - 4800).map(|n| (f64::from(out[2 * n]) - ideal(n)).abs()).fold(0.0, f64::max);
        assert!(worst < AMPLITUDE / 4.0, "{extension}: {worst:.0} steps from the sine");
    }
}

#[test]
fn tags_around_a_file_cost_no_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("noise.wav");
    write_wav(&wav, 48_000, 2, &noise(2 * 30_000));
    let id3v1 = [&b"TAG"[..], b"Title", &[0; 120]].concat();
    let footer = |size: u32| [&b"APETAGEX"[..], &2000u32.to_le_bytes(), &size.to_le_bytes(), &[0; 16]].concat();
    let ape = [&5u32.to_le_bytes()[..], &[0; 4], b"Title\0Fugue", &footer(51)].concat();
    let id3v2 = [&b"ID3\x03\0\0\0\0\x02\x00"[..], &[0; 256]].concat();
    for name in ["n.flac", "n.wav", "n.mp3", "n.ogg", "n.aiff", "n.m4a", "n.mka"] {
        let made = match name {
            "n.wav" => wav.clone(),
            "n.ogg" => ffmpeg(&wav, name, &["-c:a", "libvorbis"]),
            name => ffmpeg(&wav, name, &[]),
        };
        let (good, bytes) = (whole(&made), fs::read(&made).expect("the fixture"));
        for (number, (front, back)) in
            [(&[][..], &id3v1[..]), (&[], &ape), (&[], &[ape.clone(), id3v1.clone()].concat()), (&id3v2, &id3v1)]
                .into_iter()
                .enumerate()
        {
            // What is in an MP4 is where it says, counted from the beginning of the file.
            if name == "n.m4a" && !front.is_empty() {
                continue;
            }
            let tagged = folder.path().join(format!("tagged-{name}"));
            fs::write(&tagged, [front, &bytes, back].concat()).expect("a file");
            assert!(
                whole(&tagged) == good,
                "{name}, tags {number}: {} samples of {}",
                whole(&tagged).len(),
                good.len()
            );
            if (1..3).contains(&number) {
                let decoder = Decoder::open(&tagged).expect("a good file");
                assert_eq!(decoder.info().title.as_deref(), Some("Fugue"), "{name}");
            }
        }
    }
}

#[test]
fn damage_costs_what_is_damaged_and_never_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("sine.wav");
    write_wav(&wav, 44_100, 2, &sine(44_100, 2, 1000.0, 10 * 44_100));
    // Of an Ogg file nothing can be told of a page that is hurt: it is lost whole, and holds a second.
    let formats: [(&str, &[&str], usize); 7] = [
        ("d.mp3", &["-b:a", "128k"], 48_000),
        ("d.mp2", &[], 48_000),
        ("d.flac", &[], 48_000),
        ("d.ogg", &["-c:a", "libvorbis"], 2 * 48_000),
        ("d.m4a", &[], 48_000),
        ("d.aac", &[], 48_000),
        ("d.mka", &["-c:a", "libvorbis"], 48_000),
    ];
    for (name, options, lost_max) in formats {
        let made = ffmpeg(&wav, name, options);
        let good = whole(&made).len() / 2;
        let mut bytes = fs::read(&made).expect("the fixture");
        let middle = bytes.len() / 2;
        let mut state = 1u32;
        for byte in &mut bytes[middle..middle + 2000] {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte ^= (state >> 24) as u8;
        }
        let hurt = folder.path().join(format!("hurt-{name}"));
        fs::write(&hurt, bytes).expect("a file");
        let (out, errors) = play(&[&hurt]);
        let lost = good.saturating_sub(out.len() / 2);
        assert!(lost < lost_max, "{name}: {lost} samples of {good} are lost, {errors:?}");
        assert!(errors.iter().all(|error| matches!(error, DecodeError::Damaged { .. })), "{name}: {errors:?}");
        // The last seconds are as they were.
        let (amplitude, _) = measure(&out[out.len() - 2 * 3 * 48_000..out.len() - 2 * 9600], 0, 1000.0);
        assert!(level_db(amplitude).abs() < 1.0, "{name}: {:.1} dB", level_db(amplitude));
    }
}

#[test]
fn joined_files_of_other_rates_keep_their_pitch() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut joined = Vec::new();
    for (number, (rate_hz, channels)) in [(44_100, 2), (48_000, 1), (22_050, 2), (44_100, 1)].into_iter().enumerate() {
        let wav = folder.path().join(format!("{number}.wav"));
        write_wav(&wav, rate_hz, channels, &sine(rate_hz, channels, 1000.0, rate_hz as usize));
        joined.extend(fs::read(ffmpeg(&wav, &format!("{number}.mp3"), &["-b:a", "96k"])).expect("the fixture"));
    }
    let path = folder.path().join("joined.mp3");
    fs::write(&path, joined).expect("a file");
    let out = whole(&path);
    assert_eq!(out.len(), 2 * 4 * 48_000, "nothing is lost or added where they are joined");
    for second in out.chunks(2 * 48_000) {
        let (amplitude, _) = measure(&second[2 * 9600..2 * 38_400], 0, 1000.0);
        assert!(level_db(amplitude).abs() < 0.5, "{:.1} dB at 1 kHz", level_db(amplitude));
    }
}

#[test]
fn floats_that_are_no_numbers_are_silence_in_every_container() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rate_hz, raw) = (44_100, folder.path().join("raw.f64"));
    let mut values: Vec<f64> = sine(rate_hz, 1, 1000.0, 44_100).iter().map(|&v| f64::from(v) / 32_768.0).collect();
    for (at, value) in [(3000, f64::NAN), (3001, f64::INFINITY), (3002, f64::NEG_INFINITY), (3003, 1e36), (3004, 3.0)] {
        values[at] = value;
    }
    fs::write(&raw, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()).expect("a file");
    for (name, codec) in
        [("f.wav", "pcm_f64le"), ("g.wav", "pcm_f32le"), ("f.aifc", "pcm_f32be"), ("f.caf", "pcm_f32le")]
    {
        let to = folder.path().join(name);
        let format = if name == "f.aifc" { "aiff" } else { name.rsplit('.').next().expect("an extension") };
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-f", "f64le", "-ar", "44100", "-ac", "1", "-i"])
            .arg(&raw)
            .args(["-c:a", codec, "-f", format])
            .arg(&to)
            .status();
        assert!(made.expect("ffmpeg").success(), "{name}");
        let out = whole(&to);
        assert_eq!(out.len(), 2 * 48_000, "{name}");
        let (amplitude, rest) = measure(&out[2 * 9600..2 * 38_400], 0, 1000.0);
        assert!(level_db(amplitude).abs() < 0.1 && rest < 20.0, "{name}: {amplitude:.0} and {rest:.0}");
    }
}
