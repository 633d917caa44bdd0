//! Songs one after the other: joined, crossfaded and at one loudness (SPEC SONG-1).

use super::fixtures::{ffmpeg, write_wav};
use radio_config::Joining;
use radio_decode::settings::DecoderSettings;
use radio_signal::ingest::{BufferReader, input_buffer};
use radio_signal::loudness::LoudnessMeter;
use radio_signal::pcm::AudioFrame;
use radio_signal::units::{TICK_SAMPLES, TICK_VALUES};
use radio_tower::files::{Backing, Levels, Player, PlayerHandle, PlayerSettings};
use std::f64::consts::{PI, TAU};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);
/// Samples in which a song of a test rises from nothing, and falls to nothing at its end.
const EDGE: usize = 2400;

/// The songs that began, with their positions in ticks.
type Begun = Arc<Mutex<Vec<(u64, String)>>>;

fn start(paths: &[PathBuf], joining: Joining) -> (PlayerHandle, BufferReader, Begun) {
    start_with(paths, joining, Backing::default())
}

fn start_measured(paths: &[PathBuf], joining: Joining, levels: Arc<Levels>) -> (PlayerHandle, BufferReader, Begun) {
    start_with(paths, joining, Backing { levels: Some(levels), ..Backing::default() })
}

fn start_with(paths: &[PathBuf], joining: Joining, backing: Backing) -> (PlayerHandle, BufferReader, Begun) {
    let (writer, reader) = input_buffer(100);
    let begun = Begun::default();
    let decoder = DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() };
    let settings = PlayerSettings { decoder, backing, ..PlayerSettings::new("songs", paths, false) }.joined(joining);
    let tell = Arc::clone(&begun);
    let player = Player::start(settings, writer, move |position, info| {
        tell.lock().expect("no panic").push((position, info.label()));
    });
    (player, reader, begun)
}

/// The next `samples` of the programme, left and right, full scale 1.
fn take(reader: &mut BufferReader, samples: usize) -> Vec<f32> {
    let (begun, mut values, mut frame) = (Instant::now(), Vec::new(), AudioFrame::SILENCE);
    while values.len() < 2 * samples {
        if reader.pop(&mut frame) {
            values.extend(frame.0);
        } else {
            assert!(begun.elapsed() < DEADLINE, "the player stopped after {} values", values.len());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    values
}

/// A sine that begins and ends in silence without an edge, so that what clicks is the join.
fn song(rate_hz: u32, frequency_hz: f64, level: f64, samples: usize) -> Vec<i16> {
    let edge = (EDGE as f64 * f64::from(rate_hz) / 48_000.0) as usize;
    let value = |n: usize| {
        let at = n.min(samples - 1 - n);
        let gain = if at < edge { 0.5 - 0.5 * (PI * at as f64 / edge as f64).cos() } else { 1.0 };
        (32_767.0 * level * gain * (TAU * frequency_hz * n as f64 / f64::from(rate_hz)).sin()).round() as i16
    };
    (0..samples).flat_map(|n| [value(n); 2]).collect()
}

/// A song of a folder of mixed formats.
struct Made {
    path: PathBuf,
    label: String,
    /// At 48 kHz.
    samples: usize,
}

fn lossless(extension: &str) -> bool {
    matches!(extension, "wav" | "flac")
}

/// Song `number`: of a format, rate, level and length of its own; some are mono, and every third has no
/// tags.
fn made(folder: &Path, number: usize) -> Made {
    const FORMATS: [(&str, &[&str]); 6] = [
        ("wav", &[]),
        // Times to the sample: by default they are in ms.
        ("m4a", &["-c:a", "aac", "-b:a", "192k", "-movie_timescale", "7056000"]),
        ("flac", &[]),
        ("mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]),
        ("ogg", &["-c:a", "libvorbis", "-q:a", "6"]),
        ("opus", &["-c:a", "libopus", "-b:a", "160k"]),
    ];
    let (extension, codec) = FORMATS[number % FORMATS.len()];
    let rate_hz: u32 = [48_000, 44_100, 96_000, 22_050][(number / 6) % if lossless(extension) { 4 } else { 2 }];
    // Whole samples at each rate: 147 at 44.1 kHz are 160 at 48 kHz.
    let units = 150 + (number * 37) % 440 / 2 * 2;
    let samples = units * rate_hz as usize / 300;
    let level = [0.5, 0.25, 0.1, 0.05][(number / 2) % 4];
    let source = folder.join(format!("source-{number:03}.wav"));
    let pcm = song(rate_hz, 300.0 + 10.0 * number as f64, level, samples);
    write_wav(&source, rate_hz, 2, &pcm);
    let name = format!("{number:03}.{extension}");
    let title = format!("title=Song {number}");
    let mut options = codec.to_vec();
    if number % 9 == 4 {
        // Not mixed: FFmpeg adds 3 dB on the way to some codecs.
        options.extend(["-af", "pan=mono|c0=c0"]);
    }
    let label = if number.is_multiple_of(3) || extension == "wav" {
        options.extend(["-map_metadata", "-1"]);
        name.clone()
    } else {
        options.extend(["-metadata", &title, "-metadata", "artist=The Masts"]);
        format!("The Masts - Song {number}")
    };
    // Some were brought to a level by another program, which wrote the gain.
    let gain = format!("REPLAYGAIN_TRACK_GAIN={:.2} dB", -18.0 - loudness_at(rate_hz, &pcm));
    let peak = format!("REPLAYGAIN_TRACK_PEAK={level:.6}");
    if number % 7 == 2 {
        options.extend(["-metadata", &gain, "-metadata", &peak]);
    }
    let path = ffmpeg(&source, &name, &options);
    std::fs::remove_file(&source).expect("our own file");
    Made { path, label, samples: units * 160 }
}

/// The largest second difference of the left channel between two samples.
fn bend(values: &[f32]) -> f32 {
    let left: Vec<f32> = values.iter().step_by(2).copied().collect();
    left.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn a_hundred_songs_of_mixed_formats_follow_each_other_to_the_sample_with_every_title_at_its_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let songs: Vec<Made> = (0..100).map(|number| made(folder.path(), number)).collect();
    let paths: Vec<PathBuf> = songs.iter().map(|song| song.path.clone()).collect();
    let (player, mut reader, begun) = start(&paths, Joining::default());
    let all: usize = songs.iter().map(|song| song.samples).sum();
    // And the first once more, to see where it begins again.
    let values = take(&mut reader, all + songs[0].samples);
    player.stop();

    let begun = begun.lock().expect("no panic").clone();
    let mut at = 0;
    for (number, song) in songs.iter().chain(songs.first()).enumerate() {
        let expected = ((at / TICK_SAMPLES) as u64, song.label.clone());
        assert_eq!(begun.get(number), Some(&expected), "song {number} begins at sample {at}");
        let heard = &values[2 * at..2 * (at + song.samples)];
        // Its edges are silent, and behind them is its sound: nothing is lost or inserted.
        let peak = |from: usize, to: usize| heard[2 * from..2 * to].iter().fold(0.0_f32, |max, v| max.max(v.abs()));
        let middle = peak(song.samples / 2 - 400, song.samples / 2 + 400);
        for edge in [peak(0, 48), peak(song.samples - 48, song.samples)] {
            assert!(
                edge < 0.05 * middle,
                "song {number} is not where it should be: {edge} at its edge, {middle} inside"
            );
        }
        let half = 0.5 * middle;
        let rises = (0..song.samples).find(|n| heard[2 * n].abs() > half).expect("sound");
        let falls = (0..song.samples).rfind(|n| heard[2 * n].abs() > half).expect("sound");
        // An edge of 50 ms is at its half after 25 ms, and within a period of the sine.
        let off = |samples: usize| (samples as i64 - EDGE as i64 / 2).abs();
        assert!(off(rises) < 170 && off(song.samples - falls) < 170, "song {number}: {rises}, {falls}");
        at += song.samples;
    }
    // No join is harder than the songs themselves: at most 1290 Hz at half of full scale.
    let hardest = 0.5 * (TAU as f32 * 1290.0 / 48_000.0).powi(2);
    for (number, join) in begun.windows(2).take(songs.len()).map(|pair| pair[1].0 as usize * TICK_SAMPLES).enumerate() {
        let around = &values[2 * (join - 100)..2 * (join + TICK_SAMPLES + 100)];
        assert!(bend(around) < 2.0 * hardest, "join {number} clicks: {} against {hardest}", bend(around));
    }
}

#[test]
fn songs_are_crossfaded_as_long_as_is_configured_and_what_is_one_on_an_album_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let tagged = |number: usize, album: &str, track: usize| {
        let source = folder.path().join(format!("s{number}.wav"));
        write_wav(&source, 48_000, 2, &song(48_000, 500.0, 0.25, 48_000));
        let (album, track) = (format!("album={album}"), format!("track={track}"));
        ffmpeg(&source, &format!("{number}.flac"), &["-metadata", &album, "-metadata", &track])
    };
    let paths = [tagged(1, "A", 1), tagged(2, "A", 2), tagged(3, "A", 4), tagged(4, "B", 5)];
    let (player, mut reader, begun) = start(&paths, Joining { crossfade_ms: 240, ..Joining::default() });
    take(&mut reader, 4 * 48_000);
    player.stop();
    let begun: Vec<u64> = begun.lock().expect("no panic").iter().map(|(position, _)| *position).take(4).collect();
    let overlap = 240 * 48;
    let samples = [0, 48_000, 2 * 48_000 - overlap, 3 * 48_000 - 2 * overlap];
    assert_eq!(begun, samples.map(|sample| (sample / TICK_SAMPLES) as u64), "1 and 2 are one piece");
}

/// The loudness of 16-bit PCM at any rate: of a sine, which is the same at another.
fn loudness_at(rate_hz: u32, pcm: &[i16]) -> f64 {
    let at_48_khz = |n: usize| (n as f64 * f64::from(rate_hz) / 48_000.0) as usize;
    let samples = (pcm.len() / 2) as f64 * 48_000.0 / f64::from(rate_hz);
    let value = |n: usize| f32::from(pcm[2 * at_48_khz(n)]) / 32_768.0;
    loudness(&(0..samples as usize).flat_map(|n| [value(n); 2]).collect::<Vec<f32>>())
}

fn loudness(values: &[f32]) -> f64 {
    let mut meter = LoudnessMeter::default();
    for frame in values.chunks(TICK_VALUES) {
        let plane = |channel: usize| frame.iter().skip(channel).step_by(2).copied().collect::<Vec<f32>>();
        meter.add([&plane(0), &plane(1)]);
    }
    meter.integrated_lufs()
}

#[test]
fn songs_with_tags_of_every_kind_come_to_one_loudness() {
    let folder = tempfile::tempdir().expect("a folder");
    let tags = |key: &str, value: String| vec!["-metadata".to_owned(), format!("{key}={value}")];
    let (mut paths, mut levels) = (Vec::new(), Vec::new());
    for (number, extension) in ["flac", "ogg", "mp3", "opus"].iter().enumerate() {
        let level = [0.5, 0.25, 0.125, 0.3][number];
        let pcm = song(48_000, 1000.0, level, 96_000);
        let source = folder.path().join(format!("s{number}.wav"));
        write_wav(&source, 48_000, 2, &pcm);
        let values: Vec<f32> = pcm.iter().map(|value| f32::from(*value) / 32_768.0).collect();
        let gain = -18.0 - loudness(&values);
        let options = if *extension == "opus" {
            // In 1/256 dB, to 5 dB less (RFC 7845).
            tags("R128_TRACK_GAIN", format!("{:.0}", 256.0 * (gain - 5.0)))
        } else {
            let gain = tags("REPLAYGAIN_TRACK_GAIN", format!("{gain:.2} dB"));
            [gain, tags("REPLAYGAIN_TRACK_PEAK", format!("{level:.6}"))].concat()
        };
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        paths.push(ffmpeg(&source, &format!("{number}.{extension}"), &options));
    }
    let joining = Joining { loudness_lufs: Some(-20.0), ..Joining::default() };
    let (player, mut reader, _) = start(&paths, joining);
    let values = take(&mut reader, 4 * 96_000);
    player.stop();
    for song in values.chunks_exact(2 * 96_000).take(4) {
        levels.push(loudness(song));
    }
    assert!(levels.iter().all(|lufs| (lufs + 20.0).abs() < 0.5), "{levels:?}");
    let (player, mut reader, _) = start(&paths, Joining::default());
    let untouched = take(&mut reader, 96_000);
    player.stop();
    assert!((loudness(&untouched) + 6.0).abs() < 2.0, "off is off: {}", loudness(&untouched));
}

#[test]
fn songs_without_tags_are_measured_once_and_come_to_one_loudness_without_their_silent_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    let mut paths = Vec::new();
    for (number, level) in [0.5, 0.1, 0.03].into_iter().enumerate() {
        let mut values = song(48_000, 1000.0, level, 96_000);
        if number == 2 {
            values.extend(vec![0; 2 * 3 * 48_000]);
        }
        let path = folder.path().join(format!("{number}.wav"));
        write_wav(&path, 48_000, 2, &values);
        paths.push(path);
    }
    let decoder = DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() };
    let joining = Joining { loudness_lufs: Some(-20.0), ..Joining::default() };
    let levels = || Levels::open(Some(&state), decoder.clone());
    let (player, mut reader, _) = start_measured(&paths, joining, levels());
    let kept = || std::fs::read_to_string(state.join("levels.json")).unwrap_or_default();
    let begun = Instant::now();
    while kept().matches("path_base64").count() < 3 {
        assert!(begun.elapsed() < DEADLINE, "not measured: {}", kept());
        take(&mut reader, TICK_SAMPLES);
    }
    player.stop();
    drop(reader);
    // Another life of the tower knows them from the first song on.
    let (player, mut reader, begun) = start_measured(&paths, joining, levels());
    let values = take(&mut reader, 4 * 96_000);
    player.stop();
    let begun: Vec<usize> = begun.lock().expect("no panic").iter().map(|(at, _)| *at as usize * TICK_SAMPLES).collect();
    let loudness: Vec<f64> = begun.iter().take(3).map(|at| loudness(&values[2 * at..2 * (at + 96_000)])).collect();
    assert!(loudness.iter().all(|lufs| (lufs + 20.0).abs() < 1.0), "{loudness:?}");
    // Two seconds, and of the three of silence behind it half a second.
    let last = begun[3] - begun[2];
    assert!(last.abs_diff(96_000 + 24_000) < EDGE + TICK_SAMPLES, "the last song lasts {last} samples");
}

#[test]
fn with_a_crossfade_alone_silent_ends_are_left_out_and_the_level_stays_with_tags_or_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    let mut values = song(48_000, 1000.0, 0.1, 96_000);
    let sounding = loudness_at(48_000, &values);
    values.extend(vec![0; 2 * 3 * 48_000]);
    let plain = folder.path().join("plain.wav");
    write_wav(&plain, 48_000, 2, &values);
    let tagged = ffmpeg(&plain, "tagged.flac", &["-metadata", "REPLAYGAIN_TRACK_GAIN=-9.00 dB"]);
    let paths = [plain, tagged];
    let decoder = DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() };
    let joining = Joining { crossfade_ms: 100, ..Joining::default() };
    let levels = || Levels::open(Some(&state), decoder.clone());
    let (player, mut reader, _) = start_measured(&paths, joining, levels());
    let known =
        || std::fs::read_to_string(state.join("levels.json")).unwrap_or_default().matches("path_base64").count();
    let begun = Instant::now();
    while known() < paths.len() {
        assert!(begun.elapsed() < DEADLINE, "{} of {} are measured", known(), paths.len());
        take(&mut reader, TICK_SAMPLES);
    }
    player.stop();
    drop(reader);
    let (player, mut reader, begun) = start_measured(&paths, joining, levels());
    let values = take(&mut reader, 4 * 96_000);
    player.stop();
    let begun: Vec<usize> = begun.lock().expect("no panic").iter().map(|(at, _)| *at as usize * TICK_SAMPLES).collect();
    for pair in begun.windows(2).take(2) {
        // Two seconds and half a second of silence, of which 100 ms are in the crossfade.
        let lasts = pair[1] - pair[0];
        assert!(lasts.abs_diff(96_000 + 24_000 - 4800) < EDGE + TICK_SAMPLES, "a song lasts {lasts} samples");
        let heard = loudness(&values[2 * (pair[0] + 4800)..2 * (pair[0] + 90_000)]);
        assert!((heard - sounding).abs() < 0.2, "{heard:.1} LUFS, and {sounding:.1} in the file");
    }
}

#[test]
fn a_hundred_songs_with_tags_and_without_come_to_one_loudness() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    let songs: Vec<Made> = (0..100).map(|number| made(folder.path(), number)).collect();
    let paths: Vec<PathBuf> = songs.iter().map(|song| song.path.clone()).collect();
    let decoder = DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() };
    let joining = Joining { loudness_lufs: Some(-20.0), ..Joining::default() };
    let levels = || Levels::open(Some(&state), decoder.clone());
    // Each is measured when it is about to be played, unless it is being measured still.
    let known =
        || std::fs::read_to_string(state.join("levels.json")).unwrap_or_default().matches("path_base64").count();
    let (player, mut reader, _) = start_measured(&paths, joining, levels());
    let begun = Instant::now();
    while known() < songs.len() {
        assert!(begun.elapsed() < DEADLINE, "{} of {} are measured", known(), songs.len());
        take(&mut reader, TICK_SAMPLES);
    }
    player.stop();
    drop(reader);
    let (player, mut reader, begun) = start_measured(&paths, joining, levels());
    let all: usize = songs.iter().map(|song| song.samples).sum();
    let values = take(&mut reader, all);
    player.stop();
    let begun: Vec<usize> = begun.lock().expect("no panic").iter().map(|(at, _)| *at as usize * TICK_SAMPLES).collect();
    let mut at_fault = Vec::new();
    for (number, (song, begins)) in songs.iter().zip(begun).enumerate() {
        let heard = loudness(&values[2 * begins..2 * (begins + song.samples).min(all)]);
        if (heard + 20.0).abs() >= 1.0 {
            at_fault.push((number, heard));
        }
    }
    assert!(at_fault.is_empty(), "not within 1 LU of -20 LUFS: {at_fault:.2?}");
}
