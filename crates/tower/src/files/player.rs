//! The thread that keeps an input buffer full of a programme of files (SPEC FALL-3).

use super::decode::TrackInfo;
use super::media::{self, LOOK_PERIOD, MediaBoard};
use super::playlist::Playlist;
use super::programme::{Programme, Step};
use super::rounds::Rounds;
use crate::config::Config;
use arc_swap::ArcSwapOption;
use radio_signal::ingest::BufferWriter;
use radio_signal::pcm::PcmFrame;
use radio_signal::units::{TICK_MS, TICK_VALUES};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a full buffer is left alone. It empties by one frame a tick, so half a tick is soon enough.
const FULL_WAIT: Duration = Duration::from_millis(TICK_MS / 2);

/// How long to wait after a round in which nothing could be played.
const NOTHING_WAIT: Duration = Duration::from_secs(5);

/// How long [`PlayerHandle::stop`] waits for a thread that may hang in a read from a dead disk.
const STOP_WAIT: Duration = Duration::from_millis(200);

/// Files of which it is remembered that they have been warned about; beyond that they are skipped in silence.
const WARNED_MAX: usize = 1000;

/// What is being decoded; it is heard as much later as the buffer is full.
pub type NowPlaying = TrackInfo;

/// Is told of each file that begins, and of its position in the buffer.
type Started = Box<dyn FnMut(u64, &TrackInfo) + Send>;

/// What a player shares with others.
#[derive(Clone, Default)]
pub struct Backing {
    /// What is missing, so that it can be looked for.
    pub media: Option<Arc<MediaBoard>>,
    /// Where rounds are kept across restarts.
    pub rounds: Option<Arc<Rounds>>,
}

impl Backing {
    /// Looks for the files of this configuration from now on.
    pub fn watch(&self, config: &Config) {
        if let Some(board) = &self.media {
            board.set(media::configured(config));
        }
    }
}

/// Plays files and folders into a buffer, for ever.
pub struct Player {
    name: String,
    paths: Vec<PathBuf>,
    backing: Backing,
    /// When what is missing was looked for.
    looked: Instant,
    programme: Programme,
    writer: BufferWriter,
    started: Started,
    shared: Arc<Shared>,
    /// Decoded and not yet a whole frame, or waiting for room.
    samples: Vec<i16>,
    warned: HashSet<PathBuf>,
    warned_of_nothing: bool,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    now_playing: ArcSwapOption<NowPlaying>,
}

/// A running player. Dropping it stops the player; the writer is dropped with it, which ends the input.
pub struct PlayerHandle {
    name: String,
    shared: Arc<Shared>,
    thread: Option<Thread>,
    /// Disconnected when the thread has ended. The lock only makes the handle shareable; nobody else takes it.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Player {
    /// Starts a thread that decodes `paths` ahead into `writer`; `name` says in logs whose files they are. `started` is
    /// told of each file with the position in the buffer from which on it is heard.
    ///
    /// If the system has no thread left, that is an error in the log and an input that has ended.
    pub fn start(
        name: &str,
        paths: &[PathBuf],
        shuffle: bool,
        writer: BufferWriter,
        started: impl FnMut(u64, &TrackInfo) + Send + 'static,
    ) -> PlayerHandle {
        Self::start_with(name, paths, Playlist::new(paths.to_vec(), shuffle), Backing::default(), writer, started)
    }

    /// As [`start`](Self::start), with a playlist of these paths that may go on where it was.
    pub fn start_with(
        name: &str,
        paths: &[PathBuf],
        playlist: Playlist,
        backing: Backing,
        writer: BufferWriter,
        started: impl FnMut(u64, &TrackInfo) + Send + 'static,
    ) -> PlayerHandle {
        let shared = Arc::new(Shared::default());
        let player = Self {
            name: name.into(),
            paths: paths.to_vec(),
            backing,
            looked: Instant::now(),
            programme: Programme::new(playlist),
            writer,
            started: Box::new(started),
            shared: Arc::clone(&shared),
            samples: Vec::with_capacity(4 * TICK_VALUES),
            warned: HashSet::new(),
            warned_of_nothing: false,
        };
        let (alive, ended) = mpsc::channel();
        let spawned = thread::Builder::new().name(format!("player-{name}")).spawn(move || {
            player.run();
            drop::<mpsc::Sender<()>>(alive);
        });
        if let Err(error) = &spawned {
            tracing::error!(player = name, %error, "no thread to play files; raise the limit of processes");
        }
        PlayerHandle {
            name: name.into(),
            shared,
            thread: spawned.ok().map(|handle| handle.thread().clone()),
            ended: Mutex::new(ended),
        }
    }

    fn run(mut self) {
        crate::life::libraries::mute_this_thread();
        while !self.stopped() {
            self.look_for_missing();
            match self.programme.step(&mut self.samples) {
                Step::Audio => self.offer_frames(),
                Step::Started(info) => {
                    tracing::info!(player = %self.name, file = %info.path.display(), title = %info.label(), "playing");
                    let waiting = (self.samples.len() / TICK_VALUES) as u64;
                    (self.started)(self.writer.gauge().offered() + waiting, &info);
                    self.shared.now_playing.store(Some(Arc::new(info)));
                    if let (Some(rounds), Some(place)) = (&self.backing.rounds, self.programme.place()) {
                        rounds.keep(&self.name, &self.paths, place);
                    }
                }
                Step::Failed(error) => self.warn_once(&error),
                Step::Problem(problem) => tracing::warn!(player = %self.name, "{problem}"),
                Step::RoundEnded { heard: true } => self.warned_of_nothing = false,
                Step::RoundEnded { heard: false } => self.wait_for_files(),
            }
        }
        self.shared.now_playing.store(None);
    }

    /// What was missing when the round began joins it when it comes.
    fn look_for_missing(&mut self) {
        let Some(media) = &self.backing.media else { return };
        if self.programme.missing().is_empty() || self.looked.elapsed() < LOOK_PERIOD {
            return;
        }
        self.looked = Instant::now();
        let come: Vec<PathBuf> = self.programme.missing().iter().filter(|path| media.is_there(path)).cloned().collect();
        come.iter().for_each(|path| self.programme.join(path));
    }

    /// Hands over all whole frames; what is left of the last one waits for the next samples, of whatever file.
    fn offer_frames(&mut self) {
        let mut offered = 0;
        let mut frame = PcmFrame::SILENCE;
        for values in self.samples.chunks_exact(TICK_VALUES) {
            while self.writer.is_full() {
                if self.stopped() {
                    return;
                }
                thread::park_timeout(FULL_WAIT);
            }
            frame.0.copy_from_slice(values);
            self.writer.offer_pcm(&frame);
            offered += TICK_VALUES;
        }
        self.samples.drain(..offered);
    }

    fn wait_for_files(&mut self) {
        self.programme.finish(&mut self.samples);
        self.offer_frames();
        self.shared.now_playing.store(None);
        if !self.warned_of_nothing {
            self.warned_of_nothing = true;
            tracing::warn!(player = %self.name, "none of the files can be played; trying again every 5 s");
        }
        let until = Instant::now() + NOTHING_WAIT;
        while !self.stopped() {
            match until.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return,
            }
        }
    }

    fn warn_once(&mut self, error: &super::DecodeError) {
        if self.warned.len() < WARNED_MAX && self.warned.insert(error.path().into()) {
            tracing::warn!(player = %self.name, "{error}; going on with the next file");
        }
    }

    /// Asked to stop, or nobody will play what is decoded.
    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire) || self.writer.is_abandoned()
    }
}

impl PlayerHandle {
    /// Whose files it plays.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is being decoded; none while nothing can be played.
    #[must_use]
    pub fn now_playing(&self) -> Option<Arc<NowPlaying>> {
        self.shared.now_playing.load_full()
    }

    /// For `/status`: whose files, and what is being decoded.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        let playing = self.now_playing().map(|info| {
            serde_json::json!({
                "file": info.path.display().to_string(),
                "title": info.title,
                "artist": info.artist,
                "duration_s": info.duration.map(|duration| duration.as_secs_f64()),
            })
        });
        serde_json::json!({ "name": self.name, "playing": playing })
    }

    /// Stops the player and waits for its end, at most 200 ms: a thread that hangs in a dead disk is left behind.
    pub fn stop(self) {
        // Dropping does it.
    }
}

impl Drop for PlayerHandle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
        if let Ok(ended) = self.ended.get_mut() {
            let _ = ended.recv_timeout(STOP_WAIT);
        }
    }
}
