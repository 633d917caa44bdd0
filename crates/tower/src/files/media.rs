//! Whether what is configured to be played is there.

use arc_swap::ArcSwap;
use radio_config::{Config, InputKind};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How often the paths are looked at.
pub const LOOK_PERIOD: Duration = Duration::from_secs(5);

/// How long the start waits for the first look: a disk that does not answer must not keep the tower
/// off air.
const FIRST_LOOK_MAX: Duration = Duration::from_secs(1);

/// A look that takes longer than this is told as a path that does not answer.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// A path that is configured, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPath {
    /// Such as `play.paths`.
    pub key: String,
    /// The name of the input, if it is one's.
    pub input: Option<String>,
    /// A file, a folder or a list.
    pub path: PathBuf,
}

/// A path that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingMedia {
    /// Which.
    pub media: MediaPath,
    /// What the system says of it.
    pub reason: String,
}

impl fmt::Display for MissingMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MediaPath { key, input, path } = &self.media;
        let of_input = input.as_ref().map_or_else(String::new, |name| format!(" of input \"{name}\""));
        write!(f, "{} (`{key}`{of_input}): {}", path.display(), self.reason)
    }
}

/// All files, folders and lists that a configuration names.
#[must_use]
pub fn configured(config: &Config) -> Vec<MediaPath> {
    let of = |key: &str, paths: &[PathBuf]| -> Vec<MediaPath> {
        paths.iter().map(|path| MediaPath { key: key.into(), input: None, path: path.clone() }).collect()
    };
    let mut media = of("play.paths", &config.play.paths);
    media.extend(of("fallback.paths", &config.fallback.paths));
    for (index, input) in config.input.iter().enumerate().filter(|(_, input)| input.kind == InputKind::Playlist) {
        let named = of(&format!("input.{index}.paths"), &input.paths);
        media.extend(named.into_iter().map(|media| MediaPath { input: Some(input.name.clone()), ..media }));
    }
    media
}

/// Those of `media` that are not there. A dead disk may never answer, so this is for threads that
/// may wait.
#[must_use]
pub fn missing(media: &[MediaPath]) -> Vec<MissingMedia> {
    let fault = |media: &MediaPath| match media.path.metadata() {
        Ok(_) => None,
        Err(error) => Some(MissingMedia { media: media.clone(), reason: error.to_string() }),
    };
    media.iter().filter_map(fault).collect()
}

/// What is missing now, as the thread that looks at the paths has found it.
pub struct MediaBoard {
    media: ArcSwap<Vec<MediaPath>>,
    missing: ArcSwap<Vec<MissingMedia>>,
    /// What is looked at, and since when.
    looking: Mutex<Option<(Instant, MediaPath)>>,
    stop: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl MediaBoard {
    fn new(media: Vec<MediaPath>) -> Self {
        Self {
            media: ArcSwap::from_pointee(media),
            missing: ArcSwap::default(),
            looking: Mutex::new(None),
            stop: AtomicBool::new(false),
            thread: Mutex::new(None),
        }
    }

    /// Looks at these paths from now on, every 5 s, on a thread of its own.
    #[must_use]
    pub fn watch(media: Vec<MediaPath>) -> Arc<Self> {
        let board = Arc::new(Self::new(media));
        let (told, first) = mpsc::sync_channel(1);
        let looking = Arc::clone(&board);
        let spawned = thread::Builder::new().name("media".into()).spawn(move || {
            while !looking.stop.load(Ordering::Acquire) {
                looking.look();
                let _ = told.try_send(());
                thread::park_timeout(LOOK_PERIOD);
            }
        });
        match spawned {
            Ok(handle) => {
                *board.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.thread().clone());
                let _ = first.recv_timeout(FIRST_LOOK_MAX);
            }
            Err(error) => tracing::warn!(%error, "no thread to look for files; raise the limit of processes"),
        }
        board
    }

    /// Other paths from now on.
    pub fn set(&self, media: Vec<MediaPath>) {
        self.media.store(Arc::new(media));
        self.unpark();
    }

    /// What is missing.
    #[must_use]
    pub fn missing(&self) -> Vec<MissingMedia> {
        let looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stuck = looking
            .filter(|(since, _)| since.elapsed() >= LOOK_MAX)
            .map(|(_, media)| MissingMedia { media, reason: "the disk does not answer".into() });
        let missing = self.missing.load();
        missing
            .iter()
            .filter(|other| stuck.as_ref().is_none_or(|stuck| stuck.media != other.media))
            .cloned()
            .chain(stuck.clone())
            .collect()
    }

    /// Whether a path was there at the last look.
    #[must_use]
    pub fn is_there(&self, path: &Path) -> bool {
        self.missing.load().iter().all(|missing| missing.media.path != path)
    }

    /// Ends the thread, and does not wait for it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }

    fn look(&self) {
        let mut found = Vec::new();
        for media in self.media.load().iter() {
            *self.looking.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), media.clone()));
            found.extend(fault_on_air(media));
        }
        *self.looking.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let before = self.missing.swap(Arc::new(found.clone()));
        let is_in = |list: &[MissingMedia], one: &MissingMedia| list.iter().any(|other| other.media == one.media);
        for missing in found.iter().filter(|missing| !is_in(&before, missing)) {
            tracing::warn!("{missing}; looking again every 5 s");
        }
        for back in before.iter().filter(|missing| !is_in(&found, missing)) {
            tracing::info!("{} is there now", back.media.path.display());
        }
    }
}

/// As [`missing`]; besides, the folder on which a disk is mounted late is there before, and empty.
fn fault_on_air(media: &MediaPath) -> Option<MissingMedia> {
    let reason = match media.path.metadata() {
        Err(error) => error.to_string(),
        Ok(found) if !found.is_dir() => return None,
        Ok(_) => match std::fs::read_dir(&media.path).map(|mut entries| entries.next().is_none()) {
            Ok(false) => return None,
            Ok(true) => "the folder is empty; is its disk mounted?".into(),
            Err(error) => error.to_string(),
        },
    };
    Some(MissingMedia { media: media.clone(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(path: &Path) -> MediaPath {
        MediaPath { key: "play.paths".into(), input: None, path: path.into() }
    }

    #[test]
    fn what_is_not_there_is_named_with_its_key_and_seen_when_it_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (there, late) = (media(&folder.path().join("a.mp3")), media(&folder.path().join("late")));
        std::fs::write(&there.path, b"").expect("a file");
        assert_eq!(missing(&[there.clone(), late.clone()]).len(), 1);
        let board = MediaBoard::new(vec![there.clone(), late.clone()]);
        board.look();
        let told = board.missing()[0].to_string();
        assert!(told.ends_with("late (`play.paths`): No such file or directory (os error 2)"), "{told}");
        assert!(!board.is_there(&late.path));
        std::fs::create_dir(&late.path).expect("a folder");
        board.look();
        assert!(board.is_there(&there.path));
        assert!(board.missing()[0].reason.contains("is its disk mounted?"));
        std::fs::write(late.path.join("a.mp3"), b"").expect("a file");
        board.look();
        assert!(board.missing().is_empty() && board.is_there(&late.path));
    }
}
