//! Events as they happen, over HTTP and in the terminal, and the one line for monitoring (SPEC API-4).

mod common;

use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::http::{Head, basic_auth, read_head, send_get};
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{material, process};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const SUBSCRIBERS_MAX: usize = 64;

/// Asks for events; the answer's head and its body as it comes.
fn ask(tower: &Tower, query: &str, extra: &str) -> (Head, impl BufRead + use<>) {
    let extra = extra.to_owned() + &basic_auth("admin", ADMIN_PASSWORD);
    let mut socket = send_get(tower.address, &format!("/events{query}"), &extra, PATIENCE).expect("a connection");
    let (head, rest) = read_head(&mut socket).expect("a head");
    (head, BufReader::new(rest_and(rest, socket)))
}

fn rest_and(rest: Vec<u8>, socket: TcpStream) -> impl Read {
    std::io::Cursor::new(rest).chain(socket)
}

/// Somebody who follows the events.
struct Subscriber {
    lines: Box<dyn BufRead>,
    id: String,
}

impl Subscriber {
    fn new(tower: &Tower, query: &str, last: Option<&str>) -> Self {
        let extra = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let (head, lines) = ask(tower, query, &extra);
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
        Self { lines: Box::new(lines), id: String::new() }
    }

    /// The next event. What frames the chunks of the answer are lines like others, which say nothing.
    fn next(&mut self) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < until, "no event comes after {}", self.id);
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => assert!(outcome.expect("events go on") > 0, "the tower hung up"),
            }
            if let Some(id) = line.strip_prefix("id: ") {
                self.id = id.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }

    /// Reads up to an event of this kind with this in its text; gives the numbers of all up to it.
    fn until(&mut self, kind: &str, text: &str) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            let event = self.next();
            numbers.push(event["id"].as_u64().expect("a number"));
            if event["kind"] == kind && event["text"].as_str().is_some_and(|told| told.contains(text)) {
                return numbers;
            }
        }
    }
}

/// A command that is ended with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _ = self.0.wait();
    }
}

fn station(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 5)), manner)
}

#[test]
fn whoever_was_away_gets_each_event_once_and_in_order() {
    let tower = common::setup().start();
    let mut live = Subscriber::new(&tower, "?after=start", None);
    let playing = station(&tower);
    let mut numbers = live.until("on_air", "station is on air");
    let last = live.id.clone();
    drop(live);

    let (pid, _) = wait_for("an encoder that delivers", PATIENCE, || tower.delivering());
    assert!(signal(pid, rustix::process::Signal::KILL));
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", "{\"title\": \"Sinnerman\"}").head.status(), 202);
    let mut again = Subscriber::new(&tower, "", Some(&last));
    numbers.extend(again.until("encoder", "killed by signal 9"));
    let mut titles = Subscriber::new(&tower, "?kind=title,nothing&after=start", None);
    let title = titles.next();
    assert!(title["text"].as_str().is_some_and(|text| text.contains("Sinnerman")), "{title}");
    drop(playing);
    numbers.extend(again.until("on_air", "tone"));
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "nothing lost, nothing repeated");
}

#[test]
fn places_are_limited_and_one_that_has_left_frees_its_own() {
    let tower = common::setup().start();
    let unheard = send_get(tower.address, "/events", "", PATIENCE);
    let (head, _) = read_head(&mut unheard.expect("a connection")).expect("a head");
    assert_eq!(head.status(), 401);
    let mut all: Vec<_> = (0..SUBSCRIBERS_MAX).map(|_| ask(&tower, "?after=start", "")).collect();
    assert!(all.iter().all(|(head, _)| head.status() == 200));
    let (head, _) = ask(&tower, "", "");
    assert_eq!((head.status(), head.header("retry-after")), (503, Some("30")));
    all.pop();
    wait_until("the place of one that left", PATIENCE, || {
        // Only a message shows the tower that it has left.
        tower.send_as_admin("PUT", "/api/now-playing", "{\"title\": \"a\"}");
        tower.send_as_admin("PUT", "/api/now-playing", "{\"title\": \"b\"}");
        ask(&tower, "", "").0.status() == 200
    });
}

#[test]
fn one_that_takes_nothing_loses_its_place() {
    let tower = common::setup().start();
    let stuck = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    stuck.set_recv_buffer_size(4096).expect("our own socket");
    stuck.connect(&tower.address.into()).expect("a connection");
    let authorization = basic_auth("admin", ADMIN_PASSWORD);
    let request = format!("GET /events?after=start HTTP/1.1\r\nHost: tower\r\n{authorization}\r\n");
    (&stuck).write_all(request.as_bytes()).expect("a request");
    let mut begin = [MaybeUninit::uninit(); 8];
    stuck.recv(&mut begin).expect("the beginning of an answer");
    let others: Vec<_> = (1..SUBSCRIBERS_MAX).map(|_| ask(&tower, "", "")).collect();
    assert!(others.iter().all(|(head, _)| head.status() == 200));
    // Titles of the greatest length, until nothing more fits anywhere.
    let title = |n: usize| format!("{{\"title\": \"{n} {}\"}}", "x".repeat(400));
    (0..300).for_each(|n| _ = tower.send_as_admin("PUT", "/api/now-playing", &title(n)));
    wait_until("its place", PATIENCE, || ask(&tower, "", "").0.status() == 200);
}

#[test]
fn the_terminal_follows_events_and_says_in_one_line_how_the_tower_is() {
    let mut tower = common::setup().start();
    let config = tower.path("tower.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    command.args(["events", "--json", "--all", "--config"]).arg(&config).stdout(Stdio::piped());
    let mut following = Running(command.spawn().expect("tower events"));
    let mut lines = BufReader::new(following.0.stdout.take().expect("its output"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("an event");
    let event: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(event["id"], 0, "{event}");

    let check = || {
        let output = Command::new(env!("CARGO_BIN_EXE_tower")).args(["check", "--config"]).arg(&config).output();
        let output = output.expect("tower check");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // Until its encoder is there, and whenever the machine holds it up, it is not well, and says so.
    wait_until("a tower that is well", PATIENCE, || check() == (Some(0), "TOWER OK - on air, all is well\n".into()));
    assert!(tower.terminate().0.success());
    let (code, text) = check();
    assert!(code == Some(2) && text.starts_with("TOWER CRITICAL - no tower answers"), "{text}");
    assert!(process::alive(following.0.id()), "it waits for the tower to come back");
}
