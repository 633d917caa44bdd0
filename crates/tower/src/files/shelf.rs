//! Files that are held in memory, for a player that plays with every disk hung.

use super::open::Stamp;
use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are held: ten minutes of MP3 at up to 440 kbit/s. What is longer is held as far as it
/// fits.
pub(super) const BYTES_MAX: u64 = 32 << 20;
/// Bytes without loss that are held instead of one that is compressed: ten minutes of WAV have 106 MB.
const LOSSLESS: f64 = 3.5;
/// The part of the machine's memory that is used at most.
const MEMORY_PART: u64 = 16;
/// A file of which less would fit is not begun.
pub(super) const PIECE_BYTES_MIN: u64 = 256 << 10;
/// Bytes that are copied at once.
const STEP_BYTES: usize = 64 << 10;
/// Extensions of files without loss.
const LOSSLESS_EXTENSIONS: [&str; 14] =
    ["wav", "wave", "bwf", "rf64", "w64", "flac", "fla", "aif", "aiff", "aifc", "ape", "wv", "tta", "tak"];

/// The files in memory.
pub(super) struct Shelf {
    kept: Mutex<Vec<Kept>>,
    bytes_max: u64,
}

/// A file in memory, or its beginning.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) memory: OwnedFd,
    /// How much of it there is.
    pub(super) bytes: u64,
}

impl Default for Shelf {
    fn default() -> Self {
        let info = rustix::system::sysinfo();
        let memory_bytes = info.totalram.saturating_mul(info.mem_unit.into());
        let bytes_max = ((BYTES_MAX as f64 * LOSSLESS) as u64).min(memory_bytes / MEMORY_PART).max(BYTES_MAX);
        Self { kept: Mutex::default(), bytes_max }
    }
}

impl Shelf {
    /// Bytes of a file of this name that fit still.
    pub(super) fn room(&self, path: &Path) -> u64 {
        let whole = self.bytes_max as f64 / BYTES_MAX as f64;
        let share = |path: &Path| if is_lossless(path) { whole } else { 1.0 };
        let used: f64 = self.lock().iter().map(|kept| kept.bytes as f64 / share(&kept.path)).sum();
        ((BYTES_MAX as f64 - used).max(0.0) * share(path)) as u64
    }

    /// A file that is there as it is now, and how much of it.
    pub(super) fn find(&self, path: &Path, stamp: Stamp) -> Option<(io::Result<OwnedFd>, u64)> {
        let kept = self.lock();
        let kept = kept.iter().find(|kept| kept.path == path && kept.stamp == stamp)?;
        Some((kept.memory.try_clone(), kept.bytes))
    }

    /// Holds a file, in place of what there was of it.
    pub(super) fn put(&self, new: Kept) {
        let mut kept = self.lock();
        kept.retain(|kept| kept.path != new.path);
        kept.push(new);
    }

    /// Lets a file go.
    pub(super) fn forget(&self, path: &Path) {
        self.lock().retain(|kept| kept.path != path);
    }

    /// The file of this number, counted on from the first behind the last one: its path, its stamp, itself.
    pub(super) fn get(&self, number: usize) -> Option<(PathBuf, Stamp, OwnedFd)> {
        let all = self.lock();
        let kept = all.get(number % all.len().max(1))?;
        Some((kept.path.clone(), kept.stamp, kept.memory.try_clone().ok()?))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_lossless(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| LOSSLESS_EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// A file on its way into memory.
pub(super) struct Copying {
    path: PathBuf,
    stamp: Stamp,
    from: File,
    to: File,
    bytes_max: u64,
    bytes: u64,
    buffer: Box<[u8]>,
}

impl Copying {
    /// Begins with the file's first byte, and copies at most so many.
    ///
    /// # Errors
    /// The system has no memory or descriptor left.
    pub(super) fn begin(path: &Path, stamp: Stamp, file: OwnedFd, bytes_max: u64) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = rustix::fs::memfd_create("radio-tower-fallback", flags)?;
        let (from, to) = (File::from(file), File::from(memory));
        rustix::fs::seek(&from, SeekFrom::Start(0))?;
        let buffer = vec![0; STEP_BYTES].into();
        Ok(Self { path: path.to_owned(), stamp, from, to, bytes_max, bytes: 0, buffer })
    }

    /// Copies a piece; whether that was the last.
    ///
    /// # Errors
    /// The file cannot be read, or there is no memory left.
    pub(super) fn step(&mut self) -> io::Result<bool> {
        let room = usize::try_from(self.bytes_max - self.bytes).unwrap_or(usize::MAX).min(STEP_BYTES);
        let count = self.from.read(&mut self.buffer[..room])?;
        self.to.write_all(&self.buffer[..count])?;
        self.bytes += count as u64;
        Ok(count == 0 || self.bytes == self.bytes_max)
    }

    /// What has come of it.
    ///
    /// # Errors
    /// The file is no file.
    pub(super) fn finish(self) -> io::Result<Kept> {
        // Decoders get it, and one may be taken over by what it reads.
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&self.to, seals)?;
        // Who gave the file shares its position.
        rustix::fs::seek(&self.from, SeekFrom::Start(0))?;
        Ok(Kept { path: self.path, stamp: self.stamp, memory: self.to.into(), bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &str, bytes: u64) -> Kept {
        let memory = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).expect("memory");
        Kept { path: path.into(), stamp: Stamp::of_numbers(bytes, 1), memory, bytes }
    }

    #[test]
    fn ten_minutes_take_more_room_without_loss() {
        let shelf = Shelf { kept: Mutex::default(), bytes_max: 112 << 20 };
        assert_eq!((shelf.room(Path::new("a.mp3")), shelf.room(Path::new("a.FLAC"))), (32 << 20, 112 << 20));
        shelf.put(kept("a.mp3", 16 << 20));
        assert_eq!((shelf.room(Path::new("b.mp3")), shelf.room(Path::new("b.wav"))), (16 << 20, 56 << 20));
        shelf.put(kept("b.wav", 56 << 20));
        assert_eq!((shelf.room(Path::new("c.mp3")), shelf.room(Path::new("c.wav"))), (0, 0));
        shelf.put(kept("a.mp3", 1));
        shelf.forget(Path::new("b.wav"));
        assert_eq!(shelf.room(Path::new("b.mp3")), (32 << 20) - 1);
    }
}
