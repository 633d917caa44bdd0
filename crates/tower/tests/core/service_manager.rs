//! Under a service manager, played by the test: ready, watchdog, stopping, and a port that somebody else opened
//! (SPEC OPS-3).

use crate::common;
use radio_proof::alarm::wait_until;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The next thing the tower says to its service manager.
fn said(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let count = loop {
        match manager.recv(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            outcome => break outcome.expect("the tower says something in time"),
        }
    };
    String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
}

#[test]
fn it_says_when_it_is_ready_feeds_the_watchdog_and_says_when_it_stops() {
    let setup = common::setup();
    let path = setup.path("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("the manager's socket");
    manager.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let mut tower =
        setup.variable("NOTIFY_SOCKET", &path.to_string_lossy()).variable("WATCHDOG_USEC", "400000").start();
    assert_eq!(said(&manager), "READY=1");
    for _ in 0..4 {
        assert_eq!(said(&manager), "WATCHDOG=1");
    }
    assert!(tower.terminate().0.success());
    let last = std::iter::repeat_with(|| said(&manager)).find(|text| text != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

/// Opens a port as the service manager would, and becomes the tower.
const ACTIVATE: &str = r#"#!/usr/bin/perl
use IO::Socket::INET;
$^F = 1000;
my $socket = IO::Socket::INET->new(Listen => 16, LocalAddr => "127.0.0.1", LocalPort => 0) or die $!;
if (fileno($socket) != 3) { require POSIX; POSIX::dup2(fileno($socket), 3); }
$ENV{LISTEN_PID} = $$;
$ENV{LISTEN_FDS} = 1;
exec($ENV{UNDER_TEST}, @ARGV) or die $!;
"#;

#[test]
fn a_port_opened_by_the_service_manager_is_used_instead_of_the_configured_one() {
    let setup = common::setup();
    let script = setup.script("activate.pl", ACTIVATE);
    let tower = setup.variable("UNDER_TEST", env!("CARGO_BIN_EXE_tower")).executable(script).start();
    wait_until("health", Duration::from_secs(20), || tower.get("/healthz").head.status() == 200);
    let listener = tower.listen("/stream");
    listener.wait_bytes(30_000, Duration::from_secs(10));
}
