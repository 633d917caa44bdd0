//! What the tower opens: port, sockets, directories.

use super::{Finding, listening};
use crate::cli::status;
use radio_config::{Config, StationAccess, admin_socket_path, runtime_dir, state_dir, station_socket_path};
use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

pub(super) fn all(config: &Config) -> Vec<Finding> {
    let running = is_running(config);
    let mut findings = Vec::new();
    if config.station.socket.as_os_str().is_empty() || config.server.admin_socket.as_os_str().is_empty() {
        findings.push(match runtime_dir() {
            Ok(folder) => writable("runtime directory", &folder),
            Err(error) => Finding::problem(
                "runtime directory",
                error.to_string(),
                "do that, or name the sockets in the configuration",
            ),
        });
    }
    findings.push(port(config, running));
    if let Ok(path) = station_socket_path(config) {
        findings.push(station_socket(&path, running));
    }
    findings.push(station_interface(config));
    findings.push(state_directory(state_dir(config).as_deref()));
    findings
}

/// Whether a tower with this configuration is on air already.
fn is_running(config: &Config) -> bool {
    admin_socket_path(config, config.server.port).is_ok_and(|socket| status::get(&socket, "/status").is_ok())
}

fn port(config: &Config, running: bool) -> Finding {
    const CHECK: &str = "port";
    let address = (config.server.host, config.server.port);
    let shown = std::net::SocketAddr::from(address);
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(CHECK, format!("{shown} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && running => {
            Finding::ok(CHECK, format!("{shown} is in use by a running tower"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::problem(
            CHECK,
            format!("{shown} is in use by another program"),
            format!("`ss -ltnp 'sport = :{}'` shows which; stop it, or set server.port", config.server.port),
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Finding::problem(
            CHECK,
            format!("{shown}: {error}"),
            "ports below 1024 want AmbientCapabilities=CAP_NET_BIND_SERVICE; or choose another",
        ),
        Err(error) => {
            Finding::problem(CHECK, format!("{shown}: {error}"), "set server.host to an address of this machine")
        }
    }
}

fn station_socket(path: &Path, running: bool) -> Finding {
    const CHECK: &str = "station socket";
    let shown = path.display();
    match UnixStream::connect(path) {
        Ok(_) if running => Finding::ok(CHECK, format!("{shown} is in use by a running tower")),
        Ok(_) => {
            Finding::problem(CHECK, format!("{shown} is in use by another program"), "stop it, or set station.socket")
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused if is_socket(path) => {
                Finding::ok(CHECK, format!("{shown} is stale, and will be replaced"))
            }
            ErrorKind::NotFound => writable(CHECK, path.parent().unwrap_or(Path::new("/"))),
            ErrorKind::ConnectionRefused => {
                Finding::problem(CHECK, format!("{shown} is not a socket"), "set station.socket to another path")
            }
            _ => Finding::problem(
                CHECK,
                format!("{shown}: {error}"),
                "set station.socket to a path that this user may write",
            ),
        },
    }
}

/// The station's part of the port, which serves few where it has no password.
fn station_interface(config: &Config) -> Finding {
    const CHECK: &str = "station interface";
    let access = StationAccess::of(config, &listening::addresses(config));
    let judged_by = match listening::are_visible() {
        true => "",
        false => {
            ", as far as the configuration says: a port that systemd opens is not seen here, where there is no /proc/net/tcp"
        }
    };
    match (access.warning(), access) {
        (Some((found, remedy)), _) => Finding::warning(CHECK, found, remedy),
        (None, StationAccess::Password) => Finding::ok(CHECK, "has a password"),
        (None, _) => Finding::ok(CHECK, format!("open to this machine only{judged_by}")),
    }
}

/// Where the tower keeps what outlives a restart.
fn state_directory(folder: Option<&Path>) -> Finding {
    const CHECK: &str = "state directory";
    let Some(folder) = folder else {
        return Finding::ok(CHECK, "none: nothing is kept across restarts; server.state_dir names one");
    };
    match folder.metadata() {
        Ok(found) if found.is_dir() && found.permissions().mode() & 0o077 != 0 => Finding::warning(
            CHECK,
            format!("{} can be read or written by others", folder.display()),
            format!("chmod 700 {}", folder.display()),
        ),
        Ok(found) if found.is_dir() => writable(CHECK, folder),
        Ok(_) => Finding::problem(CHECK, format!("{} is not a directory", folder.display()), "set server.state_dir"),
        // The tower makes it.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = folder.ancestors().skip(1).find(|parent| parent.is_dir()).unwrap_or(Path::new("/"));
            writable(CHECK, parent)
        }
        Err(error) => {
            Finding::problem(CHECK, format!("{}: {error}", folder.display()), "set server.state_dir to another path")
        }
    }
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

fn writable(check: &'static str, folder: &Path) -> Finding {
    // A relative socket's folder is the current one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let probe = folder.join(format!(".tower-doctor-{}", std::process::id()));
    let created = File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
    match created {
        Ok(()) => Finding::ok(check, format!("{} can be written to", folder.display())),
        Err(error) => Finding::problem(
            check,
            format!("{}: {error}", folder.display()),
            "make it writable for this user, or name another",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_port_in_use_is_a_problem_unless_a_tower_has_it() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.server.port = other.local_addr().unwrap().port();
        assert_eq!(port(&config, false).verdict, Verdict::Problem);
        assert_eq!(port(&config, true).verdict, Verdict::Ok);
        config.server.port = 0;
        assert_eq!(port(&config, false).verdict, Verdict::Ok);
    }

    #[test]
    fn a_station_without_a_password_is_a_warning_where_others_reach_it() {
        let mut config = Config::default();
        assert_eq!(station_interface(&config).verdict, Verdict::Ok);
        config.server.host = [0, 0, 0, 0].into();
        let finding = station_interface(&config);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.remedy.is_some_and(|remedy| remedy.starts_with("set station.password")));
        config.station.password = "hush".into();
        assert_eq!(station_interface(&config).verdict, Verdict::Ok);
    }

    #[test]
    fn a_stale_socket_is_well_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pcm.sock");
        assert_eq!(station_socket(&path, false).verdict, Verdict::Ok);
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(station_socket(&path, false).verdict, Verdict::Problem);
        drop(listener);
        let stale = station_socket(&path, false);
        assert!(stale.verdict == Verdict::Ok && stale.found.contains("stale"), "{stale:?}");
        assert_eq!(station_socket(Path::new("/nowhere/pcm.sock"), false).verdict, Verdict::Problem);
    }

    #[test]
    fn a_state_directory_is_there_or_can_be_made_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        assert_eq!(state_directory(None).verdict, Verdict::Ok);
        assert_eq!(state_directory(Some(&state)).verdict, Verdict::Ok);
        assert!(!state.exists());
        std::fs::create_dir_all(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(state_directory(Some(&state)).verdict, Verdict::Warning);
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(state_directory(Some(&state)).verdict, Verdict::Ok);
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert_eq!(state_directory(Some(&file)).verdict, Verdict::Problem);
    }
}
