//! A loop that does nothing but sleep until absolute deadlines: how punctual the machine is.
//!
//! One thread has the deadlines of eight loops, each with a period of 24 ms, 3 ms apart. A loop's
//! deadlines meet a disturbance or fall beside it by chance of its phase; the figure is the median of
//! the eight, which is what a clock with one phase can expect on this machine.

use crate::measure::quantile;
use crate::punctuality::Bare;
use rustix::thread::{CpuSet, clock_nanosleep_absolute, gettid, sched_setaffinity};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

/// Loops in one thread.
const PHASES: usize = 8;
/// Time from one deadline of the thread to the next: 24 ms over the loops.
const STEP_NS: u64 = 3_000_000;
/// Deadlines for which there is room from the start: 20 minutes; later ones may cost a pause.
const DEADLINES_AT_FIRST: usize = 400_000;
/// One above that of the tower's clock: what the tower does must not make the loop late.
const FIFO_PRIORITY: &str = "11";

/// At which priority the loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// That of an ordinary thread.
    Normal,
    /// Just above the tower's clock: SCHED_FIFO where the system permits it, normal where it does not.
    Realtime,
}

/// A loop that runs until it is stopped or dropped.
pub struct BareLoop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Lateness>>,
}

/// How late a bare loop was.
#[derive(Clone, Debug)]
pub struct Lateness {
    /// For each deadline, in ms; those of one phase are [`PHASES`] apart.
    late_ms: Vec<f64>,
    /// What the loop ran at.
    priority: Priority,
}

impl BareLoop {
    /// Starts a loop, on one core or wherever the scheduler has it; returns when its first deadline
    /// is set.
    #[track_caller]
    #[must_use]
    pub fn start(priority: Priority, core: Option<usize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, (ready, is_ready)) = (Arc::clone(&stop), channel());
        let thread = std::thread::spawn(move || {
            if let Some(core) = core {
                let mut cores = CpuSet::new();
                cores.set(core);
                sched_setaffinity(None, &cores).expect("the core that the server runs on");
            }
            let is_realtime = priority == Priority::Realtime && request_realtime();
            let priority = if is_realtime { Priority::Realtime } else { Priority::Normal };
            // Written to once, so that no page is missing when a deadline comes.
            let mut late_ms = vec![f64::NAN; DEADLINES_AT_FIRST];
            late_ms.clear();
            let mut deadline_ns = now_ns() + STEP_NS;
            let _receiver_waits = ready.send(());
            loop {
                sleep_until(deadline_ns);
                late_ms.push(now_ns().saturating_sub(deadline_ns) as f64 / 1e6);
                deadline_ns += STEP_NS;
                if stopped.load(Relaxed) {
                    return Lateness { late_ms, priority };
                }
            }
        });
        is_ready.recv().expect("a bare loop that runs");
        Self { stop, thread: Some(thread) }
    }

    /// Ends the loop: how late it was.
    #[track_caller]
    #[must_use]
    pub fn stop(mut self) -> Lateness {
        self.stop.store(true, Relaxed);
        let thread = self.thread.take().expect("stopped once");
        thread.join().expect("the loop does not fail")
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Lateness {
    /// The same as [`share`](Self::share) if the loop ran at this priority, and nothing to compare
    /// with if it did not.
    #[must_use]
    pub fn share_at(&self, priority: Priority, share: f64) -> Option<Bare> {
        (self.priority == priority).then(|| self.share(share))
    }

    /// The lateness that a share of the deadlines did not exceed, in ms: the median of the loops,
    /// rounded up as the tower rounds its own. Quiet is the median of all deadlines.
    #[must_use]
    pub fn share(&self, share: f64) -> Bare {
        let of_phase = |phase: usize| {
            let late_ms: Vec<f64> = self.late_ms.iter().skip(phase).step_by(PHASES).copied().collect();
            let latest = late_ms.iter().copied().reduce(f64::max)?;
            Some(as_the_tower_rounds(quantile(&late_ms, share)).min(latest))
        };
        let of_phases: Vec<f64> = (0..PHASES).filter_map(of_phase).collect();
        Bare { value: quantile(&of_phases, 0.5), quiet: quantile(&self.late_ms, 0.5) }
    }
}

/// The tower counts lateness in four buckets to each doubling of a microsecond, and tells their
/// upper bounds.
fn as_the_tower_rounds(ms: f64) -> f64 {
    let bucket = ((ms * 1000.0).max(1.0).log2() * 4.0).ceil();
    (bucket / 4.0).exp2() / 1000.0
}

/// Asks for real-time priority; refused, the thread goes on as it is, as the tower's clock does.
fn request_realtime() -> bool {
    let thread = gettid().as_raw_nonzero().to_string();
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", FIFO_PRIORITY, &thread]).stdout(Stdio::null()).stderr(Stdio::null());
    let is_granted = chrt.status().is_ok_and(|status| status.success());
    if !is_granted {
        eprintln!("the bare loop runs at normal priority: grant CAP_SYS_NICE, and install chrt (Debian: util-linux)");
    }
    is_granted
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

fn sleep_until(deadline_ns: u64) {
    let (seconds, nanoseconds) = (deadline_ns / 1_000_000_000, deadline_ns % 1_000_000_000);
    let deadline = Timespec { tv_sec: seconds.cast_signed(), tv_nsec: nanoseconds.cast_signed() };
    while clock_nanosleep_absolute(ClockId::Monotonic, &deadline).is_err() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn lateness(late_ms: Vec<f64>) -> Lateness {
        Lateness { late_ms, priority: Priority::Normal }
    }

    #[test]
    fn what_only_one_phase_meets_does_not_count_and_what_most_meet_does() {
        let with_late_phases = |phases: usize| {
            let mut late_ms = vec![0.064; 8000];
            // Three of a thousand deadlines of each.
            for deadline in [80, 800, 4000] {
                late_ms[deadline..deadline + phases].fill(8.192);
            }
            lateness(late_ms).share(0.998)
        };
        let (one, most) = (with_late_phases(1), with_late_phases(6));
        assert!((one.value - 0.064).abs() < 1e-9 && (one.quiet - 0.064).abs() < 1e-9, "{one:?}");
        assert!((most.value - 8.192).abs() < 1e-9, "{most:?}");
    }

    #[test]
    fn lateness_is_rounded_up_as_the_tower_does_but_not_beyond_the_latest() {
        assert!((as_the_tower_rounds(5.0) - 5.793).abs() < 1e-3 && (as_the_tower_rounds(4.096) - 4.096).abs() < 1e-9);
        let late_ms = vec![5.0; 80];
        assert!((lateness(late_ms).share(0.999).value - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_loop_of_another_priority_is_nothing_to_compare_with() {
        let lateness = lateness(vec![1.0; 80]);
        assert!(lateness.share_at(Priority::Normal, 0.5).is_some());
        assert!(lateness.share_at(Priority::Realtime, 0.5).is_none());
    }

    #[test]
    fn a_loop_meets_every_deadline_and_ends() {
        let begun = Instant::now();
        let bare_loop = BareLoop::start(Priority::Normal, None);
        std::thread::sleep(Duration::from_millis(60));
        let lateness = bare_loop.stop();
        let met_in = |span: Duration| (span.as_nanos() / u128::from(STEP_NS)) as usize;
        // A deadline that is missed is made up, so none is left out; the last one ends the loop.
        assert!(lateness.late_ms.len() <= met_in(begun.elapsed()) + 1, "{lateness:?}");
        assert!(lateness.late_ms.iter().all(|ms| *ms >= 0.0) && !lateness.late_ms.is_empty());
    }

    #[test]
    fn a_loop_that_met_no_deadline_gives_no_figure() {
        assert!(lateness(Vec::new()).share(0.5).value.is_nan());
    }
}
