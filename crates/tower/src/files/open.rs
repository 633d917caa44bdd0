//! Opens files, and knows them again.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// By what a file that has changed is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
}

/// Whether an error says that a file is not there, or that the disk is not: one of the network that was
/// taken away has many words for that.
pub(super) fn is_of_the_disk(error: &io::Error) -> bool {
    const ERRORS: [Errno; 11] = [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::STALE,
        Errno::IO,
        Errno::NOTCONN,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::TIMEDOUT,
        Errno::NODEV,
        Errno::NXIO,
        Errno::CONNABORTED,
    ];
    ERRORS.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// What is not there is no error.
pub(super) fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// By what the file at `path` is known now.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    open(path).ok().map(|(_, stamp)| stamp)
}

impl Stamp {
    /// Bytes, and the time of the last change in ns since 1970; 0 if that is unknown.
    pub(super) fn numbers(self) -> (u64, u64) {
        let since = self.modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
        (self.bytes, since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default())
    }

    pub(super) fn of_numbers(bytes: u64, modified_ns: u64) -> Self {
        let modified = (modified_ns > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_nanos(modified_ns));
        Self { bytes, modified }
    }
}

/// Opens a regular file, and waits for nothing that is none.
pub(super) fn open(path: &Path) -> io::Result<(OwnedFd, Stamp)> {
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok((file.into(), Stamp { bytes: metadata.len(), modified: metadata.modified().ok() }))
}
