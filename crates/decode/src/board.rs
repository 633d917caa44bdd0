//! What the decoders of a tower have shown, for its alarms and its status.

use super::intake::{Intake, Piece};
use super::process::{DecoderProcess, Job, Read};
use super::protocol::{Body, Sandboxed};
use super::settings::{DecoderSettings, timespec};
use super::supervisor::Reason;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A decoder is up within this time, even on a machine that is busy.
const READY_MAX: Duration = Duration::from_secs(20);
/// A file that has killed its decoder is an alarm for so long.
const ALARM_MAX: Duration = Duration::from_secs(600);

/// Read by the off-air monitor; written by players and sources.
#[derive(Debug, Default)]
pub struct Board(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    sandbox_problem: Option<String>,
    given_up: u64,
    last: Option<(Instant, PathBuf, &'static str)>,
}

impl Board {
    /// Tries a decoder, so that a missing sandbox is known before anything is decoded.
    pub fn try_decoder(self: &Arc<Self>, settings: DecoderSettings) {
        let board = Arc::clone(self);
        let spawned = thread::Builder::new().name("decoder-trial".into()).spawn(move || match trial(&settings) {
            Ok(sandbox) => board.sandboxed(sandbox),
            Err(problem) => board.lock().sandbox_problem = Some(problem),
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread to try a decoder; raise the limit of processes");
        }
    }

    /// A decoder has said which parts of its sandbox are closed.
    pub fn sandboxed(&self, sandbox: Sandboxed) {
        self.lock().sandbox_problem = problem(sandbox);
    }

    /// A file was given up because it killed its decoder.
    pub fn give_up(&self, path: &Path, reason: Reason) {
        let mut shown = self.lock();
        shown.given_up += 1;
        shown.last = Some((Instant::now(), path.to_owned(), reason.text()));
    }

    /// What the sandbox lacks; none while it is whole, or no decoder has run.
    #[must_use]
    pub fn sandbox_problem(&self) -> Option<String> {
        self.lock().sandbox_problem.clone()
    }

    /// Files that were given up since start, and the last one and why, for ten minutes.
    #[must_use]
    pub fn given_up(&self) -> (u64, Option<(PathBuf, &'static str)>) {
        let shown = self.lock();
        let last = shown.last.as_ref().filter(|(at, ..)| at.elapsed() < ALARM_MAX);
        (shown.given_up, last.map(|(_, path, reason)| (path.clone(), *reason)))
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a sandbox lacks, in words.
#[must_use]
pub fn problem(sandbox: Sandboxed) -> Option<String> {
    let missing: Vec<&str> = sandbox.missing().collect();
    (!missing.is_empty()).then(|| format!("without {}", missing.join(", ")))
}

/// Starts a decoder and waits until its sandbox is closed.
///
/// # Errors
/// It does not start; why.
pub fn trial(settings: &DecoderSettings) -> Result<Sandboxed, String> {
    let (mut process, _) = DecoderProcess::start(settings, &Job::Files)
        .map_err(|error| format!("a decoder cannot be started: {error}"))?;
    let (mut intake, mut sandbox, until) = (Intake::new(0), None, Instant::now() + READY_MAX);
    while sandbox.is_none() && Instant::now() < until {
        let read = intake.take(&mut process, true, |piece| {
            if let Piece::Record(record) = piece
                && let Body::Ready(closed) = record.body
            {
                sandbox = Some(closed);
            }
        });
        match read {
            Ok(Read::Nothing) if sandbox.is_none() => {
                let mut fds = Vec::new();
                process.poll_fds(true, &mut fds);
                let _ = rustix::event::poll(&mut fds, Some(&timespec(100)));
            }
            Ok(Read::Some | Read::Nothing) => {}
            Ok(Read::Ended) | Err(_) => break,
        }
    }
    sandbox.ok_or_else(|| format!("a decoder does not begin: {}", process.last_words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_a_sandbox_lacks_is_named_until_a_decoder_has_it() {
        let (board, whole) = (Board::default(), Sandboxed { landlock: true, seccomp: true, limits: true });
        assert_eq!(board.sandbox_problem(), None, "no decoder has run");
        board.sandboxed(Sandboxed { landlock: false, seccomp: false, ..whole });
        assert_eq!(board.sandbox_problem().as_deref(), Some("without Landlock, seccomp"));
        board.sandboxed(Sandboxed { limits: false, ..whole });
        assert_eq!(board.sandbox_problem().as_deref(), Some("without resource limits"));
        board.sandboxed(whole);
        assert_eq!(board.sandbox_problem(), None);
    }
}
