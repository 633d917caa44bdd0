//! A body is never read as the next request, whatever its length claims to be, and also behind a
//! proxy that keeps its connections (SPEC LIS-6, API-1).

use crate::common;
use crate::proxy::{Proxy, haproxy, nginx};
use radio_proof::http::basic_auth;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// A proxy that waits for the rest of a body answers nothing.
const SOON: Duration = Duration::from_secs(1);
/// The address that a body claims for its own request.
const INVENTED: &str = "203.0.113.77";

fn start() -> Tower {
    let lines = [
        "server.trusted_proxies = [\"127.0.0.1\"]",
        "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]",
    ];
    lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start()
}

/// Everything that is answered to `bytes`, until the connection is closed.
fn answer(address: SocketAddr, bytes: &[u8]) -> String {
    answer_within(address, bytes, PATIENCE)
}

/// The same, or until nothing comes for so long.
fn answer_within(address: SocketAddr, bytes: &[u8], limit: Duration) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(limit)).expect("our own socket");
    stream.write_all(bytes).expect("it reads");
    let mut answer = Vec::new();
    // What is left unread may reset the connection behind the answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request for another client, with this password, as a body.
fn inner(password: &str) -> String {
    let claim = format!("X-Forwarded-For: {INVENTED}\r\nX-Forwarded-Proto: https\r\n{}", basic_auth("admin", password));
    format!("GET /admin/listeners HTTP/1.1\r\nHost: 127.0.0.1\r\n{claim}\r\n")
}

/// The same request with its body by length, and in one chunk.
fn with_body(start: &str, body: &str) -> [String; 2] {
    let head =
        format!("{start} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 198.51.100.9\r\nContent-Type: audio/mpeg\r\n");
    [
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ]
}

/// Nothing that was sent as a body has been done, or held against the address that it claims.
#[track_caller]
fn assert_never_heard_of_it(tower: &Tower) {
    let events = tower.get_as_admin("/api/events").text();
    assert!(!events.contains(INVENTED), "{events}");
    assert!(!tower.stderr().contains(INVENTED), "{}", tower.stderr());
}

#[test]
fn a_body_is_never_taken_for_the_next_request() {
    let tower = start();
    let title = "/admin/metadata?mode=updinfo&mount=/live&song=x";
    let starts = ["OPTIONS *", "OPTIONS /live", &format!("GET {title}"), "PUT /live", "GET /status-json.xsl", "GET /"];
    for start in starts {
        for password in ["wrong", ADMIN_PASSWORD] {
            for request in with_body(start, &inner(password)) {
                let answer = answer(tower.address, request.as_bytes());
                assert_eq!(answer.matches("HTTP/1.").count(), 1, "{request}\n{answer}");
                assert!(answer.to_ascii_lowercase().contains("connection: close"), "{request}\n{answer}");
            }
        }
    }
    assert_never_heard_of_it(&tower);
}

#[test]
fn a_connection_is_kept_for_those_that_ask_without_a_body() {
    let tower = start();
    let ask = |start: &str, more: &str| format!("{start} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n");
    let both = ask("OPTIONS *", "") + &ask("PUT /live", "Content-Length: 0\r\n") + &ask("GET /admin/metadata", "");
    let answers = answer(tower.address, (both + &ask("GET /status", "")).as_bytes());
    let statuses: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    assert_eq!(statuses, ["204 No Content", "401 Unauthorized", "401 Unauthorized", "200 OK"], "{answers}");
    let closed =
        answer(tower.address, (ask("OPTIONS *", "Connection: close\r\n") + &ask("GET /status", "")).as_bytes());
    assert!(closed.matches("HTTP/1.1").count() == 1 && closed.contains("Connection: close"), "{closed}");
}

/// Lengths of a body that two programs may read differently.
fn unclear(bytes: usize) -> [String; 9] {
    [
        format!("Content-Length: {bytes}\r\nContent-Length: {bytes}"),
        format!("Content-Length: {bytes}\r\nContent-Length: 0"),
        format!("Content-Length: 0\r\nContent-Length: {bytes}"),
        format!("Content-Length: +{bytes}"),
        "Content-Length: -0".into(),
        format!("Content-Length: {bytes}\r\nTransfer-Encoding: chunked"),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked".into(),
        "Transfer-Encoding: chunked, identity".into(),
        format!("X-Folded: a\r\n Content-Length: {bytes}"),
    ]
}

#[test]
fn a_length_that_two_programs_may_read_differently_is_refused_for_every_route() {
    let tower = start();
    let source = format!("Content-Type: audio/mpeg\r\n{}", basic_auth("source", "hackme"));
    let admin = basic_auth("admin", ADMIN_PASSWORD);
    let routes = [("PUT /live", source), ("PUT /api/now-playing", admin), ("GET /stream", String::new())];
    for lines in unclear(5) {
        for (start, more) in &routes {
            let request = format!("{start} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}{lines}\r\n\r\nhello");
            let answer = answer(tower.address, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 400 "), "{request}\n{answer}");
            assert!(
                answer.matches("HTTP/1.").count() == 1 && answer.contains("Connection: close"),
                "{request}\n{answer}"
            );
        }
    }
    assert_eq!(tower.status()["inputs"][1]["source"]["connected"], serde_json::Value::Null);
}

/// What a client sends through a proxy as a body stays a body, and the answers to others are their
/// own.
#[track_caller]
fn assert_kept_apart(tower: &Tower, proxy: &Proxy) {
    const NEXT: &str = "GET /api/now-playing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let is_next =
        |answer: &str| answer.starts_with("HTTP/1.1 200 ") && answer.to_ascii_lowercase().contains("x-tower-api: 1");
    let inner = inner("wrong");
    for start in ["OPTIONS *", "OPTIONS /live", "GET /admin/metadata?mode=updinfo&song=x", "PUT /live", "GET /"] {
        for request in with_body(start, &inner) {
            for _ in 0..4 {
                let close = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                let attack = answer(proxy.address, close.as_bytes());
                assert_eq!(attack.matches("HTTP/1.").count(), 1, "{request}\n{attack}");
                let next = answer(proxy.address, NEXT.as_bytes());
                assert!(is_next(&next), "{start}\n{next}");
            }
            // A client that keeps its connection to the proxy gets what it asked for, and nothing else.
            let both = answer(proxy.address, (request.clone() + NEXT).as_bytes());
            let second = both.match_indices("HTTP/1.1 ").nth(1).map(|(at, _)| &both[at..]);
            assert!(both.matches("HTTP/1.").count() <= 2 && second.is_none_or(is_next), "{request}\n{both}");
        }
        // Whatever the proxy makes of these, the body is no request of another client.
        for lines in unclear(inner.len()) {
            let request = format!("{start} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n\r\n{inner}");
            for _ in 0..2 {
                let attack = answer_within(proxy.address, request.as_bytes(), SOON);
                assert!(attack.matches("HTTP/1.").count() <= 2, "{request}\n{attack}");
                let next = answer(proxy.address, NEXT.as_bytes());
                assert!(is_next(&next), "{lines}\n{next}");
            }
        }
    }
    assert_never_heard_of_it(tower);
    let guess = || {
        let request = format!(
            "GET /admin/listeners HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{}\r\n",
            basic_auth("admin", "wrong")
        );
        answer(proxy.address, request.as_bytes())
    };
    let refusals: Vec<bool> = (0..12).map(|_| guess().starts_with("HTTP/1.1 429 ")).collect();
    assert!(!refusals[0] && refusals[11], "a client that guesses through the proxy waits: {refusals:?}");
}

#[test]
fn nginx_that_keeps_its_connections_smuggles_nothing_in() {
    let tower = start();
    let proxy = nginx(&tower);
    assert_kept_apart(&tower, &proxy);
}

#[test]
fn haproxy_that_keeps_its_connections_smuggles_nothing_in() {
    let tower = start();
    let proxy = haproxy(&tower, 100);
    assert_kept_apart(&tower, &proxy);
}
