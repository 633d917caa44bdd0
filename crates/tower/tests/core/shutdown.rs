//! Going off air: whole frames, no child, no socket file, exit 0, within 2 s (SPEC OPS-1, OPS-2).

use crate::common;
use radio_proof::station::{Manner, Station};
use radio_proof::{alarm, frames, material, process};
use rustix::process::Signal;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn sigterm_ends_every_listener_on_a_whole_frame_and_leaves_nothing_behind() {
    let mut tower =
        common::setup().line(r#"output = [{ mount = "/stream" }, { mount = "/low", latency = "low" }]"#).start();
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::noise(9, 400)), Manner::default());
    tower.wait_source("station", Duration::from_secs(10));
    let listeners: Vec<_> = ["/stream", "/stream.mp3", "/stream?burst=0", "/low", "/low?burst=10"]
        .iter()
        .map(|target| tower.listen(target))
        .collect();
    for listener in &listeners {
        listener.wait_bytes(20_000, Duration::from_secs(10));
    }
    let children = process::children(tower.pid());
    assert_eq!(children.len(), 2, "one encoder for each output");

    let (status, took) = tower.terminate();
    assert!(status.success(), "{status}: {}", tower.stderr());
    assert!(took < Duration::from_secs(2), "{took:?}");
    for listener in listeners {
        assert_eq!(listener.wait_end(Duration::from_secs(2)), "closed by the tower");
        let recording = listener.stop();
        let chain = frames::chain(&recording.bytes).expect("whole frames");
        assert!(chain.tail.is_empty(), "{} bytes of a broken frame", chain.tail.len());
    }
    assert!(children.iter().all(|&child| !process::alive(child)), "an encoder is left");
    assert!(!tower.pcm_socket().exists() && !tower.path("admin.sock").exists(), "a socket file is left");
    drop(station);
}

#[test]
fn sigterm_with_a_listener_that_takes_nothing_still_ends_within_2_seconds() {
    let mut tower = common::setup().start();
    let _deaf =
        radio_proof::http::send_get(tower.address, "/stream?burst=30", "", Duration::from_secs(5)).expect("a listener");
    let healthy = tower.listen("/stream");
    healthy.wait_bytes(50_000, Duration::from_secs(10));
    let (status, took) = tower.terminate();
    assert!(status.success(), "{status}: {}", tower.stderr());
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_killed_tower_leaves_no_encoder_behind_and_its_sockets_can_be_taken_over() {
    let tower = common::setup().start();
    tower.wait_encoder("RUNNING", Duration::from_secs(10));
    let children = process::children(tower.pid());
    assert!(process::signal(tower.pid(), Signal::KILL));
    alarm::wait_until("the encoder to follow", Duration::from_secs(5), || {
        !children.iter().any(|&child| process::alive(child))
    });
}
