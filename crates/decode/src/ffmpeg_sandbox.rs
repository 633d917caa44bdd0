//! FFmpeg inside a sandbox that is closed before it begins, as it cannot close one itself.
//!
//! It may read its libraries, the one file that it decodes, what `/proc/self` and
//! `/sys/devices/system` say, and nothing else; it may open no socket. What the sandbox needs is
//! done by the tower's own executable, which then becomes FFmpeg.

use super::sandbox;
use crate::media::demuxer::Demuxer;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::process::Resource;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where libraries and what they read are; what is not there is left out.
const READABLE: [&str; 13] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/proc/self",
    "/sys/devices/system",
];
/// The Landlock rights that are taken away; a kernel that knows fewer takes those.
const LANDLOCK: ABI = ABI::V6;
/// Files that it may hold: libraries are open only while they are mapped.
const FILES_MAX: u64 = 64;

/// System calls that reading a file or a pipe never needs. An allowlist, as for the tower's own
/// decoders, would have to follow every library of every FFmpeg.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_kill,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];
/// Calls that are refused where they are about another process than the caller.
const REFUSED_OF_OTHERS: &[libc::c_long] = &[
    libc::SYS_prlimit64,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
];

/// Commands of `fcntl` by which a signal is sent, from Linux's `fcntl.h`.
const F_SETSIG: libc::c_int = 10;
const F_SETOWN_EX: libc::c_int = 15;

/// Becomes FFmpeg, which decodes standard input to PCM on standard output as `tower decode` does.
/// A `seekable` input is a file.
///
/// # Errors
/// It cannot be started; or a file is to be read and the kernel has no Landlock, without which FFmpeg
/// could open others.
pub fn become_ffmpeg(ffmpeg: &Path, demuxer: Demuxer, is_seekable: bool) -> io::Result<()> {
    let program = resolved(ffmpeg).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "FFmpeg is not installed"))?;
    let input = io::stdin();
    // A script needs a shell and whatever it calls. What it reads from a pipe it may go on reading.
    let is_closed = is_seekable || !is_script(&program);
    let is_closed = is_closed && close(&program, is_seekable.then(|| input.as_fd()));
    if is_seekable && !is_closed {
        let reason = "FFmpeg reads files only where the kernel has Landlock (5.13 or newer) and seccomp";
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    let mut command = Command::new(program);
    command.args("-nostdin -hide_banner -loglevel error -threads 1 -protocol_whitelist".split(' '));
    if is_seekable {
        command.args(["file", "-f", demuxer.name(), "-i", "/proc/self/fd/0"]);
    } else {
        // The least it must see before it begins, and nothing kept back: the first PCM comes after
        // 0.1 s instead of 2.4 s.
        command.args("pipe -fflags nobuffer -probesize 32 -analyzeduration 0 -f".split(' '));
        command.args([demuxer.name(), "-i", "pipe:0"]);
    }
    command.args("-map 0:a:0 -f f32le -ar 48000 -ac 2 pipe:1".split(' '));
    Err(command.exec())
}

fn is_script(program: &Path) -> bool {
    let mut first = [0; 2];
    std::fs::File::open(program).is_ok_and(|mut file| file.read_exact(&mut first).is_ok()) && &first == b"#!"
}

/// The file of a program that is named as a shell would name it.
#[must_use]
pub fn resolved(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.canonicalize().ok();
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .find_map(|folder| folder.join(program).canonicalize().ok().filter(|it| it.is_file()))
}

/// Closes the sandbox; whether all of it is closed.
fn close(program: &Path, file: Option<BorrowedFd<'_>>) -> bool {
    for (resource, max) in [(Resource::Nofile, FILES_MAX), (Resource::Core, 0), (Resource::Fsize, 0)] {
        sandbox::set_limit(resource, max);
    }
    let _ = rustix::thread::set_no_new_privs(true);
    let has_landlock = landlock(program, file).is_ok_and(|status| status != RulesetStatus::NotEnforced);
    has_landlock & filter().is_ok_and(|filter| seccompiler::apply_filter(&filter).is_ok())
}

fn landlock(program: &Path, file: Option<BorrowedFd<'_>>) -> Result<RulesetStatus, RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::from_read(LANDLOCK);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    // One that is installed by itself, as under /opt, has its libraries beside it.
    let beside = program
        .parent()
        .and_then(Path::parent)
        .into_iter()
        .flat_map(|folder| [folder.join("lib"), folder.join("lib64")]);
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|path| path.is_absolute());
    let readable = READABLE.map(PathBuf::from).into_iter().chain([program.to_owned()]).chain(beside).chain(named);
    for path in readable {
        rules = permit(rules, &path, read)?;
    }
    rules = permit(rules, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
    if let Some(file) = file.filter(|_| !is_in_memory()) {
        rules = rules.add_rule(PathBeneath::new(file, AccessFs::ReadFile))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// Whether standard input is a file in memory, which needs no right and for which none can be given.
fn is_in_memory() -> bool {
    std::fs::read_link("/proc/self/fd/0").is_ok_and(|name| name.to_string_lossy().starts_with("/memfd:"))
}

fn permit(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else { return Ok(rules) };
    // Of a file, only the rights to files.
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(LANDLOCK) };
    rules.add_rule(PathBeneath::new(place, rights))
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: Vec<(libc::c_long, Vec<SeccompRule>)> = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let first_is_not = |value: u64| {
        let is_another = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)?;
        Ok::<_, seccompiler::BackendError>(vec![SeccompRule::new(vec![is_another])?])
    };
    for &call in REFUSED_OF_OTHERS {
        rules.push((call, first_is_not(0)?));
    }
    // The number stays what it is when this process becomes FFmpeg.
    rules.push((libc::SYS_tgkill, first_is_not(u64::from(std::process::id()))?));
    let of_signals = [libc::F_SETOWN, F_SETSIG, F_SETOWN_EX].into_iter().map(|command| {
        let is_it = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, command as u64)?;
        SeccompRule::new(vec![is_it])
    });
    rules.push((libc::SYS_fcntl, of_signals.collect::<Result<_, _>>()?));
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, refused, architecture)?;
    Ok([without_x32(), filter.try_into()?].concat())
}

/// The same calls have other numbers in the x32 ABI, which some kernels of x86-64 answer too: none of those is let through.
fn without_x32() -> BpfProgram {
    if !cfg!(target_arch = "x86_64") {
        return Vec::new();
    }
    const X32: u32 = 0x4000_0000;
    let step = |code: u32, k: u32, jump_unless: u8| sock_filter { code: code as u16, jt: 0, jf: jump_unless, k };
    vec![
        // The number of the call is the first field of what is judged.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, X32, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0),
    ]
}
