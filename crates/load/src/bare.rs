//! The least that a server can do: the same bytes to each socket once a period, with a plain `send`.

use crate::frame::{FRAMES_PER_SECOND, synthetic};
use anyhow::{Context, Result};
use clap::Args;
use rustix::net::{SendFlags, send};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Length of a slot: one frame.
const SLOT: Duration = Duration::from_millis(24);

/// Frames after which the synthetic stream begins again.
const FRAMES: usize = 4096;

/// How the bare loop sends.
#[derive(Args, Clone, Debug)]
pub struct Bare {
    /// Where it listens; the port is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Time between two sends to a socket, in slots of 24 ms.
    #[arg(long, default_value_t = 504)]
    pub period_ms: u64,
    /// Bitrate of the synthetic stream.
    #[arg(long, default_value_t = 128)]
    pub kbps: usize,
    /// Send one wrong byte to each so-manieth listener, which must be noticed; 0: to none.
    #[arg(long, default_value_t = 0)]
    pub corrupt_one_in: u64,
}

/// The sockets of one slot.
type Group = Vec<(Socket, u64)>;

/// Sends until it is killed. `ready` is told the address.
///
/// # Errors
/// When it cannot listen.
pub fn run(bare: &Bare, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
    listener.set_reuse_address(true)?;
    listener.set_tcp_nodelay(true)?;
    listener.set_send_buffer_size(64 * 1024)?;
    listener.bind(&SockAddr::from(bare.listen)).with_context(|| format!("cannot listen on {}", bare.listen))?;
    listener.listen(4096)?;
    ready(listener.local_addr()?.as_socket().context("an address of IPv4")?);

    let frame_bytes = 3 * bare.kbps;
    let slots = (bare.period_ms / SLOT.as_millis() as u64).max(1);
    // Twice, so that what is due is always in one piece.
    let once: Vec<u8> = (0..FRAMES as u64).flat_map(|number| synthetic(number, bare.kbps)).collect();
    let stream = [&once[..], &once[..]].concat();
    let mut groups: Vec<Group> = (0..slots).map(|_| Vec::new()).collect();
    let started = Instant::now();
    let mut joined = 0u64;
    for now in slots.. {
        // Frame `now` is complete at the end of its slot.
        std::thread::sleep((started + SLOT * u32::try_from(now - slots)?).saturating_duration_since(Instant::now()));
        let due = |from: u64| {
            let at = (from % FRAMES as u64) as usize * frame_bytes;
            &stream[at..at + (now - from) as usize * frame_bytes]
        };
        groups[(now % slots) as usize].retain_mut(|(socket, from)| {
            let bytes = due(*from);
            match send(&*socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                // What does not fit is not for a bare loop to keep.
                Ok(sent) if sent == bytes.len() => {
                    *from = now;
                    true
                }
                _ => false,
            }
        });
        while let Ok((socket, _)) = listener.accept() {
            joined += 1;
            let from = now - slots;
            let head = format!("HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nX-Tower-Frame: {from}\r\n\r\n");
            let mut answer = [head.as_bytes(), due(from)].concat();
            if joined.is_multiple_of(bare.corrupt_one_in) {
                let last = answer.len() - 1;
                answer[last] ^= 1;
            }
            if send(&socket, &answer, SendFlags::NOSIGNAL | SendFlags::DONTWAIT).is_ok() {
                groups[(now % slots) as usize].push((socket, now));
            }
        }
    }
    Ok(())
}

/// Frames that are due `elapsed` after the start.
#[must_use]
pub fn frames_due(elapsed: Duration) -> u64 {
    (elapsed.as_secs_f64() * FRAMES_PER_SECOND) as u64
}
