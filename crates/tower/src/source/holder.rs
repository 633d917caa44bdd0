//! The source that holds a mount, and how often it has changed.

use super::handshake::Admission;
use super::session::SessionFigures;
use radio_signal::router::SourceId;
use rustix::event::{PollFd, PollFlags, Timespec};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The connection of a source to a mount.
pub(super) struct Holder {
    pub(super) id: SourceId,
    /// To end its connection.
    pub(super) socket: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) since: Instant,
    pub(super) admission: Arc<Admission>,
    pub(super) figures: Arc<SessionFigures>,
}

/// A mount's source, and the times at which one source took the place of another.
#[derive(Default)]
pub(super) struct Tenure {
    pub(super) holder: Option<Holder>,
    pub(super) takeovers: Takeovers,
}

impl Holder {
    pub(super) fn end(&self) {
        self.figures.stop.store(true, Relaxed);
        let _already_closed = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether the program at the other end still holds its connection. One that has sent a file and
    /// closed is no rival of the next, though what it sent is still being read.
    pub(super) fn is_connected(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(0))
    }

    /// The program, as it names itself, and its address.
    pub(super) fn program(&self) -> String {
        let agent = &self.admission.words.agent;
        let agent = if agent.is_empty() { "unnamed program" } else { agent.as_str() };
        format!("{agent} at {}", self.address)
    }

    pub(super) fn status(&self) -> Value {
        let (words, decoder) = (&self.admission.words, &self.figures.decoder);
        let sound = decoder.sound.get();
        json!({
            "id": self.id.producer,
            "address": self.address.to_string(),
            "user_agent": words.agent,
            "content_type": words.content_type,
            "name": words.name,
            "genre": words.genre,
            "description": words.description,
            "url": words.url,
            "codec": sound.map(|(codec, _)| codec),
            "rate_hz": sound.map(|(_, rate_hz)| rate_hz),
            "seconds": self.since.elapsed().as_secs_f64(),
            "bytes": self.figures.bytes.load(Relaxed),
            "bad_packets": decoder.bad_packets.load(Relaxed),
            "resyncs": decoder.resyncs.load(Relaxed),
            "decoder_pid": Some(decoder.child_pid.load(Relaxed)).filter(|&pid| pid != 0),
        })
    }
}

/// Takeovers within [`TAKEOVERS_TIME`] after which the source that is connected stays: two programs
/// that both connect again whenever they are ended would go on for ever.
const TAKEOVERS_MAX: usize = 3;
/// The time in which takeovers are counted, and for which the source then stays after each further
/// attempt.
const TAKEOVERS_TIME: Duration = Duration::from_secs(60);

/// Decides whether one more source may take the place of the one that is connected. No I/O.
#[derive(Debug, Default)]
pub(super) struct Takeovers {
    /// The latest ones, at most [`TAKEOVERS_MAX`].
    recent: VecDeque<Instant>,
    stays_until: Option<Instant>,
}

impl Takeovers {
    /// Whether a source that comes `now` is refused; each that is prolongs the time.
    pub(super) fn refuses(&mut self, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.duration_since(*at) < TAKEOVERS_TIME;
        self.recent.retain(is_recent);
        let refuses = self.recent.len() >= TAKEOVERS_MAX || self.stays_until.is_some_and(|until| now < until);
        self.stays_until = refuses.then(|| now + TAKEOVERS_TIME);
        refuses
    }

    /// Counts a takeover; how many there were in the last minute.
    pub(super) fn note(&mut self, now: Instant) -> usize {
        if self.recent.len() == TAKEOVERS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.iter().filter(|at| now.duration_since(**at) < TAKEOVERS_TIME).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_takeovers_in_a_minute_the_source_stays_until_no_other_has_tried_for_a_minute() {
        let (mut takeovers, begin) = (Takeovers::default(), Instant::now());
        let at = |s: u64| begin + Duration::from_secs(s);
        for (n, s) in [0, 10, 20].into_iter().enumerate() {
            assert!(!takeovers.refuses(at(s)), "{s}");
            assert_eq!(takeovers.note(at(s)), n + 1);
        }
        for s in [21, 60, 100, 159] {
            assert!(takeovers.refuses(at(s)), "{s}");
        }
        assert!(!takeovers.refuses(at(220)), "a minute after the last attempt");
        assert_eq!(takeovers.note(at(220)), 1);
    }

    #[test]
    fn sources_that_follow_each_other_slowly_are_never_refused() {
        let (mut takeovers, begin) = (Takeovers::default(), Instant::now());
        for n in 0..100 {
            let now = begin + Duration::from_secs(n * 21);
            assert!(!takeovers.refuses(now), "{n}");
            assert!(takeovers.note(now) <= 3);
        }
    }
}
