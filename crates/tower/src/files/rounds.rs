//! Where the round of each player is, kept across restarts in the state directory.

use super::open::ignore_missing;
use super::playlist::{Place, stable_hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};

/// Places that wait to be written; beyond, the newest are not kept.
const WAITING_MAX: usize = 64;
/// Bytes that are read of one.
const BYTES_MAX: u64 = 16 << 10;
/// The form of the files.
const VERSION: u32 = 1;

/// Reads and writes places.
pub struct Rounds {
    folder: PathBuf,
    places: SyncSender<(String, Kept)>,
}

/// A place as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Of the paths that are configured: with others the round is another.
    paths: u64,
    seed: u64,
    index: usize,
    /// The file; a path is bytes.
    path_base64: String,
    /// The same for people.
    path: String,
}

impl Rounds {
    /// Keeps places in `folder`, which is made if it is not there. `None`: nothing can be kept, and
    /// the log says why.
    #[must_use]
    pub fn open(folder: &Path) -> Option<Arc<Self>> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let (places, waiting) = mpsc::sync_channel(WAITING_MAX);
        let of_thread = folder.to_owned();
        // A player never waits for a disk that this is kept on.
        let started = made.and_then(|()| {
            std::thread::Builder::new().name("rounds".into()).spawn(move || write_all(&of_thread, &waiting))
        });
        if let Err(error) = started {
            tracing::warn!(folder = %folder.display(), %error, "nothing is kept across restarts; correct server.state_dir");
            return None;
        }
        Some(Arc::new(Self { folder: folder.into(), places }))
    }

    /// Where the round of the player `name` was, if it plays the same paths.
    #[must_use]
    pub fn place(&self, name: &str, paths: &[PathBuf]) -> Option<Place> {
        let path = self.folder.join(file_name(name));
        if path.symlink_metadata().is_err() {
            return None;
        }
        match read(&path) {
            Ok(kept) if kept.paths == hash_of(paths) => {
                let bytes = STANDARD.decode(kept.path_base64).ok()?;
                Some(Place { seed: kept.seed, path: OsString::from_vec(bytes).into(), index: kept.index })
            }
            Ok(_) => None,
            Err(reason) => {
                tracing::warn!(file = %path.display(), reason, "the place in the round is lost; it begins anew");
                None
            }
        }
    }

    /// Keeps where the round of the player `name` is.
    pub fn keep(&self, name: &str, paths: &[PathBuf], place: &Place) {
        let kept = Kept {
            version: VERSION,
            paths: hash_of(paths),
            seed: place.seed,
            index: place.index,
            path_base64: STANDARD.encode(place.path.as_os_str().as_bytes()),
            path: place.path.display().to_string(),
        };
        // A disk that does not keep up costs the place, not the programme.
        let _ = self.places.try_send((file_name(name), kept));
    }
}

fn file_name(player: &str) -> String {
    format!("round-{}.json", utf8_percent_encode(player, NON_ALPHANUMERIC))
}

fn hash_of(paths: &[PathBuf]) -> u64 {
    paths.iter().fold(0, |hash, path| stable_hash(path) ^ hash.rotate_left(1))
}

fn read(path: &Path) -> Result<Kept, String> {
    // Neither a link nor a pipe: what is there may have been put there.
    if !path.symlink_metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".into());
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(BYTES_MAX).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if kept.version == VERSION { Ok(kept) } else { Err(format!("it has version {}, not {VERSION}", kept.version)) }
}

/// Writes what comes, whole or not at all, until nobody is left to keep anything.
fn write_all(folder: &Path, waiting: &Receiver<(String, Kept)>) {
    let mut has_warned = false;
    while let Ok((name, kept)) = waiting.recv() {
        let new = folder.join(format!("{name}.new"));
        let written = std::fs::remove_file(&new).or_else(ignore_missing).and_then(|()| {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            serde_json::to_writer_pretty(&file, &kept)?;
            std::fs::rename(&new, folder.join(&name))
        });
        match written {
            Ok(()) => has_warned = false,
            Err(error) if !has_warned => {
                has_warned = true;
                tracing::warn!(file = %new.display(), %error, "the place in the round is not kept");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn written(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(file_name(name));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !path.exists() {
            assert!(std::time::Instant::now() < until, "{} is not written", path.display());
            std::thread::yield_now();
        }
        path
    }

    #[test]
    fn a_place_is_kept_for_the_same_paths_and_no_damaged_file_is_believed() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a/state");
        let rounds = Rounds::open(&folder).expect("a place");
        assert_eq!(std::fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777, 0o700);
        let paths = vec![PathBuf::from("/srv/music")];
        let odd = PathBuf::from(OsString::from_vec(b"/srv/music/\xff\n.mp3".to_vec()));
        let place = Place { seed: u64::MAX, path: odd, index: 7 };
        assert_eq!(rounds.place("../night", &paths), None);
        rounds.keep("../night", &paths, &place);
        let file = written(&folder, "../night");
        assert_eq!(file.parent(), Some(&*folder), "whatever the name is");
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(rounds.place("../night", &paths), Some(place));
        assert_eq!(rounds.place("../night", &[PathBuf::from("/srv/other")]), None, "another round");
        for damaged in [&b""[..], b"{", b"{\"version\": 9}", &[0; 40_000], b"[]"] {
            std::fs::write(&file, damaged).expect("our own file");
            assert_eq!(rounds.place("../night", &paths), None);
        }
        std::fs::remove_file(&file).expect("our own file");
        std::os::unix::fs::symlink("/dev/zero", &file).expect("a link");
        assert_eq!(rounds.place("../night", &paths), None);
    }
}
