//! What `/proc` says of a process, and signals to it.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::Duration;

/// Sends `signal` to a process that the test itself started (or its child). False: it is gone.
pub fn signal(pid: u32, signal: Signal) -> bool {
    Pid::from_raw(pid.cast_signed()).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Whether the process exists and is not a zombie.
#[must_use]
pub fn alive(pid: u32) -> bool {
    stat_fields(pid).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

/// Fields of `/proc/PID/stat` from the third (state) on; the name before them may hold spaces.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.get(stat.rfind(')')? + 1..)?;
    Some(after_name.split_whitespace().map(str::to_owned).collect())
}

/// Children of a process, zombies included.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let wanted = pid.to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&child| stat_fields(child).is_some_and(|fields| fields[1] == wanted))
        .collect()
}

/// The process below `ancestor`, or `ancestor` itself, that knows itself as number `inner`: another
/// number where it has a namespace of its own.
#[must_use]
pub fn known_as(inner: u32, ancestor: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{ancestor}/status")).ok()?;
    let own = status.lines().find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().last()?.parse().ok());
    if own == Some(inner) {
        Some(ancestor)
    } else {
        children(ancestor).into_iter().find_map(|child| known_as(inner, child))
    }
}

/// Command line of a process, arguments separated by spaces.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&raw).replace('\0', " ").trim_end().to_owned()
}

/// Processor time of all living threads of a process, to the nanosecond.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    let nanoseconds = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanoseconds)
}

/// Resident memory of a process in bytes.
#[must_use]
pub fn rss_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Proportional memory (PSS) of a process in bytes: pages that processes share are divided among them.
#[must_use]
pub fn pss_bytes(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Children of a process, their children, and so on; zombies included.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

/// Open descriptors of a process.
#[must_use]
pub fn open_fds(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Load of the machine over the last minute.
#[must_use]
pub fn machine_load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_is_seen_measured_and_killed() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep is part of every system");
        assert!(children(std::process::id()).contains(&child.id()));
        assert!(alive(child.id()));
        let own = std::process::id();
        assert!(rss_bytes(own) > 100_000);
        assert!((100_000..=rss_bytes(own) + 100_000).contains(&pss_bytes(own)), "PSS is a part of RSS");
        assert!(descendants(own).contains(&child.id()));
        assert_eq!(known_as(child.id(), std::process::id()), Some(child.id()));
        assert_eq!(known_as(1, std::process::id()), None);
        assert!(signal(child.id(), Signal::KILL));
        child.wait().expect("our own child");
        assert!(!alive(child.id()));
    }
}
