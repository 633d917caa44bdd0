//! `tower feed`: the exact PCM of the files, at the rate of real time (SPEC CFG-4).

use super::fixtures::{noise, write_wav};
use radio_signal::units::{TICK_BYTES, TICK_MS};
use radio_tower::cli::feed::{FeedArgs, run};
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Ticks sent at once in the beginning.
const LEAD_TICKS: usize = 14;

fn args(inputs: &[&Path]) -> FeedArgs {
    FeedArgs {
        inputs: inputs.iter().map(PathBuf::from).collect(),
        socket: None,
        raw: false,
        looped: false,
        shuffle: false,
    }
}

fn wav(folder: &Path, name: &str, values: &[i16]) -> PathBuf {
    let path = folder.join(name);
    write_wav(&path, 48_000, 2, values);
    path
}

fn bytes_of(values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Everything until the end, with the time of each piece.
fn read_all(mut stream: UnixStream) -> (Vec<u8>, Vec<(Instant, usize)>) {
    let (mut bytes, mut times, mut piece) = (Vec::new(), Vec::new(), [0; TICK_BYTES]);
    loop {
        match stream.read(&mut piece).expect("the feed's bytes") {
            0 => return (bytes, times),
            read => bytes.extend(&piece[..read]),
        }
        times.push((Instant::now(), bytes.len()));
    }
}

#[test]
fn the_socket_gets_the_exact_pcm_in_real_time_with_a_lead() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (noise(2 * 40_001), noise(2 * 32_000));
    let (one, two) = (wav(folder.path(), "1.wav", &first), wav(folder.path(), "2.wav", &second));
    let socket = folder.path().join("pcm.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let begun = Instant::now();
    let feed = thread::spawn(move || run(&args(&[&one, &two]), socket));
    let (bytes, times) = read_all(listener.accept().expect("the feed").0);
    feed.join().expect("no panic").expect("a good end");

    assert!(bytes == bytes_of(&[first, second].concat()), "{} bytes", bytes.len());
    for &(at, received) in &times {
        let ticks = at.duration_since(begun).as_millis() as usize / TICK_MS as usize;
        let frames = received / TICK_BYTES;
        assert!(frames <= LEAD_TICKS + ticks, "{frames} frames after {ticks} ticks is too fast");
    }
    let reached = |wanted: usize| times.iter().find(|(_, n)| *n >= wanted).expect("enough").0;
    let lead = reached(LEAD_TICKS * TICK_BYTES) - reached(1);
    assert!(lead < Duration::from_millis(300), "the lead took {lead:?}");
    // 62.5 ticks less the lead; the upper end leaves room for a busy machine.
    let took = reached(bytes.len()) - reached(1);
    assert!((1100..2500).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_tower_that_goes_away_is_found_again_and_nothing_that_it_missed_is_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let values = noise(2 * 48_000);
    let path = wav(folder.path(), "noise.wav", &values);
    let all = bytes_of(&values);
    let socket = folder.path().join("pcm.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let feed = thread::spawn(move || run(&args(&[&path]), socket));
    let (mut stream, _) = listener.accept().expect("the feed");
    let mut head = vec![0; 16 * TICK_BYTES];
    stream.read_exact(&mut head).expect("sixteen frames");
    assert!(head == all[..head.len()]);
    drop(stream);
    let (rest, _) = read_all(listener.accept().expect("the feed again").0);
    feed.join().expect("no panic").expect("a good end");
    let from = all.len() - rest.len();
    assert!(rest == all[from..]);
    assert_eq!(from % TICK_BYTES, 0, "it goes on with a whole frame");
    // What was in the socket when the first tower left is lost, and no more.
    assert!((16..=20).contains(&(from / TICK_BYTES)), "went on with frame {}", from / TICK_BYTES);
}

#[test]
fn raw_files_are_joined_and_half_a_sample_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("1.pcm"), folder.path().join("2.pcm"));
    let values = bytes_of(&noise(2 * 2000));
    std::fs::write(&one, &values[..4003]).expect("a file");
    std::fs::write(&two, &values[4000..]).expect("a file");
    let socket = folder.path().join("pcm.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let feed = thread::spawn(move || run(&FeedArgs { raw: true, ..args(&[&one, &two]) }, socket));
    let (bytes, _) = read_all(listener.accept().expect("the feed").0);
    feed.join().expect("no panic").expect("a good end");
    assert!(bytes == values);
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("pcm.sock");
    let good = wav(folder.path(), "good.wav", &noise(2 * 1152));
    let text = folder.path().join("text.mp3");
    std::fs::write(&text, "no music\n".repeat(1000)).expect("a file");
    let message =
        |inputs: &[&Path], socket: &Path| format!("{:#}", run(&args(inputs), socket.into()).expect_err("an error"));

    let missing = folder.path().join("missing.mp3");
    let said = message(&[&missing], &socket);
    assert!(said.contains("no such file") && said.contains("missing.mp3"), "{said}");
    let said = message(&[&good], &socket);
    assert!(said.contains("is a tower running?") && said.contains("tower serve"), "{said}");
    let said = message(&[Path::new("-"), &good], &socket);
    assert!(said.contains("standard input"), "{said}");

    let _listener = UnixListener::bind(&socket).expect("a socket");
    let said = message(&[&text], &socket);
    assert!(said.contains("none of the files could be played"), "{said}");
}
