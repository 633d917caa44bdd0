//! The thread that reads folders and opens files for a player. It alone waits for the disk: the
//! player goes on with what it has when the disk does not answer.

use super::DecodeError;
use super::media::{LOOK_PERIOD, MediaBoard};
use super::open::{Stamp, is_of_the_disk, open};
use super::playlist::{Item, Place, Playlist, Round};
use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

/// Files that are known to kill decoders; beyond that the oldest would be tried again.
const CONDEMNED_MAX: usize = 1000;
/// Bytes of files that are held in memory for a player that plays with every disk hung: ten minutes
/// of MP3 at up to 440 kbit/s. What is longer is held as far as it fits.
const SHELF_BYTES_MAX: u64 = 32 << 20;
/// A file of which less would fit is not begun.
const SHELF_PIECE_BYTES_MIN: u64 = 256 << 10;

/// Files in a row that are gone since their folder was read; then it is read again.
const GONE_MAX: u32 = 5;

/// A file that is open.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) file: OwnedFd,
    /// What a list calls it.
    pub(super) title: Option<Box<str>>,
    /// Where the round is with it; none outside a round.
    pub(super) place: Option<Place>,
}

/// What is opened, and how.
pub(super) struct Settings {
    pub(super) playlist: Playlist,
    /// What is missing, and whether it has come.
    pub(super) media: Option<Arc<MediaBoard>>,
    /// Files are held in memory.
    pub(super) keeps: bool,
}

/// What is next.
#[derive(Debug)]
pub(super) enum Next {
    File(OpenedFile),
    Failed(DecodeError),
    /// Something else that is wrong with what is configured, told once.
    Problem(String),
    RoundEnded,
}

/// What the player and its opener share.
#[derive(Default)]
pub(super) struct Shared {
    condemned: Mutex<HashMap<PathBuf, Stamp>>,
    shelf: Mutex<Vec<Kept>>,
}

/// A file in memory.
struct Kept {
    path: PathBuf,
    stamp: Stamp,
    memory: OwnedFd,
    bytes: u64,
}

/// Asks the thread for one file after the other. Dropping it ends the thread, when its disk answers.
pub(super) struct Opener {
    requests: mpsc::Sender<()>,
    answers: mpsc::Receiver<Next>,
    shared: Arc<Shared>,
    next_kept: usize,
}

impl Opener {
    /// Starts the thread; `wake` is called with each answer.
    pub(super) fn start(name: &str, settings: Settings, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (requests, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let mut worker = Worker::new(settings, Arc::clone(&shared));
        thread::Builder::new().name(format!("opener-{name}")).spawn(move || {
            while asked.recv().is_ok() {
                if answer.send(worker.next()).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Self { requests, answers, shared, next_kept: 0 })
    }

    /// Asks for the next file; the answer comes later.
    pub(super) fn ask(&self) {
        let _thread_has_ended = self.requests.send(());
    }

    /// The answer, if it has come.
    pub(super) fn answer(&self) -> Option<Next> {
        self.answers.try_recv().ok()
    }

    /// This file is not opened again until it changes.
    pub(super) fn condemn(&self, path: &Path, stamp: Stamp) {
        let mut condemned = lock(&self.shared.condemned);
        if condemned.len() < CONDEMNED_MAX || condemned.contains_key(path) {
            condemned.insert(path.to_owned(), stamp);
        }
        drop(condemned);
        lock(&self.shared.shelf).retain(|kept| kept.path != path);
    }

    /// The next of the files in memory, whatever the disk does.
    pub(super) fn kept(&mut self) -> Option<OpenedFile> {
        let shelf = lock(&self.shared.shelf);
        let kept = shelf.get(self.next_kept % shelf.len().max(1))?;
        self.next_kept += 1;
        let file = kept.memory.try_clone().ok()?;
        Some(OpenedFile { path: kept.path.clone(), stamp: kept.stamp, file, title: None, place: None })
    }
}

struct Worker {
    settings: Settings,
    shared: Arc<Shared>,
    round: Option<VecDeque<Item>>,
    problems: VecDeque<String>,
    /// What was not there when the round began, nor since; and when that was looked at.
    missing: Vec<PathBuf>,
    looked: Instant,
    seed: u64,
    /// Number of the next file in its round.
    index: usize,
    gone_in_a_row: u32,
}

impl Worker {
    fn new(settings: Settings, shared: Arc<Shared>) -> Self {
        Self {
            settings,
            shared,
            round: None,
            problems: VecDeque::new(),
            missing: Vec::new(),
            looked: Instant::now(),
            seed: 0,
            index: 0,
            gone_in_a_row: 0,
        }
    }

    fn next(&mut self) -> Next {
        loop {
            if self.round.is_none() {
                let Round { seed, first, items, missing, problems } = self.settings.playlist.round();
                (self.seed, self.index, self.missing) = (seed, first, missing);
                self.problems.extend(problems);
                self.round = Some(items.into());
            }
            self.look_for_missing();
            if let Some(problem) = self.problems.pop_front() {
                return Next::Problem(problem);
            }
            let Some(Item { path, title }) = self.round.as_mut().and_then(VecDeque::pop_front) else {
                self.round = None;
                return Next::RoundEnded;
            };
            let place = Place { seed: self.seed, path: path.clone(), index: self.index };
            self.index += 1;
            match open(&path) {
                Ok((_, stamp)) if lock(&self.shared.condemned).get(&path) == Some(&stamp) => {}
                Ok((file, stamp)) => {
                    self.gone_in_a_row = 0;
                    return Next::File(self.keep(OpenedFile { path, stamp, file, title, place: Some(place) }));
                }
                Err(source) => {
                    self.gone(is_of_the_disk(&source), place);
                    return Next::Failed(DecodeError::Open { path, source });
                }
            }
        }
    }

    /// What was missing when the round began joins it when it comes.
    fn look_for_missing(&mut self) {
        let Some(media) = &self.settings.media else { return };
        if self.missing.is_empty() || self.looked.elapsed() < LOOK_PERIOD {
            return;
        }
        self.looked = Instant::now();
        let come: Vec<PathBuf> = self.missing.iter().filter(|path| media.is_there(path)).cloned().collect();
        for path in come {
            let joining = self.settings.playlist.joining(&path, self.seed);
            self.problems.extend(joining.problems);
            if !joining.items.is_empty() {
                self.missing.retain(|missing| *missing != path);
                self.round.get_or_insert_default().extend(joining.items);
            }
        }
    }

    /// A disk that was taken away, or a folder that was emptied, is read again after a few files.
    fn gone(&mut self, is_gone: bool, place: Place) {
        self.gone_in_a_row = if is_gone { self.gone_in_a_row + 1 } else { 0 };
        if self.gone_in_a_row >= GONE_MAX {
            (self.gone_in_a_row, self.round) = (0, None);
            self.settings.playlist.go_on(place);
        }
    }

    /// Has the file in memory, if there is room, and gives it from there, if it is there whole.
    fn keep(&self, opened: OpenedFile) -> OpenedFile {
        if !self.settings.keeps {
            return opened;
        }
        let is_same = |kept: &&Kept| kept.path == opened.path && kept.stamp == opened.stamp;
        let known = lock(&self.shared.shelf).iter().find(is_same).map(|kept| (kept.memory.try_clone(), kept.bytes));
        match known {
            Some((Ok(file), bytes)) if bytes == opened.stamp.bytes => return OpenedFile { file, ..opened },
            Some(_) => return opened,
            None => {}
        }
        let mut shelf = lock(&self.shared.shelf);
        shelf.retain(|kept| kept.path != opened.path);
        let room = SHELF_BYTES_MAX.saturating_sub(shelf.iter().map(|kept| kept.bytes).sum());
        drop(shelf);
        if opened.stamp.bytes > room && room < SHELF_PIECE_BYTES_MIN {
            return opened;
        }
        let Ok((memory, bytes)) = copy(&opened.file, room) else { return opened };
        let given = if bytes == opened.stamp.bytes { memory.try_clone().ok() } else { None };
        lock(&self.shared.shelf).push(Kept { path: opened.path.clone(), stamp: opened.stamp, memory, bytes });
        match given {
            Some(file) => OpenedFile { file, ..opened },
            None => opened,
        }
    }
}

/// Copies the beginning of a file into memory.
fn copy(file: &OwnedFd, bytes_max: u64) -> io::Result<(OwnedFd, u64)> {
    let memory = rustix::fs::memfd_create("radio-tower-fallback", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let (mut from, mut to) = (File::from(file.try_clone()?), File::from(memory.try_clone()?));
    let (mut buffer, mut copied) = (vec![0; 64 * 1024], 0);
    while copied < bytes_max {
        let room = buffer.len().min(usize::try_from(bytes_max - copied).unwrap_or(usize::MAX));
        let count = from.read(&mut buffer[..room])?;
        if count == 0 {
            break;
        }
        to.write_all(&buffer[..count])?;
        copied += count as u64;
    }
    // Decoders get it, and one may be taken over by what it reads.
    rustix::fs::fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    rewind(file)?;
    Ok((memory, copied))
}

fn rewind(file: impl AsFd) -> Result<(), Errno> {
    rustix::fs::seek(file, SeekFrom::Start(0)).map(|_| ())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opener(paths: Vec<PathBuf>, keeps: bool) -> (Opener, mpsc::Receiver<()>) {
        let (woken, wake) = mpsc::channel();
        let wake_player = move || _ = woken.send(());
        let settings = Settings { playlist: Playlist::new(paths, false), media: None, keeps };
        (Opener::start("test", settings, wake_player).expect("a thread"), wake)
    }

    fn next((opener, wake): &(Opener, mpsc::Receiver<()>)) -> Next {
        opener.ask();
        wake.recv().expect("it is woken");
        opener.answer().expect("an answer")
    }

    #[test]
    fn a_condemned_file_is_left_out_until_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| std::fs::write(path, b"music").expect("a file"));
        let opener = opener(paths.to_vec(), false);
        let Next::File(first) = next(&opener) else { panic!("a file") };
        opener.0.condemn(&first.path, first.stamp);
        assert!(matches!(next(&opener), Next::File(file) if file.path == paths[1]));
        assert!(matches!(next(&opener), Next::RoundEnded));
        assert!(matches!(next(&opener), Next::File(file) if file.path == paths[1]), "it is skipped");
        assert!(matches!(next(&opener), Next::RoundEnded));
        std::fs::write(&paths[0], b"other music").expect("a file");
        assert!(matches!(next(&opener), Next::File(file) if file.path == paths[0]), "it has changed");
    }

    #[test]
    fn a_disk_of_the_network_that_was_taken_away_is_read_again_after_a_few_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let music = folder.path().join("music");
        std::fs::create_dir(&music).expect("a folder");
        (0..9).for_each(|n| std::fs::write(music.join(format!("{n}.mp3")), b"music").expect("a file"));
        let opener = opener(vec![music.clone()], false);
        assert!(matches!(next(&opener), Next::File(_)));
        // A file stands where the folder was: its songs are not simply missing.
        std::fs::remove_dir_all(&music).expect("our own folder");
        std::fs::write(&music, b"no folder").expect("a file");
        (0..GONE_MAX).for_each(|_| assert!(matches!(next(&opener), Next::Failed(_))));
        assert!(!matches!(next(&opener), Next::Failed(DecodeError::Open { path, .. }) if path.starts_with(&music)));
    }

    #[test]
    fn files_are_kept_in_memory_up_to_a_limit_and_given_when_no_disk_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], b"first").expect("a file");
        std::fs::write(&paths[1], vec![1; SHELF_BYTES_MAX as usize]).expect("a file");
        std::fs::write(&paths[2], b"there is no room").expect("a file");
        let mut opener = opener(paths.to_vec(), true);
        (0..4).for_each(|_| drop(next(&opener)));
        paths.iter().for_each(|path| std::fs::remove_file(path).expect("our own file"));
        let kept: Vec<OpenedFile> = (0..3).filter_map(|_| opener.0.kept()).collect();
        let named: Vec<&Path> = kept.iter().map(|kept| kept.path.as_path()).collect();
        assert_eq!(named, [paths[0].as_path(), &paths[1], &paths[0]]);
        let length = |kept: &OpenedFile| rustix::fs::fstat(&kept.file).expect("it is open").st_size as u64;
        assert_eq!((length(&kept[0]), length(&kept[1])), (5, SHELF_BYTES_MAX - 5));
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        assert!(matches!(next(&opener(vec![pipe], false)), Next::Failed(DecodeError::Open { .. })));
    }
}
