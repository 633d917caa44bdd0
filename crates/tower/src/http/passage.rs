//! How a connection comes inside: its sockets, and its places.

use crate::request::waiting::Ticket;
use crate::state::Tower;
use socket2::{SockRef, TcpKeepalive};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A client that takes nothing for so long is gone; the fan-out has cut the listener half a minute before.
pub(super) const WRITE_TIME_MAX: Duration = Duration::from_secs(90);
/// A peer that is silent this long is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// What the kernel may hold for a listener,
const SNDBUF_BYTES: usize = 64 * 1024;
/// and how much of it unsent: what waits here, the fan-out takes for heard.
const NOTSENT_BYTES: u32 = 32 * 1024;

/// What a listener's socket gets before its first byte.
pub(super) fn prepare(socket: &TcpStream) {
    let socket = SockRef::from(socket);
    let _ = socket.set_send_buffer_size(SNDBUF_BYTES);
    let _ = socket.set_tcp_notsent_lowat(NOTSENT_BYTES);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(WRITE_TIME_MAX));
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE));
}

/// The way inside. The inner end passes for a TCP socket: what is done with one there (read, write, close a half, give it to
/// the fan-out) is the same for both kinds, and options of TCP are nobody's condition.
pub(super) fn pair() -> std::io::Result<(std::net::TcpStream, tokio::net::UnixStream)> {
    let (inner, outer) = UnixStream::pair()?;
    inner.set_nonblocking(true)?;
    outer.set_nonblocking(true)?;
    Ok((std::net::TcpStream::from(OwnedFd::from(inner)), tokio::net::UnixStream::from_std(outer)?))
}

/// A connection's places: at the door first, then among the listeners.
pub struct Passage {
    tower: Arc<Tower>,
    listeners: Arc<Semaphore>,
    seat: OnceLock<OwnedSemaphorePermit>,
    ticket: Mutex<Option<Arc<Ticket>>>,
}

impl Passage {
    pub(super) fn new(tower: Arc<Tower>, listeners: Arc<Semaphore>, ticket: Arc<Ticket>) -> Self {
        tower.tls.connections.fetch_add(1, Relaxed);
        Self { tower, listeners, seat: OnceLock::new(), ticket: Mutex::new(Some(ticket)) }
    }

    /// Takes a listener's place, if one is free; it is given back when the connection ends.
    pub fn sit_down(&self) -> bool {
        let Ok(seat) = Arc::clone(&self.listeners).try_acquire_owned() else { return false };
        if self.seat.set(seat).is_ok() {
            self.tower.tls.seated.fetch_add(1, Relaxed);
        }
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = None;
        true
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.tower.tls.connections.fetch_sub(1, Relaxed);
        if self.seat.get().is_some() {
            self.tower.tls.seated.fetch_sub(1, Relaxed);
        }
    }
}
