//! The runtime directory: where sockets live when the configuration does not say where.

use super::schema::Config;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The per-user runtime directory, made if it is not there (mode 0700) and checked to be nobody else's.
///
/// systemd's `$RUNTIME_DIRECTORY` if set, else `$XDG_RUNTIME_DIR/radio-tower`, else for root `/run/radio-tower`, else
/// `/tmp/radio-tower-UID`.
///
/// # Errors
/// If it cannot be made, or is not a directory, or others could write to it; the message names the remedy.
pub fn runtime_dir() -> io::Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let path = choose(std::env::var_os("RUNTIME_DIRECTORY"), std::env::var_os("XDG_RUNTIME_DIR"), uid);
    claim(&path, uid)?;
    Ok(path)
}

/// Where the tower keeps what outlives a restart; `None`: nothing is kept.
#[must_use]
pub fn state_dir(config: &Config) -> Option<PathBuf> {
    let configured = Some(config.server.state_dir.clone()).filter(|path| !path.as_os_str().is_empty());
    configured.or_else(|| first_of(std::env::var_os("STATE_DIRECTORY")))
}

/// systemd gives several directories with colons between them; the first is ours.
fn first_of(directories: Option<OsString>) -> Option<PathBuf> {
    directories
        .and_then(|list| Some(PathBuf::from(list.to_str()?.split(':').next()?)))
        .filter(|path| path.is_absolute())
}

/// Where the PCM socket is when the configuration does not say: `pcm.sock` in the runtime directory.
///
/// # Errors
/// As [`runtime_dir`].
pub fn default_station_socket() -> io::Result<PathBuf> {
    Ok(runtime_dir()?.join("pcm.sock"))
}

/// Where the PCM socket is.
///
/// # Errors
/// As [`runtime_dir`], if the configuration does not say.
pub fn station_socket_path(config: &Config) -> io::Result<PathBuf> {
    if config.station.socket.as_os_str().is_empty() {
        default_station_socket()
    } else {
        Ok(config.station.socket.clone())
    }
}

/// Where the socket for the command line is, of the tower that listens on `port`.
///
/// # Errors
/// As [`runtime_dir`], if the configuration does not say.
pub fn admin_socket_path(config: &Config, port: u16) -> io::Result<PathBuf> {
    let configured = &config.server.admin_socket;
    if configured.as_os_str().is_empty() {
        Ok(runtime_dir()?.join(format!("tower-{port}.sock")))
    } else {
        Ok(configured.clone())
    }
}

fn choose(systemd: Option<OsString>, xdg: Option<OsString>, uid: u32) -> PathBuf {
    let systemd = first_of(systemd);
    let xdg = xdg.map(|dir| Path::new(&dir).join("radio-tower"));
    let absolute = systemd.into_iter().chain(xdg).find(|path| path.is_absolute());
    absolute.unwrap_or_else(
        || {
            if uid == 0 { "/run/radio-tower".into() } else { format!("/tmp/radio-tower-{uid}").into() }
        },
    )
}

fn claim(path: &Path, uid: u32) -> io::Result<()> {
    let refuse = |what: &str, remedy: &str| {
        Err(io::Error::other(format!("runtime directory {} {what}; {remedy}", path.display())))
    };
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return refuse(
                &format!("cannot be made ({error})"),
                "set XDG_RUNTIME_DIR, or station.socket and server.admin_socket",
            );
        }
    }
    // Not following links: in /tmp anybody could have put one here.
    let found = std::fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return refuse("is not a directory", "take it away");
    }
    // Root uses the directory of a service that runs as another user, and trusts /run.
    if found.uid() != uid && uid != 0 {
        return refuse("belongs to another user", "set XDG_RUNTIME_DIR to a directory of your own");
    }
    if found.permissions().mode() & 0o022 != 0 {
        return refuse("can be written to by others", "chmod 700 it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_absolute_answer_counts() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(choose(some("/run/tower:/run/b"), some("/run/user/7"), 7), Path::new("/run/tower"));
        assert_eq!(choose(None, some("/run/user/7"), 7), Path::new("/run/user/7/radio-tower"));
        assert_eq!(choose(None, some("relative"), 7), Path::new("/tmp/radio-tower-7"));
        assert_eq!(choose(None, None, 0), Path::new("/run/radio-tower"));
    }

    #[test]
    fn a_directory_is_made_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("radio-tower");
        let uid = rustix::process::geteuid().as_raw();
        claim(&path, uid).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        claim(&path, uid).unwrap();
    }

    #[test]
    fn a_directory_of_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let open = parent.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(claim(&open, uid).unwrap_err().to_string().contains("chmod 700"));
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(claim(&link, uid).unwrap_err().to_string().contains("not a directory"));
        let theirs = parent.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        assert!(claim(&theirs, uid + 1).unwrap_err().to_string().contains("another user"));
    }
}
