//! A running player, as the rest of the tower sees it.

use super::levels::Levels;
use super::media::{self, MediaBoard};
use super::playlist::Playlist;
use super::rounds::Rounds;
use super::songs::{SongOnAir, Songs};
use arc_swap::ArcSwapOption;
use radio_config::{Config, Joining};
use radio_decode::board::Board;
use radio_decode::media::file::decode::TrackInfo;
use radio_decode::settings::DecoderSettings;
use radio_decode::settings::FfmpegSettings;
use rustix::event::{EventfdFlags, eventfd};
use serde_json::{Value, json};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long [`PlayerHandle::stop`] waits for a thread that may hang in a dead disk.
const STOP_WAIT: Duration = Duration::from_millis(200);

/// What a player plays, and how.
pub struct PlayerSettings {
    /// Says in logs whose files they are.
    pub name: String,
    /// What is configured.
    pub paths: Vec<PathBuf>,
    /// The playlist of these paths, which may go on where it was.
    pub playlist: Playlist,
    /// What it shares with other players.
    pub backing: Backing,
    /// The first files are held in memory, to be played when no disk answers.
    pub keeps_files: bool,
    /// How decoders are started.
    pub decoder: DecoderSettings,
    /// How one song follows another.
    pub joining: Joining,
}

/// What a player shares with others.
#[derive(Clone, Default)]
pub struct Backing {
    /// What is missing, so that it can be looked for.
    pub media: Option<Arc<MediaBoard>>,
    /// Where rounds are kept across restarts.
    pub rounds: Option<Arc<Rounds>>,
    /// What decoders do is told here.
    pub decoders: Arc<Board>,
    /// How loud songs are, and how long they are silent at their ends.
    pub levels: Option<Arc<Levels>>,
    /// FFmpeg, for what the tower does not decode itself.
    pub ffmpeg: Option<FfmpegSettings>,
}

impl PlayerSettings {
    /// Files and folders, played by the decoder of the program that runs.
    #[must_use]
    pub fn new(name: &str, paths: &[PathBuf], shuffle: bool) -> Self {
        Self {
            name: name.to_owned(),
            paths: paths.to_vec(),
            playlist: Playlist::new(paths.to_vec(), shuffle),
            backing: Backing::default(),
            keeps_files: false,
            decoder: DecoderSettings::default(),
            joining: Joining::default(),
        }
    }

    /// The same, one song joined to the other like this.
    #[must_use]
    pub fn joined(self, joining: Joining) -> Self {
        Self { joining, ..self }
    }
}

impl Backing {
    /// Looks for the files of this configuration from now on.
    pub fn watch(&self, config: &Config) {
        if let Some(board) = &self.media {
            board.set(media::configured(config));
        }
    }
}

/// What is being decoded; it is heard as much later as the buffer is full.
pub type NowPlaying = TrackInfo;

/// What a player shows, and how it is woken.
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    gives_way: AtomicBool,
    pub(super) songs: Songs,
    pub(super) now_playing: ArcSwapOption<NowPlaying>,
    pub(super) decoder_pid: AtomicU32,
    /// Decoder processes that were replaced.
    pub(super) replaced: AtomicU64,
    /// Readable when there is news; none where the system has no descriptor left, and news is late.
    pub(super) wake: Option<OwnedFd>,
    problem: ArcSwapOption<&'static str>,
}

/// A running player. Dropping it stops the player; the writer is dropped with it, which ends the input.
pub struct PlayerHandle {
    name: String,
    shared: Arc<Shared>,
    /// Disconnected when the thread has ended. The lock only makes the handle shareable.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            gives_way: AtomicBool::new(false),
            songs: Songs::default(),
            now_playing: ArcSwapOption::empty(),
            decoder_pid: AtomicU32::new(0),
            replaced: AtomicU64::new(0),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok(),
            problem: ArcSwapOption::empty(),
        }
    }

    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            let _it_is_awake = rustix::io::write(wake, &1_u64.to_ne_bytes());
        }
    }

    /// Whether another player has taken its place.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Acquire)
    }

    pub(super) fn woken(&self) {
        if let Some(wake) = &self.wake {
            let _nothing_came = rustix::io::read(wake, &mut [0; 8]);
        }
    }

    /// Says why nothing is played.
    pub(super) fn tell(&self, problem: &'static str) {
        if self.problem.load().is_none() {
            tracing::warn!("{problem}");
            self.problem.store(Some(Arc::new(problem)));
        }
    }

    pub(super) fn clear(&self) {
        if self.problem.load().is_some() {
            self.problem.store(None);
        }
    }
}

impl PlayerHandle {
    /// Runs `play` on a thread of its own.
    pub(super) fn start(name: &str, shared: Arc<Shared>, play: impl FnOnce() + Send + 'static) -> Self {
        let (alive, ended) = mpsc::channel();
        let spawned = thread::Builder::new().name(format!("player-{name}")).spawn(move || {
            play();
            drop::<mpsc::Sender<()>>(alive);
        });
        if let Err(error) = &spawned {
            tracing::error!(player = name, %error, "no thread to play files; raise the limit of processes");
        }
        Self { name: name.into(), shared, ended: Mutex::new(ended) }
    }

    /// Whose files it plays.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is being decoded; none while nothing can be played.
    #[must_use]
    pub fn now_playing(&self) -> Option<Arc<NowPlaying>> {
        self.shared.now_playing.load_full().filter(|_| !self.has_ended())
    }

    /// Whether its thread is gone.
    fn has_ended(&self) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// For `/status`: whose files, what is being decoded and by which process, and why nothing is.
    #[must_use]
    pub fn status(&self) -> Value {
        let playing = self.now_playing().map(|info| {
            json!({
                "file": info.path.display().to_string(),
                "title": info.title,
                "artist": info.artist,
                "duration_s": info.duration.map(|duration| duration.as_secs_f64()),
            })
        });
        let on_air = self.on_air().map(|on_air| {
            json!({
                "file": on_air.song.info.path.display().to_string(),
                "label": on_air.song.label(),
                "remaining_ms": on_air.remaining_ms,
                "next": on_air.next,
            })
        });
        let gone = self.has_ended().then_some("its thread has ended; change its configuration or restart the tower");
        let problem = gone.or_else(|| self.shared.problem.load().as_deref().copied());
        let pid = self.shared.decoder_pid.load(Ordering::Relaxed);
        json!({
            "name": self.name,
            "playing": playing,
            "on_air": on_air,
            "problem": problem,
            "decoder_pid": (pid > 0).then_some(pid),
            "decoders_replaced": self.shared.replaced.load(Ordering::Relaxed),
        })
    }

    /// The song of it that is on air, or is next to be heard from where its buffer is.
    #[must_use]
    pub fn on_air(&self) -> Option<SongOnAir> {
        self.shared.songs.on_air().filter(|_| !self.has_ended())
    }

    /// Stops the player because another has taken its place: what waits in its buffer is played
    /// until that one is ready, and no longer.
    pub fn give_way(self) {
        self.shared.gives_way.store(true, Ordering::Release);
    }

    /// Stops the player and waits for its end, at most 200 ms: a thread that hangs in a dead disk is left behind.
    pub fn stop(self) {
        // Dropping does it.
    }
}

impl Drop for PlayerHandle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        if let Ok(ended) = self.ended.get_mut() {
            let _ = ended.recv_timeout(STOP_WAIT);
        }
    }
}
