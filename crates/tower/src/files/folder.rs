//! The audio files of a folder: what is found in it, and what is left out.

use crate::files::item::{FILES_MAX, Item};
use std::collections::{BTreeMap, HashSet};
use std::fs::{DirEntry, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Extensions by which an audio file in a folder is known. A file that is named itself may have
/// any.
#[rustfmt::skip]
pub const AUDIO_EXTENSIONS: [&str; 26] = [
    "mp3", "mp2", "mp1", "mpa", "wav", "wave", "bwf", "rf64", "w64", "flac", "fla", "ogg", "oga", "opus", "m4a", "m4b",
    "m4r", "mp4", "aac", "aif", "aifc", "aiff", "caf", "mka", "weba", "webm",
];

/// Extensions of those that FFmpeg alone reads.
#[rustfmt::skip]
pub const FOREIGN_EXTENSIONS: [&str; 23] = [
    "3ga", "ac3", "amr", "ape", "asf", "au", "dff", "dsf", "dts", "eac3", "mpc", "mp+", "oma", "ra", "rm", "shn", "snd",
    "spx", "tak", "tta", "voc", "wma", "wv",
];

/// Extensions of audio files that nothing reads: locked ones, and notes instead of sound.
const UNPLAYABLE_EXTENSIONS: [&str; 6] = ["aa", "aax", "kar", "m4p", "mid", "midi"];

/// Folders that programs keep beside the music: trash, versions, thumbnails, snapshots. Names with
/// a dot in front are left out anyway.
const LEFT_OUT: [&str; 11] = [
    "$RECYCLE.BIN",
    "RECYCLER",
    "Recycled",
    "System Volume Information",
    "lost+found",
    "@eaDir",
    "@Recycle",
    "@Recently-Snapshot",
    "#recycle",
    "#snapshot",
    "__MACOSX",
];

/// Folders in one round.
const FOLDERS_MAX: usize = 10_000;

/// Folders within folders.
const DEPTH_MAX: usize = 16;

/// How many files there are of each extension, and the first of them.
pub(super) type Kinds = BTreeMap<String, (usize, PathBuf)>;

/// What folders hold beside the files that are played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Residue {
    /// Files that no decoder reads.
    pub unplayable: Kinds,
    /// Files that FFmpeg alone reads.
    pub foreign: Kinds,
    /// Folders that cannot be read, or are too many or too deep, each with the reason.
    pub unread: Vec<(PathBuf, String)>,
}

/// Walks folders. A folder to which several links lead is read once.
pub(super) struct Walk<'a> {
    files: &'a mut Vec<Item>,
    residue: &'a mut Residue,
    folders_left: usize,
    seen: HashSet<(u64, u64)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(files: &'a mut Vec<Item>, residue: &'a mut Residue) -> Self {
        Self { files, residue, folders_left: FOLDERS_MAX, seen: HashSet::new() }
    }

    /// Appends the audio files under `folder`, by name, a folder's own files before those of the
    /// folders in it.
    pub(super) fn collect(&mut self, folder: &Path) {
        match folder.metadata() {
            Ok(found) => self.enter(folder, &found, DEPTH_MAX),
            Err(error) => self.residue.unread.push((folder.into(), error.to_string())),
        }
    }

    fn enter(&mut self, folder: &Path, found: &Metadata, depth_left: usize) {
        if !self.seen.insert((found.dev(), found.ino())) {
            return;
        }
        let refused = if depth_left == 0 {
            Some(format!("it is more than {DEPTH_MAX} folders deep"))
        } else if self.folders_left == 0 {
            Some(format!("there are more than {FOLDERS_MAX} folders"))
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.residue.unread.push((folder.into(), reason));
        }
        self.folders_left -= 1;
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.residue.unread.push((folder.into(), error.to_string())),
        };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in entries.flatten().filter(|entry| !is_left_out(entry)) {
            let path = entry.path();
            match metadata_of_folder(&entry, &path) {
                Some(found) if folders.len() < FOLDERS_MAX => folders.push((path, found)),
                Some(_) => {}
                None => {
                    let extension = extension_of(&path);
                    if FOREIGN_EXTENSIONS.contains(&extension.as_str()) {
                        note(&mut self.residue.foreign, extension, &path);
                        files.push(path);
                    } else if AUDIO_EXTENSIONS.contains(&extension.as_str()) {
                        files.push(path);
                    } else if UNPLAYABLE_EXTENSIONS.contains(&extension.as_str()) {
                        note(&mut self.residue.unplayable, extension, &path);
                    }
                }
            }
        }
        files.sort_unstable();
        folders.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let room = FILES_MAX.saturating_sub(self.files.len());
        if files.len() > room {
            let reason = format!("there are more than {FILES_MAX} files; {} are left out here", files.len() - room);
            self.residue.unread.push((folder.into(), reason));
        }
        self.files.extend(files.into_iter().take(room).map(Item::of));
        for (folder, found) in folders {
            self.enter(&folder, &found, depth_left - 1);
        }
    }
}

/// In small letters.
fn extension_of(path: &Path) -> String {
    path.extension().and_then(|found| found.to_str()).unwrap_or_default().to_ascii_lowercase()
}

fn note(kinds: &mut Kinds, extension: String, path: &Path) {
    kinds.entry(extension).or_insert_with(|| (0, path.into())).0 += 1;
}

fn is_left_out(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name.as_bytes().starts_with(b".") || LEFT_OUT.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Of a folder or a link to one; most entries are files, of which nothing more is asked.
fn metadata_of_folder(entry: &DirEntry, path: &Path) -> Option<Metadata> {
    let kind = entry.file_type().ok()?;
    let found = if kind.is_file() { None } else { path.metadata().ok() };
    found.filter(Metadata::is_dir)
}

/// Whether a file in a folder is taken for audio.
pub(crate) fn is_audio(path: &Path) -> bool {
    let extension = extension_of(path);
    AUDIO_EXTENSIONS.contains(&extension.as_str()) || FOREIGN_EXTENSIONS.contains(&extension.as_str())
}

impl Residue {
    /// What cannot be played, in a sentence; none if there is nothing.
    pub(super) fn unplayable_text(&self) -> Option<String> {
        let text = told(&self.unplayable, "is in a format", "are in formats")?;
        Some(format!("{text} that cannot be played; convert them, or take them away"))
    }

    /// What cannot be played without FFmpeg, in a sentence; none if there is nothing.
    pub(super) fn foreign_text(&self) -> Option<String> {
        let text = told(&self.foreign, "needs", "need")?;
        Some(format!("{text} FFmpeg, which is not installed; install it (on Debian: apt-get install ffmpeg)"))
    }
}

/// `3 files (2 .wma, 1 .wv; such as /music/a.wma) VERB`.
fn told(kinds: &Kinds, of_one: &str, of_many: &str) -> Option<String> {
    let count: usize = kinds.values().map(|(count, _)| count).sum();
    let (_, first) = kinds.values().next()?;
    let shares: Vec<String> = kinds.iter().map(|(extension, (count, _))| format!("{count} .{extension}")).collect();
    let (files, verb) = if count == 1 { ("file", of_one) } else { ("files", of_many) };
    Some(format!("{count} {files} ({}; such as {}) {verb}", shares.join(", "), first.display()))
}
