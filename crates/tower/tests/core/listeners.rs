//! One listener cannot hurt another, and a bad request hurts nobody (SPEC LIS-1, LIS-2, LIS-5, LIS-6, API-2, API-5).

use crate::common;
use radio_proof::alarm::seconds;
use radio_proof::exclusive;
use radio_proof::http::{get, send_get};
use radio_proof::listener::Listener;
use radio_proof::{clock, frames};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const FRAME_BYTES: usize = 384;

#[test]
fn stuck_listeners_delay_nobody_and_nobody_is_flooded() {
    // Gaps are measured here.
    let _one_at_a_time = exclusive::hold("gaps");
    let tower =
        common::setup().line(r#"output = [{ mount = "/stream" }, { mount = "/low", latency = "low" }]"#).start();
    tower.wait_source("tone", Duration::from_secs(10));
    let stuck: Vec<TcpStream> = (0..20)
        .map(|_| send_get(tower.address, "/stream", "", Duration::from_secs(5)).expect("a listener that never reads"))
        .collect();
    let healthy: Vec<(u64, Listener)> = ["/stream", "/stream", "/stream?burst=5", "/low", "/low"]
        .iter()
        .map(|target| if target.starts_with("/low") { (24, tower.listen(target)) } else { (504, tower.listen(target)) })
        .collect();
    std::thread::sleep(seconds(20, 300));
    for (period_ms, listener) in healthy {
        let (first, connected) = (listener.first_frame(), listener.connected);
        let recording = listener.stop();
        assert!(recording.end.is_none(), "{:?}", recording.end);
        let gap = recording.longest_gap(connected);
        assert!(gap <= Duration::from_millis(period_ms + 150), "{gap:?} at a period of {period_ms} ms");
        let ahead_max = 16_000 * (5_000 + 1_000 + period_ms as i64) / 1000 + FRAME_BYTES as i64;
        assert!(recording.most_ahead_bytes(connected, 16_000.0) <= ahead_max);
        clock::assert_exact_rate("frames", &recording.frame_arrivals(first, FRAME_BYTES), seconds(18, 290));
        assert!(frames::strict(&recording.bytes).len() > 700);
    }
    drop(stuck);
}

#[test]
fn a_listener_gets_its_head_at_once_and_a_whole_burst_from_a_frame_boundary() {
    // Gaps are measured here.
    let _one_at_a_time = exclusive::hold("gaps");
    let tower = common::setup().start();
    // The very first listener, straight after the start: the past was encoded for it (SPEC PUMP-5).
    let started = Instant::now();
    let listener = tower.listen("/stream");
    assert!(started.elapsed() < Duration::from_millis(500));
    listener.wait_bytes(32_000, Duration::from_secs(2));
    let head = &listener.head;
    assert_eq!(head.header("content-type"), Some("audio/mpeg"));
    assert_eq!(head.header("x-tower-epoch"), tower.status()["epoch"].as_str());
    assert!(head.header("content-length").is_none() && head.header("transfer-encoding").is_none());
    assert!(head.header("cache-control").is_some_and(|value| value.contains("no-cache")));
    assert!(!frames::strict(&listener.stop().bytes).is_empty());

    std::thread::sleep(Duration::from_secs(4));
    for (target, seconds) in [("/stream", 2), ("/stream?burst=5", 5), ("/stream.mp3", 2)] {
        let listener = tower.listen(target);
        let released = tower.status()["outputs"][0]["frame"].as_u64().expect("frames are counted");
        let behind = released - listener.first_frame();
        let wanted = seconds * 1000 / 24;
        assert!(
            (wanted..wanted + 45).contains(&behind),
            "{target}: {behind} frames behind live, {wanted} are the burst"
        );
        listener.wait_bytes(wanted as usize * FRAME_BYTES, Duration::from_secs(2));
    }
}

#[test]
fn bad_requests_get_one_line_and_the_limit_says_when_to_come_back() {
    let tower = common::setup().line("server.listeners_max = 3").start();
    for (target, code) in
        [("/nothing", 404), ("/stream?burst=abc", 400), ("/admin/monitor", 401), (&*"/x".repeat(9000), 414)]
    {
        let answer = get(tower.address, target, "").unwrap_or_else(|error| panic!("{target:.20}: {error}"));
        assert_eq!(answer.head.status(), code, "{:.20}: {:?}", target, answer.head);
    }
    for (request, code) in [("POST /stream HTTP/1.1\r\n\r\n", "405"), ("nonsense\r\n\r\n", "400")] {
        let mut socket = TcpStream::connect(tower.address).expect("it listens");
        socket.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        let _reset_after_the_answer = socket.read_to_string(&mut answer);
        assert!(answer.split(' ').nth(1) == Some(code), "{request:?}: {answer}");
    }
    for (target, code) in [("/admin/monitor", 401), ("/tower/buffer?input=x", 404)] {
        let answer = get(tower.address, target, "").expect("an answer");
        assert_eq!(answer.head.status(), code);
        let error: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON on routes of the API");
        assert!(error["error"].as_str().is_some_and(|text| text.len() > 10), "{error}");
    }
    for (method, code) in [("HEAD", "200"), ("OPTIONS", "204")] {
        let mut socket = TcpStream::connect(tower.address).expect("it listens");
        write!(socket, "{method} /stream HTTP/1.1\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("the answer ends");
        assert!(answer.split(' ').nth(1) == Some(code) && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.contains("Access-Control-Allow-Origin: *"), "{answer}");
    }
    let listeners: Vec<_> = (0..3).map(|_| tower.listen("/stream")).collect();
    let fourth = Listener::try_open(tower.address, "/stream", "").expect("an answer");
    assert_eq!(fourth.head.status(), 503);
    assert!(fourth.head.header("retry-after").is_some(), "{:?}", fourth.head);
    drop(listeners);
    radio_proof::alarm::wait_until("the places to be free again", Duration::from_secs(10), || {
        Listener::try_open(tower.address, "/stream", "").is_ok_and(|listener| listener.head.status() == 200)
    });
}

#[test]
fn healthz_and_status_say_how_it_is() {
    let tower = common::setup().start();
    tower.wait_encoder("RUNNING", Duration::from_secs(10));
    radio_proof::alarm::wait_until("health", Duration::from_secs(10), || tower.get("/healthz").head.status() == 200);
    let status = tower.status();
    for pointer in [
        "/epoch",
        "/tick",
        "/version",
        "/on_air/source",
        "/outputs/0/encoder/pid",
        "/listeners/now",
        "/lateness_ms/p999",
    ] {
        assert!(status.pointer(pointer).is_some_and(|value| !value.is_null()), "no {pointer} in {status}");
    }
}

#[test]
fn who_asked_for_titles_finds_a_block_every_16000_bytes_and_the_same_frames_between_them() {
    let tower = common::setup().start();
    let asked = Listener::try_open(tower.address, "/stream?burst=5", "Icy-MetaData: 1\r\n").expect("an answer");
    let plain = tower.listen("/stream?burst=5");
    assert_eq!(asked.head.header("icy-metaint"), Some("16000"));
    assert_eq!(plain.head.header("icy-metaint"), None);
    asked.wait_bytes(80_000, Duration::from_secs(10));
    plain.wait_bytes(80_000, Duration::from_secs(10));
    let (first_asked, first_plain) = (asked.first_frame(), plain.first_frame());
    let received = asked.stop().bytes;
    let mut audio = Vec::new();
    for (i, interval) in received.chunks(16_001).enumerate() {
        audio.extend(&interval[..interval.len().min(16_000)]);
        // No source of titles yet: nothing but a length of zero.
        assert!(interval.get(16_000).is_none_or(|&length| length == 0), "block {i}");
    }
    let numbered = |first: u64, bytes: &[u8]| {
        let frames = bytes.chunks_exact(FRAME_BYTES).map(<[u8]>::to_vec);
        (first..).zip(frames).collect::<std::collections::HashMap<_, _>>()
    };
    let (asked, plain) = (numbered(first_asked, &audio), numbered(first_plain, &plain.stop().bytes));
    assert!(frames::strict(&audio).len() > 200);
    let both: Vec<_> = asked.keys().filter(|number| plain.contains_key(number)).collect();
    assert!(both.len() > 150, "only {} frames in common", both.len());
    assert!(both.iter().all(|number| asked[*number] == plain[*number]));
}

#[test]
fn the_administrator_sees_what_each_listener_was_sent_a_page_at_a_time() {
    let tower = common::setup()
        .line("admin.password = \"secret\"")
        .line(r#"output = [{ mount = "/stream", listeners_max = 3 }, { mount = "/other" }]"#)
        .start();
    let listeners: Vec<_> = (0..3).map(|_| tower.listen("/stream")).collect();
    let refused = Listener::try_open(tower.address, "/stream", "").expect("an answer");
    assert_eq!((refused.head.status(), refused.head.header("retry-after").is_some()), (503, true));
    let elsewhere = tower.listen("/other");
    listeners.iter().chain([&elsewhere]).for_each(|listener| listener.wait_bytes(32_000, Duration::from_secs(5)));

    assert_eq!(get(tower.address, "/admin/listeners", "").expect("an answer").head.status(), 401);
    let asked = |target: &str| -> serde_json::Value {
        let answer = get(tower.address, target, "Authorization: Basic YWRtaW46c2VjcmV0\r\n").expect("an answer");
        assert_eq!(answer.head.status(), 200);
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let page = |query: &str| asked(&format!("/admin/listeners?limit=3{query}"));
    let first = page("");
    assert_eq!(first["total"], 4);
    let second = page(&format!("&from={}", first["next"]));
    assert!(second["next"].is_null(), "{second}");
    let rows = |page: &serde_json::Value| page["listeners"].as_array().expect("a list").clone();
    let rows: Vec<_> = [rows(&first), rows(&second)].concat();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let (joined, through) = (row["joined"].as_u64().unwrap(), row["sent_through"].as_u64().unwrap());
        let bytes = row["bytes"].as_u64().unwrap();
        assert!(through > joined && row["skipped"] == 0 && row["period_ms"] == 504, "{row}");
        let audio = (through + 1 - joined) * FRAME_BYTES as u64;
        assert!(bytes > audio && bytes < audio + 2000, "{row}");
    }
    assert_eq!(asked("/status")["outputs"][0]["lag"].as_array().map(Vec::len), Some(7));
}
