//! DJ programs that page Ogg by its size, as libogg does by itself: in digital silence nothing
//! comes for six seconds (SPEC IN-7).

use crate::program::{LIMIT, setup};
use radio_proof::http::{basic_auth, read_head};
use radio_proof::tower::Tower;
use radio_proof::{changes, measure, mp3};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const RATE_HZ: u32 = 44_100;
const SOUND_HZ: f64 = 600.0;

/// A song, a pause, and the next song, in seconds.
const SONG_S: usize = 5;
const PAUSE_S: usize = 13;

fn programme() -> Vec<u8> {
    let song = measure::sine(SOUND_HZ / f64::from(RATE_HZ) * 48_000.0, 0.3, 0.0, SONG_S * RATE_HZ as usize);
    let pause = vec![0.0; PAUSE_S * RATE_HZ as usize];
    measure::to_stereo_s16(&[&song[..], &pause, &song].concat())
}

/// Pages with the time at which their last sound has been encoded; none in those of headers.
fn pages(mut bytes: &[u8]) -> Vec<(Option<Duration>, &[u8])> {
    let mut pages = Vec::new();
    while bytes.starts_with(b"OggS") {
        let segments = usize::from(bytes[26]);
        let content: usize = bytes[27..27 + segments].iter().map(|&length| usize::from(length)).sum();
        let (page, rest) = bytes.split_at(27 + segments + content);
        let granule = u64::from_le_bytes(page[6..14].try_into().expect("eight bytes"));
        let ends = Duration::from_secs_f64(granule as f64 / f64::from(RATE_HZ));
        pages.push(((granule > 0 && granule < u64::MAX).then_some(ends), page));
        bytes = rest;
    }
    pages
}

/// Sends each page when its sound is over, and then nothing more; the connection.
fn send(tower: &Tower, ogg: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(tower.address).expect("the tower listens");
    let user = basic_auth("source", "hackme");
    let head =
        format!("PUT /live HTTP/1.1\r\nHost: tower\r\n{user}Content-Type: audio/ogg\r\nExpect: 100-continue\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("the tower reads");
    assert_eq!(read_head(&mut socket).expect("an answer").0.status(), 100);
    let begun = Instant::now();
    for (ends, page) in pages(ogg) {
        std::thread::sleep(ends.unwrap_or_default().saturating_sub(begun.elapsed()));
        socket.write_all(page).expect("the tower reads");
    }
    socket
}

/// What came on air from its first tick on, until what it sent was over, in ticks: nothing but it.
#[track_caller]
fn assert_whole(tower: &Tower, songs_s: f64) {
    let came = changes::on_air(tower);
    let first = came.iter().position(|(_, name)| name == "dj").expect("it has been on air");
    let (on_air, left) = (came[first].0, came[first + 1].0);
    let seconds = (left - on_air) as f64 * 0.024;
    assert!((seconds - songs_s).abs() < 0.3, "on air for {seconds} s: {came:?}");
}

#[test]
fn a_pause_in_vorbis_that_comes_as_pages_of_6_s_is_silence_and_the_songs_around_it_are_whole() {
    let tower = setup().line("fallback.tone_dbfs = -20.0").start();
    let rate = RATE_HZ.to_string();
    let (ogg, _) = mp3::filter("oggenc", &["-Q", "-r", "-R", &rate, "-C", "2", "-q", "4", "-"], &programme());
    let longest = pages(&ogg).windows(2).filter_map(|pair| Some(pair[1].0? - pair[0].0?)).max();
    assert!(longest > Some(Duration::from_secs(5)), "oggenc has pages of 6 s: {longest:?}");
    let socket = send(&tower, &ogg);
    let producer = tower.status()["inputs"][1]["producers"][0].clone();
    assert!(producer["lump_ticks"].as_u64().is_some_and(|ticks| (246..260).contains(&ticks)), "{producer}");
    // It sends nothing more: what it has in hand is played, and then there is the fallback.
    socket.shutdown(Shutdown::Write).expect("our own socket");
    let silent_since = Instant::now();
    tower.wait_source("tone", LIMIT);
    let waited = silent_since.elapsed();
    assert!(waited < Duration::from_secs(9), "the fallback came {waited:?} after the last page");
    assert_whole(&tower, (2 * SONG_S + PAUSE_S) as f64);
    let took_ms = changes::on_air_after_ms(&tower, "dj");
    assert!(took_ms < 7500, "on air after {took_ms} ms");
}

#[test]
fn a_page_of_flac_of_9_s_is_waited_for_once() {
    let tower = setup().line("fallback.tone_dbfs = -20.0").start();
    let rate = RATE_HZ.to_string();
    let second = RATE_HZ as usize;
    let song = measure::sine(600.0, 0.3, 0.0, SONG_S * second);
    let pause = vec![0.0; 9 * second];
    let pcm = measure::to_stereo_s16(&[&song[..], &pause, &song, &pause, &song].concat());
    let raw = ["--endian", "little", "--sign", "signed", "--channels", "2", "--bps", "16", "--sample-rate", &rate];
    let (ogg, _) =
        mp3::filter("flac", &[&["--ogg", "-s", "--force-raw-format"], &raw[..], &["-c", "-"]].concat(), &pcm);
    let mut socket = send(&tower, &ogg);
    tower.wait_source("tone", LIMIT);
    let came = changes::on_air(&tower);
    let times = came.iter().filter(|(_, name)| name == "dj").count();
    assert_eq!(times, 2, "it comes back once: {came:?}");
    socket.set_nonblocking(true).expect("our own socket");
    let is_open = socket.read(&mut [0; 9]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(is_open, "it is still connected");
}
