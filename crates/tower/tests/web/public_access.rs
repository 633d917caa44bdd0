//! What everybody may know and what not, and what the journal says of whoever was at the doors (SPEC API-1, API-2).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::{basic_auth, get, send};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection from an address of its own, which is to be found nowhere.
fn connected(from: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).expect("an address of this machine");
    socket.connect(&to.into()).expect("the tower listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Sends a request from there, and gives what comes at first.
fn asked(from: u8, tower: &Tower, request: &str) -> (TcpStream, String) {
    let mut stream = connected(from, tower.address);
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut piece = [0; 1024];
    let count = stream.read(&mut piece).expect("an answer");
    (stream, String::from_utf8_lossy(&piece[..count]).into_owned())
}

/// The answer over the socket of the command line.
fn over_the_socket(tower: &Tower, method: &str, target: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(tower.path("admin.sock")).expect("the tower's socket");
    let length = body.len();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: tower\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

fn json_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

const INPUTS: &str = "input = [{ name = \"dj\", mount = \"/live\", password = \"spin\" }, \
    { name = \"studio\", kind = \"pcm_tcp\", address = \"127.0.0.10:0\" }]";

#[test]
fn whoever_has_not_been_let_in_is_told_what_a_listener_may_know() {
    let hash = radio_base::password::hash("quiet").expect("a hash");
    let tower = common::setup()
        .line(INPUTS)
        .line(&format!("user = [{{ name = \"ann\", role = \"observer\", password = {hash:?} }}]"))
        .line("webhook = [{ name = \"chat\", url = \"http://127.0.0.6:1/\", secret = \"0123456789abcdef\" }]")
        .start();
    let put = "PUT /live HTTP/1.1\r\nHost: tower\r\nContent-Type: audio/mpeg\r\nUser-Agent: TellTale/1\r\n";
    let (_source, said) = asked(9, &tower, &format!("{put}{}\r\n", basic_auth("source", "spin")));
    assert!(said.contains(" 200 ") || said.contains(" 100 "), "{said}");
    let studio = tower.status()["inputs"][2]["feed"]["state"]["address"].as_str().expect("a door").to_owned();
    let mut producer = connected(8, studio.parse().expect("an address"));
    producer.write_all(&[0; 19_200]).expect("it is taken");
    let (_listener, said) = asked(7, &tower, "GET /stream HTTP/1.1\r\nHost: tower\r\n\r\n");
    assert!(said.contains(" 200 "), "{said}");
    let id = tower.get_as_admin("/admin/listeners").json()["listeners"][0]["id"].clone();
    tower.send_as_admin("POST", "/api/listeners/kick", &format!("{{\"id\": {id}}}"));
    wait_until("the encoder, the source, the producer, the webhook and the kick to be told of", PATIENCE, || {
        let all = tower.status().to_string();
        ["127.0.0.6:1", "127.0.0.7 ", "127.0.0.8:", "127.0.0.9:", "TellTale"]
            .iter()
            .all(|private| all.contains(private))
            && tower.encoder_pid().is_some()
    });

    let document = tower.get("/api/openapi.json").json();
    let is_public = |operation: &Value| {
        let ways = operation["security"].as_array();
        ways.is_some_and(|ways| ways.is_empty() || ways.contains(&serde_json::json!({})))
    };
    let paths = document["paths"].as_object().expect("paths");
    let public: Vec<_> = paths.iter().filter(|(_, methods)| is_public(&methods["get"])).map(|(path, _)| path).collect();
    assert!(public.len() > 15, "{public:?}");
    let folder = tower.path("").display().to_string();
    for path in public.into_iter().chain([&"/stream.m3u".to_owned()]) {
        let text = tower.get(path).text();
        for private in ["127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.9", "127.0.0.10", "TellTale", &folder] {
            assert!(!text.contains(private), "{path} tells everybody of {private}");
        }
        let is_named = text.contains("\"pid\"") && path != "/api/openapi.json";
        assert!(!is_named, "{path} tells everybody of processes");
    }
    let status = tower.get("/status").json();
    for private in ["events", "webhooks", "pid", "tls"] {
        assert!(status.get(private).is_none(), "{private}");
    }
    assert_eq!(status["inputs"][1]["source"]["mount"], "/live");
    assert_eq!(status["outputs"][0]["encoder"]["state"], "RUNNING");

    let login = send(tower.address, "POST", "/api/session", "", b"{\"user\": \"ann\", \"password\": \"quiet\"}");
    let login = login.expect("an answer").head;
    let session = login.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    for let_in in [basic_auth("ann", "quiet"), format!("Cookie: {session}\r\n"), basic_auth("admin", ADMIN_PASSWORD)] {
        let status = get(tower.address, "/status", &let_in).expect("an answer").json();
        assert!(status["outputs"][0]["encoder"]["pid"].is_u64() && status["events"].is_array(), "{let_in}");
    }
    let status = json_of(&over_the_socket(&tower, "GET", "/status", ""));
    assert!(status["outputs"][0]["encoder"]["pid"].is_u64(), "{status}");
    let wrong = get(tower.address, "/status", &basic_auth("ann", "loud")).expect("an answer");
    assert_eq!(wrong.head.status(), 401, "he is not to take this for all there is");
    let nobody = get(tower.address, "/status", "Cookie: tower_session_0=x\r\n").expect("an answer");
    assert_eq!(nobody.head.status(), 200, "a session that has run out is none");
    assert_eq!(nobody.head.header("x-tower-api"), Some("1"));
}

fn actions(tower: &Tower) -> Vec<(String, String)> {
    let events = tower.get_as_admin("/api/events?kind=action&limit=1000").json();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    events["events"].as_array().expect("a list").iter().map(|event| (text(event, "who"), text(event, "text"))).collect()
}

#[test]
fn the_journal_has_who_set_a_title_who_guessed_and_what_was_not_reloaded_and_so_has_the_log_at_any_level() {
    let tower = common::setup().line("log.level = \"error\"").start();
    assert_eq!(tower.get_as_admin("/admin/metadata?mode=updinfo&song=One").head.status(), 200);
    assert_eq!(tower.get(&format!("/admin.cgi?pass={ADMIN_PASSWORD}&mode=updinfo&song=Two")).head.status(), 200);
    let guess = |request: &str| {
        let (_, said) = asked(5, &tower, request);
        assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    };
    let wrong = basic_auth("admin", "guess");
    (0..3).for_each(|_| guess(&format!("GET /api/config HTTP/1.1\r\nHost: tower\r\n{wrong}\r\n")));
    let login = send(tower.address, "POST", "/api/session", "", b"{\"password\": \"guess\"}").expect("an answer");
    assert_eq!(login.head.status(), 401);
    std::fs::write(tower.path("tower.toml"), "nonsense = 1\n").expect("our own file");
    assert_eq!(tower.send_as_admin("POST", "/admin/reload", "").head.status(), 409);

    let told = actions(&tower);
    let admin = "admin at 127.0.0.1, by password";
    let wanted = [
        (admin, "the title is set to One"),
        (admin, "the title is set to Two"),
        ("somebody at 127.0.0.5", "a wrong password was given"),
        ("somebody at 127.0.0.1", "a wrong password was given"),
    ];
    let got: Vec<_> = told.iter().map(|(who, text)| (who.as_str(), text.as_str())).collect();
    assert_eq!(got[..4], wanted, "once a minute of an address: {told:?}");
    assert!(got[4].0 == admin && got[4].1.starts_with("the configuration could not be reloaded"), "{told:?}");
    assert_eq!(got.len(), 5, "{told:?}");
    wait_until("the log to have them", PATIENCE, || {
        let log = tower.stderr();
        told.iter().all(|(_, text)| log.contains(text))
    });
    assert!(!tower.stderr().contains("on air"), "the level is kept for all else: {}", tower.stderr());
}

#[test]
fn the_command_lines_socket_is_the_users_own_and_needs_no_session() {
    let tower = common::setup().start();
    let mode = std::fs::metadata(tower.path("admin.sock")).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = over_the_socket(&tower, "POST", "/api/session", &format!("{{\"password\": {ADMIN_PASSWORD:?}}}"));
    assert!(said.starts_with("HTTP/1.1 409 ") && said.contains("without logging in"), "{said}");
    assert!(over_the_socket(&tower, "DELETE", "/api/session", "").starts_with("HTTP/1.1 200 "));
    assert!(over_the_socket(&tower, "GET", "/api/session", "").starts_with("HTTP/1.1 200 "));
    let said = over_the_socket(&tower, "PUT", "/api/fallback/forced", "{\"forced\": true}");
    assert!(said.starts_with("HTTP/1.1 202 "), "{said}");
}

#[test]
fn the_token_that_is_printed_opens_what_it_is_printed_with_and_loopback_behind_a_proxy_nothing() {
    let tower = common::setup().line("admin.password = \"\"").line("server.trusted_proxies = [\"127.0.0.1\"]").start();
    let printed = || std::fs::read_to_string(tower.path("stdout")).unwrap_or_default();
    wait_until("both addresses", PATIENCE, || printed().contains("Monitor: ") && printed().ends_with('\n'));
    let printed = printed();
    let after = |label: &str| printed.lines().find_map(|line| line.strip_prefix(label)).expect("it is told").to_owned();
    let base = format!("http://{}", tower.address);
    let dashboard = after("Dashboard: ");
    let (page, token) = dashboard.strip_prefix(&base).and_then(|rest| rest.split_once('#')).expect("a token");
    assert_eq!(tower.get(page).head.status(), 200);
    let login = send(tower.address, "POST", "/api/session", "", format!("{{\"password\": {token:?}}}").as_bytes());
    assert_eq!(login.expect("an answer").json()["role"], "admin");
    let monitor = after("Monitor: ");
    let target = monitor.strip_prefix(&base).expect("the same tower");
    let (_, said) = asked(1, &tower, &format!("GET {target} HTTP/1.1\r\nHost: tower\r\n\r\n"));
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");

    for forwarded in ["", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-For: ::1\r\nX-Forwarded-Host: localhost\r\n"] {
        for (method, target) in [("GET", "/admin/listeners"), ("GET", "/api/config"), ("POST", "/admin/reload")] {
            let answer = send(tower.address, method, target, forwarded, b"").expect("an answer");
            assert_eq!(answer.head.status(), 401, "{method} {target} {forwarded}");
        }
        let status = get(tower.address, "/status", forwarded).expect("an answer").json();
        assert!(status.get("pid").is_none(), "{forwarded}");
    }
}
