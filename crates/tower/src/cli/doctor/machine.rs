//! What the machine permits: priorities, limits, clock, memory.

use super::Finding;
use crate::ear::pressure::group_waited_ms;
use crate::process::open_files::BESIDE_LISTENERS;
use radio_base::child_process::processor::{self, Knowledge};
use radio_base::child_process::spawn;
use radio_config::Config;
use radio_encoder::request_encoder_priority;
use rustix::process::{Resource, getrlimit};
use std::ffi::OsString;

/// The priority that is tried; any real-time priority is above all normal ones.
const REAL_TIME_PRIORITY: i32 = 10;

const MEMORY_MIB_MIN: u64 = 128;
/// What the child may allocate that is tried.
const CHILD_MEMORY_BYTES_MAX: u64 = 256 << 20;
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

pub(super) fn all(config: &Config) -> Vec<Finding> {
    let mut findings = vec![real_time(), encoder_priority()];
    findings.extend(child());
    findings.extend([open_files(config), clock(), memory()]);
    findings
}

fn encoder_priority() -> Finding {
    const CHECK: &str = "encoder priority";
    let remedy = "LimitNICE=-5 in the systemd unit, or `setcap cap_sys_nice+ep` on the executable; without it encoders share \
                  a busy machine with all other programs";
    // On a thread of its own, so that this one stays as it is.
    match std::thread::spawn(request_encoder_priority).join() {
        Ok(Ok(())) => Finding::ok(CHECK, "above other programs"),
        Ok(Err(error)) => Finding::warning(CHECK, format!("that of all programs ({error})"), remedy),
        Err(_) => Finding::warning(CHECK, "could not be tried", remedy),
    }
}

/// What the tower has to know of an encoder, and to do with it, tried with a child that waits for
/// its input.
fn child() -> [Finding; 2] {
    const TIME: &str = "processor time";
    const ORDER: &str = "out of memory";
    let command = ["/proc/self/exe", "encode"].map(OsString::from);
    let mut spawned = match spawn::spawn(&command, &[], CHILD_MEMORY_BYTES_MAX) {
        Ok(spawned) => spawned,
        Err(error) => {
            let remedy = "is /proc mounted, and may programs start others here?";
            return [TIME, ORDER]
                .map(|check| Finding::warning(check, format!("no child can be started: {error}"), remedy));
        }
    };
    let pid = spawned.child.id();
    let findings = [processor_time(TIME, pid), kill_order(ORDER, pid)];
    let _already_gone = spawned.child.kill();
    let _status = spawned.child.wait();
    findings
}

fn processor_time(check: &'static str, pid: u32) -> Finding {
    match processor::knowledge(pid) {
        Knowledge::Nothing => Finding::warning(
            check,
            "cannot be read: an encoder that waits for the processor is replaced like one that hangs",
            "mount /proc where the tower runs, with the tower's own processes in it",
        ),
        Knowledge::WithoutWaits => Finding::warning(
            check,
            "known to a hundredth of a second, and not how long an encoder waits: there is no /proc/PID/schedstat",
            "use a kernel with CONFIG_SCHED_INFO, as those of distributions are",
        ),
        Knowledge::WithoutChildren => Finding::warning(
            check,
            "not known of what an encoder's command starts itself: there is no /proc/PID/task/TID/children",
            "let the command be the encoder itself, or end in `exec`; or use a kernel with CONFIG_PROC_CHILDREN",
        ),
        Knowledge::All if group_waited_ms().is_some() => {
            Finding::ok(check, "can be read of each encoder; the control group's pressure, too")
        }
        Knowledge::All => {
            Finding::ok(check, "can be read of each encoder; the control group's pressure cannot, and is not needed")
        }
    }
}

fn kill_order(check: &'static str, pid: u32) -> Finding {
    let score = |process: &str| -> Option<i32> {
        std::fs::read_to_string(format!("/proc/{process}/oom_score_adj")).ok()?.trim().parse().ok()
    };
    match (score(&pid.to_string()), score("self")) {
        (Some(child), Some(own)) if child > own => Finding::ok(check, "encoders are killed before the tower"),
        _ => Finding::warning(
            check,
            "the tower is as likely to be killed as an encoder: oom_score_adj cannot be written",
            "mount /proc where the tower runs, and let it write /proc/self/oom_score_adj",
        ),
    }
}

fn real_time() -> Finding {
    const CHECK: &str = "real-time priority";
    let remedy = "LimitRTPRIO=20 in the systemd unit, or `setcap cap_sys_nice+ep` on the executable; without it a busy machine \
                  makes ticks late";
    // On a thread of its own, so that this one stays as it is.
    match std::thread::spawn(become_real_time).join() {
        Ok(Ok(())) => Finding::ok(CHECK, "permitted"),
        Ok(Err(error)) => {
            let limit = getrlimit(Resource::Rtprio).current.map_or_else(|| "unlimited".into(), |n| n.to_string());
            Finding::warning(CHECK, format!("not permitted ({error}; RLIMIT_RTPRIO is {limit})"), remedy)
        }
        Err(_) => Finding::warning(CHECK, "could not be tried", remedy),
    }
}

#[allow(unsafe_code, reason = "only libc has `sched_setscheduler`")]
fn become_real_time() -> std::io::Result<()> {
    // SAFETY: `sched_param` is plain integers, for which zero is a value; libc may have fields that we do not know.
    let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
    param.sched_priority = REAL_TIME_PRIORITY;
    // SAFETY: `param` is valid for reads during the call; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn open_files(config: &Config) -> Finding {
    const CHECK: &str = "open files";
    let needed = u64::from(config.server.listeners_max) + BESIDE_LISTENERS + crate::http::tls::files(&config.tls);
    // The tower raises its own limit to what it may have.
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < needed => Finding::warning(
            CHECK,
            format!(
                "at most {limit}, room for {} listeners of server.listeners_max = {}",
                limit.saturating_sub(BESIDE_LISTENERS),
                config.server.listeners_max
            ),
            format!(
                "LimitNOFILE={needed} in the systemd unit, or `ulimit -n {needed}`, or a smaller server.listeners_max"
            ),
        ),
        limit => {
            let limit = limit.map_or_else(|| "without limit".into(), |limit| format!("up to {limit}"));
            Finding::ok(CHECK, format!("{limit}, {needed} needed"))
        }
    }
}

fn clock() -> Finding {
    const CHECK: &str = "clock source";
    match std::fs::read_to_string(CLOCK_SOURCE) {
        Ok(name) => match name.trim() {
            // These cost a system call for every look at the clock, and some of them drift.
            slow @ ("acpi_pm" | "hpet" | "jiffies" | "pit") => Finding::warning(
                CHECK,
                format!("{slow}, which is slow or coarse"),
                "see `dmesg | grep -i tsc` for why the kernel does not trust the better one",
            ),
            name => Finding::ok(CHECK, name),
        },
        Err(error) => Finding::ok(CHECK, format!("unknown here ({error})")),
    }
}

fn memory() -> Finding {
    const CHECK: &str = "memory";
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match available_mib(&text) {
        Some(mib) if mib < MEMORY_MIB_MIN => {
            Finding::warning(CHECK, format!("{mib} MiB available"), format!("make {MEMORY_MIB_MIN} MiB free"))
        }
        Some(mib) => Finding::ok(CHECK, format!("{mib} MiB available")),
        None => Finding::ok(CHECK, "unknown here (no /proc/meminfo)"),
    }
}

fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_mib() {
        assert_eq!(available_mib("MemTotal: 9 kB\nMemAvailable:    2048000 kB\n"), Some(2000));
        assert_eq!(available_mib("nonsense"), None);
    }

    #[test]
    fn a_limit_of_open_files_below_the_listeners_is_a_warning() {
        let mut config = Config::default();
        config.server.listeners_max = 1;
        let few = open_files(&config).verdict;
        config.server.listeners_max = u32::MAX;
        let many = open_files(&config).verdict;
        assert_eq!((few, many), (super::super::Verdict::Ok, super::super::Verdict::Warning));
    }
}
