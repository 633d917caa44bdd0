//! The thread that keeps an input buffer full of a programme of files (SPEC FALL-3).
//!
//! It reads no file itself: an [`opener`](super::opener) opens them, and a decoder process, which
//! lives over many files so that they follow each other without a sample between them, decodes
//! them. A process that dies or hangs is replaced, and the file goes on where it was; a file that
//! killed it is left out until it changes (SPEC FALL-7).

use super::handle::{Backing, PlayerHandle, PlayerSettings, Shared};
use super::opener::{Next, OpenedFile, Opener, Settings};
use super::output::{Output, Started};
use super::songs::{Song, label};
use super::succession::Succession;
use super::warnings::Warnings;
use radio_decode::FILE_LIMITS;
use radio_decode::intake::{Intake, Piece};
use radio_decode::line::{Line, Told};
use radio_decode::media::file::decode::{DecodeError, TrackInfo};
use radio_decode::media::file::tags::Cover;
use radio_decode::process::{Job, Read};
use radio_decode::protocol::{Body, Outcome, Record, Request, Tags};
use radio_decode::settings::timespec;
use radio_decode::supervisor::{Event, Item, Reason};
use radio_signal::ingest::BufferWriter;
use radio_signal::units::{CHANNELS, samples_in_ms};
use rustix::event::{PollFd, PollFlags};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long to wait after a round in which nothing could be played.
const NOTHING_WAIT: Duration = Duration::from_secs(5);
/// After so long an open file, or the list of them, is not waited for any more.
const DISK_WAIT: Duration = Duration::from_secs(1);
/// The longest sleep.
const SLEEP_MS_MAX: u64 = 500;
/// Files that a process has been given: the one that it decodes, and the next.
const FILES_AHEAD: usize = 2;

/// Plays files and folders into a buffer, for ever.
pub struct Player {
    name: String,
    backing: Backing,
    opener: Opener,
    line: Line,
    /// The last process could not be started.
    cannot_start: bool,
    intake: Intake,
    output: Output,
    shared: Arc<Shared>,
    /// Files that are being decoded or are next, in their order.
    files: VecDeque<Planned>,
    next_item: Item,
    /// Since when the opener has been asked and has not answered.
    asked: Option<Instant>,
    round_has_ended: bool,
    /// Something of this round was heard.
    heard: bool,
    /// Until then there is nothing to play.
    pause_until: Option<Instant>,
    /// What has come of the picture of the next file.
    cover: Vec<u8>,
    /// Samples that the process has skipped.
    skipped: u64,
    succession: Succession,
    warnings: Warnings,
}

/// A file on its way through the decoder.
struct Planned {
    item: Item,
    opened: OpenedFile,
    is_sent: bool,
    /// It has begun, and so many of its samples have come.
    taken: Option<u64>,
}

impl Player {
    /// Starts a thread that keeps `writer` full. `started` is told of each file with the position in
    /// the buffer from which on it is heard.
    ///
    /// If the system has no thread left, that is an error in the log and an input that has ended.
    pub fn start(
        settings: PlayerSettings,
        writer: BufferWriter,
        mut started: impl FnMut(u64, &TrackInfo) + Send + 'static,
    ) -> PlayerHandle {
        let (name, rounds) = (settings.name.clone(), settings.backing.rounds.clone());
        let (of_player, paths) = (settings.name.clone(), settings.paths.clone());
        let started: Started = Box::new(move |position, song: &Song| {
            started(position, &song.info);
            if let (Some(rounds), Some(place)) = (&rounds, &song.place) {
                rounds.keep(&of_player, &paths, place);
            }
        });
        let shared = Arc::new(Shared::new());
        let playing = Arc::clone(&shared);
        PlayerHandle::start(&name, shared, move || match Self::new(settings, playing, writer, started) {
            Ok(player) => player.run(),
            Err(error) => tracing::error!(%error, "no thread to open files; raise the limit of processes"),
        })
    }

    fn new(
        settings: PlayerSettings,
        shared: Arc<Shared>,
        writer: BufferWriter,
        started: Started,
    ) -> std::io::Result<Self> {
        let waker = Arc::clone(&shared);
        let PlayerSettings { name, playlist, backing, keeps_files, decoder, joining, .. } = settings;
        let opening = Settings { playlist, media: backing.media.clone(), keeps: keeps_files };
        Ok(Self {
            opener: Opener::start(&name, opening, move || waker.wake())?,
            line: Line::new(decoder, FILE_LIMITS),
            cannot_start: false,
            warnings: Warnings::new(&name),
            name,
            succession: Succession::new(joining, backing.levels.clone()),
            backing,
            intake: Intake::new(0),
            output: Output::new(writer, samples_in_ms(joining.crossfade_ms), started, Arc::clone(&shared)),
            shared,
            files: VecDeque::new(),
            next_item: 0,
            asked: None,
            round_has_ended: false,
            heard: false,
            pause_until: None,
            cover: Vec::new(),
            skipped: 0,
        })
    }

    fn run(mut self) {
        crate::logging::libraries::mute_this_thread();
        while !self.stopped() {
            self.plan();
            if !self.files.is_empty() {
                self.line.start();
            }
            self.line.turn(&Job::Files);
            while let Some(told) = self.line.told() {
                self.follow(told);
            }
            self.send();
            let wants_pcm = self.output.wants_more();
            let read = self.take(wants_pcm);
            self.output.offer_frames();
            let owes = read == Ok(Read::Nothing) && wants_pcm && self.files.iter().any(|file| file.is_sent);
            self.line.report(|id| Event::Owes(id, owes));
            match read {
                Ok(Read::Some) => {}
                Ok(Read::Nothing) => self.wait(wants_pcm),
                Ok(Read::Ended) => self.line.lost(),
                Err(reason) => self.line.report(|id| Event::Lost(id, reason)),
            }
        }
        self.shared.now_playing.store(None);
        self.output.end();
    }

    /// Has the next file at hand, or learns that there is none.
    fn plan(&mut self) {
        if self.pause_until.is_some_and(|until| until <= Instant::now()) {
            self.pause_until = None;
        }
        let answer = self.asked.and_then(|_| self.opener.answer());
        self.asked = self.asked.filter(|_| answer.is_none());
        match answer {
            Some(Next::File(opened)) => self.queue(opened),
            Some(Next::Failed(error)) => self.warnings.file(&error),
            Some(Next::Problem(problem)) => tracing::warn!(player = %self.name, "{problem}"),
            Some(Next::RoundEnded) => self.round_has_ended = true,
            None => {}
        }
        if self.round_has_ended && (self.heard || self.files.is_empty()) {
            self.round_has_ended = false;
            if std::mem::take(&mut self.heard) {
                self.warnings.heard();
            } else {
                self.wait_for_files();
            }
        }
        let wants_one = self.files.len() < FILES_AHEAD && !self.round_has_ended && self.pause_until.is_none();
        if wants_one && self.asked.is_none() {
            self.asked = Some(Instant::now());
            self.opener.ask();
        }
        let disk_hangs = self.asked.is_some_and(|asked| asked.elapsed() >= DISK_WAIT);
        if disk_hangs && self.files.is_empty() {
            self.shared.tell("waiting for the disk: a file or folder does not open");
            if let Some(kept) = self.opener.kept() {
                self.queue(kept);
            } else {
                self.shared.now_playing.store(None);
            }
        } else if self.line.is_blocked() {
            self.shared.tell("waiting for the disk: two decoders read a file and cannot be ended");
            self.shared.now_playing.store(None);
        } else if self.cannot_start {
            self.shared.tell("its decoder cannot be started: raise the limit of processes; the log says more");
            self.shared.now_playing.store(None);
        } else if !disk_hangs {
            self.shared.clear();
        }
    }

    fn queue(&mut self, opened: OpenedFile) {
        self.succession.plan(&opened.path, opened.stamp);
        self.files.push_back(Planned { item: self.next_item, opened, is_sent: false, taken: None });
        self.next_item += 1;
        self.tell_next();
    }

    /// What follows the song that was begun last.
    fn tell_next(&self) {
        let next = self.files.iter().find(|file| file.taken.is_none());
        self.shared.songs.plan(next.map(|file| {
            let mut info = TrackInfo::of(&file.opened.path, None);
            info.named_by_list(file.opened.title.as_deref());
            label(&info)
        }));
    }

    /// Gives the process what it lacks.
    fn send(&mut self) {
        let Some(process) = self.line.process() else { return };
        for file in self.files.iter_mut().filter(|file| !file.is_sent) {
            let extension = file.opened.path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let from_sample = file.taken.unwrap_or(0);
            let request = Request::Play { file: file.item, from_sample, extension: extension.to_owned() };
            // What cannot be sent now is sent in the next turn; one that is dead is about to be seen.
            if process.request(&request, Some(file.opened.file.as_fd())).is_err() {
                return;
            }
            file.is_sent = true;
        }
        if let Some(first) = self.files.front().filter(|file| file.is_sent).map(|file| file.item) {
            self.line.report(|id| Event::Began(id, first));
        }
    }

    /// Takes what the process gives.
    fn take(&mut self, wants_pcm: bool) -> Result<Read, Reason> {
        let Some(process) = self.line.process() else { return Ok(Read::Nothing) };
        let (mut intake, mut pieces) = (std::mem::replace(&mut self.intake, Intake::new(0)), Vec::new());
        let read = intake.take(process, wants_pcm, |piece| match piece {
            Piece::Pcm(values) => pieces.push(Ok(values.to_vec())),
            Piece::Record(record) => pieces.push(Err(record)),
        });
        self.intake = intake;
        for piece in pieces {
            match piece {
                Ok(values) => self.play(&values),
                Err(record) => self.note(record),
            }
        }
        read
    }

    fn play(&mut self, values: &[f32]) {
        let frames = (values.len() / CHANNELS) as u64;
        self.heard |= frames > 0;
        if let Some(taken) = self.files.front_mut().and_then(|file| file.taken.as_mut()) {
            *taken += frames;
        }
        self.line.report(|id| Event::Sound(id, frames));
        self.output.push(values);
    }

    fn note(&mut self, record: Record) {
        match record.body {
            Body::Ready(sandbox) => self.backing.decoders.sandboxed(sandbox),
            Body::Started { file, tags } => self.file_begins(file, *tags),
            Body::Ended { file, outcome } => self.file_ends(file, outcome),
            Body::Progress { skipped, .. } => {
                let more = skipped.saturating_sub(std::mem::replace(&mut self.skipped, skipped));
                self.line.report(|id| Event::Skipped(id, more));
            }
            Body::NeedsFfmpeg { file, demuxer } => {
                if let Some(planned) = self.files.iter().find(|planned| planned.item == file) {
                    self.line.lend_ffmpeg(demuxer, Some(planned.opened.file.as_fd()));
                }
            }
            Body::FfmpegOver => self.line.end_ffmpeg(),
            Body::Flushed => self.output.finish(),
            Body::Cover(piece) => Cover::collect(&mut self.cover, &piece),
            Body::Warning(text) => tracing::debug!(player = %self.name, text, "the decoder says"),
            Body::Format { .. } | Body::Title { .. } | Body::Head { .. } | Body::LumpTicks(_) => {}
        }
    }

    fn file_begins(&mut self, item: Item, tags: Tags) {
        let cover = Cover::of(&std::mem::take(&mut self.cover));
        let Some(planned) = self.files.iter_mut().find(|file| file.item == item) else { return };
        if planned.taken.is_some() {
            return; // It goes on, in another process.
        }
        planned.taken = Some(0);
        let OpenedFile { path, title, place, .. } = &planned.opened;
        let mut info = tags.of_file(path, cover);
        info.named_by_list(title.as_deref());
        tracing::info!(player = %self.name, file = %path.display(), title = %info.label(), "playing");
        self.shared.now_playing.store(Some(Arc::new(info.clone())));
        let joined = self.succession.next(&info, planned.opened.stamp);
        self.output.begin(Song { info, place: place.clone() }, joined);
        self.tell_next();
    }

    fn file_ends(&mut self, item: Item, outcome: Outcome) {
        self.line.report(|id| Event::Over(id, item));
        let Some(at) = self.files.iter().position(|file| file.item == item) else { return };
        let Some(Planned { opened: OpenedFile { path, .. }, .. }) = self.files.remove(at) else { return };
        match outcome {
            Outcome::Over => {}
            Outcome::Empty => self.warnings.file(&DecodeError::Empty { path }),
            Outcome::Unreadable(reason) => self.warnings.file(&DecodeError::Format { path, reason }),
            Outcome::Damaged(reason) => self.warnings.file(&DecodeError::Damaged { path, reason }),
        }
    }

    fn follow(&mut self, told: Told) {
        match told {
            Told::Started(_) => {
                (self.intake, self.skipped, self.cannot_start) = (Intake::new(0), 0, false);
                let pid = self.line.process().map_or(0, |process| process.pid());
                self.shared.decoder_pid.store(pid, Ordering::Relaxed);
            }
            Told::Lost(reason, words) => {
                self.shared.decoder_pid.store(0, Ordering::Relaxed);
                self.shared.replaced.store(self.line.replaced(), Ordering::Relaxed);
                self.cannot_start = reason == Reason::NotStarted;
                tracing::warn!(player = %self.name, words, "the decoder {}; starting another", reason.text());
                self.output.cut();
                self.cover.clear();
                self.files.iter_mut().for_each(|file| file.is_sent = false);
                // A file that a process still reads, though it was killed, is on a disk that does not answer.
                if self.line.has_dying()
                    && reason == Reason::Hangs
                    && self.files.front().is_some_and(|f| f.taken.is_some())
                {
                    self.files.pop_front();
                }
            }
            Told::GiveUp(item, reason) => {
                let Some(at) = self.files.iter().position(|file| file.item == item) else { return };
                let Some(file) = self.files.remove(at) else { return };
                let OpenedFile { path, stamp, .. } = file.opened;
                // One that does not work waits for its disk, which is no fault of the file.
                if reason == Reason::Hangs {
                    let file = path.display();
                    tracing::warn!(player = %self.name, "{file} is left out this time: its disk does not answer");
                    return;
                }
                self.opener.condemn(&path, stamp);
                self.backing.decoders.give_up(&path, reason);
                self.warnings.file(&DecodeError::Kills { path, reason: reason.text() });
            }
            Told::Exhausted(_) => {} // A player never gives up.
        }
    }

    fn wait_for_files(&mut self) {
        if let Some(process) = self.line.process() {
            let _is_dead = process.request(&Request::Flush, None);
        }
        self.shared.now_playing.store(None);
        self.warnings.nothing();
        self.pause_until = Some(Instant::now() + NOTHING_WAIT);
    }

    /// Sleeps until something comes, there may be room, or something is due.
    fn wait(&self, wants_pcm: bool) {
        let mut ms = self.line.wait_ms(SLEEP_MS_MAX);
        let mut until = |instant: Instant| {
            let left = instant.saturating_duration_since(Instant::now()).as_millis() + 1;
            ms = ms.min(i64::try_from(left).unwrap_or(i64::MAX));
        };
        self.pause_until.into_iter().for_each(&mut until);
        self.asked.filter(|asked| asked.elapsed() < DISK_WAIT).into_iter().for_each(|asked| until(asked + DISK_WAIT));
        ms = ms.min(self.output.wait_ms().map_or(i64::MAX, |wait| wait.try_into().unwrap_or(i64::MAX)));
        let mut fds: Vec<_> = self.shared.wake.iter().map(|wake| PollFd::new(wake, PollFlags::IN)).collect();
        self.line.poll_fds(wants_pcm, &mut fds);
        let _ = rustix::event::poll(&mut fds, Some(&timespec(ms)));
        self.shared.woken();
    }

    /// Asked to stop, or nobody will play what is decoded.
    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire) || self.output.is_abandoned()
    }
}
