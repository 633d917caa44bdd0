//! The second port: the same stream and the same routes over TLS, with a certificate that can be replaced on air (SPEC
//! API-1).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::http::basic_auth;
use radio_proof::tls::{Certificate, Client, FRAME_BYTES, assert_same};
use radio_proof::tower::{ADMIN_PASSWORD, Setup, Tower};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn with_tls(setup: Setup, certificate: &Certificate) -> Setup {
    certificate.install(|name| setup.path(name));
    let (certificate, key) = (setup.path("certificate.pem"), setup.path("key.pem"));
    setup.line("tls.port = 0").line(&format!("tls.certificate = {certificate:?}")).line(&format!("tls.key = {key:?}"))
}

fn tls_address(tower: &Tower) -> SocketAddr {
    wait_for("the address of TLS", PATIENCE, || {
        let text = std::fs::read_to_string(tower.path("stdout")).ok()?;
        text.split_once("TLS: https://")?.1.split_once('/')?.0.parse().ok()
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[track_caller]
fn answer(address: SocketAddr, trusted: &Certificate, request: &str) -> String {
    String::from_utf8(Client::ask(address, trusted, request).read_to_end()).expect("text")
}

#[test]
fn a_listener_over_tls_gets_the_frames_of_a_plain_one_and_is_listed_where_he_is() {
    let certificate = Certificate::new();
    let tower = with_tls(common::setup(), &certificate).start();
    let address = tls_address(&tower);
    let plain = tower.listen("/stream?burst=0");
    let mut client = Client::ask(address, &certificate, "GET /stream HTTP/1.1\r\nUser-Agent: over-tls");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let first: u64 = header(&head, "X-Tower-Frame").and_then(|frame| frame.parse().ok()).expect("a frame");
    let bytes = client.read(200 * FRAME_BYTES);

    let ours = client.stream.sock.local_addr().expect("bound").to_string();
    let listed = tower.get_as_admin("/admin/listeners").json();
    let rows = listed["listeners"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["address"] == *ours && row["user_agent"] == "over-tls"), "{listed}");
    let status = tower.status()["tls"].clone();
    assert_eq!((&status["connections"], &status["listeners"]), (&1.into(), &1.into()), "{status}");

    assert_same(&plain, first, &bytes);
    drop(client);
    wait_until("the place to be free", PATIENCE, || tower.status()["tls"]["connections"] == 0);
    let left = "tower_listeners_left_total{reason=\"hung_up\"} 1";
    wait_until("the fan-out to know", PATIENCE, || tower.get("/metrics").text().contains(left));
}

#[test]
fn another_program_gets_in_and_what_is_said_over_tls_says_so() {
    let certificate = Certificate::new();
    let tower = with_tls(common::setup(), &certificate).line("tls.hsts_s = 86400");
    let tower = tower.line("server.names = [\"radio.example\"]").start();
    let address = tls_address(&tower);
    let url = format!("https://localhost:{}/healthz", address.port());
    let trusted = tower.path("certificate.pem");
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert"]).arg(trusted).arg(url);
    let said = curl.output().expect("curl: apt-get install curl");
    assert!(["200 1.1", "503 1.1"].contains(&&*String::from_utf8_lossy(&said.stdout)), "{said:?}");

    let playlist = answer(address, &certificate, "GET /stream.m3u HTTP/1.1");
    assert!(playlist.contains("\nhttps://radio.example:8443/stream\n"), "{playlist}");
    let icecast = answer(address, &certificate, "GET /status-json.xsl HTTP/1.1");
    assert!(
        icecast.contains("\"https://radio.example:8443/stream\"")
            && icecast.contains("\"host\":\"radio.example:8443\"")
    );
    let password = format!("{{\"password\": \"{ADMIN_PASSWORD}\"}}");
    let length = password.len();
    let request = format!("POST /api/session HTTP/1.1\r\nContent-Length: {length}");
    let mut login = Client::ask(address, &certificate, &request);
    login.stream.write_all(password.as_bytes()).expect("it is taken");
    let login = String::from_utf8(login.read_to_end()).expect("text").to_ascii_lowercase();
    assert!(
        login.contains("; secure\r\n") && login.contains("strict-transport-security: max-age=86400\r\n"),
        "{login}"
    );
    assert!(tower.get("/stream.m3u").text().contains("\nhttp://"), "over the other port it is as it was");
    assert!(tower.get("/healthz").head.header("strict-transport-security").is_none());
}

#[test]
fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let tower = with_tls(common::setup(), &old).start();
    let address = tls_address(&tower);
    let mut listener = Client::ask(address, &old, "GET /stream HTTP/1.1");
    listener.read(10 * FRAME_BYTES);
    new.install(|name| tower.path(name));
    wait_until("the new certificate", PATIENCE, || Client::connect(address, &new).is_ok());
    assert!(Client::connect(address, &old).is_err(), "nobody gets the old one");
    assert_eq!(tower.events("tls").len(), 1);

    std::fs::write(tower.path("key.pem"), &old.key_pem).expect("our own file");
    let told = || tower.events("alarm").into_iter().find(|(_, event)| event["what"] == "certificate_bad");
    let (_, event) = wait_for("a word about the key", PATIENCE, told);
    assert!(event["error"].to_string().contains("key.pem is not the key of"), "{event}");
    assert!(tower.get("/healthz").json()["warnings"].to_string().contains("certificate cannot be used"));
    assert!(tower.get("/metrics").text().contains("tower_tls_certificate_unusable 1\n"));
    drop(Client::connect(address, &new).expect("the one before is still in use"));
    std::fs::write(tower.path("key.pem"), &new.key_pem).expect("our own file");
    wait_until("all to be well", PATIENCE, || tower.status()["tls"]["problem"].is_null());
    assert!(tower.events("alarm_over").iter().any(|(_, event)| event["what"] == "certificate_new"));
    // More than could have been on its way before.
    listener.read(100 * FRAME_BYTES);
    assert!(!tower.stderr().contains("PRIVATE KEY"));
}

#[test]
fn what_is_no_tls_and_what_comes_to_nothing_keeps_nobody_out_for_long() {
    let certificate = Certificate::new();
    let tower = with_tls(common::setup(), &certificate).start();
    let address = tls_address(&tower);
    let mut stranger = TcpStream::connect(address).expect("a connection");
    stranger.write_all(b"GET /stream HTTP/1.1\r\n\r\n").expect("it is taken");
    let mut nothing = Vec::new();
    let _may_be_reset = stranger.read_to_end(&mut nothing);
    assert!(!nothing.starts_with(b"HTTP"), "nothing is told in plain words");
    let failed = || tower.status()["tls"]["failed_handshakes"].as_u64().unwrap_or(0);
    wait_until("the failure to be counted", PATIENCE, || failed() == 1);
    // More than there are places at the door, and none says anything.
    let stalled: Vec<_> = (0..300).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    let plain = tower.listen("/stream");
    plain.wait_bytes(64_000, PATIENCE);
    let mut client = Client::ask(address, &certificate, "GET /stream HTTP/1.1");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    drop(stalled);
    wait_until("all of them to be gone", PATIENCE, || failed() == 301);
}

#[test]
fn places_over_tls_are_counted_and_the_end_of_the_tower_is_a_whole_frame() {
    let certificate = Certificate::new();
    let mut tower = with_tls(common::setup(), &certificate).line("tls.listeners_max = 1").start();
    let address = tls_address(&tower);
    let mut listener = Client::ask(address, &certificate, "GET /stream HTTP/1.1");
    let head = listener.head();
    let authorization = basic_auth("admin", ADMIN_PASSWORD);
    let request = format!("GET /admin/monitor HTTP/1.1\r\n{}", authorization.trim_end());
    let refused = Client::ask(address, &certificate, &request).head();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(answer(address, &certificate, "GET /status HTTP/1.1").starts_with("HTTP/1.1 200 "), "that takes no place");
    assert_eq!(tower.listen("/stream").head.status(), 200, "nor do plain listeners");
    drop(listener);
    let mut listener = wait_for("a place", PATIENCE, || {
        let mut client = Client::ask(address, &certificate, "GET /stream HTTP/1.1");
        client.head().starts_with("HTTP/1.1 200").then_some(client)
    });
    listener.read(100 * FRAME_BYTES);
    let asked = Instant::now();
    let rest = std::thread::scope(|scope| {
        let rest = scope.spawn(|| listener.read_to_end());
        let (status, took) = tower.terminate();
        assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
        rest.join().expect("a reader")
    });
    assert_eq!(
        rest.len() % FRAME_BYTES,
        0,
        "{head} and then {} bytes {:?} after the signal",
        rest.len(),
        asked.elapsed()
    );
}

#[test]
fn a_tower_whose_certificate_is_not_good_does_not_start_and_says_why() {
    let (one, other) = (Certificate::new(), Certificate::new());
    let setup = with_tls(common::setup(), &one);
    std::fs::write(setup.path("key.pem"), &other.key_pem).expect("our own file");
    let refusal = setup.refused();
    assert!(!refusal.status.success() && refusal.sockets.is_empty());
    assert!(refusal.stderr.contains("key.pem is not the key of"), "{}", refusal.stderr);
    let refusal = common::setup().line("tls.key = \"/etc/tls/key.pem\"").refused();
    assert!(refusal.stderr.contains("`tls.certificate` and `tls.key` belong together"), "{}", refusal.stderr);
}

#[test]
fn a_source_over_tls_is_on_air() {
    let input = "input = [{ password = \"hackme\", preroll_ticks = 10 }]";
    let tower = with_tls(common::setup(), &Certificate::new()).line(input).start();
    let url = format!("icecast://source:hackme@localhost:{}/live", tls_address(&tower).port());
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine", "-c:a", "libmp3lame", "-f", "mp3", "-tls", "1"]);
    let mut source =
        ffmpeg.args(["-content_type", "audio/mpeg", &url]).spawn().expect("ffmpeg: apt-get install ffmpeg");
    tower.wait_source("live", PATIENCE);
    assert_eq!(tower.status()["tls"]["listeners"], 1, "it has a place");
    let _ended = source.kill().and_then(|()| source.wait());
    tower.wait_source("tone", PATIENCE);
    wait_until("its place to be free", PATIENCE, || tower.status()["tls"]["connections"] == 0);
}

#[test]
fn a_stream_over_tls_is_pulled_from_a_server_that_is_trusted_and_from_no_other() {
    let certificate = Certificate::new();
    let upstream = with_tls(common::setup(), &certificate).start();
    let url = format!("https://localhost:{}/stream", tls_address(&upstream).port());
    let pulling = || common::setup().line(&format!("input = [{{ name = \"pulled\", kind = \"url\", url = {url:?} }}]"));
    let trusted = upstream.path("certificate.pem").display().to_string();
    let tower = pulling().variable("SSL_CERT_FILE", &trusted).start();
    tower.wait_source("pulled", PATIENCE);
    assert_eq!(tower.status()["inputs"][1]["feed"]["state"]["connected"]["codec"], "mp3");

    let other = pulling().start();
    let problem = wait_for("the reason", PATIENCE, || {
        other.status()["inputs"][1]["feed"]["state"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("certificate"), "{problem}");
    assert_eq!(upstream.status()["tls"]["listeners"], 1);
}
