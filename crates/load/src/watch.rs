//! What the server's process costs: processor time by thread, memory, and what the kernel does for it.

use radio_proof::process;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// A look at the counters.
#[derive(Clone, Debug)]
pub struct Look {
    /// When.
    pub at: Instant,
    /// Processor time of the server's threads by name.
    pub threads: BTreeMap<String, Duration>,
    /// Processor time of all `ksoftirqd`.
    pub ksoftirqd: Duration,
    /// Processor time of this process.
    pub own: Duration,
    /// Time that all processors together were busy, to 10 ms.
    pub machine_busy: Duration,
    /// Resident memory of the server.
    pub rss_bytes: u64,
    /// Memory of all TCP sockets of the machine.
    pub tcp_bytes: u64,
}

impl Look {
    /// Reads all counters.
    #[must_use]
    pub fn now(server: Option<u32>, softirq_threads: &[u32]) -> Self {
        Self {
            at: Instant::now(),
            threads: server.map(thread_times).unwrap_or_default(),
            ksoftirqd: softirq_threads.iter().map(|&pid| process::cpu_time(pid)).sum(),
            own: process::cpu_time(std::process::id()),
            machine_busy: machine_busy(),
            rss_bytes: server.map_or(0, process::rss_bytes),
            tcp_bytes: tcp_bytes(),
        }
    }

    /// Processor time of the server.
    #[must_use]
    pub fn server(&self) -> Duration {
        self.threads.values().sum()
    }
}

/// Processor time of the threads of a process by name; those of the same name are added up.
#[must_use]
pub fn thread_times(pid: u32) -> BTreeMap<String, Duration> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = schedstat.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0);
        *threads.entry(name.trim().to_owned()).or_default() += Duration::from_nanos(nanoseconds);
    }
    threads
}

/// The kernel's threads for interrupts that were put off.
#[must_use]
pub fn softirq_threads() -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ksoftirqd")))
        .collect()
}

/// First line of `/proc/stat`: all but idle and waiting, in hundredths of a second.
#[must_use]
pub fn machine_busy() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let numbers: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let busy: u64 =
        numbers.iter().take(7).enumerate().filter(|(place, _)| ![3, 4].contains(place)).map(|(_, n)| n).sum();
    Duration::from_millis(busy * 10)
}

/// Pages of TCP memory in `/proc/net/sockstat`, in bytes.
#[must_use]
pub fn tcp_bytes() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages = line.split_whitespace().skip_while(|&word| word != "mem").nth(1);
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_with_its_name() {
        let before = Look::now(Some(std::process::id()), &[]);
        std::thread::Builder::new()
            .name("worker-of-test".into())
            .spawn(|| {
                let until = Instant::now() + Duration::from_millis(50);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                let during = Look::now(Some(std::process::id()), &[]);
                assert!(during.threads["worker-of-test"] > Duration::from_millis(5));
            })
            .expect("a thread")
            .join()
            .expect("it worked");
        let after = Look::now(Some(std::process::id()), &[]);
        assert!(after.at > before.at && after.rss_bytes > 100_000);
    }
}
