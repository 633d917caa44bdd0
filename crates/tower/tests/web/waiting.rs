//! Connections that say nothing keep no client out, at any port, and honest crowds are never taken
//! for them (SPEC LIS-6).

use crate::common;
use crate::proxy::haproxy;
use radio_proof::alarm::{full_length, wait_until};
use radio_proof::machine::Watch;
use radio_proof::measure;
use radio_proof::tls::{Certificate, Client};
use radio_proof::tower::Setup;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// How much slower a newcomer may be beside silent connections, and where others need the
/// processors.
const SLOWER_MAX: Duration = Duration::from_millis(100);
const SLOWER_CROWDED_MAX: Duration = Duration::from_secs(1);
/// A crowd has come in within this time.
const CROWD_MAX: Duration = Duration::from_secs(5);

/// Times are measured here: one test at a time.
static QUIET: Mutex<()> = Mutex::new(());

/// Becomes the tower with few files, so that few may wait.
const FEW_FILES: &str = "#!/bin/sh\nulimit -n 1024\nexec \"$UNDER_TEST\" \"$@\"\n";

/// A tower at whose port 80 connections may wait.
fn small() -> Setup {
    let setup = common::setup().line("server.listeners_max = 800");
    let script = setup.script("few-files", FEW_FILES);
    setup.variable("UNDER_TEST", env!("CARGO_BIN_EXE_tower")).executable(script)
}

fn connect(address: SocketAddr, from: u8) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, from), 0).into()).expect("an address of this machine");
    socket.connect_timeout(&address.into(), PATIENCE).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    socket.into()
}

/// Connects, says nothing, and does so again as soon as it is let go.
fn silent(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let stream = connect(address, 9);
            stream.set_nonblocking(true).expect("our own socket");
            stream
        })
        .collect()
}

/// Those that have been let go come back, so many at a time.
fn come_back(address: SocketAddr, silent: &mut [TcpStream], at_once: usize) {
    let is_there = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
    let is_gone = |stream: &&mut TcpStream| !stream.peek(&mut [0]).is_err_and(is_there);
    for stream in silent.iter_mut().filter(is_gone).take(at_once) {
        *stream = connect(address, 9);
        stream.set_nonblocking(true).expect("our own socket");
    }
}

/// While this acts, silent connections come back as soon as they are let go: fifty in each tenth of a second.
fn beside_silent<T>(address: SocketAddr, count: usize, act: impl FnOnce() -> T) -> T {
    let (is_over, mut silent) = (AtomicBool::new(false), silent(address, count));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                come_back(address, &mut silent, 50);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let done = act();
        is_over.store(true, Relaxed);
        done
    })
}

/// How long a newcomer waits for the head of its stream.
fn newcomer(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut stream = connect(address, 1);
    stream.write_all(b"GET /stream HTTP/1.0\r\n\r\n").expect("it reads");
    let mut status = [0; 15];
    stream.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.0 200 OK");
    begun.elapsed()
}

fn p99(of: impl Fn() -> Duration) -> f64 {
    let waits: Vec<f64> = (0..100).map(|_| of().as_secs_f64()).collect();
    measure::quantile(&waits, 0.99)
}

#[test]
fn newcomers_are_as_fast_beside_silent_connections_as_without() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let tower = small().start();
    tower.listen("/stream").wait_bytes(40_000, PATIENCE);
    let watch = Watch::start();
    let without = p99(|| newcomer(tower.address));
    let count = if full_length() { 5000 } else { 600 };
    let beside = beside_silent(tower.address, count, || {
        p99(|| {
            std::thread::sleep(Duration::from_millis(20));
            newcomer(tower.address)
        })
    });
    println!("p99 without: {without:.4} s, beside {count} silent connections: {beside:.4} s");
    let slower_max = if watch.was_crowded() { SLOWER_CROWDED_MAX } else { SLOWER_MAX };
    assert!(beside - without <= slower_max.as_secs_f64(), "{beside:.3} s beside, {without:.3} s without");
}

#[test]
fn newcomers_come_in_over_tls_beside_silent_connections() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let certificate = Certificate::new();
    let setup = common::setup();
    certificate.install(|name| setup.path(name));
    let path = |name: &str| setup.path(name).display().to_string();
    let lines = [
        format!("tls.certificate = {:?}", path("certificate.pem")),
        format!("tls.key = {:?}", path("key.pem")),
        "tls.port = 0".into(),
    ];
    let tower = lines.iter().fold(setup, |setup, line| setup.line(line)).start();
    let stdout = std::fs::read_to_string(tower.path("stdout")).expect("what it said");
    let address =
        stdout.lines().find_map(|line| line.strip_prefix("TLS: https://")?.trim_end_matches('/').parse().ok());
    let address: SocketAddr = address.expect("its address");
    let slowest = beside_silent(address, 600, || {
        let once = || {
            let begun = Instant::now();
            Client::ask(address, &certificate, "GET /stream HTTP/1.1").read(1);
            begun.elapsed()
        };
        (0..20).map(|_| once()).max().expect("twenty")
    });
    println!("the slowest of twenty over TLS: {slowest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[test]
fn a_source_and_a_station_come_in_beside_silent_connections() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let inputs = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }, \
        { name = \"studio\", kind = \"pcm_tcp\", address = \"127.0.0.1:0\" }]";
    // The port behind it must be free as well.
    let port = loop {
        let one = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        if one < u16::MAX && std::net::TcpListener::bind(("127.0.0.1", one + 1)).is_ok() {
            break one;
        }
    };
    let lines = [inputs.to_owned(), format!("server.port = {port}"), "server.icy = true".into()];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let icy = SocketAddr::from(([127, 0, 0, 1], port + 1));
    let _silent = silent(icy, 100);
    let mut source = connect(icy, 1);
    source.write_all(b"hackme\r\n").expect("it reads");
    let mut welcome = [0; 3];
    source.read_exact(&mut welcome).expect("an answer");
    assert_eq!(&welcome, b"OK2");

    let studio = || {
        tower.status()["inputs"].as_array().and_then(|all| all.iter().find(|input| input["name"] == "studio").cloned())
    };
    let address = studio().and_then(|input| input["feed"]["state"]["address"].as_str().map(str::to_owned));
    let address: SocketAddr = address.expect("it listens").parse().expect("an address");
    let _silent = silent(address, 20);
    let mut station = connect(address, 1);
    let pcm = vec![1; 48_000 * 4];
    station.write_all(&pcm).expect("it is taken");
    tower.wait_source("studio", PATIENCE);
}

#[test]
fn two_thousand_complete_requests_a_second_from_one_address_lose_none() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let tower = small().start();
    let _silent = silent(tower.address, 200);
    let count = if full_length() { 10_000 } else { 2000 };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..count / 8 {
                    let mut stream = connect(tower.address, 9);
                    stream.write_all(b"GET /api/now-playing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("it reads");
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer).expect("an answer");
                    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                }
            });
        }
    });
    println!("{count} requests in {:?}", begun.elapsed());
}

/// Refused, so that the tower waits for the client to close.
const REFUSED: &str = "/admin/listeners";
/// The longest answer that strangers get.
const LONG: &str = "/api/openapi.json";

/// Asks for something, and is about to take the answer slowly.
fn slow_reader(address: SocketAddr, from: u8, path: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(1).expect("our own socket");
    socket.bind(&SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, from), 0).into()).expect("an address of this machine");
    socket.connect_timeout(&address.into(), PATIENCE).expect("it listens");
    let mut stream = TcpStream::from(socket);
    // One that is let go before it could ask sees so later.
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let _may_be_let_go = stream.write_all(request.as_bytes());
    stream.set_nonblocking(true).expect("our own socket");
    stream
}

/// Reads a few bytes; one that has been let go comes back.
fn read_slowly(address: SocketAddr, readers: &mut [TcpStream], from: u8) {
    for reader in readers {
        match reader.read(&mut [0; 16]) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => *reader = slow_reader(address, from, REFUSED),
        }
    }
}

#[test]
fn clients_that_take_their_answers_slowly_shut_nobody_out_and_one_on_a_slow_network_gets_its_page() {
    const SLOW_READERS: usize = 450;
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let tower = small().start();
    tower.listen("/stream").wait_bytes(40_000, PATIENCE);
    let mut readers: Vec<TcpStream> = (0..SLOW_READERS).map(|_| slow_reader(tower.address, 9, REFUSED)).collect();
    let is_over = AtomicBool::new(false);
    let (slowest, page) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                read_slowly(tower.address, &mut readers, 9);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // 5,000 bytes a second, from another address.
        let mobile = scope.spawn(|| {
            let mut stream = slow_reader(tower.address, 7, LONG);
            stream.set_nonblocking(false).expect("our own socket");
            let (mut page, mut piece) = (Vec::new(), [0; 500]);
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                page.extend_from_slice(&piece[..count]);
                std::thread::sleep(Duration::from_millis(count as u64 / 5));
            }
            page
        });
        let newcomers = (0..20).map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            newcomer(tower.address)
        });
        let slowest = newcomers.max().expect("twenty");
        let page = mobile.join().expect("no panic");
        is_over.store(true, Relaxed);
        (slowest, page)
    });
    println!("beside {SLOW_READERS} slow readers the slowest of 20 newcomers waited {slowest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    let whole = tower.get(LONG).body;
    assert!(page.ends_with(&whole), "{} of {} bytes", page.len(), whole.len());
}

/// A listener of a crowd comes again so often at most.
const TIMES_AGAIN_MAX: usize = 3;

/// Listeners of a crowd.
fn crowd_size() -> usize {
    if full_length() { 5000 } else { 600 }
}

/// So many listeners come at once, each after these bytes; the time until all of them hear
/// something.
fn crowd(address: SocketAddr, from: u8, before: impl Fn(usize) -> String + Sync) -> Duration {
    const THREADS: usize = 4;
    let count = crowd_size();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let before = &before;
            scope.spawn(move || {
                let numbers = (0..count).skip(thread).step_by(THREADS);
                let come = |number: usize| {
                    let mut stream = connect(address, from);
                    let request = before(number) + "GET /stream HTTP/1.0\r\n\r\n";
                    // One that is let go before it could ask sees so when it reads.
                    let _may_be_let_go = stream.write_all(request.as_bytes());
                    stream
                };
                let mut listeners: Vec<(usize, TcpStream)> = numbers.map(|number| (number, come(number))).collect();
                for (number, listener) in &mut listeners {
                    let mut status = [0; 15];
                    // A client or proxy may be held up between its connection and its request, and be
                    // let go; a proxy says 502 or 503 then. The client comes again, as players do;
                    // the time counts. A proxy answers in its own version of HTTP.
                    let mut again = 0..TIMES_AGAIN_MAX;
                    while listener.read_exact(&mut status).is_err() || status[8..].starts_with(b" 50") {
                        assert!(again.next().is_some(), "listener {number} is let go again and again");
                        *listener = come(*number);
                    }
                    assert_eq!(&status[8..], b" 200 OK", "{}", String::from_utf8_lossy(&status));
                }
            });
        }
    });
    begun.elapsed()
}

#[test]
fn a_crowd_of_listeners_behind_one_address_or_one_proxy_comes_in() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = ["server.trusted_proxies = [\"127.0.0.2\"]", "server.proxy_protocol = true"];
    let setup = if full_length() { common::setup() } else { small() };
    let tower = lines.iter().fold(setup, |setup, line| setup.line(line)).start();
    let watch = Watch::start();
    let _silent = silent(tower.address, 100);
    let behind_an_address = crowd(tower.address, 3, |_| String::new());
    wait_until("them to be gone", PATIENCE, || tower.status()["listeners"]["now"] == 0);
    let behind_a_proxy = crowd(tower.address, 2, |number| {
        format!("PROXY TCP4 10.0.{}.{} 10.1.1.1 5000 80\r\n", number / 200, 1 + number % 200)
    });
    println!("behind one address: {behind_an_address:?}, behind one proxy: {behind_a_proxy:?}");
    let max = if watch.was_crowded() { PATIENCE } else { CROWD_MAX };
    assert!(behind_an_address <= max && behind_a_proxy <= max, "{behind_an_address:?}, {behind_a_proxy:?}");
}

#[test]
fn a_crowd_of_listeners_behind_a_real_proxy_comes_in_and_again_when_all_lose_it() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let setup = if full_length() { common::setup() } else { small() };
    let tower = setup.line("server.trusted_proxies = [\"127.0.0.1\"]").start();
    let watch = Watch::start();
    let _silent = silent(tower.address, 100);
    let mut took = Vec::new();
    for _ in 0..2 {
        // When it ends, all connections through it do: the crowd comes again through the next.
        let proxy = haproxy(&tower, crowd_size() * 3 / 2);
        took.push(crowd(proxy.address, 3, |_| String::new()));
        wait_until("them to be gone", PATIENCE, || tower.status()["listeners"]["now"] == 0);
    }
    println!("{} listeners behind HAProxy: {took:?}", crowd_size());
    let max = if watch.was_crowded() { PATIENCE } else { CROWD_MAX };
    assert!(took.iter().all(|took| *took <= max), "{took:?}");
}
