//! Files, folders and lists to rounds of files.

use super::folder::{Residue, Walk};
use super::item::{FILES_MAX, Item};
use super::list::{self, BYTES_MAX, Format, Resolver};
use super::open;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Lists within lists.
const LISTS_DEEP_MAX: usize = 4;

/// Problems that are told of one round; beyond, they are counted.
const PROBLEMS_MAX: usize = 1000;

/// Problems of which it is remembered that they were told.
const TOLD_MAX: usize = 20_000;

/// Where a round is, to go on there after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the round is shuffled by.
    pub seed: u64,
    /// The file that is played.
    pub path: PathBuf,
    /// Its number in the round.
    pub index: usize,
}

/// The files of one round, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// What it is shuffled by; 0 if it is not.
    pub seed: u64,
    /// The number of the first item: more than 0 after a restart.
    pub first: usize,
    /// What is to be played.
    pub items: Vec<Item>,
    /// What is configured and not there, or holds nothing that can be played.
    pub missing: Vec<PathBuf>,
    /// What else is wrong, and has not been told yet: entries of lists, folders, files that no
    /// decoder reads.
    pub problems: Vec<String>,
}

/// What is to be played, in order or shuffled anew each round.
///
/// Folders and lists are read at each round, so that what is copied into them is played without a
/// restart.
#[derive(Debug)]
pub struct Playlist {
    paths: Vec<PathBuf>,
    /// The seed of the next round.
    seed: Option<u64>,
    last: Option<PathBuf>,
    place: Option<Place>,
    /// The first round goes on behind the file at `place`.
    is_behind: bool,
    /// What FFmpeg alone reads is told of.
    lacks_ffmpeg: bool,
    told: HashSet<u64>,
}

impl Item {
    /// A file without a title of its own.
    #[must_use]
    pub fn of(path: PathBuf) -> Self {
        Self { path, title: None }
    }
}

impl Playlist {
    /// A playlist of files, folders and lists of them; no file is looked at yet.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, shuffle: bool) -> Self {
        Self::with_seed(paths, shuffle.then(seed_from_time))
    }

    /// As [`new`](Self::new), shuffled by a seed of one's own, or in order if there is none.
    #[must_use]
    pub fn with_seed(paths: Vec<PathBuf>, shuffle_seed: Option<u64>) -> Self {
        let (last, place, told) = (None, None, HashSet::new());
        Self { paths, seed: shuffle_seed, last, place, is_behind: false, lacks_ffmpeg: false, told }
    }

    /// Where FFmpeg is not installed, the files in folders that need it are told of.
    #[must_use]
    pub fn lacking_ffmpeg(self, lacks_ffmpeg: bool) -> Self {
        Self { lacks_ffmpeg, ..self }
    }

    /// The first round goes on at `place`, with the file that was played there.
    #[must_use]
    pub fn going_on(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The first round goes on behind the file that was played at `place`; behind the last one it
    /// is the next round.
    #[must_use]
    pub fn going_on_behind(mut self, place: Option<Place>) -> Self {
        (self.is_behind, self.place) = (place.is_some(), place);
        self
    }

    /// The next round goes on at `place`.
    pub fn go_on(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// The files of one round.
    pub fn round(&mut self) -> Round {
        let mut round = Round::default();
        self.read(&self.paths.clone(), &mut round);
        if let Some(seed) = self.seed {
            let place = self.place.as_ref().map(|place| place.seed);
            round.seed = place.unwrap_or_else(|| self.seed_after(seed, &round.items));
            shuffle(&mut round.items, round.seed);
            self.seed = Some(mixed(round.seed));
        }
        self.last = round.items.last().map(|item| item.path.clone());
        // Where nothing is there, the place is kept for what comes back.
        if !round.items.is_empty()
            && let Some(place) = self.place.take()
        {
            round.first = index_of(&place, &round.items);
            round.items.drain(..round.first);
            // Where it is gone, the next one stands in its place.
            let is_there = round.items.first().is_some_and(|item| item.path == place.path);
            if std::mem::take(&mut self.is_behind) && is_there {
                round.first += 1;
                round.items.remove(0);
                if round.items.is_empty() {
                    return self.round();
                }
            }
        }
        round
    }

    /// The files of a path that was missing from `round` and is there now, and what is wrong with
    /// them.
    pub fn joining(&mut self, path: &Path, seed: u64) -> Round {
        let mut round = Round { seed, ..Round::default() };
        self.read(&[path.to_owned()], &mut round);
        if self.seed.is_some() {
            shuffle(&mut round.items, seed);
        }
        round
    }

    fn read(&mut self, paths: &[PathBuf], round: &mut Round) {
        let mut reading = Reading::default();
        for path in paths {
            let before = reading.items.len();
            if path.metadata().is_ok() {
                reading.add(path, None, &mut Vec::new());
            }
            // A folder is there before its disk is mounted on it.
            if reading.items.len() == before {
                round.missing.push(path.clone());
            }
        }
        let Reading { items, residue, mut problems, problems_left_out } = reading;
        problems.extend(residue.unread.iter().map(|(folder, reason)| {
            format!("{} cannot be read: {reason}; its files are not played", folder.display())
        }));
        problems.extend(residue.unplayable_text());
        problems.extend(residue.foreign_text().filter(|_| self.lacks_ffmpeg));
        if problems_left_out > 0 {
            problems.push(format!("{problems_left_out} more entries of lists cannot be used"));
        }
        (round.items, round.problems) = (items, problems);
        round.problems.retain(|problem| self.told.len() < TOLD_MAX && self.told.insert(hash(problem)));
    }

    /// A seed with which the last file of one round is not the first of the next.
    fn seed_after(&self, seed: u64, items: &[Item]) -> u64 {
        let begins = |seed: u64| keyed(items, seed).min().map(|(_, index)| &items[index].path);
        let seeds = std::iter::successors(Some(seed), |seed| Some(mixed(*seed)));
        let other = seeds.take(8).find(|&seed| items.len() < 2 || begins(seed) != self.last.as_ref());
        other.unwrap_or(seed)
    }
}

/// What is read for one round.
#[derive(Default)]
struct Reading {
    items: Vec<Item>,
    residue: Residue,
    problems: Vec<String>,
    problems_left_out: usize,
}

impl Reading {
    /// Adds a file, a folder or a list; `within` are the lists that led here.
    fn add(&mut self, path: &Path, title: Option<String>, within: &mut Vec<PathBuf>) {
        let is_folder = path.is_dir();
        match Format::of(path).filter(|_| !is_folder) {
            Some(format) => self.list(path, format, within),
            None if is_folder => Walk::new(&mut self.items, &mut self.residue).collect(path),
            None if self.items.len() < FILES_MAX => {
                self.items.push(Item { path: path.into(), title: title.map(Into::into) });
            }
            None => {
                self.problem(format!("{} is left out: there are more than {FILES_MAX} files", path.display()));
            }
        }
    }

    /// Adds what a list names, from its own folder on.
    fn list(&mut self, path: &Path, format: Format, within: &mut Vec<PathBuf>) {
        let shown = path.display();
        let real = path.canonicalize().unwrap_or_else(|_| path.into());
        if within.contains(&real) || within.len() == LISTS_DEEP_MAX {
            let reason = if within.contains(&real) { "leads back to itself" } else { "is too deep in other lists" };
            return self.problem(format!("the list {shown} {reason}; it is left out there"));
        }
        let mut bytes = Vec::new();
        let read =
            open::open(path).and_then(|(file, _)| std::fs::File::from(file).take(BYTES_MAX).read_to_end(&mut bytes));
        if let Err(error) = read {
            return self.problem(format!("cannot read the list {shown}: {error}; check its permissions"));
        }
        if bytes.len() as u64 == BYTES_MAX {
            self.problem(format!("the list {shown} is longer than {} MiB; the rest is left out", BYTES_MAX >> 20));
        }
        let entries = match list::parse(format, &bytes) {
            Ok(entries) => entries,
            Err(reason) => return self.problem(format!("the list {shown} {reason}")),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut resolver = Resolver::new(folder);
        // An entry that stands there again is of no more use.
        let mut unusable = HashSet::new();
        within.push(real);
        for entry in entries.into_iter().take(FILES_MAX) {
            match resolver.resolve(&entry.location) {
                Ok(found) => self.add(&found, entry.title, within),
                Err(_) if entry.is_doubtful || !unusable.insert(entry.location.clone()) => {}
                Err(reason) => {
                    let location = list::shown(&entry.location);
                    self.problem(format!("{shown}, entry {}: \"{location}\" {reason}", entry.at));
                }
            }
        }
        within.pop();
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.problems_left_out += 1;
        }
    }
}

/// Where a round goes on: with the same file if it is still there, and else with the one in its
/// place.
fn index_of(place: &Place, items: &[Item]) -> usize {
    let same = items.iter().enumerate().filter(|(_, item)| item.path == place.path);
    let nearest = same.min_by_key(|(index, _)| index.abs_diff(place.index));
    nearest.map_or(place.index.min(items.len().saturating_sub(1)), |(index, _)| index)
}

/// Sorts by a number that each file draws: what comes or goes changes nothing in the order of the
/// others.
fn shuffle(items: &mut Vec<Item>, seed: u64) {
    let mut order: Vec<(u64, usize)> = keyed(items, seed).collect();
    order.sort_unstable();
    let mut taken: Vec<Option<Item>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|(_, index)| taken[index].take()));
}

fn keyed(items: &[Item], seed: u64) -> impl Iterator<Item = (u64, usize)> {
    items.iter().enumerate().map(move |(index, item)| (mixed(stable_hash(&item.path) ^ seed), index))
}

/// FNV-1a, which is the same in every version of the tower.
pub(super) fn stable_hash(path: &Path) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    path.as_os_str().as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, step)
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn seed_from_time() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since_1970.as_nanos() as u64) ^ (u64::from(std::process::id()) << 40)
}
