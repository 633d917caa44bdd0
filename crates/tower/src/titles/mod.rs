//! Now playing: titles from everyone who knows one, heard with the sound they belong to (SPEC LIS-3).
//!
//! - [`title`]: what a title is, and its limits.
//! - [`icy`]: the form in which players get it.
//! - this file: who announces them, where they are written, and which there were.
//!
//! Which title belongs to which tick is decided by `radio_signal::titles`.

pub mod icy;
pub mod title;

pub use title::{Charset, Title};

use crate::setup::OutputId;
use radio_fanout::TitlePublisher;
use radio_signal::ingest::BufferGauge;
use radio_signal::router::OnAir;
use radio_signal::titles::{TitleChange, TitleTimeline};
use radio_signal::units::Serial;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Titles that are remembered after they were heard.
pub const HISTORY_MAX: usize = 100;

/// A title, and from when on it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The first tick of it.
    pub serial: Serial,
    /// Whose sound it is.
    pub source: OnAir,
    /// The title; `None`: what is heard has none.
    pub title: Option<Arc<Title>>,
}

/// All titles of a tower. Never touched by the pump: titles are written beside the frames, by number.
pub struct Titles {
    inner: Mutex<Inner>,
}

/// Writes titles beside the frames of one output.
struct Writer {
    output: OutputId,
    publisher: TitlePublisher,
    charset: Charset,
}

struct Inner {
    timeline: TitleTimeline<Arc<Title>>,
    mounts: Vec<Writer>,
    history: VecDeque<Heard>,
}

impl Titles {
    /// Nothing has a title yet.
    #[must_use]
    pub fn new(on_air: OnAir) -> Self {
        let inner = Inner { timeline: TitleTimeline::new(on_air), mounts: Vec::new(), history: VecDeque::new() };
        Self { inner: Mutex::new(inner) }
    }

    /// Titles are also written beside the frames of this output, whose first is `first`, from the one heard there on.
    pub fn write_to(&self, output: OutputId, mut publisher: TitlePublisher, charset: Charset, first: Serial) {
        let mut inner = self.lock();
        let now = inner.history.iter().rev().find(|heard| heard.serial <= first).or(inner.history.front());
        if let Some(heard) = now {
            let _ = publisher.set(first.max(heard.serial), &icy::block(heard.title.as_deref(), charset));
        }
        inner.mounts.push(Writer { output, publisher, charset });
    }

    /// Titles are written to these outputs no more.
    pub fn forget(&self, outputs: &[OutputId]) {
        self.lock().mounts.retain(|writer| !outputs.contains(&writer.output));
    }

    /// From now on titles are written for another list of outputs: those that are not in it are written no more.
    pub fn retain(&self, charset_of: impl Fn(OutputId) -> Option<Charset>) {
        self.lock().mounts.retain_mut(|writer| match charset_of(writer.output) {
            Some(charset) => {
                writer.charset = charset;
                true
            }
            None => false,
        });
    }

    /// What comes out of `gauge`'s buffer from `position` on has this title; without a buffer, whatever `source` plays
    /// now.
    pub fn announce(&self, source: OnAir, at: Option<(&BufferGauge, u64)>, title: Title) {
        self.lock().timeline.announce(source, at, Arc::new(title));
    }

    /// From `tick` on, `to` is heard.
    pub fn on_air(&self, to: OnAir, tick: Serial) -> Vec<Heard> {
        let mut inner = self.lock();
        let mut changes = Vec::new();
        inner.timeline.on_air(to, tick, &mut |change| changes.push(change));
        changes.into_iter().map(|change| inner.hear(change)).collect()
    }

    /// Looks at what has been played up to and with `tick`, and gives listeners the titles of it.
    pub fn advance(&self, tick: Serial) -> Vec<Heard> {
        let mut inner = self.lock();
        let mut changes = Vec::new();
        inner.timeline.advance(tick, &mut |change| changes.push(change));
        changes.into_iter().map(|change| inner.hear(change)).collect()
    }

    /// What is heard now; `None` while there never was a title.
    #[must_use]
    pub fn now(&self) -> Option<Heard> {
        self.lock().history.back().cloned()
    }

    /// The last titles, newest first, at most [`HISTORY_MAX`].
    #[must_use]
    pub fn history(&self) -> Vec<Heard> {
        self.lock().history.iter().rev().filter(|heard| heard.title.is_some()).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic with the lock held would have to come from a full memory; titles are no reason to go off air.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn hear(&mut self, TitleChange { serial, source, title }: TitleChange<Arc<Title>>) -> Heard {
        for Writer { publisher, charset, .. } in &mut self.mounts {
            // MP3 at 48 kHz: the sound of a tick begins in the frame of its number. A block is never too long.
            let _ = publisher.set(serial, &icy::block(title.as_deref(), *charset));
        }
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        let heard = Heard { serial, source, title };
        self.history.push_back(heard.clone());
        heard
    }
}
