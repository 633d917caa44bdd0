//! The Unix sockets of the tower: bound once, replaced when stale, refused when in use (SPEC IN-1).

use anyhow::Context;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A bound Unix socket whose file goes when this goes.
#[derive(Debug)]
pub struct PcmSocket {
    listener: UnixListener,
    path: Option<PathBuf>,
}

impl PcmSocket {
    /// Mode of a socket for PCM: its producer may be of another user in the same group (SPEC IN-1).
    pub const PCM_MODE: u32 = 0o660;

    /// Binds `path` with file mode `mode`. A file left by a tower that is gone is replaced.
    ///
    /// # Errors
    /// The path is in use by a living process, is no socket, or cannot be created; each names the remedy.
    pub fn bind(path: &Path, mode: u32) -> anyhow::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path).with_context(|| {
            format!("cannot create the socket {}: is its folder there, and may this user write to it?", path.display())
        })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
        Ok(Self { listener, path: Some(path.to_owned()) })
    }

    /// Uses a socket that the service manager bound, and that it will remove.
    #[must_use]
    pub const fn passed(listener: UnixListener) -> Self {
        Self { listener, path: None }
    }

    /// Where its file is, if that is ours.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The socket for tokio.
    ///
    /// # Errors
    /// As [`UnixListener::try_clone`].
    pub fn listener(&self) -> std::io::Result<tokio::net::UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }
}

impl Drop for PcmSocket {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match UnixStream::connect(path) {
        Ok(_) => anyhow::bail!(
            "the socket {} is in use by another process: stop that tower, or give this one another path",
            path.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            use std::os::unix::fs::FileTypeExt;
            let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
            anyhow::ensure!(
                is_socket,
                "{} is there and is not a socket: move it away, or choose another path",
                path.display()
            );
            std::fs::remove_file(path).with_context(|| format!("cannot remove the stale socket {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot use {} as a socket", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_one_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pcm.sock");
        drop(UnixListener::bind(&path).unwrap()); // leaves the file, as a killed process does
        let socket = PcmSocket::bind(&path, 0o660).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let refused = PcmSocket::bind(&path, 0o660).unwrap_err().to_string();
        assert!(refused.contains("in use by another process"), "{refused}");
        drop(socket);
        assert!(!path.exists(), "the file goes with the socket");
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let refused = PcmSocket::bind(&path, 0o660).unwrap_err().to_string();
        assert!(refused.contains("is not a socket"), "{refused}");
        assert!(path.exists());
    }
}
