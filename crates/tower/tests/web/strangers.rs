//! What strangers send costs the log, terminals and other subscribers nothing (SPEC OPS-4, OPS-5).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::{basic_auth, send};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{material, offline};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const DJ: &str = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]";
/// Bytes of the log that a source may cause.
const LOG_BYTES_MAX: usize = 100_000;

fn source(tower: &Tower, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tower.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("our own socket");
    let head = format!(
        "PUT /live HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\n{}{more}\r\n",
        basic_auth("source", "hackme")
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream
}

/// Tags without an end between headers without a frame: the decoder complains of each.
fn nonsense() -> Vec<u8> {
    b"ID3\x04\0\0\0\0\0\x0aTXXX\0\0\0\0\0\0\xff\xfb\x90\x64".repeat(500)
}

#[test]
fn a_source_that_cannot_be_decoded_does_not_fill_the_log() {
    let tower = common::setup().line(DJ).start();
    let (mut sent, frames) = (0, offline::ffmpeg_encode(&material::noise(1, 50), 128));
    for _ in 0..3 {
        let mut source = source(&tower, "");
        let until = Instant::now() + Duration::from_secs(2);
        let _may_be_refused = source.write_all(&frames);
        while Instant::now() < until && source.write_all(&nonsense()).is_ok() {
            sent += 1;
        }
    }
    assert!(sent > 10, "only {sent} pieces were taken");
    // What the libraries say of it stays in the decoder processes; the tower tells of each source.
    let is_told = |what: &str| tower.events("source").iter().filter(|(_, event)| event["what"] == what).count() >= 3;
    wait_until("the sources to be told of", PATIENCE, || is_told("source_connected") && is_told("source_left"));
    let log = tower.stderr();
    assert!(log.len() < LOG_BYTES_MAX, "{} bytes, such as {}", log.len(), &log[log.len() - 2000..]);
}

#[test]
fn what_strangers_say_is_shown_without_control_characters() {
    let tower = common::setup().line(DJ).start();
    let evil = "a\u{9b}31mb\u{202e}c\u{85}d";
    let mut listening = TcpStream::connect(tower.address).expect("it listens");
    write!(listening, "GET /stream HTTP/1.1\r\nUser-Agent: {evil}\r\n\r\n").expect("it reads");
    listening.read_exact(&mut [0; 4000]).expect("a stream");
    let _source = source(&tower, &format!("User-Agent: {evil}\r\nice-name: {evil}\r\n"));
    wait_until("the source in the journal", PATIENCE, || !tower.events("source").is_empty());
    let title = serde_json::json!({ "title": evil }).to_string();
    let _refused_or_not =
        send(tower.address, "PUT", "/api/now-playing", &basic_auth("admin", ADMIN_PASSWORD), title.as_bytes());
    let guess = basic_auth("admin", "guess");
    let _refused = send(tower.address, "GET", &format!("/admin/listeners?{evil}"), &guess, b"");
    let shown = [
        tower.get_as_admin("/admin/listeners").text(),
        tower.get_as_admin("/api/events").text(),
        tower.get_as_admin("/status").text(),
        tower.stderr(),
    ];
    for text in shown {
        let is_bad = |c: char| ('\u{80}'..='\u{9f}').contains(&c) || c == '\u{202e}' || c == '\u{1b}';
        assert!(!text.contains(is_bad), "{}", text.escape_debug());
    }
    assert!(tower.get_as_admin("/admin/listeners").text().contains("a 31mb c d"));
}

/// A subscriber of events that comes from there; what it has been sent so far is its head.
fn subscriber(tower: &Tower, from: u8) -> (u16, TcpStream) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).expect("an address of this machine");
    socket.connect(&tower.address.into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    let admin = basic_auth("admin", ADMIN_PASSWORD);
    write!(stream, "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{admin}\r\n").expect("it reads");
    let (head, _) = radio_proof::http::read_head(&mut stream).expect("an answer");
    (head.status(), stream)
}

#[test]
fn an_address_with_all_places_of_subscribers_gives_one_up_to_another() {
    let tower = common::setup().start();
    let mut greedy: Vec<_> = (0..64).map(|_| subscriber(&tower, 1)).collect();
    assert!(greedy.iter().all(|(status, _)| *status == 200), "while there are places none is refused");
    assert_eq!(subscriber(&tower, 1).0, 503);
    let (status, _other) = subscriber(&tower, 2);
    assert_eq!(status, 200);
    let mut rest = Vec::new();
    greedy[0].1.read_to_end(&mut rest).expect("the oldest is let go");
    assert_eq!(subscriber(&tower, 1).0, 503);
}
