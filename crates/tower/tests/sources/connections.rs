//! DJ software as a source: what the tower does with those who connect, take over, send what they should not, and guess
//! (SPEC IN-7, ROUTER-1, ROUTER-6, API-1). What each program is held to is in `sources/source_clients.rs`.

use crate::program::{
    LIMIT, MP3, Source, TONE_DBFS, assert_heard, assert_is_tone, connected, ffmpeg, file, monitor, shoutcast,
    wait_title,
};
use radio_proof::http::{basic_auth, read_head};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{alarm, changes};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A tower with one mount, `/live`, of which there is more to say.
fn setup(more: &str) -> Setup {
    let input = format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"hackme\"{more} }}]");
    crate::program::setup().line(&input)
}

/// curl sends a file.
fn curl(tower: &Tower, file: &Path, content_type: &str, more: &[&str]) -> Source {
    let url = format!("http://{}/live", tower.address);
    let mut command = Command::new("curl");
    command.args(["-sS", "-u", "source:hackme", "-H", &format!("Content-Type: {content_type}")]);
    Source::start(command.args(more).arg("-T").arg(file).arg(url), &tower.path("curl.said"))
}

/// What a file of six channels is folded to of which the front ones sound, at -6.06 dBFS: they are turned down so that with
/// centre and back, at half their power, they could not clip.
const OF_SIX_DBFS: f64 = -13.72;

#[test]
fn curl_sends_files_of_every_format_and_shape_and_is_slowed_to_their_own_time() {
    let tower = setup(", when_full = \"wait\", capacity_ticks = 100").start();
    let six = ["-filter:a", "pan=5.1|FL=c0|FR=c0", "-ac", "6", "-ar", "96000"];
    let files = [
        (file(&tower, 900, "a.wav", &["-ac", "1"]), "audio/wav", 900, TONE_DBFS + 3.01, &[][..]),
        (file(&tower, 800, "b.flac", &six), "audio/flac", 800, OF_SIX_DBFS, &["-H", "Transfer-Encoding: chunked"]),
        (file(&tower, 600, "c.mp3", &["-b:a", "192k"]), "audio/mpeg", 600, TONE_DBFS, &["-H", "Expect:"]),
        (file(&tower, 400, "d.aac", &["-b:a", "160k"]), "audio/aac", 400, TONE_DBFS, &[]),
        (file(&tower, 300, "e.ogg", &["-c:a", "flac", "-ar", "22050"]), "audio/ogg", 300, TONE_DBFS, &[]),
    ];
    for (path, content_type, hz, dbfs, more) in &files {
        let source = curl(&tower, path, content_type, more);
        // The next one takes over from what is left of this one.
        let is_it = || connected(&tower)["content_type"] == *content_type;
        alarm::wait_until("it to be the one that is heard", LIMIT, || is_it() && is_newest_heard(&tower));
        assert_heard(&tower, *hz, *dbfs, 5);
        let lost = tower.get("/tower/buffer?input=dj").json();
        assert_eq!(lost["overflow_count"], 0, "{content_type}");
        drop(source);
    }
}

/// Whether the source that is connected is the one on air.
fn is_newest_heard(tower: &Tower) -> bool {
    let (id, producers) = (connected(tower)["id"].clone(), tower.status()["inputs"][1]["producers"].clone());
    producers.as_array().is_some_and(|all| all.iter().any(|one| one["id"] == id && one["on_air"] == true))
}

#[test]
fn a_second_source_takes_over_within_a_second_and_without_a_click_and_the_first_is_ended() {
    let tower = setup("").start();
    // It sends eight seconds ahead, which nobody wants to hear once another is there.
    let song = std::fs::read(file(&tower, 100, "first.mp3", &["-b:a", "128k"])).expect("our own file");
    let (monitor, _) = monitor(&tower);
    let mut first = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut first).expect("an answer").0.status(), 100);
    first.write_all(&song[..16_000 * 8]).expect("the tower reads");
    tower.wait_source("dj", LIMIT);
    monitor.wait_serial(monitor.next_serial() + 40, LIMIT);
    let from = monitor.next_serial();
    let _second = ffmpeg(&tower, 150, &MP3, "hackme");
    alarm::wait_until("the second to be connected", LIMIT, || connected(&tower)["user_agent"].is_string());
    assert_eq!(first.read(&mut [0; 99]).unwrap_or(0), 0, "the first is ended");
    alarm::wait_until("the second to be heard", LIMIT, || is_newest_heard(&tower));
    changes::assert_on_air_within_a_second(&tower, "dj");
    changes::assert_without_click(&tower, &monitor, from);
    let came = changes::on_air(&tower).into_iter().find(|(tick, _)| *tick > from);
    let Some((at, name)) = came else { panic!("nothing came on air") };
    assert_eq!(name, "dj", "the second right after the first");
    assert_is_tone(&monitor.stop().left_from(at + 16, 14), 150, TONE_DBFS);
}

#[test]
fn a_busy_mount_is_refused_and_a_dead_connection_holds_it_no_longer_than_its_timeout() {
    let tower = setup(", second_source = \"refuse\", timeout_ms = 1500").start();
    let mut dead = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut dead).expect("an answer").0.status(), 100);
    let mut second = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\n"));
    assert_eq!(read_head(&mut second).expect("an answer").0.status(), 403);
    // Nothing comes from the first one: in the end its place is free.
    alarm::wait_until("the mount to be free", Duration::from_secs(10), || connected(&tower).is_null());
    let mut third = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut third).expect("an answer").0.status(), 100);
}

fn put(password: &str, headers: &str) -> String {
    format!("PUT /live HTTP/1.1\r\nHost: tower\r\n{}{headers}\r\n", basic_auth("source", password))
}

fn ask(tower: &Tower, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("our own socket");
    stream.write_all(request.as_bytes()).expect("the tower reads");
    stream
}

/// The head of the next answer on `stream`, its body read away.
fn answer(stream: &mut TcpStream) -> radio_proof::http::Head {
    let (head, rest) = read_head(stream).expect("an answer");
    let length = head.header("content-length").map_or(0, |length| length.parse::<usize>().expect("a number"));
    let mut body = vec![0; length - rest.len()];
    stream.read_exact(&mut body).expect("the whole answer");
    head
}

#[test]
fn libshouts_questions_are_answered_one_after_the_other_on_one_connection() {
    let tower = setup("").start();
    let mut stream =
        ask(&tower, "OPTIONS * HTTP/1.1\r\nHost: tower\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n");
    assert!(answer(&mut stream).header("allow").is_some_and(|allow| allow.contains("PUT")));
    stream
        .write_all(b"PUT /live HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\nContent-Length: 0\r\n\r\n")
        .expect("the connection is kept");
    let refused = answer(&mut stream);
    assert_eq!(refused.status(), 401);
    assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
    stream
        .write_all(put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n").as_bytes())
        .expect("the connection is kept");
    assert_eq!(answer(&mut stream).status(), 100);
}

#[test]
fn the_wrong_password_is_refused_and_guessing_is_slowed() {
    let tower = setup("").start();
    let guess = |password: &str| {
        answer(&mut ask(&tower, &put(password, "Content-Type: audio/mpeg\r\nContent-Length: 0\r\n"))).status()
    };
    assert_eq!(guess("hackme"), 200);
    let answers: Vec<u16> = (0..7).map(|i| guess(&format!("guess{i}"))).collect();
    assert_eq!((answers[0], answers[6]), (401, 429), "{answers:?}");
    assert_eq!(guess("hackme"), 429, "or guessing would not be slowed");
    let told = tower.events("action").into_iter().any(|(_, event)| event["what"] == "wrong_passwords");
    assert!(told, "{:?}", tower.events("action"));
}

#[test]
fn what_cannot_be_read_is_named_with_what_can() {
    let tower = setup("").start();
    let mut unknown = ask(&tower, &put("hackme", "Content-Type: audio/mp4\r\nContent-Length: 10\r\n"));
    unknown.write_all(b"what's this").expect("it reads");
    let mut text = String::new();
    unknown.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 415") && text.contains("audio/mpeg") && text.contains("audio/flac"), "{text}");
    let elsewhere = put("hackme", "Content-Type: audio/mpeg\r\n").replace("/live", "/elsewhere");
    assert_eq!(answer(&mut ask(&tower, &elsewhere)).status(), 404);

    // Found out only when it comes: the answer at the end says it. Speex is read by FFmpeg.
    let speex = std::fs::read(file(&tower, 440, "a.spx", &["-c:a", "libspeex"])).expect("our own file");
    for (bytes, status) in [(speex, 200), (vec![b'x'; 10_000], 415)] {
        let head = format!("Content-Type: audio/ogg\r\nContent-Length: {}\r\n", bytes.len());
        let mut late = ask(&tower, &put("hackme", &head));
        let _may_be_refused_early = late.write_all(&bytes);
        assert_eq!(answer(&mut late).status(), status);
    }
}

#[test]
fn whatever_content_type_is_named_or_none_the_bytes_decide() {
    let tower = setup("").start();
    let song = std::fs::read(file(&tower, 440, "song.mp3", &["-b:a", "128k"])).expect("our own file");
    let length = format!("Content-Length: {}\r\n", song.len());
    for named in [
        "",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: video/webm\r\n",
        "Content-Type: audio/ogg\r\n",
    ] {
        let mut source = ask(&tower, &put("hackme", &format!("{named}{length}")));
        source.write_all(&song).expect("it reads");
        assert_eq!(answer(&mut source).status(), 200, "{named}");
    }
}

/// What a program sends as it is while it says that it is MP3.
#[test]
fn files_of_every_kind_that_are_called_mp3_are_heard() {
    let tower = setup(", when_full = \"wait\", capacity_ticks = 100").start();
    let rf64 = std::fs::read(file(&tower, 400, "rf64.wav", &["-rf64", "always"])).expect("our own file");
    let bw64 = tower.path("bw64.wav");
    std::fs::write(&bw64, [b"BW64", &rf64[4..]].concat()).expect("a temporary file");
    let files = [
        (file(&tower, 900, "a.wav", &[]), 900),
        (file(&tower, 800, "b.flac", &[]), 800),
        (file(&tower, 700, "c.ogg", &["-c:a", "libvorbis"]), 700),
        (file(&tower, 600, "d.w64", &[]), 600),
        (bw64, 400),
        (file(&tower, 500, "e.wv", &[]), 500),
        (file(&tower, 300, "f.aiff", &[]), 300),
        (file(&tower, 200, "g.aac", &["-b:a", "160k"]), 200),
    ];
    let mut before = serde_json::Value::Null;
    for (path, hz) in &files {
        let source = curl(&tower, path, "audio/mpeg", &[]);
        let is_another = || connected(&tower)["id"] != before;
        alarm::wait_until("it to be the one that is heard", LIMIT, || is_another() && is_newest_heard(&tower));
        before = connected(&tower)["id"].clone();
        assert_heard(&tower, *hz, TONE_DBFS, 5);
        drop(source);
    }
}

#[test]
fn a_burst_of_eight_seconds_at_connect_is_taken_whole() {
    let tower = setup("").start();
    let song = std::fs::read(file(&tower, 1000, "burst.mp3", &["-b:a", "128k"])).expect("our own file");
    let mut stream = ask(&tower, &put("hackme", "Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n"));
    assert_eq!(read_head(&mut stream).expect("an answer").0.status(), 100);
    stream.write_all(&song[..16_000 * 8]).expect("the tower reads");
    assert_heard(&tower, 1000, TONE_DBFS, 5);
    let producer = tower.status()["inputs"][1]["producers"][0].clone();
    assert_eq!((&producer["overflow_count"], &producer["stale_count"]), (&0.into(), &0.into()));
}

#[test]
fn damage_in_mid_stream_is_left_out_and_is_not_the_end() {
    let tower = setup(", when_full = \"wait\"").start();
    let song = std::fs::read(file(&tower, 1000, "whole.mp3", &["-b:a", "128k"])).expect("our own file");
    let (before, after) = song.split_at(song.len() / 4);
    let noise: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let damaged = [before, &noise, &b"ID3\x04\0\0\0\0\0\x0anot a tag!"[..], after].concat();
    let path = tower.path("damaged.mp3");
    std::fs::write(&path, damaged).expect("a temporary file");
    let _source = curl(&tower, &path, "audio/mpeg", &[]);
    assert_heard(&tower, 1000, TONE_DBFS, 5);
}

/// Sends `text` to the port behind the listeners'.
fn icy(tower: &Tower, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", tower.address.port() + 1)).expect("the tower listens");
    stream.set_read_timeout(Some(LIMIT)).expect("our own socket");
    stream.write_all(text).expect("the tower reads");
    stream
}

/// What comes, up to `length` bytes or the end.
fn words(stream: &mut TcpStream, length: usize) -> String {
    let (mut words, mut byte) = (Vec::new(), [0]);
    while words.len() < length {
        match stream.read(&mut byte) {
            Ok(1) => words.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    String::from_utf8_lossy(&words).into_owned()
}

const OK2: &str = "OK2\r\nicy-caps:11\r\n\r\n";

#[test]
fn a_shoutcast_source_drops_comes_back_takes_over_and_its_password_sets_titles() {
    let tower = shoutcast();
    let song = std::fs::read(file(&tower, 900, "song.mp3", &["-b:a", "128k"])).expect("our own file");
    let connect = || {
        let mut stream = icy(&tower, b"hackme\r\n");
        assert_eq!(words(&mut stream, OK2.len()), OK2, "before any header is sent");
        stream.write_all(b"icy-name:Old\r\nicy-br:128\r\ncontent-type:audio/mpeg\r\n\r\n").expect("the tower reads");
        let (mut sender, song) = (stream.try_clone().expect("our own socket"), song.clone());
        // Two seconds at once, then in its own time, until the connection is gone.
        std::thread::spawn(move || {
            let (burst, rest) = song.split_at(32_000);
            let mut sent = sender.write_all(burst);
            for part in rest.chunks(1600) {
                std::thread::sleep(Duration::from_millis(100));
                sent = sent.and_then(|()| sender.write_all(part));
            }
        });
        stream
    };
    let first = connect();
    assert_heard(&tower, 900, TONE_DBFS, 5);
    assert_eq!(tower.get("/admin.cgi?mode=updinfo&pass=hackme&song=Nina+-+Sinnerman").head.status(), 200);
    wait_title(&tower, "Nina - Sinnerman");
    assert_eq!(tower.get("/admin.cgi?mode=updinfo&pass=hackmf&song=No").head.status(), 401);
    first.shutdown(Shutdown::Both).expect("our own socket");
    tower.wait_source("tone", LIMIT);
    let mut second = connect();
    assert_heard(&tower, 900, TONE_DBFS, 5);
    let _third = connect();
    assert_eq!(words(&mut second, 1), "", "the second is ended: the third took over");
}

#[test]
fn guessing_by_shoutcast_is_slowed_and_nonsense_is_refused() {
    let tower = shoutcast();
    // So libshout asks what kind of server this is, each time it connects: no guess.
    (0..9).for_each(|_| assert_eq!(words(&mut icy(&tower, b"!POKE\n"), 99), "invalid password\r\n"));
    assert_eq!(words(&mut icy(&tower, b"hackme\n"), OK2.len()), OK2);
    assert_eq!(words(&mut icy(&tower, b"wrong\r\n"), 99), "invalid password\r\n");
    let mut junk = icy(&tower, b"hackme\ncontent-type:video/mp4\n\n");
    junk.write_all(&[b'x'; 10_000]).expect("it reads");
    junk.shutdown(Shutdown::Write).expect("our own socket");
    assert_eq!(words(&mut junk, 9999), OK2);
    alarm::wait_until("it to be named", LIMIT, || {
        tower.events("source").iter().any(|(_, event)| event["end"] == "unreadable")
    });
    assert_eq!(words(&mut icy(&tower, &[b'x'; 9000]), 99), "", "no line has 9000 bytes");
    (0..7).for_each(|_| drop(words(&mut icy(&tower, b"wrong\n"), 99)));
    assert_eq!(words(&mut icy(&tower, b"hackme\r\n"), 99), "invalid password\r\n", "or guessing would not be slowed");
    let told = tower.events("action").into_iter().any(|(_, event)| event["what"] == "wrong_passwords");
    assert!(told, "{:?}", tower.events("action"));
}
