//! Whoever comes to the door with whatever: nobody on air notices, and nothing of it is left (SPEC LIS-6).

use crate::common;
use radio_proof::alarm::{full_length, wait_until};
use radio_proof::exclusive;
use radio_proof::http::send_get;
use radio_proof::listener::Listener;
use radio_proof::machine::Watch;
use radio_proof::process::{open_fds, rss_bytes};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
/// Connections of one thread that are held open and say nothing, or not enough.
const HELD_MAX: usize = 100;

fn connect(address: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    socket.connect_timeout(&address.into(), Duration::from_secs(10))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.set_write_timeout(Some(Duration::from_secs(10)))?;
    Ok(socket.into())
}

/// Closing resets the connection.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// One connection of kind `n`; what it gives back is to stay open.
fn come(address: SocketAddr, from: Ipv4Addr, n: usize) -> std::io::Result<Option<TcpStream>> {
    let mut stream = connect(address, from)?;
    let mut some = [0; 1000];
    match n % 10 {
        0 => reset(&stream),
        1 => stream.write_all(b"GET /stream HT")?,
        2 => {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")?;
            while stream.read(&mut some)? > 0 {}
        }
        3 => {
            stream.write_all(b"GET / HTTP/1.1\r\nX: ")?;
            // Until the tower has had enough.
            while stream.write_all(&[b'a'; 10_000]).is_ok() && stream.read(&mut []).is_ok() && n % 100 == 3 {}
        }
        4 => {
            stream.write_all(b"GET /stream HTTP/1.1\r\n\r\n")?;
            let _ = stream.read(&mut some)?;
            reset(&stream);
        }
        5 => {
            stream.write_all(b"GET /stream HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n")?;
            let _ = stream.read(&mut some)?;
        }
        6 => {
            stream.write_all(b"DELETE /nowhere?x=%00 HTTP/1.1\r\n\r\n")?;
            while stream.read(&mut some)? > 0 {}
        }
        7 => {
            stream.write_all(b"PUT /api/now-playing HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{")?;
            let _ = stream.read(&mut some)?;
            reset(&stream);
        }
        8 => return Ok(Some(stream)),
        _ => {
            stream.write_all(b"GET /status HTTP/1.1\r\nX-Slow: ")?;
            return Ok(Some(stream));
        }
    }
    Ok(None)
}

/// `count` connections of all kinds from four threads.
fn rabble(address: SocketAddr, count: usize) {
    const THREADS: usize = 4;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let mut held = std::collections::VecDeque::new();
                for n in 0..count / THREADS {
                    // Many addresses, or the ports of one would run out.
                    let from = Ipv4Addr::new(127, 0, 1 + thread as u8, 1 + (n / 100 % 250) as u8);
                    // A refusal by reset is an answer too.
                    if let Ok(Some(mut stream)) = come(address, from, n) {
                        let _ = stream.write_all(b"a");
                        held.push_back(stream);
                    }
                    if held.len() > HELD_MAX {
                        held.pop_front();
                    }
                }
            });
        }
    });
}

/// The files that are open once everybody has left; those who say nothing are waited for.
fn settled_files(tower: &Tower, most: usize) -> usize {
    wait_until("all connections to be gone", LIMIT, || open_fds(tower.pid()) <= most);
    open_fds(tower.pid())
}

/// Listens on: no byte is missing, no gap too long.
#[track_caller]
fn assert_unbroken(listeners: Vec<Listener>, since: Instant, watch: &Watch) {
    let crowded = watch.was_crowded();
    for listener in listeners {
        let recording = listener.stop();
        assert!(recording.end.is_none(), "{:?}", recording.end);
        assert!(frames::strict(&recording.bytes).len() > 150);
        let gap = recording.longest_gap(since);
        let most = if crowded { Duration::from_secs(2) } else { Duration::from_millis(504 + 150) };
        assert!(gap <= most, "{gap:?}; busiest: {} ‰", watch.busiest_permille());
    }
}

#[test]
fn a_rabble_at_the_door_is_noticed_by_nobody_and_leaves_nothing() {
    // Gaps are measured here.
    let _one_at_a_time = exclusive::hold("gaps");
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(8, 3000));
    let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", LIMIT);
    let listeners: Vec<Listener> = (0..4).map(|_| tower.listen("/stream")).collect();
    // Until then threads are started, buffers grown, pages touched.
    rabble(tower.address, 2000);
    std::thread::sleep(Duration::from_secs(1));
    let before = settled_files(&tower, 100);
    let rss_before = rss_bytes(tower.pid());

    let (since, watch) = (Instant::now(), Watch::start());
    rabble(tower.address, if full_length() { 100_000 } else { 10_000 });
    let after = settled_files(&tower, before);
    assert!(after <= before, "{after} files are open where there were {before}");
    let grown = rss_bytes(tower.pid()).saturating_sub(rss_before);
    println!("{} ms, {grown} bytes of memory more", since.elapsed().as_millis());
    // Far less than a thousandth of a kilobyte for each would be.
    assert!(grown < 4 << 20, "{grown} bytes of memory more");
    listeners.iter().for_each(|listener| listener.wait_bytes(listener.received() + 40_000, LIMIT));
    assert_unbroken(listeners, since, &watch);
    wait_until("all listeners to be gone", LIMIT, || tower.status()["listeners"]["now"] == 0);
    drop(station);
}

#[test]
fn without_files_for_newcomers_those_who_are_there_go_on_and_the_next_come_in_when_there_are_files_again() {
    // Gaps are measured here.
    let _one_at_a_time = exclusive::hold("gaps");
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(9, 3000));
    let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", LIMIT);
    let listeners: Vec<Listener> = (0..4).map(|_| tower.listen("/stream")).collect();
    let (since, watch) = (Instant::now(), Watch::start());
    let pid = Pid::from_raw(tower.pid() as i32);
    let limited = |limit: Option<u64>| Rlimit { current: limit, maximum: Some(10_000) };
    let before = prlimit(pid, Resource::Nofile, limited(Some(open_fds(tower.pid()) as u64))).expect("our own child");
    // These get as far as the kernel's queue.
    let waiting: Vec<TcpStream> = (0..50)
        .map(|_| send_get(tower.address, "/stream", "", Duration::from_secs(10)).expect("the kernel answers"))
        .collect();
    wait_until("the tower to say so", LIMIT, || tower.stderr().contains("connections cannot be accepted"));
    listeners.iter().for_each(|listener| listener.wait_bytes(listener.received() + 40_000, LIMIT));
    prlimit(pid, Resource::Nofile, limited(before.current.map(|limit| limit.min(10_000)))).expect("our own child");
    for mut stream in waiting {
        let mut status = [0; 15];
        stream.read_exact(&mut status).expect("an answer, now");
        assert_eq!(&status, b"HTTP/1.1 200 OK");
    }
    assert_unbroken(listeners, since, &watch);
    drop(station);
}
