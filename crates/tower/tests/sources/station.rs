//! The station's own interface, by a client written from its description: PCM, the fill of its buffer, events in and out
//! (SPEC API-3, API-4).

use crate::common;
use radio_proof::alarm::{full_length, wait_for};
use radio_proof::http::{Answer, send};
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::websocket::{Message, WebSocket};
use radio_proof::{TICK_BYTES, material, measure};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const INGEST: &str = "/tower/events/ingest";

fn ingest(tower: &Tower, event: &Value) -> Answer {
    send(tower.address, "POST", INGEST, "Content-Type: application/json\r\n", event.to_string().as_bytes())
        .expect("an answer")
}

fn event(event_type: &str, metadata: &Value) -> Value {
    json!({ "event_type": event_type, "timestamp": 1_767_225_600.25, "metadata": metadata })
}

#[test]
fn events_are_passed_on_in_order_at_once_to_whoever_wants_them() {
    let tower = common::setup().start();
    let mut all = WebSocket::open(tower.address, "/tower/events", "keep-alive, Upgrade");
    let mut songs = WebSocket::open(tower.address, "/tower/events?event_type=song_playing", "Upgrade");
    let mut took_ms = Vec::new();
    for n in 0..100 {
        let event_type = ["station_startup", "song_playing", "segment_playing", "of_my_own"][n % 4];
        let begin = Instant::now();
        let answer = ingest(&tower, &event(event_type, &json!({ "n": n, "ü": ["Ω", null] })));
        took_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
        assert_eq!((answer.head.status(), answer.body.len()), (204, 0));
    }
    let mut ids = std::collections::HashSet::new();
    for n in 0..100 {
        let received = all.receive_json();
        assert_eq!(received["metadata"], json!({ "n": n, "ü": ["Ω", null] }));
        assert_eq!(received["timestamp"], 1_767_225_600.25);
        assert!(received["tower_received_at"].as_f64() > Some(1_767_225_600.0));
        let id = received["event_id"].as_str().expect("an id").to_owned();
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "a UUID of version 4: {id}");
        assert!(ids.insert(id));
    }
    for n in (1..100).step_by(4) {
        assert_eq!(songs.receive_json()["metadata"]["n"], n);
    }
    let p99 = measure::quantile(&took_ms, 0.99);
    println!("204 after {:.2} ms, p99 {p99:.2}", measure::quantile(&took_ms, 0.5));
    assert!(measure::quantile(&took_ms, 0.5) < 100.0 && p99 < if full_length() { 100.0 } else { 1000.0 }, "{p99} ms");

    // Who only waits is not forgotten, and is answered.
    all.ping(b"there?");
    let answered = std::iter::repeat_with(|| all.receive()).find(|message| !matches!(message, Message::Ping(_)));
    assert_eq!(answered, Some(Message::Pong(b"there?".to_vec())));
    all.close();
    assert_eq!(all.receive(), Message::Close(1000));
    let metrics = tower.get("/metrics").text();
    assert!(metrics.contains("tower_station_events_total{outcome=\"taken\"} 100"), "{metrics}");
}

#[test]
fn a_subscriber_that_falls_behind_is_let_go_others_notice_nothing_and_places_are_limited() {
    let tower = common::setup().start();
    let open = || WebSocket::open(tower.address, "/tower/events", "Upgrade");
    let (mut quick, mut slow) = (open(), open());
    let others: Vec<_> = (0..62).map(|_| open()).collect();
    let (head, _) = WebSocket::ask(tower.address, "/tower/events", "Upgrade");
    assert_eq!((head.status(), head.header("retry-after")), (503, Some("30")), "64 have a place");
    drop(others);

    // More than the socket and 256 events take, of which the slow one takes a twentieth.
    let (filling, mut too_fast, mut waited_ms) = ("x".repeat(60_000), 0, Vec::new());
    for n in 0..330 {
        let event = event("filling", &json!({ "n": n, "x": filling }));
        while ingest(&tower, &event).head.status() == 429 {
            too_fast += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        let begin = Instant::now();
        assert_eq!(quick.receive_json()["metadata"]["n"], n);
        waited_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
        if n % 20 == 19 && n < 200 {
            assert_eq!(slow.receive_json()["metadata"]["n"], n / 20);
        }
    }
    let p99 = measure::quantile(&waited_ms, 0.99);
    println!("the quick one waited {p99:.2} ms (p99) after the answer; {too_fast} events came too fast");
    assert!(p99 < if full_length() { 100.0 } else { 1000.0 }, "the slow one held up the quick one for {p99} ms");
    let mut messages = std::iter::repeat_with(|| slow.receive()).filter(|message| !matches!(message, Message::Ping(_)));
    let end = messages.find(|message| !matches!(message, Message::Text(_)));
    assert_eq!(end, Some(Message::Close(1013)), "it is told to try again later");
    let metrics = tower.get("/metrics").text();
    assert!(metrics.contains("tower_station_subscribers_dropped_total 1\n"), "{metrics}");
}

#[test]
fn what_is_no_event_is_refused_with_the_reason_and_the_remedy() {
    let tower = common::setup().start();
    let refused = |method: &str, extra: &str, body: &[u8]| {
        let answer = send(tower.address, method, INGEST, extra, body).expect("an answer");
        (answer.head.status(), answer.json()["error"].as_str().unwrap_or_default().to_owned(), answer.head)
    };
    let not_a_type = event("Not a type!", &json!({})).to_string();
    for body in [&b"{"[..], b"", b"[1]", b"{\"event_type\": \"a\"}", not_a_type.as_bytes()] {
        let (status, error, _) = refused("POST", "", body);
        assert_eq!(status, 400);
        assert!(error.contains("song_playing"), "{error}");
    }
    let chunks = b"2\r\n{}\r\n0\r\n\r\n";
    let request = format!("POST {INGEST} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut stream = TcpStream::connect(tower.address).expect("the tower listens");
    stream.write_all(&[request.as_bytes(), chunks].concat()).expect("the tower reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no Content-Length"), "{answer}");
    for method in ["GET", "PUT", "DELETE"] {
        let (status, _, head) = refused(method, "", b"");
        assert_eq!((status, head.header("allow")), (405, Some("POST, OPTIONS")));
    }
    let large = event("a", &json!({ "x": "y".repeat(70_000) })).to_string();
    assert_eq!(refused("POST", "", large.as_bytes()).0, 413);

    let plain = tower.get("/tower/events");
    assert_eq!(plain.head.status(), 400);
    assert!(plain.json()["error"].as_str().is_some_and(|error| error.contains("WebSocket")));
    let metrics = tower.get("/metrics").text();
    assert!(metrics.contains("tower_station_events_total{outcome=\"refused\"} 6"), "{metrics}");
}

#[test]
fn a_song_belongs_to_the_pcm_that_arrives_when_it_is_announced() {
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(17, 3000));
    let station = Station::start(&tower.pcm_socket(), Arc::clone(&noise), Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", PATIENCE);
    let monitor = tower.monitor(None);
    let titled = Listener::try_open(tower.address, "/stream", "Icy-MetaData: 1\r\n").expect("the tower listens");
    for (artist, title) in [("First", "Song"), ("Second", "Ünder Söng")] {
        monitor.wait_serial(monitor.next_serial() + 40, PATIENCE);
        let before = station.sent_bytes() as usize / TICK_BYTES;
        let song = json!({ "segment_type": "song", "title": title, "artist": artist, "duration_sec": 180.0, "album": "Album",
            "record_label": "Label", "isrc": "GBAYE0601498", "year": 1969, "cover": ["wrong"] });
        assert_eq!(ingest(&tower, &event("song_playing", &song)).head.status(), 204);
        let after = station.sent_bytes() as usize / TICK_BYTES;
        let heard = wait_for("the title to be heard", PATIENCE, || {
            let heard = tower.get("/api/now-playing").json();
            (heard["title"] == title && heard["source"] == "station").then_some(heard)
        });
        assert_eq!(heard["artist"], artist);
        let details = json!(["album", "record_label", "isrc", "year"].map(|field| heard[field].clone()));
        assert_eq!(details, json!(["Album", "Label", "GBAYE0601498", 1969]), "{heard}");
        let serial = heard["serial"].as_u64().expect("a serial");
        monitor.wait_serial(serial + 20, PATIENCE);
        let pcm = monitor.so_far();
        // A tick of what had been sent may still be on its way through the socket.
        let tick = |fed: usize| &noise[fed * TICK_BYTES..(fed + 1) * TICK_BYTES];
        let mut fed = before.saturating_sub(2)..=after + 4;
        assert!(
            fed.any(|fed| pcm.tick(serial) == tick(fed)),
            "{title} is at {serial}; {before} to {after} had been sent"
        );
    }
    // A segment is nobody's title.
    assert_eq!(ingest(&tower, &event("segment_playing", &json!({ "title": "Jingle" }))).head.status(), 204);
    let label = "Second - Ünder Söng";
    wait_for("the listener to be told", PATIENCE, || {
        let bytes = titled.so_far().bytes;
        bytes.windows(label.len()).any(|window| window == label.as_bytes()).then_some(())
    });
    assert_eq!(tower.get("/api/now-playing").json()["label"], label);
    let _sent = station.stop();
}

#[test]
fn a_station_that_asks_ten_times_a_second_is_told_how_full_its_buffer_is() {
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(18, 500));
    let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", PATIENCE);
    let mut took_ms = Vec::new();
    for _ in 0..if full_length() { 1000 } else { 100 } {
        let begin = Instant::now();
        let fill = tower.get("/tower/buffer").json();
        took_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
        let [capacity, count, _, ratio] =
            ["capacity", "count", "overflow_count", "ratio"].map(|field| fill[field].as_f64().expect("a number"));
        assert!((ratio - count / capacity).abs() < 1e-9);
    }
    let p99 = measure::quantile(&took_ms, 0.99);
    println!("the fill after {:.2} ms, p99 {p99:.2}", measure::quantile(&took_ms, 0.5));
    assert!(measure::quantile(&took_ms, 0.5) < 150.0, "what the station waits for at most");
    assert!(p99 < if full_length() { 10.0 } else { 500.0 }, "{p99} ms");
    let _sent = station.stop();
}
