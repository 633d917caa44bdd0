//! Events as they happen, over HTTP and in the terminal, and the one line for monitoring (SPEC API-4).

use crate::common;
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
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const SUBSCRIBERS_MAX: usize = 64;
/// Events that a tower remembers.
const EVENTS_KEPT: u64 = 1000;

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
fn whoever_was_away_for_long_gets_the_last_thousand_in_order() {
    let tower = common::setup().start();
    let newest = || tower.status()["events"].as_array().and_then(|events| events.last()?["id"].as_u64());
    let mut titles = 0;
    while newest() < Some(EVENTS_KEPT + 50) {
        titles += 1;
        tower.send_as_admin("PUT", "/api/now-playing", &format!("{{\"title\": \"{titles}\"}}"));
    }
    let epoch = tower.status()["epoch"].as_str().expect("a name").to_owned();
    let before = newest();
    let mut away = Subscriber::new(&tower, "", Some(&format!("{epoch}-3")));
    let first = away.next()["id"].as_u64().expect("a number");
    // Something more may have happened meanwhile.
    let oldest = |newest: Option<u64>| newest.expect("there are events") + 1 - EVENTS_KEPT;
    assert!((oldest(before)..=oldest(newest())).contains(&first), "{first}, and the newest was {before:?}");
    for number in first + 1..first + EVENTS_KEPT {
        assert_eq!(away.next()["id"], number);
    }
    assert_eq!(away.id, format!("{epoch}-{}", first + EVENTS_KEPT - 1));
}

/// What a command of the tower says, and its exit code.
fn run(arguments: &[&str], config: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tower")).args(arguments).arg("--config").arg(config).output();
    let output = output.expect("the tower's program");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_terminal_follows_events_and_says_in_one_line_how_the_tower_is() {
    let mut tower = common::setup().start();
    let config = tower.path("tower.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    command.args(["events", "--json", "--all", "--config"]).arg(&config).stdout(Stdio::piped());
    let mut following = Running(command.spawn().expect("tower events"));
    let shown = BufReader::new(following.0.stdout.take().expect("its output"));
    let (tell, numbers) = mpsc::channel();
    std::thread::spawn(move || {
        let events = shown.lines().map_while(Result::ok).map(|line| serde_json::from_str::<Value>(&line));
        for event in events {
            let _test_is_over = tell.send(event.expect("JSON")["id"].as_u64().expect("a number"));
        }
    });
    let next = || numbers.recv_timeout(PATIENCE).expect("an event");
    assert_eq!(next(), 0);

    let check = || run(&["check"], &config);
    // Until something is sent, and whenever the machine holds it up, it is not well, and says so.
    wait_until("a tower that is well", PATIENCE, || check() == (Some(0), "TOWER OK - on air, all is well\n".into()));
    let forced = |forced: bool| {
        let answer = tower.send_as_admin("PUT", "/api/fallback/forced", &format!("{{\"forced\": {forced}}}"));
        assert_eq!(answer.head.status(), 202);
    };
    forced(true);
    let warned = |(code, text): &(Option<i32>, String)| {
        *code == Some(1) && text.starts_with("TOWER WARNING - the operator forces the fallback")
    };
    wait_until("a warning", PATIENCE, || warned(&check()));
    forced(false);
    wait_until("a tower that is well again", PATIENCE, || check().0 == Some(0));
    assert!(tower.terminate().0.success());
    let (code, text) = check();
    assert!(code == Some(2) && text.starts_with("TOWER CRITICAL - no tower answers"), "{text}");
    let (code, text) = run(&["check"], &tower.path("nowhere.toml"));
    assert!(code == Some(3) && text.starts_with("TOWER UNKNOWN - "), "who cannot ask does not know: {text}");

    assert!(process::alive(following.0.id()), "it waits for the tower to come back");
    let mut again = Command::new(env!("CARGO_BIN_EXE_tower"));
    again.args(["serve", "--config"]).arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _again = Running(again.spawn().expect("the same tower once more"));
    // Each event of the first life once, and then each of the next one.
    let mut first_life = 1;
    loop {
        match next() {
            0 => break,
            number => assert_eq!(number, first_life),
        }
        first_life += 1;
    }
    assert!(first_life >= 3, "{first_life} events of the first life");
    assert_eq!(next(), 1);
}

#[test]
fn the_terminal_shows_what_the_dashboard_does_on_one_screen_and_leaves_the_terminal_as_it_was() {
    let tower = common::setup().start();
    let config = tower.path("tower.toml");
    let _playing = station(&tower);
    tower.wait_source("station", PATIENCE);
    let _listener = tower.listen("/stream");
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", "{\"title\": \"Sinnerman\"}").head.status(), 202);
    assert_eq!(tower.send_as_admin("PUT", "/api/inputs/preferred", "{\"input\": \"station\"}").head.status(), 202);
    wait_until("a title that is heard", PATIENCE, || tower.status()["now_playing"]["title"] == "Sinnerman");
    let (pid, _) = wait_for("an encoder that delivers", PATIENCE, || tower.delivering());
    assert!(signal(pid, rustix::process::Signal::KILL));
    let output = || tower.status()["outputs"][0].clone();
    wait_until("the proof of the replay", PATIENCE, || output()["encoder"]["last_replay"]["proved"] == true);
    wait_until("a likeness", PATIENCE, || output()["heard"]["likeness"].as_f64() > Some(0.9));

    let (code, text) = run(&["status"], &config);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "title      Sinnerman\n",
        "operator   prefers station\n",
        "programme  -",
        " LUFS   peak -",
        "builtin  RUNNING",
        "all within ",
        "proved: ",
        " frames equal\n",
        "1 now, 1 at most",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let sound = text.lines().find(|line| line.starts_with("/stream") && line.contains(" dBTP ")).expect("a sound");
    let words: Vec<&str> = sound.split_whitespace().collect();
    let numbers: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    // LUFS, dBTP, dB louder, likeness, ms late, holds, silent frames.
    assert!(numbers.len() == 7 && numbers[3] > 0.9 && numbers[2].abs() < 1.0 && numbers[0] < 0.0, "{sound}");
    if let Some(peak) = tower.status()["inputs"][0]["producers"][0].get("peak_dbfs") {
        assert!(peak.is_null() || text.contains(" dBFS "), "{text}");
    }
    assert!(!text.contains('\x1b'), "plain in a pipe");
    let events = text.lines().filter(|line| line.contains(" UTC  ")).count();
    let table: Vec<&str> = text.lines().filter(|line| !line.contains(" UTC  ")).collect();
    assert!(table.len() + events <= 26 && table.iter().skip(2).all(|line| line.chars().count() <= 82), "{text}");

    for key in ["q", "\x03"] {
        watch_until(key, &config);
    }
}

/// `tower status --watch` in a terminal: two pictures, and after `key` the terminal is as it was.
fn watch_until(key: &str, config: &Path) {
    let (before, after) = (config.with_extension("before"), config.with_extension("after"));
    // The shell outlives the interrupt that the terminal sends to all of them.
    let command = format!(
        "trap : INT; stty -g > {}; {} status --watch --config {}; echo ended as $?; stty -g > {}",
        before.display(),
        env!("CARGO_BIN_EXE_tower"),
        config.display(),
        after.display()
    );
    let mut terminal = Command::new("script");
    terminal.args(["-q", "-e", "-c", &command, "/dev/null"]).env("SHELL", "/bin/sh").env_remove("NO_COLOR");
    let terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut terminal = Running(terminal.expect("script: apt-get install bsdutils"));
    let mut shown = terminal.0.stdout.take().expect("its output");
    let (tell, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = shown.read(&mut piece) {
            let _test_is_over = tell.send(String::from_utf8_lossy(&piece[..count]).into_owned());
        }
    });
    let mut text = String::new();
    while text.matches("\x1b[H").count() < 2 {
        text += &pieces.recv_timeout(PATIENCE).expect("a picture each second");
    }
    terminal.0.stdin.as_mut().expect("its keyboard").write_all(key.as_bytes()).expect("somebody reads");
    while !text.contains("ended as ") {
        text += &pieces.recv_timeout(PATIENCE).expect("an end");
    }
    assert!(text.contains("\x1b[1mRadio Tower") && text.contains("Sinnerman"), "colours in a terminal: {text:?}");
    let (_, end) = text.rsplit_once("\x1b[?1049l").expect("the first screen is back");
    assert!(end.contains("ended as 0") && text.contains("\x1b[?25h"), "{end:?}");
    wait_until("the shell to end", PATIENCE, || terminal.0.try_wait().expect("our own child").is_some());
    let settings = |path| std::fs::read_to_string(path).expect("stty's answer");
    assert_eq!(settings(before), settings(after));
}

#[test]
fn a_tower_that_is_not_well_is_live_and_ready_and_one_that_is_gone_is_neither() {
    // An alarm that fails `/healthz` within a second: nothing of it would be mended by a restart.
    let mut tower = common::setup().line("[alarm]\nno_programme_ms = 1000").start();
    wait_until("a tower that is not well", PATIENCE, || {
        let health = tower.get("/healthz");
        health.head.status() == 503 && health.text().contains("no programme")
    });
    let live = tower.get("/livez");
    assert_eq!((live.head.status(), &live.json()["ok"]), (200, &Value::Bool(true)));
    let ready = tower.get("/readyz");
    assert_eq!((ready.head.status(), ready.json()), (200, serde_json::json!({ "ok": true, "not_sent_yet": [] })));
    let config = tower.path("tower.toml");
    let check = || run(&["check", "--live"], &config);
    assert_eq!(check(), (Some(0), "live: the clock ticks\n".into()));
    assert!(tower.terminate().0.success());
    let (code, text) = check();
    assert!(code == Some(1) && text.starts_with("no tower answers"), "{text}");
}
