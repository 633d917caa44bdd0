//! Processor time of an encoder process with its threads and children, from `/proc`.
//!
//! What is read here also exists where `/proc` shows nothing but processes (`subset=pid`) and of
//! those only one's own (`hidepid`).

use radio_signal::supervisor::ProcessorTime;
use std::fs;
use std::path::{Path, PathBuf};

/// Threads that are counted, of one process and its children in all.
const THREADS_MAX: usize = 64;

/// How far children of children are followed.
const GENERATIONS_MAX: usize = 3;

/// The unit of times in `/proc/PID/stat`: a hundredth of a second on every Linux.
const STAT_TICK_NS: u64 = 10_000_000;

/// Position of `utime` in `/proc/PID/stat`, counted from the state, which follows the name.
const UTIME_FIELD: usize = 11;

/// What a process has had of the processor since its start; none if `/proc` does not tell.
#[must_use]
pub fn processor_time(pid: u32) -> Option<ProcessorTime> {
    let mut sum = ProcessorTime::default();
    let mut threads_left = THREADS_MAX;
    add(pid, GENERATIONS_MAX, &mut threads_left, &mut sum);
    (threads_left < THREADS_MAX).then_some(sum)
}

/// How much of it can be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// No time at all.
    Nothing,
    /// Time to a hundredth of a second, and no waits.
    WithoutWaits,
    /// Not that of a process's own children.
    WithoutChildren,
    /// All of it.
    All,
}

/// What can be read of a process.
#[must_use]
pub fn knowledge(pid: u32) -> Knowledge {
    let main = PathBuf::from(format!("/proc/{pid}/task/{pid}"));
    if processor_time(pid).is_none() {
        Knowledge::Nothing
    } else if !main.join("schedstat").exists() {
        Knowledge::WithoutWaits
    } else if !main.join("children").exists() {
        Knowledge::WithoutChildren
    } else {
        Knowledge::All
    }
}

fn add(pid: u32, generations: usize, threads_left: &mut usize, sum: &mut ProcessorTime) {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        if *threads_left == 0 {
            return;
        }
        let Some(time) = of_thread(&thread.path()) else { continue };
        *threads_left -= 1;
        sum.ran_ns += time.ran_ns;
        sum.waited_ns += time.waited_ns;
        sum.is_runnable |= time.is_runnable;
        if generations > 0 {
            for child in children(thread.path()) {
                add(child, generations - 1, threads_left, sum);
            }
        }
    }
}

fn of_thread(path: &Path) -> Option<ProcessorTime> {
    let stat = fs::read_to_string(path.join("stat")).ok()?;
    let schedstat = fs::read_to_string(path.join("schedstat")).ok();
    parse(&stat, schedstat.as_deref())
}

fn children(thread: PathBuf) -> Vec<u32> {
    let text = fs::read_to_string(thread.join("children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// `schedstat` is exact and knows of waits; without it `stat` has the time in hundredths of a
/// second.
fn parse(stat: &str, schedstat: Option<&str>) -> Option<ProcessorTime> {
    // The name may hold anything, brackets too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_runnable = fields.next()? == "R";
    let numbers =
        schedstat.map(|text| text.split_whitespace().map_while(|word| word.parse().ok()).collect::<Vec<u64>>());
    if let Some(&[ran_ns, waited_ns, ..]) = numbers.as_deref() {
        return Some(ProcessorTime { ran_ns, waited_ns, is_runnable });
    }
    let mut times = fields.skip(UTIME_FIELD - 1).map_while(|word| word.parse::<u64>().ok());
    let ran_ns = (times.next()? + times.next()?) * STAT_TICK_NS;
    Some(ProcessorTime { ran_ns, waited_ns: 0, is_runnable })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a (b) c) R 1 4242 4242 0 -1 4194304 100 0 0 0 12 3 0 0 20 0 1 0 100 0 0";

    #[test]
    fn schedstat_counts_and_where_there_is_none_stat_does() {
        let time = |ran_ns, waited_ns| Some(ProcessorTime { ran_ns, waited_ns, is_runnable: true });
        assert_eq!(parse(STAT, Some("1234567 89 7\n")), time(1_234_567, 89));
        assert_eq!(parse(STAT, None), time(150_000_000, 0));
        assert_eq!(parse(STAT, Some("")), time(150_000_000, 0));
        assert_eq!(parse(&STAT.replace(" R ", " T "), None).map(|time| time.is_runnable), Some(false));
        assert_eq!(parse("nonsense", None), None);
    }

    #[test]
    fn a_process_is_read_with_its_threads() {
        let before = processor_time(std::process::id()).expect("a process reads its own times");
        let spin = || {
            let since = std::time::Instant::now();
            let cpu = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_nsec;
            while cpu() < 30_000_000 && since.elapsed().as_secs() < 20 {}
            processor_time(std::process::id()).expect("and again")
        };
        let after = std::thread::spawn(spin).join().expect("no panic");
        assert!(after.is_runnable && after.ran_ns >= before.ran_ns + 25_000_000, "{before:?} {after:?}");
        assert_eq!(processor_time(u32::MAX), None);
    }
}
