//! Files one after the other, for ever, sample to sample (SPEC FALL-3, FALL-4).

use super::fixtures::{AMPLITUDE, ffmpeg, noise, sine, write_wav};
use radio_decode::settings::DecoderSettings;
use radio_signal::ingest::{BufferReader, BufferWriter, input_buffer};
use radio_signal::pcm::{AudioFrame, PcmFrame};
use radio_tower::files::{Player, PlayerHandle, PlayerSettings, Playlist, Programme, Step};
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// A player whose decoders are those of the program under test.
fn start(name: &str, paths: &[PathBuf], shuffle: bool, writer: BufferWriter) -> PlayerHandle {
    let decoder = DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() };
    Player::start(PlayerSettings { decoder, ..PlayerSettings::new(name, paths, shuffle) }, writer, |_, _| {})
}

/// Takes values from the buffer as the router would, only faster.
fn take(reader: &mut BufferReader, values: usize) -> Vec<i16> {
    let begun = Instant::now();
    let (mut taken, mut frame, mut pcm) = (Vec::new(), AudioFrame::SILENCE, PcmFrame::SILENCE);
    while taken.len() < values {
        if reader.pop(&mut frame) {
            pcm.round(&frame, 0);
            taken.extend(pcm.0);
        } else {
            assert!(begun.elapsed() < DEADLINE, "the player stopped after {} values", taken.len());
            sleep(Duration::from_millis(1));
        }
    }
    taken.truncate(values);
    taken
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        sleep(Duration::from_millis(1));
    }
}

fn cycled(files: &[Vec<i16>], values: usize) -> Vec<i16> {
    files.iter().flatten().copied().cycle().take(values).collect()
}

fn text_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, "no music\n".repeat(1000)).expect("a file");
    path
}

#[test]
fn a_decoder_that_cannot_be_started_is_told_and_nothing_is_said_to_be_playing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("second.wav");
    write_wav(&path, 48_000, 2, &sine(48_000, 2, 1000.0, 48_000));
    let decoder = DecoderSettings { program: "/nowhere/tower".into(), ..DecoderSettings::default() };
    let settings = PlayerSettings { decoder, ..PlayerSettings::new("none", &[path], false) };
    let (writer, _reader) = input_buffer(100);
    let player = Player::start(settings, writer, |_, _| {});
    let problem = || player.status()["problem"].as_str().unwrap_or_default().to_owned();
    wait_until("the problem", || problem().contains("its decoder cannot be started"));
    assert!(player.status()["playing"].is_null() && player.status()["decoder_pid"].is_null(), "{}", player.status());
    player.stop();
}

#[test]
fn a_loop_is_sample_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("second.wav");
    let second = sine(48_000, 2, 1000.0, 48_000);
    write_wav(&path, 48_000, 2, &second);
    let (writer, mut reader) = input_buffer(10);
    let player = start("loop", &[path], false, writer);
    let expected = cycled(&[second], 2 * 48_000 * 7 / 2);
    assert!(take(&mut reader, expected.len()) == expected);
    player.stop();
}

#[test]
fn files_follow_each_other_without_a_sample_between_them_and_bad_ones_cost_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (noise(2 * 10_001), noise(2 * 5_003));
    write_wav(&folder.path().join("1.wav"), 48_000, 2, &first);
    text_file(folder.path(), "2.mp3");
    std::fs::write(folder.path().join("3.ogg"), b"").expect("a file");
    let wav = folder.path().join("source.wav");
    write_wav(&wav, 48_000, 2, &second);
    ffmpeg(&wav, "4.flac", &[]);
    std::fs::remove_file(&wav).expect("the source");
    let paths = vec![folder.path().into(), folder.path().join("missing.mp3")];
    let (writer, mut reader) = input_buffer(10);
    let player = start("files", &paths, false, writer);
    let expected = cycled(&[first, second], 2 * 50_000);
    assert!(take(&mut reader, expected.len()) == expected);
    drop(player);
}

#[test]
fn a_loop_at_44100_hz_has_no_seam() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("second.wav");
    write_wav(&path, 44_100, 2, &sine(44_100, 2, 1000.0, 44_100));
    let mut programme = Programme::new(Playlist::new(vec![path], false));
    let mut values = Vec::new();
    while values.len() < 2 * 48_000 * 3 {
        programme.step(&mut values);
    }
    for (n, frame) in values.chunks_exact(2).enumerate().skip(4800) {
        let ideal = AMPLITUDE * (TAU * 1000.0 * n as f64 / 48_000.0).sin();
        assert!((f64::from(frame[0]) - ideal).abs() < 3.0, "sample {n}: {} for {ideal:.1}", frame[0]);
    }
}

#[test]
fn a_full_buffer_is_waited_for_and_nothing_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise.wav");
    let values = noise(2 * 48_000);
    write_wav(&path, 48_000, 2, &values);
    let (writer, mut reader) = input_buffer(4);
    let gauge = writer.gauge();
    let player = start("full", &[path], false, writer);
    wait_until("a full buffer", || gauge.count() == 4);
    let used = cpu_ticks_of("player-full");
    sleep(Duration::from_millis(300));
    assert!(cpu_ticks_of("player-full") - used <= 3, "waiting takes no processor time");
    assert!(take(&mut reader, 2 * 60_000) == cycled(&[values], 2 * 60_000));
    assert_eq!(gauge.overflow_count(), 0);
    player.stop();
}

#[test]
fn a_folder_of_bad_files_does_not_spin_and_stops_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..5 {
        text_file(folder.path(), &format!("{n}.mp3"));
    }
    let (writer, reader) = input_buffer(10);
    let player = start("bad", &[folder.path().into()], true, writer);
    sleep(Duration::from_millis(100));
    let used = cpu_ticks_of("player-bad");
    sleep(Duration::from_millis(500));
    assert!(cpu_ticks_of("player-bad") - used <= 3, "waiting takes no processor time");
    assert_eq!(reader.fill(), 0);
    assert!(player.now_playing().is_none());
    let begun = Instant::now();
    player.stop();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[test]
fn a_file_that_turns_up_is_played_in_the_next_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut programme = Programme::new(Playlist::new(vec![folder.path().into()], false));
    let mut values = Vec::new();
    assert!(matches!(programme.step(&mut values), Step::RoundEnded { heard: false }));
    // A blip so short that at 44.1 kHz the resampler keeps all of it for now.
    write_wav(&folder.path().join("blip.wav"), 44_100, 2, &noise(2 * 100));
    assert!(matches!(programme.step(&mut values), Step::Started(_)));
    assert!(matches!(programme.step(&mut values), Step::Audio));
    assert!(matches!(programme.step(&mut values), Step::Audio));
    assert!(matches!(programme.step(&mut values), Step::RoundEnded { heard: true }));
    programme.finish(&mut values);
    assert_eq!(values.len(), 2 * 109);
}

#[test]
fn what_is_playing_is_shown_until_the_player_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("sine.wav");
    write_wav(&wav, 48_000, 2, &sine(48_000, 2, 1000.0, 48_000));
    let path = ffmpeg(&wav, "tagged.flac", &["-metadata", "title=Night Shift", "-metadata", "artist=The Masts"]);
    let (writer, mut reader) = input_buffer(10);
    let player = start("shown", std::slice::from_ref(&path), false, writer);
    take(&mut reader, 2 * 1152);
    let playing = player.now_playing().expect("a file");
    assert_eq!(playing.path, path);
    assert_eq!(playing.label(), "The Masts - Night Shift");
    let begun = Instant::now();
    player.stop();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    assert!(reader.ended(), "the writer goes with the player");
}

/// Processor time of the thread called `name`, in ticks of 10 ms.
fn cpu_ticks_of(name: &str) -> u64 {
    for task in std::fs::read_dir("/proc/self/task").expect("threads").flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        if let Some((head, tail)) = stat.rsplit_once(") ")
            && head.ends_with(&format!("({name}"))
        {
            let fields: Vec<&str> = tail.split(' ').collect();
            return fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
        }
    }
    panic!("no thread is called {name}");
}
