//! Now playing: titles from everyone who knows one, heard with the sound they belong to (SPEC LIS-3).
//!
//! - [`icy`]: the form in which players get it.
//! - [`covers`]: pictures of the files that were played last.
//! - this file: who announces them, where they are written, and which there were.
//!
//! Which title belongs to which tick is decided by `radio_signal::titles`.
//!
//! Used by `state` and `playout`. It knows nothing of requests.

pub mod covers;
pub mod icy;

pub use covers::Covers;

use crate::broadcast::OutputId;
use radio_base::title::Title;
use radio_config::Charset;
use radio_fanout::TitlePublisher;
use radio_signal::ingest::BufferGauge;
use radio_signal::router::OnAir;
use radio_signal::titles::{TitleChange, TitleTimeline};
use radio_signal::units::Serial;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Titles that are remembered after they were heard.
pub const HISTORY_MAX: usize = 100;
/// What is remembered for that: between two titles there may be something without one, but never twice in a row.
const CHANGES_MAX: usize = 2 * HISTORY_MAX;

/// A title, and from when on it was heard.
#[derive(Clone, Debug, PartialEq)]
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
    /// Pictures that titles name.
    pub covers: Covers,
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
        Self { inner: Mutex::new(inner), covers: Covers::default() }
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

    /// What comes out of `gauge`'s buffer from `position` on has this title, or none if it says nothing; without a buffer,
    /// whatever `source` plays now.
    pub fn announce(&self, source: OnAir, at: Option<(&BufferGauge, u64)>, title: Title) {
        let title = (!title.is_empty()).then(|| Arc::new(title));
        self.lock().timeline.announce(source, at, title);
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
        let titled = |heard: &&Heard| heard.title.is_some();
        self.lock().history.iter().rev().filter(titled).take(HISTORY_MAX).cloned().collect()
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
        if self.history.len() == CHANGES_MAX {
            self.history.pop_front();
        }
        let heard = Heard { serial, source, title };
        self.history.push_back(heard.clone());
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ingest::input_buffer;
    use radio_signal::pcm::AudioFrame;
    use radio_signal::router::{InputId, SourceId};

    fn titles_of(heard: &[Heard]) -> Vec<(Serial, String)> {
        let label = |heard: &Heard| heard.title.as_deref().map_or_else(String::new, Title::label);
        heard.iter().map(|heard| (heard.serial, label(heard))).collect()
    }

    #[test]
    fn the_last_hundred_titles_are_remembered_whatever_came_between_them() {
        let titles = Titles::new(OnAir::Tone);
        for n in 0..120 {
            titles.announce(OnAir::Tone, None, Title::new("", &n.to_string(), ""));
            assert_eq!(titles_of(&titles.advance(2 * n)), [(2 * n, n.to_string())]);
            titles.announce(OnAir::Tone, None, Title::new("", "", "http://x/"));
            assert_eq!(titles_of(&titles.advance(2 * n + 1)), [(2 * n + 1, String::new())], "an empty one ends it");
        }
        assert_eq!(titles.now().expect("something is heard").title, None);
        let expected: Vec<_> = (20..120).rev().map(|n| (2 * n, n.to_string())).collect();
        assert_eq!(titles_of(&titles.history()), expected);
    }

    #[test]
    fn a_flood_of_titles_neither_grows_nor_keeps_the_next_one_from_its_tick() {
        let source = OnAir::Source(SourceId { input: InputId(0), producer: 1 });
        let (titles, (mut writer, mut reader)) = (Titles::new(source), input_buffer(100));
        let mut tick = AudioFrame::SILENCE;
        for n in 0..1000 {
            for m in 0..100 {
                let title = Title::new("", &format!("{n}.{m}"), "");
                titles.announce(source, Some((&writer.gauge(), writer.gauge().offered())), title);
            }
            assert!(writer.offer(&AudioFrame::SILENCE) && reader.pop(&mut tick));
            assert_eq!(titles_of(&titles.advance(n)), [(n, format!("{n}.99"))], "of one tick the last one is heard");
        }
        assert_eq!(titles.lock().history.len(), CHANGES_MAX);
    }
}
