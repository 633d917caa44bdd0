//! Requests of sources as programs write them: wrong mounts, whole URLs, raw Latin-1, padded chunk sizes, two programs
//! at one mount, titles ahead of their sound (SPEC IN-7, API-1, LIS-3).

use crate::program::{LIMIT, MP3, connected, ffmpeg, file};
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::http::{Answer, basic_auth, read_head, send};
use radio_proof::tower::{Setup, Tower};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

fn setup(more: &str) -> Setup {
    let input = format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"h\u{e4}ckme\"{more} }}]");
    crate::program::setup().line(&input)
}

/// Sends `request` and gives the connection with the status of its answer and what came behind that.
fn ask(tower: &Tower, request: &[u8]) -> (u16, String, TcpStream) {
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.set_read_timeout(Some(LIMIT)).expect("our own socket");
    stream.write_all(request).expect("the tower reads");
    let (head, beyond) = read_head(&mut stream).expect("an answer");
    (head.status(), String::from_utf8_lossy(&beyond).into_owned(), stream)
}

fn put(target: &str, authorization: &str) -> Vec<u8> {
    format!("PUT {target} HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\nExpect: 100-continue\r\n{authorization}\r\n")
        .into_bytes()
}

#[test]
fn a_source_at_a_wrong_mount_is_told_the_right_one_if_its_password_is_right() {
    let tower = setup("").start();
    let right = basic_auth("source", "h\u{e4}ckme");
    for mount in ["/stream", "/stream.mp3", "/Live", "/live/", "/nowhere"] {
        let (status, body, _stream) = ask(&tower, &put(mount, &right));
        assert_eq!(status, 404, "{mount}: {body}");
        assert!(body.contains(&format!("{mount};")) && body.contains("with this password: /live"), "{body}");
    }
    // Without a password nothing is told, and libshout asks again with one.
    assert_eq!(ask(&tower, &put("/stream", "")).0, 401);
    for _ in 0..6 {
        assert!(matches!(ask(&tower, &put("/nowhere", &basic_auth("source", "wrong"))).0, 401 | 429));
    }
    assert_eq!(ask(&tower, &put("/nowhere", &right)).0, 429, "guesses are counted at any mount");
}

#[test]
fn a_whole_url_a_percent_encoded_path_and_a_password_in_latin1_are_understood() {
    let tower = setup("").start();
    let encoded = "c291cmNlOmjkY2ttZQ=="; // source:h\xe4ckme
    let latin1 = format!("Authorization: Basic {encoded}\r\n");
    for target in ["http://radio.example:8000/live", "/%6Cive", "/live"] {
        let (status, body, stream) = ask(&tower, &put(target, &latin1));
        assert_eq!(status, 100, "{target}: {body}");
        drop(stream);
        wait_until("the source to be gone", LIMIT, || connected(&tower).is_null());
    }
    // A title with a raw letter of Latin-1 and a space, in the request line and without a Host.
    let _source = ffmpeg(&tower, 300, &MP3, "h\u{e4}ckme");
    wait_until("the source", LIMIT, || !connected(&tower).is_null());
    let request =
        [b"GET /admin/metadata?mode=updinfo&mount=/live&song=Caf\xe9 del Mar HTTP/1.0\r\n", latin1.as_bytes(), b"\r\n"];
    assert_eq!(ask(&tower, &request.concat()).0, 200);
    crate::program::wait_title(&tower, "Caf\u{e9} del Mar");
}

#[test]
fn chunk_sizes_with_leading_zeros_are_read_and_what_is_no_chunk_is_told_as_such() {
    let tower = setup(", timeout_ms = 3000").start();
    let song = std::fs::read(file(&tower, 400, "a.mp3", &["-b:a", "128k"])).expect("our own file");
    let head = format!(
        "PUT /live HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n{}\r\n",
        basic_auth("source", "h\u{e4}ckme")
    );
    let (status, _, mut stream) = ask(&tower, head.as_bytes());
    assert_eq!(status, 100);
    for piece in song[..64_000].chunks(1600) {
        stream.write_all(&[format!("{:08X}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).expect("it reads");
    }
    tower.wait_source("dj", LIMIT);
    stream.write_all(b"what is this\r\n").expect("it reads");
    let ended = || tower.events("source").into_iter().any(|(_, event)| event["end"] == "malformed_body");
    wait_until("the end to be told", LIMIT, ended);
    let mut rest = Vec::new();
    let _closed_or_reset = stream.read_to_end(&mut rest);
}

#[test]
fn of_two_programs_that_throw_each_other_out_the_one_on_air_stays_after_the_third_time() {
    let tower = setup("").start();
    let right = basic_auth("source", "h\u{e4}ckme");
    let mut streams = Vec::new();
    for n in 0..4 {
        let (status, body, stream) = ask(&tower, &put("/live", &right));
        assert_eq!(status, 100, "{n}: {body}");
        streams.push(stream);
    }
    for n in 0..3 {
        assert_eq!(ask(&tower, &put("/live", &right)).0, 403, "{n}");
    }
    let told = tower.events("source");
    let is_third = |event: &Value| event["what"] == "source_takeovers" && event["count"] == 3;
    assert!(told.iter().any(|(_, event)| is_third(event)), "{told:?}");
    // What is connected stays so, and once it leaves, the mount is free.
    let left = streams.pop().expect("the fourth");
    assert!(!connected(&tower).is_null());
    drop(left);
    wait_until("the mount to be free", LIMIT, || connected(&tower).is_null());
    assert_eq!(ask(&tower, &put("/live", &right)).0, 100);
}

fn title(tower: &Tower, song: &str) -> (u64, Answer) {
    let target = format!("/admin/metadata?mode=updinfo&mount=/live&song={song}");
    let tick = tower.status()["tick"].as_u64().expect("a tick");
    (tick, send(tower.address, "GET", &target, &basic_auth("source", "h\u{e4}ckme"), b"").expect("an answer"))
}

/// The first tick of a title that has been heard.
fn heard(tower: &Tower, song: &str) -> u64 {
    wait_for("the title to be heard", LIMIT, || {
        let songs = tower.get("/api/history").json();
        let found = songs["songs"].as_array()?.iter().find(|one| one["title"] == song)?;
        found["serial"].as_u64()
    })
}

#[test]
fn titles_that_run_ahead_of_their_sound_are_held_back_for_as_long_as_the_input_says() {
    let delayed = setup(", title_delay_ms = 4800, preroll_ticks = 80").start();
    let _source = ffmpeg(&delayed, 300, &MP3, "h\u{e4}ckme");
    delayed.wait_source("dj", LIMIT);
    let (tick, answer) = title(&delayed, "Late");
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    let fill = delayed.get("/tower/buffer?input=dj").json()["count"].as_u64().expect("a fill");
    let (at, exact) = (heard(&delayed, "Late") - tick, 200 + fill);
    assert!((exact.saturating_sub(30)..exact + 60).contains(&at), "heard {at} ticks later, not {exact}");

    // Another delay counts at once, for the source that is on air; one that is longer than the buffer takes all of it.
    let path = delayed.path("tower.toml");
    let text = std::fs::read_to_string(&path).expect("its configuration");
    std::fs::write(&path, text.replace("title_delay_ms = 4800", "title_delay_ms = -5000")).expect("its configuration");
    let answer = delayed.send_as_admin("POST", "/admin/reload", "");
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    let (tick, _) = title(&delayed, "Early");
    let fill = delayed.get("/tower/buffer?input=dj").json()["count"].as_u64().expect("a fill");
    let at = heard(&delayed, "Early").saturating_sub(tick);
    assert!(fill > 50 && at < fill - 30, "heard {at} ticks later, with {fill} in the buffer");
}
