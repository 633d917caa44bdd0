//! The thread that reads a source and writes to one decoder process after the other.

use super::repeat::{Beginning, Log};
use radio_decode::settings::timespec;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// Bytes that are read of the source at once.
const READ_BYTES: usize = 16 * 1024;
/// How often a process that takes nothing is looked at.
const LOOK_MS: i64 = 100;

/// A process to feed, and with what it begins.
pub(super) struct Fed {
    pub(super) stdin: Arc<OwnedFd>,
    pub(super) beginning: Beginning,
}

/// What the two threads share.
pub(super) struct Shared {
    pub(super) log: Mutex<Log>,
    /// The source has no more.
    pub(super) is_over: AtomicBool,
    pub(super) stop: AtomicBool,
}

impl Shared {
    pub(super) fn new(log: Log) -> Self {
        Self { log: Mutex::new(log), is_over: AtomicBool::new(false), stop: AtomicBool::new(false) }
    }
}

/// Reads the source and writes to one process after the other.
pub(super) fn feed(source: &Mutex<impl Read>, processes: &mpsc::Receiver<Fed>, shared: &Shared) {
    let mut source = lock(source);
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(Fed { stdin, beginning }) = processes.recv() {
        let (mut goes_on, mut position) = (write(&stdin, &beginning.prefix, shared), beginning.end);
        while goes_on {
            let (bytes_behind, end) = lock(&shared.log).from(position);
            position = end;
            goes_on = write(&stdin, &bytes_behind, shared);
            if !goes_on {
                break;
            }
            let count = source.read(&mut bytes).unwrap_or(0);
            if count == 0 || shared.stop.load(Relaxed) {
                // Before stdin is closed: a process that ends then has done its work.
                shared.is_over.store(true, Relaxed);
                return;
            }
            lock(&shared.log).push(&bytes[..count]);
        }
    }
}

/// False when the process takes no more.
fn write(stdin: &OwnedFd, mut bytes: &[u8], shared: &Shared) -> bool {
    while !bytes.is_empty() && !shared.stop.load(Relaxed) {
        match rustix::io::write(stdin, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::AGAIN) => {
                let ready = &mut [PollFd::new(stdin, PollFlags::OUT)];
                let _ = rustix::event::poll(ready, Some(&timespec(LOOK_MS)));
            }
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
