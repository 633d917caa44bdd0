//! The sandbox of a decoder process. The process closes it itself, before the first foreign byte,
//! and cannot open it again.
//!
//! Three parts, each of which works without the others: resource limits; Landlock, by which no path
//! can be opened and no port reached; seccomp, by which only the system calls of decoding are left.
//! A kernel without one of them costs that part, which the tower's alarm names.

use super::protocol::Sandboxed;
use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Files that a decoder process may hold: its own five, two files, and some in passing.
const FILES_MAX: u64 = 32;
/// The Landlock rights that are taken away; a kernel that knows fewer takes those.
const LANDLOCK: ABI = ABI::V6;

/// System calls that decoding needs, beside those with conditions.
const ALLOWED: &[libc::c_long] = &[
    // Bytes in and out of descriptors that are there.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_shutdown,
    libc::SYS_ppoll,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_fadvise64,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Time, chance, locks, and the end.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Closes the sandbox as far as this kernel can, and says which parts of it are closed.
pub fn enter(memory_bytes_max: u64) -> Sandboxed {
    let limits = limit(memory_bytes_max);
    Sandboxed { limits, landlock: landlock(), seccomp: seccomp() }
}

fn limit(memory_bytes_max: u64) -> bool {
    let limits =
        [(Resource::Data, memory_bytes_max), (Resource::Nofile, FILES_MAX), (Resource::Core, 0), (Resource::Fsize, 0)];
    let is_set = limits.into_iter().all(|(resource, max)| set_limit(resource, max));
    is_set && rustix::thread::set_no_new_privs(true).is_ok()
}

/// Sets a limit; one that is lower already stays so.
pub(super) fn set_limit(resource: Resource, max: u64) -> bool {
    let max = rustix::process::getrlimit(resource).maximum.map_or(max, |before| before.min(max));
    rustix::process::setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) }).is_ok()
}

/// Takes every right to a path, to TCP, to abstract sockets and to signals.
fn landlock() -> bool {
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .restrict_self()
    };
    restrict().is_ok_and(|status: landlock::RestrictionStatus| status.ruleset != RulesetStatus::NotEnforced)
}

/// Every other system call fails with `EPERM`: a library that asks for more goes on without it.
fn seccomp() -> bool {
    filter().is_ok_and(|filter| seccompiler::apply_filter(&filter).is_ok())
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: Vec<(libc::c_long, Vec<SeccompRule>)> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    // Memory that can be executed is never asked for.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let executable = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
        let is_data = SeccompCondition::new(2, SeccompCmpArgLen::Dword, executable, 0)?;
        rules.push((call, vec![SeccompRule::new(vec![is_data])?]));
    }
    // No signal to another process, whatever Landlock's version.
    let own_pid = u64::from(std::process::id());
    let is_own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own_pid)?;
    rules.push((libc::SYS_tgkill, vec![SeccompRule::new(vec![is_own])?]));
    let harmless = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD, libc::F_DUPFD_CLOEXEC];
    let of_fcntl = harmless.into_iter().map(|command| {
        let is_it = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, command as u64)?;
        SeccompRule::new(vec![is_it])
    });
    rules.push((libc::SYS_fcntl, of_fcntl.collect::<Result<_, _>>()?));
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_poll, Vec::new()));
    let architecture = std::env::consts::ARCH.try_into()?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules.into_iter().collect(), refused, SeccompAction::Allow, architecture)?.try_into()
}
