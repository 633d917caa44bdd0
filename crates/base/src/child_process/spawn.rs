//! Starts an encoder or decoder child: three pipes, its own process group, a limit on its memory,
//! an environment without secrets, and no life beyond the tower's.

use super::environment;
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::{PidfdFlags, Resource, Rlimit, Signal};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// What a whole replay fits in, so that it is read without a wake-up for every few ticks. The system may grant less.
const STDIN_PIPE_BYTES: usize = 1024 * 1024;
/// By so much a child is likelier than the tower to be killed where the machine runs out of memory:
/// a child is replaced.
const OOM_SCORE_MORE: i32 = 500;
/// The highest score that there is.
const OOM_SCORE_MAX: i32 = 1000;

/// A child and its ends of the pipes, none of which blocks.
pub struct Spawned {
    /// The child.
    pub child: Child,
    /// What tells of its end.
    pub pidfd: OwnedFd,
    /// Its standard input.
    pub stdin: OwnedFd,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
}

/// Starts `command` with the variables called `environment` beside those that every child gets.
///
/// To be called on a thread that lives as long as the child may: the kernel kills the child when that thread ends.
///
/// # Errors
/// There is no such program, or the system refuses another process or pipe.
pub fn spawn(command: &[OsString], environment: &[String], memory_bytes_max: u64) -> io::Result<Spawned> {
    let Some((executable, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(executable);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    environment::restrict(&mut command, environment);
    limit(&mut command, memory_bytes_max, Lifetime::OfThread, None);
    let mut child = command.spawn()?;
    match pipes(&mut child) {
        Ok((pidfd, stdin, stdout, stderr)) => Ok(Spawned { child, pidfd, stdin, stdout, stderr }),
        Err(error) => {
            // It was never ours to feed: not a trace of it may stay.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

fn pipes(child: &mut Child) -> io::Result<(OwnedFd, OwnedFd, OwnedFd, OwnedFd)> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let stdin = OwnedFd::from(child.stdin.take().ok_or_else(missing)?);
    let stdout = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
    let stderr = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
    for pipe in [&stdin, &stdout, &stderr] {
        rustix::io::ioctl_fionbio(pipe.as_fd(), true)?;
    }
    let _ = rustix::pipe::fcntl_setpipe_size(&stdin, STDIN_PIPE_BYTES);
    let pid = rustix::process::Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)?;
    Ok((pidfd, stdin, stdout, stderr))
}

/// How long a child may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// The kernel kills it when the thread that started it ends.
    OfThread,
    /// It ends by itself when its sockets are closed.
    Own,
}

/// Limits what `command` starts. It keeps `inherited` beside its three standard descriptors.
#[allow(unsafe_code, reason = "`pre_exec` is unsafe: it runs between fork and exec")]
pub fn limit(command: &mut Command, memory_bytes_max: u64, lifetime: Lifetime, inherited: Option<OwnedFd>) {
    let parent = rustix::process::getpid();
    let limit = Rlimit { current: Some(memory_bytes_max), maximum: Some(memory_bytes_max) };
    let score = child_oom_score();
    let before_exec = move || {
        if lifetime == Lifetime::OfThread {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        }
        if let Some(inherited) = &inherited {
            rustix::io::fcntl_setfd(inherited, FdFlags::empty())?;
        }
        rustix::process::setrlimit(Resource::Data, limit)?;
        // Where that is not permitted, the child is as likely to be killed as the tower, and runs
        // all the same.
        if let Ok(file) = rustix::fs::open(c"/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        {
            let _ = rustix::io::write(file, score.as_bytes());
        }
        // The parent may have died before it was told to.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec only system calls are made, on values that were there at the
    // fork and a descriptor that is closed again; nothing is allocated or locked, so nothing can be
    // in the state in which another thread left it at the fork.
    unsafe { command.pre_exec(before_exec) };
}

/// What a child writes as its own score: the tower's and some.
fn child_oom_score() -> String {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse::<i32>().ok());
    own.unwrap_or(0).saturating_add(OOM_SCORE_MORE).min(OOM_SCORE_MAX).to_string()
}
