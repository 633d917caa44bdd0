//! A disk that stops answering: a folder of files behind FUSE, whose requests wait until it is told to
//! go on. A process that waits for one cannot be killed.

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, ReplyOpen, Request,
};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Nothing that was asked before is answered from memory.
const KEPT: Duration = Duration::ZERO;

/// A folder that can be made to hang. When it is dropped it answers, and is gone.
pub struct HungDisk {
    gate: Arc<Gate>,
    // In this order: unmounted before the folder is removed.
    _session: BackgroundSession,
    folder: tempfile::TempDir,
}

#[derive(Default)]
struct Gate {
    hangs: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, hangs: bool) {
        *self.hangs.lock().unwrap_or_else(PoisonError::into_inner) = hangs;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner);
        let _goes_on = self.changed.wait_while(hangs, |hangs| *hangs).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Files by number: the first is 2, after the folder's own.
struct Files {
    gate: Arc<Gate>,
    files: Vec<(OsString, Vec<u8>, SystemTime)>,
}

impl HungDisk {
    /// Shows the files in `folder`, as they are now.
    ///
    /// # Panics
    /// Nothing can be mounted: this takes root, or the Debian package `fuse3`.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file"));
        let mut files: Vec<_> = entries
            .map(|entry| {
                let changed = entry.metadata().and_then(|metadata| metadata.modified()).expect("a file");
                (entry.file_name(), std::fs::read(entry.path()).expect("a file"), changed)
            })
            .collect();
        files.sort();
        let gate = Arc::new(Gate::default());
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("hung-disk".into())];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let session = fuser::spawn_mount(Files { gate: Arc::clone(&gate), files }, folder.path(), &config);
        let session =
            session.unwrap_or_else(|error| panic!("cannot mount ({error}): be root, or apt-get install fuse3"));
        Self { gate, _session: session, folder }
    }

    /// Where it is seen.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing is answered from now on.
    pub fn hang(&self) {
        self.gate.set(true);
    }

    /// All is answered, what has been asked too.
    pub fn answer(&self) {
        self.gate.set(false);
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        self.answer();
        // A tower that has files of it open would keep it there for ever.
        let _gone_in_any_case = Command::new("fusermount3").args(["-u", "-z"]).arg(self.path()).output();
    }
}

impl Files {
    fn attributes(&self, number: INodeNo) -> Option<FileAttr> {
        let of_folder = (0, SystemTime::UNIX_EPOCH, FileType::Directory, 0o755);
        let (size, changed, kind, perm) = match u64::from(number) {
            1 => of_folder,
            _ => {
                let (_, bytes, changed) = self.file(number)?;
                (bytes.len() as u64, *changed, FileType::RegularFile, 0o444)
            }
        };
        let own = std::fs::metadata("/proc/self").ok()?;
        Some(FileAttr {
            ino: number,
            size,
            blocks: size.div_ceil(512),
            atime: changed,
            mtime: changed,
            ctime: changed,
            crtime: changed,
            kind,
            perm,
            nlink: 1,
            uid: own.uid(),
            gid: own.gid(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn file(&self, number: INodeNo) -> Option<&(OsString, Vec<u8>, SystemTime)> {
        self.files.get(usize::try_from(u64::from(number)).ok()?.checked_sub(2)?)
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.gate.pass();
        let at = self.files.iter().position(|(own, ..)| own == name);
        match at.and_then(|at| self.attributes(INodeNo(at as u64 + 2))) {
            Some(attributes) => reply.entry(&KEPT, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.gate.pass();
        match self.attributes(number) {
            Some(attributes) => reply.attr(&KEPT, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.gate.pass();
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.gate.pass();
        let Some((_, bytes, _)) = self.file(number) else { return reply.error(Errno::ENOENT) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        reply.data(&bytes[from..bytes.len().min(from + size as usize)]);
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        self.gate.pass();
        let folders = [(1, FileType::Directory, OsStr::new(".")), (1, FileType::Directory, OsStr::new(".."))];
        let files = self.files.iter().zip(2..).map(|((name, ..), number)| (number, FileType::RegularFile, &**name));
        for (at, (number, kind, name)) in folders.into_iter().chain(files).enumerate().skip(offset as usize) {
            if reply.add(INodeNo(number), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn it_shows_its_files_and_answers_when_it_is_told_to() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.wav"), b"some bytes").expect("a file");
        let disk = HungDisk::of(folder.path());
        let path = disk.path().join("a.wav");
        assert_eq!(std::fs::read(&path).expect("a file"), b"some bytes");
        assert_eq!(std::fs::read_dir(disk.path()).expect("a folder").count(), 1);
        disk.hang();
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || sender.send(std::fs::read(path)));
        assert!(read.recv_timeout(Duration::from_millis(200)).is_err(), "it hangs");
        disk.answer();
        let bytes = read.recv_timeout(Duration::from_secs(10)).expect("it answers");
        assert_eq!(bytes.expect("a file"), b"some bytes");
    }
}
