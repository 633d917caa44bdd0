//! Socket options and calls. Options that a socket does not know (TCP's on a Unix socket) are left as they are: they only
//! bound what the kernel may hold, no byte depends on them.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use socket2::{SockRef, TcpKeepalive};

use crate::serve::Slices;

/// The kernel gives up on a silent peer only this long after we would have: the reason is then ours to tell.
const USER_TIMEOUT_MARGIN: Duration = Duration::from_secs(30);
/// A peer that is silent this long is probed, and then every `KEEPALIVE_INTERVAL`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Least bytes that may wait unsent in the kernel once the burst has gone; the rest waits in the ring, where it can be skipped.
const NOTSENT_BYTES_MIN: usize = 32 * 1024;

/// What every listener's socket gets before its first byte.
pub(crate) fn prepare(fd: BorrowedFd<'_>, sndbuf_bytes: usize, stall_ms_max: u64) {
    let socket = SockRef::from(&fd);
    let _ = socket.set_send_buffer_size(sndbuf_bytes);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(Duration::from_millis(stall_ms_max) + USER_TIMEOUT_MARGIN));
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    let _ = socket.set_tcp_keepalive(&keepalive);
}

/// What it gets once its burst has gone; set earlier it would cut the burst.
pub(crate) fn settle(fd: BorrowedFd<'_>, two_periods_bytes: usize) {
    let bytes = two_periods_bytes.max(NOTSENT_BYTES_MIN).min(u32::MAX as usize);
    let _ = SockRef::from(&fd).set_tcp_notsent_lowat(bytes as u32);
}

/// Sends what the socket takes at once of the slices, one after the other.
pub(crate) fn send(fd: BorrowedFd<'_>, slices: &Slices<'_>) -> Result<usize, Errno> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    match slices {
        [[], bytes, [], []] | [bytes, [], [], []] => rustix::net::send(fd, bytes, flags),
        _ => {
            let slices = slices.map(IoSlice::new);
            rustix::net::sendmsg(fd, &slices, &mut SendAncillaryBuffer::default(), flags)
        }
    }
}

/// Ends the stream to a listener so that it still gets what the kernel holds for it.
pub(crate) fn end(fd: impl AsFd) {
    // Unread input would turn the close into a reset, which throws away what is on its way.
    let mut unread = [0; 4096];
    let _ = rustix::net::recv(&fd, &mut unread, RecvFlags::DONTWAIT);
    let _ = rustix::net::shutdown(&fd, Shutdown::Both);
}
