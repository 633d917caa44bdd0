//! How loud songs are, and how long they are silent at their ends: measured once each, one at a time, and kept across restarts in
//! the state directory.

use super::measure::{Measured, measure};
use super::open::{Stamp, ignore_missing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use radio_decode::media::file::mastering::Level;
use radio_decode::settings::DecoderSettings;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Songs that are kept; beyond, the one that was measured first is forgotten.
const KEPT_MAX: usize = crate::files::item::FILES_MAX;
/// Songs that wait to be measured; beyond, they are measured when they are asked for again.
const WAITING_MAX: usize = 64;
/// Bytes that are read of the file.
const BYTES_MAX: u64 = 64 << 20;
/// The form of the file, and how it is measured: of another one nothing is believed.
const VERSION: u32 = 1;
/// Songs that are written for each that is measured, at most: of 50,000 the last fifty are measured
/// again after a restart.
const WRITTEN_PER_SONG_MAX: usize = 1000;
/// Name of the file.
const NAME: &str = "levels.json";

/// What is known of songs.
pub struct Levels {
    shared: Arc<Shared>,
    decoder: DecoderSettings,
    /// To the thread that measures, once there was something to measure.
    requests: Mutex<Option<SyncSender<PathBuf>>>,
}

#[derive(Default)]
struct Shared {
    /// Where they are kept; none: nowhere.
    folder: Option<PathBuf>,
    known: Mutex<Known>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Known {
    songs: HashMap<PathBuf, Song>,
    /// Number of the next.
    next: u64,
}

struct Song {
    number: u64,
    stamp: Stamp,
    measured: Measured,
}

/// A song as it is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// A path is bytes.
    path_base64: String,
    bytes: u64,
    modified_ns: u64,
    /// None: it cannot be decoded.
    level: Option<Level>,
    /// Of songs with tags nothing was measured once; they are now.
    #[serde(default, skip_serializing)]
    is_tagged: bool,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    songs: Vec<Kept>,
}

impl Levels {
    /// What was kept in `folder`; none: nothing is kept. Nothing is measured before it is wanted.
    #[must_use]
    pub fn open(folder: Option<&Path>, decoder: DecoderSettings) -> Arc<Self> {
        let folder = folder.map(Path::to_owned);
        let known = folder.as_deref().map_or_else(Known::default, |folder| {
            read(&folder.join(NAME)).unwrap_or_else(|reason| {
                let file = folder.join(NAME).display().to_string();
                tracing::warn!(file, reason, "what was measured of songs is lost; they are measured again");
                Known::default()
            })
        });
        let shared = Shared { folder, known: Mutex::new(known), stop: AtomicBool::new(false) };
        Arc::new(Self { shared: Arc::new(shared), decoder, requests: Mutex::new(None) })
    }

    /// What was measured of this file, as it is now.
    pub(super) fn of(&self, path: &Path, stamp: Stamp) -> Option<Level> {
        match self.shared.lock().songs.get(path).filter(|song| song.stamp == stamp)?.measured {
            Measured::Level(level) => Some(level),
            Measured::Unknown => None,
        }
    }

    /// This file is played soon: it is measured, unless that is known.
    pub(super) fn want(&self, path: &Path, stamp: Stamp) {
        if self.shared.lock().songs.get(path).is_some_and(|song| song.stamp == stamp) {
            return;
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.is_none() {
            let (sender, waiting) = mpsc::sync_channel(WAITING_MAX);
            let (shared, decoder) = (Arc::clone(&self.shared), self.decoder.clone());
            let thread = std::thread::Builder::new().name("levels".into());
            match thread.spawn(move || measure_all(&shared, &decoder, &waiting)) {
                Ok(_) => *requests = Some(sender),
                Err(error) => {
                    tracing::warn!(%error, "no thread to measure songs; raise the limit of processes");
                    return;
                }
            }
        }
        let _ = requests.as_ref().map(|requests| requests.try_send(path.to_owned()));
    }
}

impl Drop for Levels {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep(&mut self, path: PathBuf, stamp: Stamp, measured: Measured) {
        if self.songs.len() >= KEPT_MAX && !self.songs.contains_key(&path) {
            let oldest = self.songs.iter().min_by_key(|(_, song)| song.number).map(|(path, _)| path.clone());
            oldest.map(|path| self.songs.remove(&path));
        }
        self.songs.insert(path, Song { number: self.next, stamp, measured });
        self.next += 1;
    }
}

/// Measures what is wanted, one at a time, until nobody is left to want anything.
fn measure_all(shared: &Shared, decoder: &DecoderSettings, waiting: &Receiver<PathBuf>) {
    let (mut has_warned, mut unwritten) = (false, 0);
    while let Ok(path) = waiting.recv() {
        let Some(stamp) = super::open::stamp_of(&path) else { continue };
        if shared.lock().songs.get(&path).is_some_and(|song| song.stamp == stamp) {
            continue;
        }
        let is_wanted = || !shared.stop.load(Ordering::Acquire);
        let Some(measured) = measure(&path, decoder, is_wanted) else { continue };
        tracing::debug!(file = %path.display(), ?measured, "measured");
        shared.lock().keep(path, stamp, measured);
        let Some(folder) = &shared.folder else { continue };
        unwritten += 1;
        if unwritten * WRITTEN_PER_SONG_MAX < shared.lock().songs.len() {
            continue;
        }
        // Players wait for the lock.
        let file = as_written(&shared.lock());
        let text = serde_json::to_vec(&file);
        let written = text.map_err(Into::into).and_then(|text| write(folder, &text));
        if let Err(error) = &written
            && !has_warned
        {
            tracing::warn!(folder = %folder.display(), %error, "what is measured of songs is not kept");
        }
        has_warned = written.is_err();
        unwritten = 0;
    }
}

fn as_written(known: &Known) -> File {
    let mut songs: Vec<(&PathBuf, &Song)> = known.songs.iter().collect();
    songs.sort_by_key(|(_, song)| song.number);
    let kept = |(path, song): (&PathBuf, &Song)| {
        let (bytes, modified_ns) = song.stamp.numbers();
        let level = match song.measured {
            Measured::Level(level) => Some(level),
            Measured::Unknown => None,
        };
        let path_base64 = STANDARD.encode(path.as_os_str().as_bytes());
        Kept { path_base64, bytes, modified_ns, level, is_tagged: false }
    };
    File { version: VERSION, songs: songs.into_iter().map(kept).collect() }
}

/// Whole or not at all.
fn write(folder: &Path, text: &[u8]) -> std::io::Result<()> {
    let new = folder.join(format!("{NAME}.new"));
    std::fs::remove_file(&new).or_else(ignore_missing)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    std::io::Write::write_all(&mut file, text)?;
    std::fs::rename(&new, folder.join(NAME))
}

fn read(path: &Path) -> Result<Known, String> {
    // Neither a link nor a pipe: what is there may have been put there.
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err("it is no regular file".into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Known::default()),
        Err(error) => return Err(error.to_string()),
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(BYTES_MAX).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has version {}, not {VERSION}", file.version));
    }
    let mut known = Known::default();
    for Kept { path_base64, bytes, modified_ns, level, is_tagged } in file.songs.into_iter().take(KEPT_MAX) {
        let path = STANDARD.decode(path_base64).map_err(|error| error.to_string())?;
        if is_tagged {
            continue;
        }
        let measured = level.map_or(Measured::Unknown, Measured::Level);
        known.keep(OsString::from_vec(path).into(), Stamp::of_numbers(bytes, modified_ns), measured);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level { lufs: Some(-14.5), true_peak: 0.99, head: 100, tail: 96_000, samples: 10_000_000 };

    #[test]
    fn what_was_measured_is_kept_for_the_same_file_and_nothing_damaged_is_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = PathBuf::from(OsString::from_vec(b"/srv/\xff\n.mp3".to_vec()));
        let stamp = Stamp::of_numbers(1234, 1_700_000_000_123_456_789);
        let mut known = Known::default();
        known.keep(path.clone(), stamp, Measured::Level(LEVEL));
        known.keep("/srv/no-music.mp3".into(), stamp, Measured::Unknown);
        let text = serde_json::to_vec(&as_written(&known)).expect("text");
        write(folder.path(), &text).expect("our own folder");
        let levels = || Levels::open(Some(folder.path()), DecoderSettings::default());
        assert_eq!(levels().of(&path, stamp), Some(LEVEL));
        assert_eq!(levels().of(&path, Stamp::of_numbers(1235, 1_700_000_000_123_456_789)), None, "it has changed");
        assert_eq!(levels().of(Path::new("/srv/no-music.mp3"), stamp), None);
        for damaged in [&b""[..], b"{", b"[]", &text[..text.len() - 3], b"{\"version\":9,\"songs\":[]}"] {
            std::fs::write(folder.path().join(NAME), damaged).expect("our own file");
            assert_eq!(levels().of(&path, stamp), None);
        }
        std::fs::remove_file(folder.path().join(NAME)).expect("our own file");
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(NAME)).expect("a link");
        assert_eq!(levels().of(&path, stamp), None);
    }

    #[test]
    fn beyond_the_limit_the_oldest_is_forgotten() {
        let (mut known, stamp) = (Known::default(), Stamp::of_numbers(1, 1));
        (0..KEPT_MAX + 3).for_each(|n| known.keep(n.to_string().into(), stamp, Measured::Unknown));
        assert_eq!(known.songs.len(), KEPT_MAX);
        assert!(!known.songs.contains_key(Path::new("2")) && known.songs.contains_key(Path::new("3")));
    }
}
