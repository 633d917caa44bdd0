//! A crowd at the dashboards: each asks what a browser with the page open asks, and beside them a program that asks for
//! everything as fast as answers come, and a Prometheus.

use crate::http::{self, Answer, read_head, send_get};
use crate::requests::{self, Request};
use crate::tower::ADMIN_PASSWORD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the page loads before it asks for anything.
const FILES: [&str; 7] = [
    "/admin",
    "/admin/desk.css",
    "/admin/desk.js",
    "/admin/api.js",
    "/admin/actions.js",
    "/admin/strip.js",
    "/admin/views.js",
];
/// How often the page asks for the status and what comes with it, and for the listeners (`api.js`, `desk.js`).
const STATUS_PERIOD: Duration = Duration::from_secs(1);
const LISTENERS_PERIOD: Duration = Duration::from_secs(5);
/// How often the program that asks for everything sets a title in each of the ways there are.
const TITLE_PERIOD: Duration = Duration::from_secs(1);
/// How often a station asks.
const STATION_PERIOD: Duration = Duration::from_millis(100);
/// How soon a desk sees that an event has come, or that it is to close.
const LOOK: Duration = Duration::from_millis(50);
/// Whoever measures goes before those who disturb.
const NICE: i32 = 10;
/// Failures that are told in words; all are counted.
const TOLD_MAX: usize = 10;
/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Who asks for how much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crowd {
    /// Dashboards, each with a session of its own.
    pub desks: usize,
    /// Connections at a time on which every route of the API is asked for, without a pause.
    pub hammers: usize,
    /// Stations, each of which asks for the fill of its buffer ten times a second and tells what it plays once a second.
    pub stations: usize,
    /// Time from one fetch of the metrics to the next.
    pub scrape_period: Option<Duration>,
}

/// What askers of one kind were answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// How many answers.
    pub count: u64,
    /// The longest wait for one, from `connect` to the last byte.
    pub longest_ms: f64,
    /// Every wait, in ms.
    pub waits_ms: Vec<f64>,
    /// Requests without an answer, or with one that should not have been.
    pub failures: u64,
    /// The first of them.
    pub told: Vec<String>,
}

/// By kind: `desk`, `event`, `hammer`, `metrics`, `buffer`, `ingest`.
pub type Tally = BTreeMap<&'static str, Answers>;

/// A crowd at work; it leaves when closed or dropped.
pub struct AtWork {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    begun: Instant,
}

struct Shared {
    address: SocketAddr,
    stop: AtomicBool,
    tally: Mutex<Tally>,
}

impl Crowd {
    /// Sends the crowd to a tower.
    #[track_caller]
    #[must_use]
    pub fn begin(self, address: SocketAddr) -> AtWork {
        let shared = Arc::new(Shared { address, stop: AtomicBool::new(false), tally: Mutex::default() });
        let requests = Arc::new(if self.hammers > 0 { requests::all(address) } else { Vec::new() });
        let mut threads = Vec::new();
        let mut spawn = |work: Box<dyn FnOnce(&Shared) + Send>| {
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || {
                // Of this thread alone, on Linux; without it the figures are a little worse.
                let _ = rustix::process::setpriority_process(None, NICE);
                work(&shared);
            }));
        };
        for _ in 0..self.desks {
            spawn(Box::new(sit_at_a_desk));
        }
        for _ in 0..self.hammers {
            let requests = Arc::clone(&requests);
            spawn(Box::new(move |shared| hammer(shared, &requests)));
        }
        for _ in 0..self.stations {
            spawn(Box::new(be_a_station));
        }
        if let Some(period) = self.scrape_period {
            spawn(Box::new(move |shared| scrape(shared, period)));
        }
        AtWork { shared, threads, begun: Instant::now() }
    }
}

impl AtWork {
    /// Sends them home: what they were answered, and in which time.
    #[must_use]
    pub fn close(mut self) -> (Tally, Duration) {
        let worked = self.begun.elapsed();
        self.leave();
        (self.so_far(), worked)
    }

    /// What they have been answered so far.
    #[must_use]
    pub fn so_far(&self) -> Tally {
        self.shared.tally.lock().map(|tally| tally.clone()).unwrap_or_default()
    }

    fn leave(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _its_own_panic_has_been_printed = thread.join();
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Relaxed)
    }

    fn note(&self, kind: &'static str, asked: Instant, failure: Option<String>) {
        let Ok(mut tally) = self.tally.lock() else { return };
        let answers = tally.entry(kind).or_default();
        answers.count += 1;
        let wait_ms = asked.elapsed().as_secs_f64() * 1000.0;
        answers.longest_ms = answers.longest_ms.max(wait_ms);
        answers.waits_ms.push(wait_ms);
        answers.failures += u64::from(failure.is_some());
        answers.told.extend(failure.filter(|_| answers.told.len() < TOLD_MAX));
    }

    /// An answer, which has to be as `wanted`, or none.
    fn judge(
        &self,
        kind: &'static str,
        target: &str,
        asked: Instant,
        answer: io::Result<Answer>,
        wanted: impl Fn(u16) -> bool,
    ) -> Option<Answer> {
        let failure = match &answer {
            Ok(answer) if wanted(answer.head.status()) => None,
            Ok(answer) => Some(format!("{target}: {}", answer.head.status_line)),
            Err(error) => Some(format!("{target}: {error}")),
        };
        self.note(kind, asked, failure);
        answer.ok()
    }

    /// One GET and its answer, which has to be 200.
    fn get(&self, kind: &'static str, target: &str, headers: &str) -> Option<Answer> {
        let asked = Instant::now();
        self.judge(kind, target, asked, http::get(self.address, target, headers), |status| status == 200)
    }
}

/// Waits no longer than the crowd stays.
fn wait_until(due: Instant, shared: &Shared) {
    while shared.goes_on() && Instant::now() < due {
        std::thread::sleep(LOOK.min(due.saturating_duration_since(Instant::now())));
    }
}

fn hammer(shared: &Shared, requests: &[Request]) {
    let mut titles_due = vec![Instant::now(); requests.len()];
    for (number, request) in requests.iter().enumerate().cycle() {
        if !shared.goes_on() {
            return;
        }
        let asked = Instant::now();
        if request.is_title {
            if asked < titles_due[number] {
                continue;
            }
            titles_due[number] = asked + TITLE_PERIOD;
        }
        shared.judge("hammer", &request.target, asked, request.ask(shared.address), |status| request.wants(status));
    }
}

fn scrape(shared: &Shared, period: Duration) {
    let mut due = Instant::now();
    while shared.goes_on() {
        shared.get("metrics", "/metrics", "");
        due += period;
        wait_until(due, shared);
    }
}

/// As the reference station asks, each time on a new connection.
fn be_a_station(shared: &Shared) {
    let event = json!({ "event_type": "segment_playing", "timestamp": 0, "metadata": {} }).to_string();
    let mut due = Instant::now();
    for turn in 0u64.. {
        if !shared.goes_on() {
            return;
        }
        shared.get("buffer", "/tower/buffer", "");
        if turn.is_multiple_of(10) {
            let asked = Instant::now();
            let answer = http::send(shared.address, "POST", "/tower/events/ingest", "", event.as_bytes());
            let is_good = answer.is_ok_and(|answer| answer.head.status() == 204);
            shared.note("ingest", asked, (!is_good).then(|| "not taken".into()));
        }
        due += STATION_PERIOD;
        wait_until(due, shared);
    }
}

/// One dashboard, from the login on.
fn sit_at_a_desk(shared: &Shared) {
    for file in FILES {
        shared.get("desk", file, "");
    }
    let Some(headers) = log_in(shared) else { return };
    let Some(mut events) = subscribe(shared, &headers) else { return };
    let (mut newest_moment, mut newest_event) = (None, None);
    let (mut status_due, mut listeners_due) = (Instant::now(), Instant::now());
    while shared.goes_on() {
        if has_event(shared, &mut events) {
            status_due = Instant::now();
        }
        if Instant::now() >= status_due {
            shared.get("desk", "/status", &headers);
            let recent = shared.get("desk", &after("/api/recent?", newest_moment), &headers);
            newest_moment = newest(recent, "moments", "tick").or(newest_moment);
            let told = shared.get("desk", &after("/api/events?limit=100&", newest_event), &headers);
            newest_event = newest(told, "events", "id").or(newest_event);
            status_due = Instant::now() + STATUS_PERIOD;
        }
        if Instant::now() >= listeners_due {
            shared.get("desk", "/admin/listeners?from=0&limit=50", &headers);
            listeners_due = Instant::now() + LISTENERS_PERIOD;
        }
        std::thread::sleep(LOOK);
    }
}

/// The headers of a session.
fn log_in(shared: &Shared) -> Option<String> {
    let asked = Instant::now();
    let body = json!({ "password": ADMIN_PASSWORD }).to_string();
    let session = http::send(shared.address, "POST", "/api/session", "", body.as_bytes()).ok().and_then(|answer| {
        let cookie = answer.head.header("set-cookie")?.split(';').next()?.to_owned();
        let token = answer.json()["token"].as_str()?.to_owned();
        Some(format!("Cookie: {cookie}\r\nX-Tower-Token: {token}\r\n"))
    });
    shared.note("desk", asked, session.is_none().then(|| "no session".into()));
    session
}

/// The stream of events, past its head.
fn subscribe(shared: &Shared, headers: &str) -> Option<TcpStream> {
    let asked = Instant::now();
    let stream = send_get(shared.address, "/events", headers, ANSWER_LIMIT).and_then(|mut stream| {
        let (head, _) = read_head(&mut stream)?;
        stream.set_nonblocking(true)?;
        if head.status() == 200 { Ok(stream) } else { Err(io::Error::other(head.status_line)) }
    });
    shared.note("desk", asked, stream.as_ref().err().map(|error| format!("/events: {error}")));
    stream.ok()
}

/// Whether an event has come since the last look; its end is a failure.
fn has_event(shared: &Shared, events: &mut TcpStream) -> bool {
    let mut bytes = [0; 4096];
    let looked = Instant::now();
    match events.read(&mut bytes) {
        Ok(0) => shared.note("event", looked, Some("the events ended".into())),
        Ok(count) => {
            let has = bytes[..count].windows(5).any(|window| window == b"data:");
            if has {
                shared.note("event", looked, None);
            }
            return has;
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(error) => shared.note("event", looked, Some(format!("/events: {error}"))),
    }
    false
}

fn after(target: &str, newest: Option<u64>) -> String {
    newest.map_or_else(|| target.to_owned(), |newest| format!("{target}after={newest}"))
}

/// The number of the last in a list.
fn newest(answer: Option<Answer>, list: &str, number: &str) -> Option<u64> {
    let answer: Value = serde_json::from_slice(&answer?.body).ok()?;
    answer[list].as_array()?.last()?[number].as_u64()
}
