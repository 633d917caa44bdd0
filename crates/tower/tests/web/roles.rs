//! Who may do what: every route of the API asked by everybody, and in every way that must be refused (SPEC API-1).

use crate::common;
use radio_proof::http::{basic_auth, send};
use radio_proof::listener::Listener;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Everybody who may ask, from nobody to the administrator.
const RANKS: [&str; 4] = ["", "observer", "operator", "admin"];

/// Who gives a password: another address each time, so that nobody has to wait for another's wrong guesses.
fn asked_by(tower: &Tower, rank: usize, method: &str, path: &str, from: u8) -> Option<u16> {
    asked_from(tower, from, method, path, &credentials(rank))
}

fn credentials(rank: usize) -> String {
    match RANKS[rank] {
        "" => String::new(),
        "admin" => basic_auth("admin", ADMIN_PASSWORD),
        role => basic_auth(role, "quiet"),
    }
}

/// The status of the answer.
fn asked_from(tower: &Tower, from: u8, method: &str, path: &str, head: &str) -> Option<u16> {
    answer_from(tower, from, &format!("{method} {path} HTTP/1.1\r\nHost: tower\r\nContent-Length: 2\r\n{head}\r\n{{}}"))
        .split(' ')
        .nth(1)?
        .parse()
        .ok()
}

/// The beginning of the answer.
fn answer_from(tower: &Tower, from: u8, request: &str) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).expect("an address of this machine");
    socket.connect(&tower.address.into()).expect("the tower listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = Vec::new();
    while !answer.windows(2).any(|two| two == b"\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{request}: {error}"),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn with_users() -> Tower {
    let hash = radio_base::password::hash("quiet").expect("a hash");
    let user = |role: &str| format!("{{ name = {role:?}, role = {role:?}, password = {hash:?} }}");
    let users = format!("user = [{}, {}]", user("observer"), user("operator"));
    let setup = common::setup().line(&users).line("server.names = [\"tower\"]");
    setup.line("input = [{ name = \"dj\", mount = \"/live\", password = \"spin\" }]").start()
}

/// What is no route: streams, playlists of them, the mount of a source; with a method that each is there for.
const MOUNTS: [(&str, &str); 6] = [
    ("GET", "/stream"),
    ("HEAD", "/stream.mp3"),
    ("GET", "/stream.m3u"),
    ("GET", "/stream.pls"),
    ("GET", "/stream.xspf"),
    ("PUT", "/live"),
];

/// So that a new route without a rule of its own is noticed: the rules come from the description, which comes from the
/// table of routes.
#[test]
fn every_route_refuses_whoever_has_not_its_role_and_nobody_else() {
    let tower = with_users();
    let document = tower.get("/api/openapi.json").json();
    let (mut refused, mut admitted) = (0, 0);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let (method, least) = (method.to_uppercase(), operation["x-role"].as_str().unwrap_or_default());
            let least = RANKS.iter().position(|role| *role == least).expect("a role");
            let ways = operation["security"].as_array().expect("a list");
            let is_open =
                ways.is_empty() || ways.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty));
            assert_eq!(is_open, least == 0, "{path}");
            for (rank, role) in RANKS.into_iter().enumerate() {
                let status = asked_by(&tower, rank, &method, path, 1);
                let wanted = match rank {
                    _ if rank >= least => None,
                    0 => Some(401),
                    _ => Some(403),
                };
                match wanted {
                    Some(_) => assert_eq!(status, wanted, "{role} {method} {path}"),
                    None => {
                        assert!(!matches!(status, Some(401 | 403 | 405 | 429)), "{role} {method} {path}: {status:?}");
                    }
                }
                if status == Some(404) && method != "HEAD" {
                    let said = send(tower.address, &method, path, &credentials(rank), b"{}").expect("an answer").text();
                    assert!(!said.contains("nothing here"), "{method} {path} is in the table only");
                }
                refused += u32::from(wanted.is_some());
                admitted += u32::from(wanted.is_none());
            }
            // Wrong passwords, another user's password, a cookie of nobody: as nobody. Each from an address of its own.
            for (from, stranger) in [
                (2, basic_auth("admin", "guess")),
                (3, basic_auth("observer", ADMIN_PASSWORD)),
                (4, "Authorization: Bearer quiet\r\n".into()),
                (5, "Cookie: tower_session_0=guess\r\n".into()),
            ] {
                let status = asked_from(&tower, from, &method, path, &stranger);
                // The state tells everybody something, but nobody who says something wrong. Who has guessed too often has to wait.
                let is_refused = least > 0 || path == "/status" && stranger.starts_with("Authorization");
                assert_eq!(matches!(status, Some(401 | 429)), is_refused, "{method} {path} {stranger}: {status:?}");
            }
        }
    }
    assert!(refused >= 50 && admitted >= 60, "only {refused} refusals and {admitted} admissions");
    for rank in 0..RANKS.len() {
        assert_eq!(
            asked_by(&tower, rank, "PUT", "/live", 6),
            Some(401),
            "who may go on air is told by the mount's password"
        );
        assert_eq!(asked_by(&tower, rank, "POST", "/stream", 1), Some(405));
        assert_eq!(asked_by(&tower, rank, "DELETE", "/stream.m3u", 1), Some(405));
    }
    assert_eq!(tower.status()["operator"]["fallback_forced"], false, "an empty body forces nothing");
}

#[test]
fn every_route_refuses_what_climbs_is_too_long_or_comes_with_a_session_but_no_token() {
    let tower = with_users();
    let document = tower.get("/api/openapi.json").json();
    let login = send(tower.address, "POST", "/api/session", "", b"{\"user\": \"operator\", \"password\": \"quiet\"}");
    let login = login.expect("an answer");
    assert_eq!((login.head.status(), &login.json()["role"]), (200, &"operator".into()), "{}", login.text());
    let cookie = login.head.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let cookie = format!("Cookie: {cookie}\r\n");
    let (long, admin) = ("x".repeat(4000), basic_auth("admin", ADMIN_PASSWORD));
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let method = method.to_uppercase();
            let status = |path: &str, head: &str| asked_from(&tower, 1, &method, path, head);
            let is_changing = !matches!(method.as_str(), "GET" | "HEAD");
            if is_changing && !operation["x-role"].is_null() {
                assert_eq!(status(path, &cookie), Some(403), "{method} {path} without the token");
            }
            for climbing in [format!("{path}/../../etc/passwd"), format!("/..{path}"), format!("{path}%2f..%2f..")] {
                // What is no page may be a source's mount; whether it is one, no source is told without a password.
                let is_refused = |status| matches!(status, Some(404 | 405)) || method == "PUT" && status == Some(401);
                assert!(is_refused(status(&climbing, "")), "{method} {climbing}");
            }
            assert_eq!(status(&format!("{path}?x={long}"), ""), Some(414), "{method} {path}");
            assert_eq!(status(path, &format!("X-Long: {long}{long}{long}\r\n")), Some(431), "{method} {path}");
            if is_changing {
                for (coding, begin, end) in
                    [("Content-Length: 70000", "", ""), ("Transfer-Encoding: chunked", "11170\r\n", "\r\n0\r\n\r\n")]
                {
                    let head = format!("{method} {path} HTTP/1.1\r\nHost: tower\r\n{admin}{coding}\r\n\r\n");
                    let request = format!("{head}{begin}{}{end}", " ".repeat(70_000));
                    let said = answer_from(&tower, 1, &request);
                    assert!(said.starts_with("HTTP/1.1 413 "), "{method} {path}, 70 kB by {coding}: {said}");
                }
            }
        }
    }
    for (method, path) in MOUNTS {
        let status = |path: &str, head: &str| asked_from(&tower, 1, method, path, head);
        for climbing in [format!("{path}/../../etc/passwd"), format!("/..{path}"), format!("{path}%2f..%2f..")] {
            // No source is told without a password which mounts there are.
            let wanted = if method == "PUT" { 401 } else { 404 };
            assert_eq!(status(&climbing, ""), Some(wanted), "{method} {climbing}");
        }
        assert_eq!(status(&format!("{path}?x={long}"), ""), Some(414), "{method} {path}");
        assert_eq!(status(path, &format!("X-Long: {long}{long}{long}\r\n")), Some(431), "{method} {path}");
    }
}

/// What old programs change with GET.
const CHANGED_BY_GET: [&str; 4] = ["/admin/metadata", "/admin.cgi", "/admin/killclient", "/admin/killsource"];

/// A browser that was once asked for the password gives it to every page that wants something of the tower.
#[test]
fn a_page_of_another_site_is_given_what_is_public_and_nothing_else_whatever_the_browser_knows() {
    let tower = with_users();
    let document = tower.get("/api/openapi.json").json();
    let (admin, wrong) = (basic_auth("admin", ADMIN_PASSWORD), basic_auth("admin", "guess"));
    let foreign = ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"];
    let (mut refused, mut answered) = (0, 0);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let methods = methods.as_object().expect("methods");
        for (method, operation) in methods {
            let status = |from: u8, head: &str| asked_from(&tower, from, &method.to_uppercase(), path, head);
            let is_for_users = ["observer", "operator", "admin"].map(Value::from).contains(&operation["x-role"]);
            let is_change = !matches!(method.as_str(), "get" | "head") || CHANGED_BY_GET.contains(&path.as_str());
            let is_refused = is_for_users || is_change || path == "/tower/events";
            for site in foreign {
                let said = status(1, &format!("{admin}{site}"));
                assert_eq!(said == Some(403), is_refused, "{method} {path} {site}: {said:?}");
            }
            // Over plain HTTP browsers say nothing of the kind with a GET.
            let said = status(1, &format!("{admin}User-Agent: Mozilla/5.0 (X11)\r\nAccept-Language: en\r\n"));
            assert_eq!(
                said == Some(403),
                CHANGED_BY_GET.contains(&path.as_str()) && method != "post",
                "{method} {path}"
            );
            if is_refused {
                // Nor does he have to wait for what the page has guessed.
                assert_eq!(status(2, &format!("{wrong}Sec-Fetch-Site: same-site\r\n")), Some(403), "{method} {path}");
                assert_eq!(status(2, foreign[0]), Some(403), "{method} {path} without a password");
            }
            // A password may be in the address of a picture.
            let target = format!("{path}?token=guess");
            let said = asked_from(&tower, 2, &method.to_uppercase(), &target, foreign[2]);
            assert_eq!(said, Some(403), "{method} {target}");
            refused += u32::from(is_refused);
            answered += u32::from(!is_refused);
            let own = status(1, &format!("{admin}Origin: http://tower\r\nSec-Fetch-Site: same-origin\r\n"));
            assert_ne!(own, Some(403), "{method} {path} for the tower's own page");
        }
    }
    assert!(refused >= 30 && answered >= 10, "only {refused} refusals and {answered} answers");
    let source = basic_auth("source", "spin") + "Content-Type: audio/mpeg\r\n";
    assert_eq!(asked_from(&tower, 1, "PUT", "/live", &format!("{source}{}", foreign[0])), Some(403));
    assert_eq!(asked_from(&tower, 2, "GET", "/admin/listeners", &admin), Some(200), "nothing was counted");
    let listener = Listener::try_open(tower.address, "/stream", foreign[0]).expect("the tower listens");
    assert_eq!(listener.head.status(), 200, "streams are for every page");
    assert_eq!(listener.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(tower.status()["operator"]["fallback_forced"], false);
}

/// Who knows a lesser password could otherwise guess that of the administrator for ever, a few at a time.
#[test]
fn the_right_password_of_a_lower_role_or_a_source_does_not_make_wrong_ones_forgotten() {
    let hash = radio_base::password::hash("quiet").expect("a hash");
    let users = format!("user = [{{ name = \"observer\", role = \"observer\", password = {hash:?} }}]");
    let input = "input = [{ name = \"dj\", mount = \"/live\", password = \"spin\" }]";
    let tower = common::setup().line(&users).line(input).start();
    let observer = basic_auth("observer", "quiet");
    let source = basic_auth("source", "spin") + "Content-Type: audio/mpeg\r\n";
    for (from, method, path, right) in [(6, "GET", "/admin/listeners", observer), (7, "PUT", "/live", source)] {
        let mut wrong = Vec::new();
        // Each wait is twice the one before: on whatever machine, one of them is long enough to be met.
        for guess in 0..12 {
            if wrong.contains(&Some(429)) {
                break;
            }
            let head = basic_auth("admin", &format!("guess {guess}"));
            wrong.push(asked_from(&tower, from, "GET", "/admin/listeners", &head));
            let _ = asked_from(&tower, from, method, path, &right);
        }
        assert_eq!(wrong.first(), Some(&Some(401)), "{wrong:?}");
        assert!(wrong.contains(&Some(429)), "{method} {path} in between made them free: {wrong:?}");
    }
}

/// A request of which only the beginning comes.
fn begun(tower: &Tower, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(text.as_bytes()).expect("it is taken");
    stream
}

#[test]
fn every_route_refuses_what_comes_too_slowly() {
    let tower = with_users();
    let document = tower.get("/api/openapi.json").json();
    let admin = basic_auth("admin", ADMIN_PASSWORD);
    let mut waiting = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase();
            let begin = format!("{method} {path} HTTP/1.1\r\nHost: tower\r\n{admin}");
            waiting.push((format!("the head of {method} {path}"), begun(&tower, &begin)));
            if !matches!(method.as_str(), "GET" | "HEAD") {
                let begin = format!("{begin}Content-Length: 9\r\n\r\n{{");
                waiting.push((format!("the body of {method} {path}"), begun(&tower, &begin)));
            }
        }
    }
    for (method, path) in MOUNTS {
        let begin = format!("{method} {path} HTTP/1.1\r\nHost: tower\r\n");
        waiting.push((format!("the head of {method} {path}"), begun(&tower, &begin)));
    }
    assert!(waiting.len() > 60, "only {}", waiting.len());
    for (what, mut stream) in waiting {
        let (head, _) = radio_proof::http::read_head(&mut stream).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(head.status(), 408, "{what}");
    }
}

#[test]
fn what_tower_passwd_prints_stands_for_the_password_wherever_one_may_stand() {
    let passwd = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
        command.arg("passwd").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("our own program");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("our own child");
        (output.status.success(), String::from_utf8(output.stdout).expect("text").trim().to_owned(), output.stderr)
    };
    let (done, hash, said) = passwd(&[], "hush\n");
    assert!(done && hash.starts_with("$argon2id$") && said.is_empty(), "{hash}");
    let (done, made, said) = passwd(&["--generate"], "");
    let generated = String::from_utf8(said).expect("text");
    let generated = generated.trim().strip_prefix("password: ").expect("it is told once").to_owned();
    assert!(done && made.starts_with("$argon2id$") && generated.len() == 32, "{made}");
    assert!(!passwd(&[], "\n").0, "an empty one is none");

    let input = format!("input = [{{ name = \"dj\", mount = \"/live\", password = {made:?} }}]");
    let tower = common::setup().line(&format!("admin.password = {hash:?}")).line(&input).start();
    let status = |user: &str, password: &str, method: &str, path: &str, from: u8| {
        asked_from(&tower, from, method, path, &(basic_auth(user, password) + "Content-Type: audio/nonsense\r\n"))
    };
    for _ in 0..2 {
        assert_eq!(status("admin", "hush", "GET", "/admin/listeners", 1), Some(200));
        assert_eq!(status("source", &generated, "PUT", "/live", 1), Some(415));
    }
    assert_eq!(status("admin", &hash, "GET", "/admin/listeners", 2), Some(401), "the hash itself opens nothing");
    assert_eq!(status("source", "hush", "PUT", "/live", 2), Some(401));
    let config = tower_config(&tower);
    assert!(!config.contains("argon2"), "a hash is shown to nobody: {config}");
}

fn tower_config(tower: &Tower) -> String {
    radio_proof::http::get(tower.address, "/api/config", &basic_auth("admin", "hush")).expect("an answer").text()
}

#[test]
fn what_is_the_stations_takes_its_password_where_there_is_one() {
    let tower = common::setup().start();
    assert_eq!(tower.get("/tower/buffer").head.status(), 200, "nothing is asked for");
    drop(tower);
    let tower = common::setup().line("station.password = \"play\"").start();
    let status = |from: u8, head: &str| asked_from(&tower, from, "GET", "/tower/buffer", head);
    assert_eq!(status(1, ""), Some(401));
    for good in
        [basic_auth("station", "play"), "Authorization: Bearer play\r\n".into(), basic_auth("admin", ADMIN_PASSWORD)]
    {
        assert_eq!(status(1, &good), Some(200), "{good}");
    }
    for bad in [basic_auth("station", "stop"), basic_auth("admin", "play")] {
        assert_eq!(status(2, &bad), Some(401), "{bad}");
    }
    let elsewhere = asked_from(&tower, 3, "GET", "/admin/listeners", &basic_auth("station", "play"));
    assert_eq!(elsewhere, Some(401), "it opens nothing else");
    assert_eq!(tower.get("/status").head.status(), 200);
}

#[test]
fn a_mount_with_a_password_is_for_those_who_have_it_and_a_guess_costs_time() {
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ";
    let line = format!(
        "output = [{{ mount = \"/a\", password = \"members\" }}, {{ mount = \"/b\", password = \"{hash}\" }}, {{ mount = \"/c\" }}]"
    );
    let tower = common::setup().line(&line).start();
    let ask = |mount: &str, extra: &str| {
        let listener = Listener::try_open(tower.address, mount, extra).expect("the tower listens");
        (listener.head.status(), listener.head.header("www-authenticate").is_some())
    };
    assert_eq!(ask("/a", &basic_auth("listener", "members")), (200, false));
    assert_eq!(ask("/a.mp3?burst=1", &basic_auth("listener", "members")), (200, false));
    assert_eq!(ask("/c", ""), (200, false));
    for extra in [String::new(), basic_auth("listener", "wrong"), basic_auth("somebody", "members")] {
        assert_eq!(ask("/a", &extra), (401, true), "{extra}");
    }
    assert_eq!(ask("/b", &basic_auth("listener", "wrong")), (401, true), "a hash");
    let head = send(tower.address, "HEAD", "/a", "", b"").expect("an answer").head;
    assert_eq!(head.status(), 401);
    let last = (0..10).map(|_| ask("/a", &basic_auth("listener", "guess")).0).find(|&status| status == 429);
    assert_eq!(last, Some(429), "whoever guesses has to wait");
    assert_eq!(ask("/a", &basic_auth("listener", "members")).0, 429, "whether he is right or not");
    assert_eq!(ask("/c", "").0, 200);
}
