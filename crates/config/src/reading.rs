//! Reads a configuration file whole: once at the start, and again for a reload, where a file that
//! blocks, is empty or is being written must not be taken for a configuration.

use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Times that a file is read again because it changes meanwhile, or is empty for a moment.
const ATTEMPTS_MAX: u32 = 10;
/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(50);
/// What is no regular file, such as a pipe, must have given everything within this time.
const PIPE_TIME_MAX: Duration = Duration::from_secs(5);
/// How often a pipe without data is looked at.
const PIPE_PAUSE: Duration = Duration::from_millis(20);

const EMPTY: &str = "is empty: save it again; with a comment in it, it stands for all defaults";
const CHANGES: &str = "changes while it is read: save it, then reload again";

/// Reads the file as it is, however long that takes.
pub(super) fn at_start(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot be read: {error}; give another file by --config, or none"))?;
    bounded(bytes)
}

/// Reads the file once it stays the same for as long as that takes, without ever waiting for
/// another program to write it.
pub(super) fn again(path: &Path) -> Result<Vec<u8>, String> {
    let mut why = CHANGES;
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let unreadable = |error: std::io::Error| format!("cannot be read: {error}; nothing is changed");
        let options = OFlags::NONBLOCK.bits().cast_signed();
        let mut file = OpenOptions::new().read(true).custom_flags(options).open(path).map_err(unreadable)?;
        let before = file.metadata().map_err(unreadable)?;
        if !before.is_file() {
            return from_pipe(&mut file);
        }
        let mut bytes = Vec::new();
        (&mut file).take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        // By its path: another may have been put in its place.
        let is_same = std::fs::metadata(path).is_ok_and(|after| stamp(&after) == stamp(&before));
        // Clocks of file systems are coarse: what has been written a moment ago may be written
        // again unnoticed.
        let age = before.modified().ok().and_then(|at| at.elapsed().ok());
        let is_settled = is_same && age.is_none_or(|age| age >= PAUSE);
        if is_settled && !bytes.trim_ascii().is_empty() {
            return bounded(bytes);
        }
        why = if is_settled { EMPTY } else { CHANGES };
    }
    Err(why.into())
}

/// By this a file that has been written to is told from one that has not.
fn stamp(file: &Metadata) -> impl PartialEq + use<> {
    (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec())
}

fn from_pipe(file: &mut File) -> Result<Vec<u8>, String> {
    let (until, mut bytes) = (Instant::now() + PIPE_TIME_MAX, Vec::new());
    loop {
        let read = file.take(FILE_BYTES_MAX + 1 - bytes.len() as u64).read_to_end(&mut bytes);
        match read {
            // Nothing, because no program has opened it for writing yet.
            Ok(_) if bytes.is_empty() => {}
            Ok(_) => return if bytes.trim_ascii().is_empty() { Err(EMPTY.into()) } else { bounded(bytes) },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("cannot be read: {error}; nothing is changed")),
        }
        if Instant::now() >= until {
            let seconds = PIPE_TIME_MAX.as_secs();
            return Err(format!("is no regular file, and has not been written to its end in {seconds} s"));
        }
        std::thread::sleep(PIPE_PAUSE);
    }
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes; this is not a tower.toml"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tower.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn an_empty_file_stands_for_all_defaults_at_the_start_and_for_nothing_later() {
        for text in ["", "\n \t\n"] {
            let (_folder, path) = file(text);
            assert_eq!(at_start(&path), Ok(text.into()));
            assert_eq!(again(&path), Err(EMPTY.into()));
        }
        let (_folder, path) = file("# nothing\n");
        assert_eq!(again(&path), Ok(b"# nothing\n".to_vec()));
    }

    #[test]
    fn a_file_that_is_empty_for_a_moment_is_waited_for() {
        let (_folder, path) = file("");
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| again(&path));
            std::thread::sleep(2 * PAUSE);
            std::fs::write(&path, "[log]\n").unwrap();
            assert_eq!(reading.join().unwrap(), Ok(b"[log]\n".to_vec()));
        });
    }

    #[test]
    fn a_file_that_never_stays_the_same_is_refused() {
        let (_folder, path) = file("# 0\n");
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Large, so that it is written during each reading.
                let text = "# x\n".repeat(200_000);
                while !is_over.load(Relaxed) {
                    std::fs::write(&path, &text).unwrap();
                }
            });
            let read = again(&path);
            is_over.store(true, Relaxed);
            assert_eq!(read.map(|bytes| bytes.len()), Err(CHANGES.into()));
        });
    }

    #[test]
    fn a_pipe_is_read_when_it_is_written_and_never_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| again(&path));
            std::fs::write(&path, "[log]\n").unwrap();
            assert_eq!(reading.join().unwrap(), Ok(b"[log]\n".to_vec()));
        });
        let refused = again(&path).unwrap_err();
        assert!(refused.contains("5 s"), "{refused}");
        assert!(again(folder.path()).is_err(), "a folder");
        assert!(again(Path::new("/dev/zero")).is_err_and(|why| why.contains("longer")), "it has no end");
    }
}
