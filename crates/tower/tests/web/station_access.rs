//! Access to the station's interface: without a password this machine only, unless the
//! configuration says that it is open (SPEC API-1).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::{basic_auth, get};
use radio_proof::tower::Tower;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const EVERYWHERE: &str = "server.host = \"0.0.0.0\"";
const BUFFER: &str = "/tower/buffer";

/// The tower's address as another machine would have it; a connection to it comes from there.
fn from_outside(tower: &Tower) -> SocketAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // Nothing is sent: it only asks which address would be taken.
    socket.connect("192.0.2.254:9").expect("a route: the test needs an interface beside loopback");
    let address = socket.local_addr().expect("bound").ip();
    assert!(!address.is_loopback(), "the test needs an interface beside loopback");
    SocketAddr::new(address, tower.address.port())
}

fn from_inside(tower: &Tower) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], tower.address.port()))
}

/// The status, and what is said.
fn asked(address: SocketAddr, extra: &str) -> (u16, String) {
    let answer = get(address, BUFFER, extra).expect("an answer");
    (answer.head.status(), answer.text())
}

fn doctor(tower: &Tower) -> String {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_tower"));
    let port = format!("server.port={}", tower.address.port());
    let output = doctor.args(["doctor", "--set", &port, "--config"]).arg(tower.path("tower.toml")).output();
    String::from_utf8_lossy(&output.expect("our own program").stdout).into_owned()
}

#[test]
fn without_a_password_it_serves_this_machine_and_others_are_told_the_remedy() {
    let tower = common::setup().line(EVERYWHERE).start();
    assert_eq!(asked(from_inside(&tower), "").0, 200);
    let (status, text) = asked(from_outside(&tower), "");
    assert_eq!(status, 401, "{text}");
    assert!(text.contains("station.password") && text.contains("station.open"), "{text}");
    for proxied in ["X-Forwarded-For: 203.0.113.7\r\n", "Via: 1.1 proxy\r\n", "Forwarded: for=203.0.113.7\r\n"] {
        assert_eq!(asked(from_inside(&tower), proxied).0, 401, "{proxied}");
    }
    assert_eq!(asked(from_outside(&tower), &basic_auth("admin", radio_proof::tower::ADMIN_PASSWORD)).0, 200);
    assert_eq!(
        get(from_outside(&tower), "/stream.m3u", "").expect("an answer").head.status(),
        200,
        "on air all the same"
    );
    assert!(tower.stderr().contains("serve this machine only"), "{}", tower.stderr());
    let told = doctor(&tower);
    assert!(told.contains("station interface") && told.contains("serve this machine only"), "{told}");
}

#[test]
fn a_password_or_an_explicit_open_serves_others_too() {
    let tower = common::setup().line(EVERYWHERE).line("station.password = \"play\"").start();
    assert_eq!(asked(from_outside(&tower), "").0, 401);
    assert_eq!(asked(from_inside(&tower), "").0, 401);
    assert_eq!(asked(from_outside(&tower), &basic_auth("station", "play")).0, 200);
    assert!(!tower.stderr().contains("station.open"), "{}", tower.stderr());
    drop(tower);
    let tower = common::setup().line(EVERYWHERE).line("station.open = true").start();
    assert_eq!(asked(from_outside(&tower), "").0, 200);
    wait_until("the warning", PATIENCE, || tower.stderr().contains("every client that reaches the port"));
    assert!(doctor(&tower).contains("every client that reaches the port"));
}

#[test]
fn with_a_trusted_proxy_on_this_machine_nobody_is_this_machine() {
    for trusted in ["127.0.0.1", "127.0.0.2", "0.0.0.0/0"] {
        let tower = common::setup().line(&format!("server.trusted_proxies = [\"{trusted}\"]")).start();
        assert_eq!(asked(tower.address, "").0, 401, "{trusted}");
        assert_eq!(asked(tower.address, "X-Forwarded-For: 127.0.0.1\r\n").0, 401, "{trusted}");
        let over_the_socket = radio_proof::http::get_over(&tower.path("admin.sock"), BUFFER).expect("an answer");
        assert_eq!(over_the_socket.head.status(), 200);
        assert!(tower.stderr().contains("the command line's socket only"), "{}", tower.stderr());
    }
}
