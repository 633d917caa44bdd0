//! The Unix sockets of the tower: bound once, replaced when stale, refused when in use, put back
//! when their file is removed (SPEC IN-1).

use anyhow::Context;
use radio_base::journal::event::Event;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a socket looks whether its file is still there.
const LOOK: Duration = Duration::from_secs(1);

/// A bound Unix socket whose file goes when this goes.
#[derive(Debug)]
pub struct PcmSocket {
    listener: UnixListener,
    file: Option<Arc<SocketFile>>,
}

/// The name of a socket in the file system.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    mode: u32,
    /// Device and inode, by which another program's file in its place is told from it.
    bound: Mutex<(u64, u64)>,
}

/// What is found at the path of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Ours,
    Nothing,
    /// Another program's file.
    Another,
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
        let (listener, identity) = create(path, mode)?;
        let file = SocketFile { path: path.to_owned(), mode, bound: Mutex::new(identity) };
        Ok(Self { listener, file: Some(Arc::new(file)) })
    }

    /// Uses a socket that the service manager bound, and that it will remove.
    #[must_use]
    pub const fn passed(listener: UnixListener) -> Self {
        Self { listener, file: None }
    }

    /// Where its file is, if that is ours.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// What accepts its connections, for tokio.
    ///
    /// # Errors
    /// As [`UnixListener::try_clone`].
    pub fn acceptor(&self) -> std::io::Result<Acceptor> {
        let listener = for_tokio(self.listener.try_clone()?)?;
        Ok(Acceptor { listener, file: self.file.clone(), seen: Found::Ours })
    }
}

impl Drop for PcmSocket {
    fn drop(&mut self) {
        if let Some(file) = self.file.as_ref().filter(|file| file.find() == Found::Ours) {
            let _ = std::fs::remove_file(&file.path);
        }
    }
}

impl SocketFile {
    fn find(&self) -> Found {
        match std::fs::symlink_metadata(&self.path) {
            Ok(meta) if identity(&meta) == *self.bound.lock().unwrap_or_else(PoisonError::into_inner) => Found::Ours,
            Err(error) if error.kind() == ErrorKind::NotFound => Found::Nothing,
            // What cannot be looked at is not replaced.
            Ok(_) | Err(_) => Found::Another,
        }
    }

    fn put_back(&self) -> anyhow::Result<tokio::net::UnixListener> {
        let (listener, identity) = create(&self.path, self.mode)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(for_tokio(listener)?)
    }
}

/// Accepts connections of a socket, and puts its file back if that is removed.
#[derive(Debug)]
pub struct Acceptor {
    listener: tokio::net::UnixListener,
    file: Option<Arc<SocketFile>>,
    /// What was found last, so that each change is told once.
    seen: Found,
}

impl Acceptor {
    /// The next connection. What happens to the socket's file meanwhile goes to `note`.
    ///
    /// # Errors
    /// As [`tokio::net::UnixListener::accept`].
    pub async fn accept(&mut self, note: impl Fn(Event)) -> std::io::Result<tokio::net::UnixStream> {
        loop {
            match tokio::time::timeout(LOOK, self.listener.accept()).await {
                Ok(accepted) => return accepted.map(|(stream, _)| stream),
                Err(_) => {
                    if let Some(event) = self.look() {
                        note(event);
                    }
                }
            }
        }
    }

    /// Looks at the file, puts it back if it is gone, and says what is new.
    fn look(&mut self) -> Option<Event> {
        let file = self.file.as_ref()?;
        let (found, path) = (file.find(), file.path.display().to_string());
        let is_new = found != std::mem::replace(&mut self.seen, found);
        match found {
            Found::Ours => None,
            Found::Another => is_new.then_some(Event::SocketReplaced { path }),
            Found::Nothing => match file.put_back() {
                Ok(listener) => {
                    (self.listener, self.seen) = (listener, Found::Ours);
                    Some(Event::SocketPutBack { path })
                }
                Err(error) => is_new.then(|| Event::SocketGone { path, error: format!("{error:#}") }),
            },
        }
    }
}

fn create(path: &Path, mode: u32) -> anyhow::Result<(UnixListener, (u64, u64))> {
    let listener = UnixListener::bind(path).with_context(|| {
        format!("cannot create the socket {}: is its folder there, and may this user write to it?", path.display())
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    let meta = std::fs::symlink_metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    Ok((listener, identity(&meta)))
}

fn identity(file: &std::fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn for_tokio(listener: UnixListener) -> std::io::Result<tokio::net::UnixListener> {
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
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

    #[tokio::test]
    async fn a_removed_file_is_put_back_and_one_of_another_program_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pcm.sock");
        let socket = PcmSocket::bind(&path, 0o640).unwrap();
        let mut acceptor = socket.acceptor().unwrap();
        assert_eq!(acceptor.look(), None);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(acceptor.look(), Some(Event::SocketPutBack { .. })));
        assert_eq!((acceptor.look(), acceptor.seen), (None, Found::Ours));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let _client = UnixStream::connect(&path).unwrap();
        acceptor.listener.accept().await.unwrap();

        std::fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        assert!(matches!(acceptor.look(), Some(Event::SocketReplaced { .. })));
        assert_eq!(acceptor.look(), None, "it is told once");
        drop(socket);
        assert!(path.exists(), "what another program has put there is its own");
    }

    #[tokio::test]
    async fn a_file_whose_folder_is_gone_is_put_back_when_that_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/pcm.sock");
        std::fs::create_dir(dir.path().join("run")).unwrap();
        let socket = PcmSocket::bind(&path, 0o660).unwrap();
        let mut acceptor = socket.acceptor().unwrap();
        std::fs::remove_dir_all(dir.path().join("run")).unwrap();
        assert!(matches!(acceptor.look(), Some(Event::SocketGone { .. })));
        assert_eq!(acceptor.look(), None, "it is told once");
        std::fs::create_dir(dir.path().join("run")).unwrap();
        assert!(matches!(acceptor.look(), Some(Event::SocketPutBack { .. })));
        drop(socket);
        assert!(!path.exists());
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
