//! Starts the tower as the shipped systemd unit does: its `/proc`, its file systems, its limits, its
//! user, its environment and its system-call filter.
//!
//! ```text
//! UNDER_TEST=PROGRAM unit_sandbox ARGUMENT... --config FOLDER/FILE
//! ```
//!
//! The process becomes `PROGRAM ARGUMENT...`. It may write in `FOLDER` and, as a private `/tmp` would
//! be, in nothing else. `WITHOUT_LIMITS` in the environment leaves out `LimitRTPRIO` and `LimitNICE`;
//! `WITHOUT_CALLS` names system calls, with blanks between them, that are not permitted either.
//! An ordinary user gets the same in a user namespace, and the process a number of its own there. For
//! tests only.

use radio_proof::unit::Unit;
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread;
use seccompiler::{apply_filter, compile_from_json};
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, exit};

/// A user as `DynamicUser=` makes them.
const USER: u32 = 61_184;
/// Where systemd has services find programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
/// Says that the namespaces are there.
const INSIDE: &str = "UNIT_SANDBOX_INSIDE";

const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;

fn main() {
    let Err(error) = start();
    eprintln!("unit_sandbox: {error}");
    exit(1);
}

fn start() -> io::Result<std::convert::Infallible> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let program = std::env::var_os("UNDER_TEST").ok_or_else(|| io::Error::other("UNDER_TEST names no program"))?;
    let is_root = rustix::process::geteuid().is_root();
    if std::env::var_os(INSIDE).is_none() {
        let of_a_user = ["--map-current-user", "--keep-caps", "--pid", "--fork", "--kill-child"];
        let mut command = Command::new("unshare");
        command.arg("--mount").args(if is_root { &[][..] } else { &of_a_user });
        return Err(command.arg(std::env::current_exe()?).args(arguments).env(INSIDE, "").exec());
    }
    let config = arguments.iter().skip_while(|argument| *argument != "--config").nth(1);
    let folder = config.and_then(|config| Path::new(config).parent());
    let folder = folder.ok_or_else(|| io::Error::other("no --config"))?;
    let unit = Unit::shipped();
    let filter = filter(&unit)?;
    // By its descriptor: the folders that lead to it may be closed to the unit's user.
    let program = File::open(program)?;
    if is_root {
        give_to_user(folder)?;
    }
    mount_file_systems(folder, is_root)?;
    limit(&unit)?;
    if is_root {
        thread::set_thread_groups(&[])?;
        let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
        thread::set_thread_res_gid(group, group, group)?;
        thread::set_thread_res_uid(user, user, user)?;
    }
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.arg0("tower").args(arguments).env_clear().env("PATH", PATH).current_dir("/");
    command.envs(unit.values("Environment").filter_map(|variable| variable.split_once('=')));
    apply_filter(&filter).map_err(io::Error::other)?;
    Err(command.exec())
}

/// Gives the folder and what is in it to the unit's user.
fn give_to_user(folder: &Path) -> io::Result<()> {
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(USER), Some(USER));
    give(folder)?;
    std::fs::read_dir(folder)?.try_for_each(|entry| give(&entry?.path()))
}

/// `ProtectProc=invisible`, `ProcSubset=pid` and `ProtectSystem=strict`.
fn mount_file_systems(folder: &Path, is_root: bool) -> io::Result<()> {
    let folder = folder.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    mount(&["--make-rprivate", "/"])?;
    mount(&["-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc"])?;
    mount(&["--bind", folder, folder])?;
    // A user namespace may not change what its mounts may do.
    if is_root { mount(&["-o", "remount,bind,ro", "/"]) } else { Ok(()) }
}

fn mount(arguments: &[&str]) -> io::Result<()> {
    let status = Command::new("mount").args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("mount {arguments:?}: {status}"))) }
}

fn limit(unit: &Unit) -> io::Result<()> {
    let limits = |value: i64| Rlimit { current: u64::try_from(value).ok(), maximum: u64::try_from(value).ok() };
    setrlimit(Resource::Nofile, limits(unit.number("LimitNOFILE")))?;
    let (real_time, nice) = match std::env::var_os("WITHOUT_LIMITS") {
        None => (unit.number("LimitRTPRIO"), 20 - unit.number("LimitNICE")),
        Some(_) => (0, 0),
    };
    let with_permission = [(Resource::Rtprio, real_time), (Resource::Nice, nice)];
    // An ordinary user may not raise them, and tests the sandbox without.
    with_permission.into_iter().for_each(|(resource, value)| _ = setrlimit(resource, limits(value)));
    Ok(())
}

/// `SystemCallFilter=`, `RestrictAddressFamilies=` and `MemoryDenyWriteExecute=`; what they do not
/// permit fails with EPERM.
fn filter(unit: &Unit) -> io::Result<seccompiler::BpfProgram> {
    let compile = |rules: &[Value]| {
        let filter =
            json!({ "tower": { "mismatch_action": { "errno": 1 }, "match_action": "allow", "filter": rules } });
        let architecture = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
        compile_from_json(filter.to_string().as_bytes(), architecture).map_err(io::Error::other)
    };
    let argument = |call: &str, index: usize, op: Value, value: u64| json!({ "syscall": call, "args": [{ "index": index, "type": "dword", "op": op, "val": value }] });
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(i64::from).map(i64::unsigned_abs);
    let rules = |call: &String| match call.as_str() {
        "socket" => families.iter().map(|family| argument(call, 0, json!("eq"), *family)).collect(),
        "mmap" => {
            let both = json!({ "masked_eq": PROT_WRITE | PROT_EXEC });
            [0, PROT_WRITE, PROT_EXEC].map(|one| argument(call, 2, both.clone(), one)).to_vec()
        }
        "mprotect" => vec![argument(call, 2, json!({ "masked_eq": PROT_EXEC }), 0)],
        _ => vec![json!({ "syscall": call })],
    };
    let left_out = std::env::var("WITHOUT_CALLS").unwrap_or_default();
    let permitted = unit.permitted_calls();
    let permitted = permitted.iter().filter(|call| !left_out.split(' ').any(|other| other == call.as_str()));
    // systemd lists calls of all machines; those that this one does not have are not known here.
    let known = permitted.map(rules).filter(|rules| compile(rules).is_ok()).flatten().collect::<Vec<_>>();
    compile(&known)?.remove("tower").ok_or_else(|| io::Error::other("no filter"))
}
