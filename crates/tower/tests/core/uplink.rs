//! The limit of the uplink: newcomers are refused or redirected before those who listen stutter,
//! and lag that begins at many listeners together is told as what it is (SPEC LIS-8).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::http::{get, send_get};
use radio_proof::listener::Listener;
use radio_proof::tower::Tower;
use serde_json::Value;
use std::fs;
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn metric(tower: &Tower, name: &str) -> f64 {
    let text = tower.get("/metrics").text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is missing")).parse().expect("a number")
}

/// The alarm of this kind, once it is raised.
fn wait_raised(tower: &Tower, kind: &str, limit: Duration) -> Value {
    wait_for(kind, limit, || {
        let status = tower.status();
        status["alarms"].as_array()?.iter().find(|alarm| alarm["alarm"] == kind).cloned()
    })
}

/// Lets a listener in as soon as there is room for it.
fn wait_admitted(tower: &Tower) -> Listener {
    wait_for("room for one more", LIMIT, || {
        let listener = Listener::try_open(tower.address, "/stream", "").expect("an answer");
        (listener.head.status() == 200).then_some(listener)
    })
}

#[test]
fn a_newcomer_that_would_exceed_the_limit_is_refused_and_nobody_else_notices() {
    let tower = common::setup().line("server.mbit_max = 0.3").start();
    let mut listeners = vec![tower.listen("/stream"), tower.listen("/stream")];
    let third = get(tower.address, "/stream", "").expect("an answer");
    assert_eq!((third.head.status(), third.head.header("retry-after")), (503, Some("10")), "{:?}", third.head);
    let text = third.text();
    for part in ["the uplink is full", "0.27 of server.mbit_max = 0.3 Mbit/s", "0.14 more", "try again later"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let head = radio_proof::http::send(tower.address, "HEAD", "/stream", "", b"").expect("an answer");
    assert_eq!(head.head.status(), 200, "only listeners are refused");

    let status = tower.status();
    let figures = &status["listeners"];
    let wanted = (Some(0.271), Some(0.3), Some(1));
    let shown = (figures["mbit"].as_f64(), figures["mbit_max"].as_f64(), figures["refused_by_mbit_max"].as_u64());
    assert_eq!(shown, wanted, "{figures}");
    assert_eq!(metric(&tower, "tower_uplink_limit_bytes_per_second"), 37_500.0);
    assert_eq!(metric(&tower, "tower_uplink_bytes_per_second"), 33_841.0);
    assert_eq!(metric(&tower, "tower_uplink_not_admitted_total{answer=\"refused\"}"), 1.0);
    let events = tower.events("uplink");
    assert!(
        events.len() == 1 && events[0].1["path"] == "/stream" && events[0].1["is_redirected"] == false,
        "{events:?}"
    );
    let alarm = wait_raised(&tower, "uplink_limit", LIMIT);
    assert_eq!(alarm["severity"], "warning", "{alarm}");

    listeners.pop().map(Listener::stop);
    listeners.push(wait_admitted(&tower));
    assert_eq!(tower.events("uplink").len(), 1, "told once a minute");

    let path = tower.path("tower.toml");
    let text = fs::read_to_string(&path).expect("the tower's configuration");
    fs::write(path, text.replace("server.mbit_max = 0.3", "server.mbit_max = 0.1")).expect("the tower's configuration");
    let report = tower.send_as_admin("POST", "/admin/reload", "").json();
    assert_eq!((&report["applied"], &report["changes"][0]["effect"]), (&true.into(), &"now".into()), "{report}");
    assert_eq!(tower.status()["listeners"]["mbit_max"], 0.1);
    let received: Vec<usize> = listeners.iter().map(Listener::received).collect();
    for (listener, received) in listeners.iter().zip(received) {
        listener.wait_bytes(received + 64_000, LIMIT);
        assert_eq!(listener.end(), None, "a listener was cut");
    }
    assert_eq!(get(tower.address, "/stream", "").expect("an answer").head.status(), 503);
}

#[test]
fn a_newcomer_is_redirected_once_to_the_server_that_takes_what_is_too_much() {
    let tower = common::setup()
        .line("server.mbit_max = 0.1")
        .line(r#"server.overflow_url = "https://edge.example.org/radio/""#)
        .start();
    let answer = get(tower.address, "/stream.mp3?burst=5", "").expect("an answer");
    let location = answer.head.header("location");
    assert_eq!(answer.head.status(), 302, "{:?}", answer.head);
    assert_eq!(location, Some("https://edge.example.org/radio/stream.mp3?burst=5&overflow=1"));
    assert_eq!(answer.head.header("cache-control"), Some("no-store"));
    let again = get(tower.address, "/stream.mp3?burst=5&overflow=1", "").expect("an answer");
    assert_eq!((again.head.status(), again.head.header("retry-after")), (503, Some("10")));
    let monitor = tower.get_as_admin("/admin/monitor");
    assert_eq!(monitor.head.status(), 503, "the monitor is not elsewhere");
    let figures = &tower.status()["listeners"];
    assert_eq!((&figures["redirected_by_mbit_max"], &figures["refused_by_mbit_max"]), (&1.into(), &2.into()));
}

#[test]
fn lag_that_begins_at_many_listeners_together_is_told_as_a_full_uplink() {
    const LISTENERS: u8 = 12;
    let tower = common::setup()
        .line(r#"output = [{ mount = "/stream", bitrate_kbps = 320 }]"#)
        .line("server.trusted_proxies = [\"127.0.0.1\"]")
        .line("alarm.uplink_full_ms = 1000")
        .line("alarm.clear_ms = 1000")
        .start();
    let stuck: Vec<TcpStream> = (0..LISTENERS)
        .map(|n| {
            let client = format!("X-Forwarded-For: 192.0.2.{}\r\n", n % 4);
            send_get(tower.address, "/stream", &client, LIMIT).expect("a listener that never reads")
        })
        .collect();
    let alarm = wait_raised(&tower, "uplink_full", Duration::from_secs(60));
    let text = alarm["text"].as_str().expect("a text");
    assert_eq!((&alarm["severity"], &alarm["mount"]), (&"failing".into(), &Value::Null), "{alarm}");
    for part in ["of 12 listeners, at ", "Mbit/s are sent in all", "not with the listeners", "server.mbit_max"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    drop(stuck);
    wait_until("the alarm to be over", LIMIT, || {
        tower.events("alarm_over").iter().any(|(_, event)| event["alarm"] == "uplink_full")
    });
}
