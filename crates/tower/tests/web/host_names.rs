//! Under a host name that is not the tower's, a browser gets what is public and nothing that its
//! cookie or its place in the network would open; programs that give their credentials work under
//! any name. And what guesses lock out (SPEC API-1).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::basic_auth;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// What a browser says of a page at a name that resolves to the tower.
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11)\r\nAccept-Language: en\r\nSec-Fetch-Site: same-origin\r\n";

fn connected(tower: &Tower) -> TcpStream {
    let stream = TcpStream::connect(tower.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    stream
}

/// The answer to a request under this host name, or the beginning of one that has no end.
fn asked(tower: &Tower, host: &str, start: &str, more: &str, body: &str) -> String {
    let mut stream = connected(tower);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{start} HTTP/1.1\r\nHost: {host}\r\n{more}{length}\r\n{body}").expect("it reads");
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let is_whole = |answer: &[u8]| answer.windows(4).any(|four| four == b"\r\n\r\n") && answer.ends_with(b"}");
    while !is_whole(&answer) && answer.len() < 20_000 {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
        if answer.starts_with(b"HTTP/1.1 101") || answer.starts_with(b"HTTP/1.1 100") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const EVENT: &str = "{\"event_type\": \"news\", \"timestamp\": 1, \"metadata\": {}}";

fn login(password: &str) -> String {
    format!("{{\"password\": {password:?}}}")
}

#[test]
fn a_page_whose_name_leads_to_the_tower_gets_what_is_public_and_guesses_nothing() {
    let tower = common::setup().start();
    for host in ["evil.example:8000", "evil.example", "127.0.0.1.evil.example"] {
        let ask = |start: &str, more: &str, body: &str| asked(&tower, host, start, &format!("{BROWSER}{more}"), body);
        for answer in [
            ask("POST /tower/events/ingest", "", EVENT),
            ask("GET /tower/events", UPGRADE, ""),
            ask("GET /tower/buffer", "", ""),
            ask("POST /api/session", "", &login("guess")),
            ask("POST /api/session", "", &login(ADMIN_PASSWORD)),
            ask("DELETE /api/session", "", ""),
        ] {
            assert!(status(&answer) == "421" && answer.contains("server.names"), "{host}: {answer}");
            assert!(!answer.contains("WWW-Authenticate"), "{answer}");
        }
        for public in ["/", "/status", "/metrics", "/healthz", "/api/now-playing", "/api/session", "/status-json.xsl"] {
            assert!(matches!(status(&ask(&format!("GET {public}"), "", "")), "200" | "503"), "{host} {public}");
        }
        assert_eq!(status(&ask("GET /stream", "", "")), "200");
    }
    for _ in 0..20 {
        let _refused = asked(&tower, "evil.example", "POST /api/session", BROWSER, &login("guess"));
    }
    assert_eq!(tower.get_as_admin("/admin/listeners").head.status(), 200, "nothing was counted");
    assert!(!tower.get_as_admin("/api/events").text().contains("wrong password"));
    for host in ["localhost:8000", "127.0.0.1", "[::1]:8000"] {
        assert_eq!(status(&asked(&tower, host, "POST /tower/events/ingest", BROWSER, EVENT)), "204", "{host}");
    }
}

#[test]
fn programs_that_give_their_credentials_work_under_any_name() {
    let lines = ["input = [{ name = \"dj\", mount = \"/live\", password = \"spin\" }]", "station.password = \"play\""];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let ask =
        |start: &str, more: &str, body: &str| status(&asked(&tower, "radio.lan:8000", start, more, body)).to_owned();
    let (admin, source) = (basic_auth("admin", ADMIN_PASSWORD), basic_auth("source", "spin"));
    assert_eq!(ask("GET /admin/listeners", &admin, ""), "200");
    assert_eq!(ask("PUT /api/fallback/forced", &admin, "{\"forced\": false}"), "202");
    assert_eq!(ask("POST /tower/events/ingest", &basic_auth("station", "play"), EVENT), "204");
    assert_eq!(ask("GET /admin/metadata?mode=updinfo&song=x", &admin, ""), "200");
    assert_eq!(ask("OPTIONS /live", "Connection: close\r\n", ""), "204");
    let put = format!("{source}Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n");
    assert_eq!(ask("PUT /live", &put, ""), "100");
    assert_eq!(ask("GET /admin/listeners", &basic_auth("admin", "guess"), ""), "401", "a wrong one is a wrong one");
}

/// The cookie that a login sets, and its token.
fn session(answer: &str) -> (String, String) {
    let cookie =
        answer.lines().find_map(|line| line.to_ascii_lowercase().starts_with("set-cookie: ").then_some(&line[12..]));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or_else(|| panic!("{answer}"));
    let token = answer.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    (format!("Cookie: {cookie}\r\n"), format!("X-Tower-Token: {token}\r\n"))
}

#[test]
fn a_session_counts_under_the_towers_own_names_and_no_guess_ends_it() {
    let tower = common::setup().line("server.names = [\"radio.example\"]").start();
    let log_in = || asked(&tower, "Radio.Example:8000", "POST /api/session", "", &login(ADMIN_PASSWORD));
    let (cookie, token) = session(&log_in());
    let listeners = |host: &str| status(&asked(&tower, host, "GET /admin/listeners", &cookie, "")).to_owned();
    assert_eq!([listeners("radio.example"), listeners("127.0.0.1:8000")], ["200", "200"]);
    assert_eq!(listeners("other.example"), "421");
    let other = asked(&tower, "other.example", "GET /api/session", &cookie, "");
    assert!(other.contains("\"logged_in\":false") && other.contains("\"token\":null"), "{other}");

    // Another program at the same address guesses until it has to wait, and so does the browser
    // itself.
    let guess = |user: &str, more: &str| {
        let head = basic_auth(user, "guess") + more;
        status(&asked(&tower, "127.0.0.1", "GET /admin/listeners", &head, "")).to_owned()
    };
    let wrong_login = || asked(&tower, "127.0.0.1", "POST /api/session", "", &login("guess"));
    wait_until("a new login to have to wait", PATIENCE, || {
        let _counted = guess("admin", "");
        status(&wrong_login()) == "429"
    });
    assert_eq!(listeners("radio.example"), "200", "a session goes on");
    assert_eq!(guess("admin", &cookie), "200", "whatever else its requests say");
    let forced = asked(&tower, "radio.example", "PUT /api/fallback/forced", &(cookie + &token), "{\"forced\": false}");
    assert_eq!(status(&forced), "202");
    assert_eq!(guess("ann", ""), "401", "another user of the address does not");
}
