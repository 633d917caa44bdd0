//! Files and live streams of every format, damaged in every way (SPEC FALL-7, IN-7): the tower's own
//! memory stays what it was, no listener notices, and the programme goes on with the next file.
//!
//! `RADIO_SEED` repeats a run; its length is that of `RADIO_PROVE=1` otherwise.

use crate::common;
use radio_decode::supervisor::Reason;
use radio_proof::alarm::{full_length, wait_for, wait_until};
use radio_proof::chance::Chance;
use radio_proof::exclusive;
use radio_proof::http::{basic_auth, read_head};
use radio_proof::listener::Listener;
use radio_proof::machine::Watch;
use radio_proof::process::{open_fds, rss_bytes};
use radio_proof::tower::Tower;
use radio_proof::{changes, frames, material, measure, mp3};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// What the tower itself may take more of.
const GROWTH_BYTES_MAX: u64 = 5 << 20;
/// Ticks within which the programme is back: a second, and the fade.
const AWAY_TICKS_MAX: u64 = 42 + 1;

/// A format: the ending of its files, how FFmpeg makes it, and what a source calls it.
const FORMATS: [(&str, &str, &str); 8] = [
    ("mp3", "-b:a 128k -f mp3", "audio/mpeg"),
    ("aac", "-c:a aac -f adts", "audio/aac"),
    ("ogg", "-c:a libvorbis -f ogg", "audio/ogg"),
    ("oga", "-c:a flac -f ogg", "audio/ogg"),
    ("opus", "-c:a libopus -f ogg", "audio/ogg"),
    ("flac", "-f flac", "audio/flac"),
    ("wav", "-f wav", "audio/wav"),
    ("m4a", "-c:a aac -movflags frag_keyframe+empty_moov -f mp4", "audio/aac"),
];

/// A tone of so many seconds in a format, with tags.
fn tone(arguments: &str, seconds: f64) -> Vec<u8> {
    let source = format!("sine=f=500:r=44100:d={seconds}");
    let head =
        ["-v", "error", "-f", "lavfi", "-i", &source, "-ac", "2", "-metadata", "title=Tone", "-metadata", "artist=A"];
    let words: Vec<&str> = head.into_iter().chain(arguments.split(' ')).chain(["pipe:1"]).collect();
    mp3::filter("ffmpeg", &words, b"").0
}

/// Bytes that were good, damaged in one way.
fn damaged(chance: &mut Chance, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let head = bytes.len().min(512);
    let piece = |chance: &mut Chance| {
        let from = chance.below(good.len());
        from..(from + 1 + chance.below(4000)).min(good.len())
    };
    match chance.below(7) {
        0 => (0..=chance.below(64)).for_each(|_| bytes[chance.below(good.len())] ^= 1 << chance.below(8)),
        1 => (0..=chance.below(8)).for_each(|_| bytes[chance.below(head)] = chance.below(256) as u8),
        2 => bytes.truncate(chance.below(good.len())),
        3 => {
            let (from, to) = (piece(chance), chance.below(good.len()));
            bytes.splice(to..to, good[from].iter().copied());
        }
        4 => _ = bytes.drain(piece(chance)),
        5 => {
            let value = [0, 0xFF, 0x7F][chance.below(3)];
            bytes[piece(chance)].fill(value);
        }
        // A length, an offset or a count, as great as can be.
        _ => {
            let at = chance.below(head.saturating_sub(4).max(1));
            let value = [u32::MAX, 0x7FFF_FFFF, 0x8000_0000, 0x00FF_FFFF][chance.below(4)].to_be_bytes();
            bytes.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = value);
        }
    }
    bytes
}

/// What a picture of 200 MB in front of a song would be, of which the disk holds nothing.
fn write_tag_bomb(path: &Path, song: &[u8]) {
    const PICTURE_BYTES: u32 = 200_000_000;
    let synchsafe = |value: u32| [21, 14, 7, 0].map(|shift| (value >> shift & 0x7F) as u8);
    let mut head =
        [&b"ID3\x04\0\0"[..], &synchsafe(PICTURE_BYTES + 10), b"APIC", &synchsafe(PICTURE_BYTES), b"\0\0"].concat();
    head.extend(b"\0image/png\0\x03\0");
    let mut file = fs::File::create(path).expect("a temporary file");
    file.write_all(&head).expect("a temporary file");
    file.set_len(20 + u64::from(PICTURE_BYTES)).expect("a temporary file");
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).expect("a temporary file");
    file.write_all(song).expect("a temporary file");
}

/// Good sound, and then 2 MB that say every 27 bytes that a page of Ogg of 50 kB begins: more than four
/// gigabytes to add up, if each were believed.
fn processor_bomb(good: &[u8]) -> Vec<u8> {
    let page = [&b"OggS\0\0"[..], &[0xFF; 21]].concat();
    [good, &page.repeat((2 << 20) / page.len())].concat()
}

fn good_wav(path: &Path, seconds: usize) {
    let pcm = measure::to_stereo_s16(&measure::sine(500.0, 0.3, 0.0, 48_000 * seconds));
    fs::write(path, material::wav(&pcm)).expect("a temporary file");
}

/// What must not have changed from `begin` on.
struct Undisturbed {
    since: Instant,
    watch: Watch,
    listener: Listener,
    rss_bytes: u64,
    files: usize,
}

impl Undisturbed {
    fn begin(tower: &Tower) -> Self {
        let listener = tower.listen("/stream");
        listener.wait_bytes(20_000, LIMIT);
        let (rss_bytes, files) = (rss_bytes(tower.pid()), open_fds(tower.pid()));
        Self { since: Instant::now(), watch: Watch::start(), listener, rss_bytes, files }
    }

    #[track_caller]
    fn show(self, tower: &Tower) {
        let grown = rss_bytes(tower.pid()).saturating_sub(self.rss_bytes);
        let crowded = self.watch.was_crowded();
        let recording = self.listener.stop();
        let gap = recording.longest_gap(self.since);
        println!("{grown} bytes of memory more, the longest gap {gap:?}, {:?}", self.since.elapsed());
        assert!(recording.end.is_none(), "{:?}", recording.end);
        assert!(frames::strict(&recording.bytes).len() > 150);
        let most = if crowded { Duration::from_secs(2) } else { Duration::from_millis(504 + 150) };
        assert!(gap <= most, "{gap:?}; busiest: {} ‰", self.watch.busiest_permille());
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes of memory more");
        wait_until("its files to be closed", LIMIT, || open_fds(tower.pid()) <= self.files + 2);
    }
}

/// How long the programme `name` was away each time, in ticks, from its first tick on.
fn away_ticks(tower: &Tower, name: &str) -> Vec<u64> {
    let came = changes::on_air(tower);
    let first = came.iter().position(|(_, on_air)| on_air == name).unwrap_or(came.len());
    let mut left = None;
    let mut away = Vec::new();
    for (tick, on_air) in &came[first..] {
        match (on_air == name, left) {
            (false, None) => left = Some(*tick),
            (true, Some(at)) => {
                away.push(tick - at);
                left = None;
            }
            _ => {}
        }
    }
    away.extend(left.map(|_| u64::MAX));
    away
}

#[test]
fn damaged_files_of_every_format_are_played_or_left_out_and_nobody_notices() {
    // Gaps are measured here.
    let _one_at_a_time = exclusive::hold("gaps");
    let mut chance = Chance::from_time();
    println!("RADIO_SEED={}", chance.seed());
    let folder = tempfile::tempdir().expect("a folder");
    let goods = FORMATS.map(|(_, arguments, _)| tone(arguments, 0.4));
    good_wav(&folder.path().join("00000 first.wav"), 3);
    let count = if full_length() { 10_000 } else { 96 };
    for n in 1..=count {
        let ((ending, ..), good) = (FORMATS[n % FORMATS.len()], &goods[n % FORMATS.len()]);
        fs::write(folder.path().join(format!("{n:05}.{ending}")), damaged(&mut chance, good))
            .expect("a temporary file");
        if n % 12 == 0 {
            good_wav(&folder.path().join(format!("{n:05} good.wav")), 1);
        }
    }
    fs::write(folder.path().join("99997.ogg"), processor_bomb(&goods[2])).expect("a temporary file");
    write_tag_bomb(&folder.path().join("99998.mp3"), &goods[0]);
    good_wav(&folder.path().join("99999 last.wav"), 5);
    let tower = common::setup()
        .line(&format!("play.paths = [{:?}]", folder.path()))
        .line("play.shuffle = false")
        .line("router.grace_ms = 240")
        .start();
    let playing = |title: &str| tower.get("/api/now-playing").json()["title"] == title;
    wait_until("the first song", LIMIT, || playing("00000 first"));
    tower.wait_source("play", LIMIT);
    let undisturbed = Undisturbed::begin(&tower);
    let limit = LIMIT + Duration::from_millis(1500) * count as u32;
    wait_until("the last song", limit, || playing("99999 last"));
    undisturbed.show(&tower);
    let away = away_ticks(&tower, "play");
    println!("{count} files, away {away:?} ticks");
    assert!(away.iter().all(|ticks| *ticks <= AWAY_TICKS_MAX), "{away:?}: {:?}", tower.events("files"));
}

/// A song, and behind it more zeros to look through than any processor has time for; the disk holds none of them.
#[test]
fn a_file_that_takes_too_much_processor_time_is_named_and_left_out_and_the_next_is_heard() {
    const HOLE_BYTES: u64 = 400 << 30;
    let folder = tempfile::tempdir().expect("a folder");
    good_wav(&folder.path().join("0 good.wav"), 10);
    let bad = folder.path().join("1 long hole.mp3");
    fs::write(&bad, tone(FORMATS[0].1, 1.0)).expect("a temporary file");
    fs::File::options().write(true).open(&bad).and_then(|file| file.set_len(HOLE_BYTES)).expect("a file with a hole");
    good_wav(&folder.path().join("2 good.wav"), 60);
    let tower = common::setup()
        .line(&format!("play.paths = [{:?}]", folder.path()))
        .line("play.shuffle = false")
        .line("router.grace_ms = 240")
        .start();
    wait_until("the good song", LIMIT, || tower.get("/api/now-playing").json()["title"] == "2 good");
    let alarm = wait_for("its alarm", LIMIT, || {
        let alarms = tower.status()["alarms"].as_array().cloned().unwrap_or_default();
        alarms.into_iter().find(|alarm| alarm["alarm"] == "decoder_killed")
    });
    let text = alarm["text"].as_str().unwrap_or_default();
    assert!(text.contains("1 long hole.mp3") && text.contains(Reason::Processor.text()), "{text}");
    let away = away_ticks(&tower, "play");
    assert!(away.iter().all(|ticks| *ticks <= AWAY_TICKS_MAX), "{away:?}");
}

/// Sends all of `bytes`, and waits until the tower hangs up or a moment has passed.
fn send(tower: &Tower, content_type: &str, bytes: &[u8]) {
    let mut socket = TcpStream::connect(tower.address).expect("the tower listens");
    socket.set_read_timeout(Some(LIMIT)).expect("our own socket");
    socket.set_write_timeout(Some(Duration::from_secs(2))).expect("our own socket");
    let user = basic_auth("source", "hackme");
    let head = format!(
        "PUT /live HTTP/1.1\r\nHost: tower\r\n{user}Content-Type: {content_type}\r\nExpect: 100-continue\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).expect("the tower reads");
    assert_eq!(read_head(&mut socket).expect("an answer").0.status(), 100);
    // It may be ended in the middle.
    let _ended = socket.write_all(bytes);
    socket.set_read_timeout(Some(Duration::from_millis(250))).expect("our own socket");
    let _hung_up = socket.read(&mut [0; 1000]);
}

#[test]
fn damaged_streams_of_every_format_cost_themselves_and_the_next_source_is_heard() {
    let _one_at_a_time = exclusive::hold("gaps");
    let mut chance = Chance::from_time();
    println!("RADIO_SEED={}", chance.seed());
    let goods = FORMATS.map(|(_, arguments, _)| tone(arguments, 2.0));
    let tower = common::setup()
        .line("router.grace_ms = 240")
        .line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\", preroll_ticks = 4 }]")
        .start();
    let mut round = |from: usize, count: usize| {
        for n in from..from + count {
            let ((.., content_type), good) = (FORMATS[n % FORMATS.len()], &goods[n % FORMATS.len()]);
            send(&tower, content_type, &damaged(&mut chance, good));
        }
    };
    // Until then threads are started and buffers grown.
    round(0, 3 * FORMATS.len());
    wait_until("the last to be gone", LIMIT, || tower.status()["inputs"][1]["source"]["connected"].is_null());
    let undisturbed = Undisturbed::begin(&tower);
    round(0, if full_length() { 2000 } else { 48 });
    send(&tower, "audio/ogg", &processor_bomb(&goods[2]));
    wait_until("the last to be gone", LIMIT, || tower.status()["inputs"][1]["source"]["connected"].is_null());
    undisturbed.show(&tower);
    // Whatever they were, a good one is heard at once.
    let good = tone(FORMATS[0].1, 8.0);
    let from = tower.status()["tick"].as_u64().unwrap_or(0);
    std::thread::scope(|scope| {
        scope.spawn(|| send(&tower, "audio/mpeg", &good));
        wait_until("the good one", LIMIT, || {
            changes::on_air(&tower).iter().any(|(tick, name)| *tick > from && name == "dj")
        });
    });
    changes::assert_on_air_within_a_second(&tower, "dj");
}
