//! Real-time priority for the calling thread, where the system permits it.

/// Priority asked for: above ordinary threads, below the kernel's own at 50.
const FIFO_PRIORITY: i32 = 10;

/// Puts the calling thread under SCHED_FIFO.
///
/// # Errors
/// The system's refusal, usually EPERM: the caller goes on at normal priority and says so.
#[allow(unsafe_code, reason = "only libc has `sched_setscheduler`")]
pub(super) fn request_for_this_thread() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: FIFO_PRIORITY };
    // SAFETY: `parameters` is a valid sched_param that outlives the call, and thread id 0 means the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
