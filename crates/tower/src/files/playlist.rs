//! Files and folders to rounds of files.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Extensions by which an audio file in a folder is known. A file that is named itself may have any.
pub const AUDIO_EXTENSIONS: [&str; 9] = ["mp3", "wav", "flac", "ogg", "oga", "m4a", "m4b", "mp4", "aac"];

/// Files in one round; the rest of a larger folder is not played.
const FILES_MAX: usize = 50_000;

/// Bytes that are read of a list.
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Folders in one round, which also ends a circle of symbolic links.
const FOLDERS_MAX: usize = 10_000;

/// Folders within folders.
const DEPTH_MAX: usize = 16;

/// What is to be played, in order or shuffled anew each round.
///
/// Folders are read at each round, so that what is copied into them is played without a restart.
#[derive(Debug)]
pub struct Playlist {
    paths: Vec<PathBuf>,
    shuffle: Option<Random>,
    last: Option<PathBuf>,
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
        Self { paths, shuffle: shuffle_seed.map(Random), last: None }
    }

    /// The files of one round. A file that is missing is listed all the same: whoever opens it can say so.
    pub fn round(&mut self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders_left = FOLDERS_MAX;
        for path in &self.paths {
            let listed = if is_list(path) { read_list(path) } else { vec![path.clone()] };
            for path in listed {
                if path.is_dir() {
                    collect(&path, DEPTH_MAX, &mut folders_left, &mut files);
                } else if files.len() < FILES_MAX {
                    files.push(path);
                }
            }
        }
        if let Some(random) = &mut self.shuffle {
            random.shuffle(&mut files);
            // The last of one round is not the first of the next.
            if files.len() > 1 && files.first() == self.last.as_ref() {
                let end = files.len() - 1;
                files.swap(0, end);
            }
        }
        self.last = files.last().cloned();
        files
    }
}

fn is_list(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["m3u", "m3u8"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The files and folders that a list names, from its own folder on. Streams are none; `[[input]]` pulls those.
fn read_list(list: &Path) -> Vec<PathBuf> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(list).and_then(|file| file.take(LIST_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        tracing::warn!(list = %list.display(), %error, "cannot read this list; is it there, and may this user read it?");
        return Vec::new();
    }
    let folder = list.parent().unwrap_or(Path::new(""));
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let is_path = |line: &&[u8]| !line.is_empty() && line[0] != b'#' && !line.windows(3).any(|part| part == b"://");
    lines.filter(is_path).take(FILES_MAX).map(|line| folder.join(OsStr::from_bytes(line))).collect()
}

/// Appends the audio files under `folder`, by name, a folder's own files before those of the folders in it.
fn collect(folder: &Path, depth_left: usize, folders_left: &mut usize, files: &mut Vec<PathBuf>) {
    if depth_left == 0 || *folders_left == 0 {
        return;
    }
    *folders_left -= 1;
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "cannot read this folder; check its permissions");
            return;
        }
    };
    // Bounded before it is sorted: `take` counts entries of every kind.
    let mut entries: Vec<PathBuf> = entries.flatten().take(FILES_MAX).map(|entry| entry.path()).collect();
    entries.sort();
    let (folders, plain): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let room = FILES_MAX.saturating_sub(files.len());
    files.extend(plain.into_iter().filter(|path| is_audio(path)).take(room));
    for folder in folders {
        collect(&folder, depth_left - 1, folders_left, files);
    }
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| AUDIO_EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// Xorshift64* (Marsaglia, "Xorshift RNGs", 2003; Vigna, 2016): good enough to shuffle songs.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Fisher and Yates.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            // The high bits are the good ones; the bias of the remainder is below 2^-16 here.
            let chosen = ((self.next() >> 32) % (end as u64 + 1)) as usize;
            items.swap(end, chosen);
        }
    }
}

fn seed_from_time() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since_1970.as_nanos() as u64) ^ (u64::from(std::process::id()) << 40)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, b"").expect("a file");
        }
        folder
    }

    fn names(folder: &Path, files: &[PathBuf]) -> Vec<String> {
        let inside = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        files.iter().map(inside).collect()
    }

    #[test]
    fn a_folder_is_played_by_name_with_the_folders_in_it() {
        let folder = folder_of(&["b.mp3", "a.FLAC", "notes.txt", "z/1.ogg", "c/2.m4a", "c/d/3.wav", "cover.jpg"]);
        let mut playlist = Playlist::new(vec![folder.path().into(), "/nowhere/named.xyz".into()], false);
        let round = playlist.round();
        assert_eq!(
            names(folder.path(), &round),
            ["a.FLAC", "b.mp3", "c/2.m4a", "c/d/3.wav", "z/1.ogg", "/nowhere/named.xyz"]
        );
        assert_eq!(playlist.round(), round);
    }

    #[test]
    fn a_list_names_files_from_its_own_folder_on_and_is_read_anew_in_each_round() {
        let folder = folder_of(&["sub/a.mp3", "sub/more/b.ogg", "list.m3u8"]);
        let list = folder.path().join("list.m3u8");
        let text =
            "\u{FEFF}#EXTM3U\r\n#EXTINF:10,A - B\r\nsub/a.mp3\r\n\nhttp://host/stream\n/nowhere/é.flac\nsub/more";
        std::fs::write(&list, text).expect("a file");
        let mut playlist = Playlist::new(vec![list.clone()], false);
        assert_eq!(names(folder.path(), &playlist.round()), ["sub/a.mp3", "/nowhere/é.flac", "sub/more/b.ogg"]);
        std::fs::write(&list, "sub/a.mp3").expect("a file");
        assert_eq!(playlist.round().len(), 1);
        std::fs::remove_file(&list).expect("our own file");
        assert!(playlist.round().is_empty());
    }

    #[test]
    fn what_is_added_to_a_folder_is_in_the_next_round() {
        let folder = folder_of(&["a.mp3"]);
        let mut playlist = Playlist::new(vec![folder.path().into()], false);
        assert_eq!(playlist.round().len(), 1);
        std::fs::write(folder.path().join("b.mp3"), b"").expect("a file");
        assert_eq!(playlist.round().len(), 2);
    }

    #[test]
    fn shuffled_rounds_hold_every_file_once_and_differ() {
        let files: Vec<PathBuf> = (0..20).map(|n| PathBuf::from(format!("/nowhere/{n}.mp3"))).collect();
        let mut playlist = Playlist::with_seed(files.clone(), Some(7));
        let all: HashSet<PathBuf> = files.iter().cloned().collect();
        let rounds: Vec<Vec<PathBuf>> = (0..50).map(|_| playlist.round()).collect();
        for round in &rounds {
            assert_eq!(round.len(), files.len());
            assert_eq!(round.iter().cloned().collect::<HashSet<_>>(), all);
        }
        assert_ne!(rounds[0], rounds[1]);
        // No file is heard twice in a row.
        assert!(rounds.windows(2).all(|pair| pair[0].last() != pair[1].first()));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let folder = folder_of(&["a.mp3"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).expect("a link");
        let round = Playlist::new(vec![folder.path().into()], false).round();
        assert_eq!(round.len(), DEPTH_MAX);
    }
}
