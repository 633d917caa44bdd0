//! The thread that reads folders and opens files for a player. It alone waits for the disk: the
//! player goes on with what it has when the disk does not answer.

use super::media::{LOOK_PERIOD, MediaBoard};
use super::open::{Stamp, is_of_the_disk, open};
use super::playlist::{Place, Playlist, Round};
use super::shelf::{Copying, Kept, PIECE_BYTES_MIN, Shelf};
use crate::files::item::Item;
use radio_decode::media::file::DecodeError;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::TryRecvError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

/// Files that are known to kill decoders; beyond that the oldest would be tried again.
const CONDEMNED_MAX: usize = 1000;
/// Files of the round that are looked at ahead, to hold them in memory.
const STOCKED_AHEAD_MAX: usize = 64;
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
    shelf: Shelf,
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
            while is_asked(&asked, &mut worker) {
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
        self.shared.shelf.forget(path);
    }

    /// The next of the files in memory, whatever the disk does.
    pub(super) fn kept(&mut self) -> Option<OpenedFile> {
        let (path, stamp, file) = self.shared.shelf.get(self.next_kept)?;
        self.next_kept += 1;
        Some(OpenedFile { path, stamp, file, title: None, place: None })
    }
}

/// Waits until the player asks for a file, and takes files into memory meanwhile; false once it has ended.
fn is_asked(asked: &mpsc::Receiver<()>, worker: &mut Worker) -> bool {
    loop {
        match asked.try_recv() {
            Ok(()) => return true,
            Err(TryRecvError::Disconnected) => return false,
            Err(TryRecvError::Empty) if worker.stock() => {}
            Err(TryRecvError::Empty) => return asked.recv().is_ok(),
        }
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
    /// A file that is taken into memory, and those that were looked at for that.
    copying: Option<Copying>,
    looked_at: HashSet<PathBuf>,
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
            copying: None,
            looked_at: HashSet::new(),
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
                self.looked_at.clear();
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
        let shelf = &self.shared.shelf;
        let given = match shelf.find(&opened.path, opened.stamp) {
            Some((Ok(file), bytes)) if bytes == opened.stamp.bytes => Some(file),
            Some(_) => None,
            None => {
                shelf.forget(&opened.path);
                let room = shelf.room(&opened.path);
                if opened.stamp.bytes > room && room < PIECE_BYTES_MIN {
                    return opened;
                }
                copied(&opened, room).ok().and_then(|kept| {
                    let file = if kept.bytes == opened.stamp.bytes { kept.memory.try_clone().ok() } else { None };
                    shelf.put(kept);
                    file
                })
            }
        };
        match given {
            Some(file) => OpenedFile { file, ..opened },
            None => opened,
        }
    }

    /// Takes a piece of a file that will be played into memory, while nothing else is to do; false: there is no
    /// more of that either.
    fn stock(&mut self) -> bool {
        if !self.settings.keeps {
            return false;
        }
        let Some(copying) = &mut self.copying else { return self.stock_next() };
        match copying.step() {
            Ok(false) => return true,
            Ok(true) => {
                let is_known = |kept: &Kept| self.shared.shelf.find(&kept.path, kept.stamp).is_some();
                let kept = self.copying.take().and_then(|copying| copying.finish().ok());
                kept.filter(|kept| !is_known(kept)).into_iter().for_each(|kept| self.shared.shelf.put(kept));
            }
            Err(_) => self.copying = None,
        }
        true
    }

    /// Begins with the next file of the round that is not in memory.
    fn stock_next(&mut self) -> bool {
        if self.shared.shelf.room(Path::new("")) < PIECE_BYTES_MIN {
            return false;
        }
        let round = self.round.iter().flatten().take(STOCKED_AHEAD_MAX);
        let Some(path) = round.map(|item| &item.path).find(|path| !self.looked_at.contains(*path)).cloned() else {
            return false;
        };
        // It is not looked at again in this round.
        self.looked_at.insert(path.clone());
        let room = self.shared.shelf.room(&path);
        let Ok((file, stamp)) = open(&path) else { return true };
        let is_condemned = lock(&self.shared.condemned).get(&path) == Some(&stamp);
        let fits = stamp.bytes <= room || room >= PIECE_BYTES_MIN;
        if fits && !is_condemned && self.shared.shelf.find(&path, stamp).is_none() {
            self.copying = Copying::begin(&path, stamp, file, room).ok();
        }
        true
    }
}

/// The beginning of a file, in memory.
fn copied(opened: &OpenedFile, bytes_max: u64) -> io::Result<Kept> {
    let mut copying = Copying::begin(&opened.path, opened.stamp, opened.file.try_clone()?, bytes_max)?;
    while !copying.step()? {}
    copying.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::shelf::BYTES_MAX;
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
        std::fs::write(&paths[1], vec![1; BYTES_MAX as usize]).expect("a file");
        std::fs::write(&paths[2], b"there is no room").expect("a file");
        let mut opener = opener(paths.to_vec(), true);
        (0..4).for_each(|_| drop(next(&opener)));
        paths.iter().for_each(|path| std::fs::remove_file(path).expect("our own file"));
        let kept: Vec<OpenedFile> = (0..3).filter_map(|_| opener.0.kept()).collect();
        let named: Vec<&Path> = kept.iter().map(|kept| kept.path.as_path()).collect();
        assert_eq!(named, [paths[0].as_path(), &paths[1], &paths[0]]);
        let length = |kept: &OpenedFile| rustix::fs::fstat(&kept.file).expect("it is open").st_size as u64;
        assert_eq!((length(&kept[0]), length(&kept[1])), (5, BYTES_MAX - 5));
    }

    #[test]
    fn what_follows_is_taken_into_memory_before_it_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["a", "b", "c", "d"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| std::fs::write(path, vec![1; 1 << 20]).expect("a file"));
        let mut opener = opener(paths.to_vec(), true);
        drop(next(&opener));
        let begun = Instant::now();
        while opener.0.shared.shelf.get(3).is_none_or(|(path, ..)| path != paths[3]) {
            assert!(begun.elapsed() < std::time::Duration::from_secs(20), "they are not taken into memory");
            thread::yield_now();
        }
        paths.iter().for_each(|path| std::fs::remove_file(path).expect("our own file"));
        let kept: Vec<PathBuf> = (0..4).filter_map(|_| opener.0.kept()).map(|kept| kept.path).collect();
        assert_eq!(kept, paths);
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        assert!(matches!(next(&opener(vec![pipe], false)), Next::Failed(DecodeError::Open { .. })));
    }
}
