//! What cannot work is said clearly, with the remedy, and leaves nothing half started (SPEC CFG-1, IN-1, FALL-4, PUMP-1).

use crate::common;
use radio_proof::tower::{Refusal, Setup};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// The tower must not start, must say all of `words`, and must leave no socket behind.
#[track_caller]
fn assert_refused(setup: Setup, words: &[&str]) -> Refusal {
    let refusal = setup.refused();
    assert!(!refusal.status.success(), "{refusal:?}");
    for word in words {
        assert!(refusal.stderr.contains(word), "no {word:?} in what it said:\n{}", refusal.stderr);
    }
    assert!(!refusal.stderr.contains("panicked"), "{}", refusal.stderr);
    refusal
}

#[test]
fn an_unknown_key_is_named_with_file_line_and_what_would_be_valid() {
    let setup = common::setup().line("router.grace = 3");
    let refusal = assert_refused(setup, &["tower.toml", "grace", "grace_ms"]);
    assert!(refusal.stderr.contains(":5") || refusal.stderr.contains("line 5"), "{}", refusal.stderr);
    assert!(refusal.sockets.is_empty(), "{refusal:?}");
}

#[test]
fn a_bad_value_is_named_with_what_would_be_valid() {
    let refusal = assert_refused(common::setup().line("station.preroll_ticks = 0"), &["preroll_ticks", "1"]);
    assert!(refusal.sockets.is_empty(), "{refusal:?}");
    assert_refused(common::setup().line("station.when_full = \"spill\""), &["when_full", "drop", "wait"]);
    assert_refused(common::setup().line("output = [{ bitrate_kbps = 123 }]"), &["bitrate", "128"]);
}

#[test]
fn a_playout_delay_beyond_the_buffer_names_the_largest() {
    // 200 frames less 41 of hold and 2 to spare: 157 ticks, 3768 ms.
    let setup = common::setup().line("output = [{ playout_delay_ms = 6000 }]");
    assert_refused(setup, &["playout_delay_ms", "3768"]);
}

#[test]
fn a_busy_port_is_named_and_the_station_socket_is_not_left_behind() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = busy.local_addr().expect("bound").port();
    let setup = common::setup().line(&format!("server.port = {port}"));
    let refusal = assert_refused(setup, &[&port.to_string(), "port"]);
    assert!(refusal.sockets.is_empty(), "{refusal:?}");
}

#[test]
fn a_busy_station_socket_is_named_and_left_alone_and_a_stale_one_is_replaced() {
    let setup = common::setup();
    let path = setup.path("pcm.sock");
    let busy = UnixListener::bind(&path).expect("a socket");
    let refusal = assert_refused(setup, &["pcm.sock"]);
    assert_eq!(refusal.sockets, [path], "the other program's socket stays");
    drop(busy);

    let setup = common::setup();
    drop(UnixListener::bind(setup.path("pcm.sock")).expect("a socket that nobody holds any more"));
    let tower = setup.start();
    assert!(std::os::unix::net::UnixStream::connect(tower.pcm_socket()).is_ok());
}

#[test]
fn a_missing_ffmpeg_is_named_with_its_remedy() {
    let setup = common::setup()
        .line("encoder.ffmpeg = \"/nonexistent/ffmpeg\"")
        .line(r#"output = [{ encoder = "ffmpeg", stand_in = false }]"#);
    let refusal = assert_refused(setup, &["/nonexistent/ffmpeg", "install"]);
    assert!(refusal.sockets.is_empty(), "{refusal:?}");
}

#[test]
fn aac_takes_ffmpeg_by_itself_and_without_it_is_refused_with_the_codecs_that_need_nothing() {
    let setup =
        common::setup().line("encoder.ffmpeg = \"/nonexistent/ffmpeg\"").line(r#"output = [{ codec = "aac" }]"#);
    assert_refused(setup, &["/nonexistent/ffmpeg", "apt install ffmpeg", "opus", "mp3"]);
}

#[test]
fn a_bad_fallback_file_costs_a_warning_and_the_tone_plays() {
    let setup = common::setup();
    let bad = setup.script("noise.mp3", "this is no music");
    let missing = setup.path("missing.mp3");
    let paths = [bad.display().to_string(), missing.display().to_string()];
    let tower = setup.line(&format!("fallback.paths = {paths:?}")).start();
    tower.wait_source("tone", Duration::from_secs(10));
    let log = tower.stderr();
    assert!(log.contains("WARN") && log.contains("noise.mp3") && log.contains("missing.mp3"), "{log}");
}

/// Becomes the tower without the right to real-time priority, also where the tests run as root.
const UNPRIVILEGED: &str = r#"#!/bin/sh
ulimit -r 0
test "$(id -u)" = 0 || exec "$UNDER_TEST" "$@"
exec setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice "$UNDER_TEST" "$@"
"#;

#[test]
fn without_permission_for_real_time_the_tower_warns_and_runs() {
    let setup = common::setup();
    let script = setup.script("unprivileged.sh", UNPRIVILEGED);
    let tower = setup.variable("UNDER_TEST", env!("CARGO_BIN_EXE_tower")).executable(script).start();
    let listener = tower.listen("/stream");
    listener.wait_bytes(40_000, Duration::from_secs(10));
    assert_eq!(tower.status()["realtime"], false);
    radio_proof::alarm::wait_until("the warning with its remedy", Duration::from_secs(5), || {
        let log = tower.stderr();
        log.contains("WARN") && log.contains("normal priority") && log.contains("CAP_SYS_NICE")
    });
}
