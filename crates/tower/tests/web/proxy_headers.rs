//! Who is at the door, told by the proxies that are trusted and by nobody else; and what players of all ages are answered
//! (SPEC LIS-1, LIS-6, API-1).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::frames;
use radio_proof::http::{Head, basic_auth, read_head};
use radio_proof::listener::Listener;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the tower that comes from this address.
fn connect_from(from: &str, tower: &Tower) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from: SocketAddr = format!("{from}:0").parse().expect("an address");
    socket.bind(&from.into()).and_then(|()| socket.connect(&tower.address.into())).expect("it listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    stream
}

/// The head of the answer to `request`.
fn asked(mut stream: TcpStream, request: &[u8]) -> (Head, TcpStream) {
    stream.write_all(request).expect("it reads");
    let (head, _) = read_head(&mut stream).expect("an answer");
    (head, stream)
}

fn is_listed(tower: &Tower, address: &str) -> bool {
    tower.get_as_admin("/admin/listclients?mount=/stream").text().contains(&format!("<IP>{address}</IP>"))
}

/// The status of an answer to a password, for whom the proxy says.
fn guessed(tower: &Tower, client: &str, password: &str) -> u16 {
    let extra = format!("X-Forwarded-For: {client}\r\n{}", basic_auth("admin", password));
    radio_proof::http::get(tower.address, "/admin/listeners", &extra).expect("an answer").head.status()
}

#[test]
fn a_trusted_proxys_listeners_are_listed_limited_and_held_off_by_their_own_addresses() {
    let lines = ["server.trusted_proxies = [\"127.0.0.1\"]", "server.listeners_per_address_max = 1"];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let listen = |forwarded: &str| {
        Listener::try_open(tower.address, "/stream", &format!("X-Forwarded-For: {forwarded}\r\n")).expect("an answer")
    };
    let one = listen("198.51.100.99, 203.0.113.7");
    let other = listen("203.0.113.8, 127.0.0.1");
    assert_eq!((one.head.status(), other.head.status()), (200, 200), "each has a place of its own");
    wait_until("both in the list", PATIENCE, || is_listed(&tower, "203.0.113.7") && is_listed(&tower, "203.0.113.8"));
    assert!(!is_listed(&tower, "198.51.100.99"), "what a client says of itself is not believed");
    assert_eq!(listen("203.0.113.7").head.status(), 503, "its place is taken");

    let refusals: Vec<u16> = (0..12).map(|_| guessed(&tower, "203.0.113.7", "wrong")).collect();
    assert_eq!((refusals[0], refusals[11]), (401, 429), "whoever guesses waits");
    assert_eq!(guessed(&tower, "203.0.113.8", ADMIN_PASSWORD), 200, "and nobody else behind the same proxy");
    assert_eq!(guessed(&tower, "127.0.0.1", "wrong"), 401, "loopback is an address, and no credential");
}

#[test]
fn whoever_is_not_trusted_says_neither_who_he_is_nor_how_he_came() {
    let lines = ["server.trusted_proxies = [\"127.0.0.2\"]", "server.names = [\"a\", \"radio.example.org\"]"];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let forwarded =
        "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: radio.example.org\r\n";
    let playlist = |from: &str| {
        let request = format!("GET /stream.m3u HTTP/1.1\r\nHost: inner:8000\r\n{forwarded}\r\n");
        let mut stream = connect_from(from, &tower);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the answer ends");
        text.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(playlist("127.0.0.1"), "http://inner:8000/stream");
    assert_eq!(playlist("127.0.0.2"), "https://radio.example.org/stream");
    let cookie = |from: &str| {
        let body = format!("{{\"password\": \"{ADMIN_PASSWORD}\"}}");
        let request =
            format!("POST /api/session HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{forwarded}\r\n{body}", body.len());
        let (head, _) = asked(connect_from(from, &tower), request.as_bytes());
        head.header("set-cookie").unwrap_or_default().to_owned()
    };
    assert!(cookie("127.0.0.2").contains("; Secure") && !cookie("127.0.0.1").contains("; Secure"));
    let request = format!("GET /stream HTTP/1.1\r\n{forwarded}\r\n");
    let _listening = asked(connect_from("127.0.0.1", &tower), request.as_bytes());
    wait_until("a listener in the list", PATIENCE, || is_listed(&tower, "127.0.0.1"));
    assert!(!is_listed(&tower, "203.0.113.7"));
    let status =
        asked(connect_from("127.0.0.1", &tower), b"GET /status-json.xsl HTTP/1.1\r\nHost: h\r\n\r\n").0.status();
    assert_eq!(status, 200);
}

#[test]
fn a_proxy_header_is_owed_by_trusted_proxies_and_read_of_nobody_else() {
    let lines = ["server.trusted_proxies = [\"127.0.0.2\"]", "server.proxy_protocol = true"];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let get = b"GET /stream HTTP/1.1\r\n\r\n";
    let v1 = [&b"PROXY TCP4 203.0.113.7 10.0.0.1 5000 8000\r\n"[..], get].concat();
    let v2_start = b"\r\n\r\n\0\r\nQUIT\n";
    let block = [203, 0, 113, 8, 10, 0, 0, 1, 0x13, 0x88, 0x1f, 0x40];
    let v2 = [&v2_start[..], &[0x21, 0x11, 0, 12], &block, get].concat();
    let local = [&v2_start[..], &[0x20, 0, 0, 0], get].concat();
    let heads: Vec<_> =
        [v1.as_slice(), &v2, &local].iter().map(|request| asked(connect_from("127.0.0.2", &tower), request)).collect();
    assert!(heads.iter().all(|(head, _)| head.status() == 200));
    for address in ["203.0.113.7", "203.0.113.8", "127.0.0.2"] {
        wait_until("the address in the list", PATIENCE, || is_listed(&tower, address));
    }
    assert_eq!(asked(connect_from("127.0.0.1", &tower), &v1).0.status(), 400, "not a request that is trusted");
    for malformed in [&get[..], b"PROXY TCP4 nobody\r\n", &[v2_start, &[0xff; 4][..]].concat()] {
        let mut stream = connect_from("127.0.0.2", &tower);
        stream.write_all(malformed).expect("it reads");
        let mut answer = Vec::new();
        let _may_be_reset = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "nobody is answered: {}", answer.escape_ascii());
    }
    wait_until("three to be counted", PATIENCE, || {
        tower.get_as_admin("/metrics").text().contains("tower_refused_proxy_headers_total 3\n")
    });
}

/// The first line of the answer to a listener who sends these headers, and whether frames follow.
fn first_line(tower: &Tower, headers: &str) -> String {
    let (head, mut stream) =
        asked(connect_from("127.0.0.1", tower), format!("GET /stream HTTP/1.0\r\n{headers}\r\n").as_bytes());
    let mut sound = [0u8; 3840];
    stream.read_exact(&mut sound).expect("sound");
    // The head may have come with some of the sound.
    let from = sound.windows(2).position(|pair| pair == [0xff, 0xfb]).expect("a frame");
    assert!(!frames::strict(&sound[from..from + 3072]).is_empty(), "{headers}");
    head.status_line
}

#[test]
fn old_players_get_shoutcasts_status_line_and_a_page_and_nobody_else_does() {
    let tower = common::setup().line("output = [{ mount = \"/stream\", url = \"http://radio.example.org/\" }]").start();
    for agent in ["WinampMPEG/5.66", "Winamp/2.91", "NSPlayer/4.1.0.3856", "RealMedia Player"] {
        assert_eq!(first_line(&tower, &format!("User-Agent: {agent}\r\n")), "ICY 200 OK", "{agent}");
    }
    for agent in ["VLC/3.0.24 LibVLC/3.0.24", "Lavf/59.27.100", "Mozilla/5.0 (X11; Linux x86_64)"] {
        assert_eq!(first_line(&tower, &format!("User-Agent: {agent}\r\n")), "HTTP/1.0 200 OK", "{agent}");
    }
    assert_eq!(first_line(&tower, "User-Agent: NSPlayer/4\r\nVia: 1.1 proxy\r\n"), "HTTP/1.0 200 OK");
    assert_eq!(tower.listen("/stream").head.header("icy-url"), Some("http://radio.example.org/"));
}

#[test]
fn a_players_probe_for_two_bytes_gets_the_whole_stream() {
    let tower = common::setup().start();
    for range in ["bytes=0-1", "bytes=0-", "bytes=100-200"] {
        let extra = format!("Range: {range}\r\nIcy-MetaData: 1\r\n");
        let listener = Listener::try_open(tower.address, "/stream", &extra).expect("an answer");
        assert_eq!(listener.head.status(), 200, "{range}");
        assert_eq!(listener.head.header("icy-metaint"), Some("16000"), "{range}");
        assert!(listener.head.header("content-range").is_none() && listener.head.header("accept-ranges").is_none());
        listener.wait_bytes(16_000, PATIENCE);
    }
}

#[test]
fn a_page_of_another_origin_may_play_the_stream_and_read_all_that_it_says_of_itself() {
    let output = r#"output = [{ mount = "/stream", url = "http://x/", genre = "jazz", description = "all of it" }]"#;
    let tower = common::setup().line(output).start();
    let ask = |method: &str| {
        let origin = "Origin: http://elsewhere.example\r\nIcy-MetaData: 1\r\n";
        let request = format!("{method} /stream HTTP/1.1\r\nHost: h\r\n{origin}\r\n");
        asked(connect_from("127.0.0.1", &tower), request.as_bytes())
    };
    let lists = |head: &Head, name: &str| {
        let value = head.header(name).unwrap_or_else(|| panic!("no {name} in {head:?}"));
        value.split(',').map(|item| item.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    };
    for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 204)] {
        let (head, _connection) = ask(method);
        assert_eq!((head.status(), head.header("access-control-allow-origin")), (status, Some("*")), "{method}");
        let allowed = lists(&head, "access-control-allow-headers");
        assert!(
            ["icy-metadata", "range"].iter().all(|name| allowed.iter().any(|it| it == name)),
            "{method}: {allowed:?}"
        );
        let exposed = lists(&head, "access-control-expose-headers");
        for name in ["icy-metaint", "x-tower-epoch", "x-tower-frame", "x-tower-serial"] {
            assert!(exposed.iter().any(|it| it == name), "{method}: {name} is not among {exposed:?}");
        }
        let own = head.headers.iter().filter(|(name, _)| name.starts_with("icy-") || name.starts_with("x-tower-"));
        let hidden: Vec<_> = own.filter(|(name, _)| !exposed.contains(name)).collect();
        assert!(hidden.is_empty(), "{method}: {hidden:?}");
        if method == "OPTIONS" {
            let methods = lists(&head, "access-control-allow-methods");
            assert!(["get", "head"].iter().all(|name| methods.iter().any(|it| it == name)), "{methods:?}");
            assert!(head.header("content-length").is_none(), "204 has no body");
        } else {
            assert_eq!(head.header("icy-metaint"), Some("16000"), "{method}");
        }
    }
}
