//! systemd: readiness, watchdog, sockets that were opened for us (SPEC OPS-3).

use crate::pump::PumpFigures;
use radio_signal::units::Serial;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// Sockets passed by the service manager.
#[derive(Debug, Default)]
pub struct PassedSockets {
    /// For listeners and API.
    pub tcp: Option<std::net::TcpListener>,
    /// For PCM.
    pub pcm: Option<std::os::unix::net::UnixListener>,
}

/// Takes the sockets of socket activation. Call once, before any other thread runs.
#[allow(unsafe_code, reason = "systemd passes descriptors by number")]
#[must_use]
pub fn passed_sockets() -> PassedSockets {
    let mut passed = PassedSockets::default();
    let descriptors: Vec<RawFd> = sd_notify::listen_fds().map(Iterator::collect).unwrap_or_default();
    for descriptor in descriptors {
        // SAFETY: by the protocol of socket activation these descriptors are open and ours alone; `listen_fds`
        // returned each once, because it was called once.
        let fd = unsafe { OwnedFd::from_raw_fd(descriptor) };
        match rustix::net::getsockname(&fd).map(|address| address.address_family()) {
            Ok(rustix::net::AddressFamily::UNIX) => passed.pcm = Some(fd.into()),
            Ok(rustix::net::AddressFamily::INET | rustix::net::AddressFamily::INET6) => passed.tcp = Some(fd.into()),
            _ => tracing::warn!(descriptor, "a passed socket is neither TCP nor Unix; it is closed"),
        }
    }
    passed
}

/// Tells systemd that the tower is on air.
pub fn ready() {
    notify(&[sd_notify::NotifyState::Ready]);
}

/// Tells systemd that the tower is going off air.
pub fn stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// Feeds the watchdog at half its interval, as long as the tick advances.
pub async fn feed_watchdog(figures: Arc<PumpFigures>) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut clock = Clock::default();
    loop {
        tokio::time::sleep(interval.max(Duration::from_millis(100)) / 2).await;
        if clock.has_advanced(figures.tick()) {
            notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }
}

/// Whether the clock goes on, from one look to the next.
#[derive(Debug, Default)]
struct Clock {
    seen: Option<Serial>,
}

impl Clock {
    /// A clock that has not begun stands.
    fn has_advanced(&mut self, tick: Option<Serial>) -> bool {
        let before = std::mem::replace(&mut self.seen, tick);
        tick.is_some() && tick != before
    }
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is no socket, and that is no error.
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_starves_while_the_clock_stands_still() {
        let mut clock = Clock::default();
        let looks = [None, None, Some(0), Some(0), Some(8), Some(16), Some(16), Some(16), Some(17)];
        let fed = looks.map(|tick| clock.has_advanced(tick));
        assert_eq!(fed, [false, false, true, false, true, true, false, false, true]);
    }
}
