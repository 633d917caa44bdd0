//! Which of a player's songs is on air, how much of it is left, and which is next.
//!
//! A player decodes ahead: what it decodes is heard when the buffer has come to it. So songs wait
//! here with the position at which they begin.

use super::playlist::Place;
use radio_decode::media::file::decode::TrackInfo;
use radio_signal::ingest::BufferGauge;
use radio_signal::units::TICK_MS;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Songs that wait for their sound; beyond, the oldest is forgotten.
const SONGS_MAX: usize = 64;

/// A song.
#[derive(Clone, Debug, Default)]
pub struct Song {
    /// What it says of itself.
    pub info: TrackInfo,
    /// Where the round is with it; none outside a round.
    pub place: Option<Place>,
}

/// What is known of the song on air.
#[derive(Clone, Debug)]
pub struct SongOnAir {
    /// It.
    pub song: Arc<Song>,
    /// Until the next one begins, if that is known, in ms.
    pub remaining_ms: Option<u64>,
    /// For people: what the next one is called, by its tags or its file's name.
    pub next: Option<String>,
}

impl Song {
    /// For people, as listeners are shown it.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.info)
    }
}

/// What listeners are shown of a song.
pub(super) fn label(info: &TrackInfo) -> String {
    info.to_title(String::new()).label()
}

/// The songs of one player.
#[derive(Default)]
pub(super) struct Songs(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    gauge: Option<BufferGauge>,
    /// How long before the end of a song the next one begins.
    crossfade_ms: u64,
    /// With their positions in the buffer, in ticks; the first one is on air.
    begun: VecDeque<(u64, Arc<Song>)>,
    /// What follows the last of them.
    planned: Option<String>,
}

impl Songs {
    /// Positions are those in this buffer, and songs are crossfaded for so long.
    pub(super) fn play_from(&self, gauge: BufferGauge, crossfade_ms: u64) {
        let mut inner = self.lock();
        (inner.gauge, inner.crossfade_ms) = (Some(gauge), crossfade_ms);
    }

    /// A song begins at this position.
    pub(super) fn begins(&self, position: u64, song: Arc<Song>) {
        let mut inner = self.lock();
        inner.forget_past();
        if inner.begun.len() == SONGS_MAX {
            inner.begun.pop_front();
        }
        inner.begun.push_back((position, song));
    }

    /// What follows those that have begun, for people.
    pub(super) fn plan(&self, label: Option<String>) {
        self.lock().planned = label;
    }

    /// The song on air; none before the first sample of one.
    pub(super) fn on_air(&self) -> Option<SongOnAir> {
        let mut inner = self.lock();
        inner.forget_past();
        let taken = inner.gauge.as_ref()?.taken();
        let (position, song) = inner.begun.front().filter(|(position, _)| *position < taken)?.clone();
        let following = inner.begun.get(1);
        let until_next = following.map(|(next, _)| next.saturating_sub(taken) * TICK_MS);
        let by_length = || {
            let length_ms = u64::try_from(song.info.duration?.as_millis()).ok()?;
            let crossfade_ms = inner.crossfade_ms.min(length_ms / 2);
            Some(length_ms.saturating_sub(crossfade_ms + (taken - position) * TICK_MS))
        };
        let next = following.map(|(_, song)| song.label()).or_else(|| inner.planned.clone());
        Some(SongOnAir { remaining_ms: until_next.or_else(by_length), next, song })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Forgets the songs that are over.
    fn forget_past(&mut self) {
        let taken = self.gauge.as_ref().map_or(0, BufferGauge::taken);
        while self.begun.get(1).is_some_and(|(position, _)| *position < taken) {
            self.begun.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ingest::input_buffer;
    use radio_signal::pcm::AudioFrame;
    use std::path::Path;
    use std::time::Duration;

    fn song(name: &str) -> Arc<Song> {
        let info = TrackInfo::of(Path::new(name), Some(Duration::from_millis(2400)));
        Arc::new(Song { info, place: None })
    }

    #[test]
    fn a_song_is_on_air_from_its_first_sample_to_the_first_of_the_next() {
        let (mut writer, mut reader) = input_buffer(300);
        let (songs, mut frame) = (Songs::default(), AudioFrame::SILENCE);
        songs.play_from(writer.gauge(), 240);
        (0..200).for_each(|_| _ = writer.offer(&frame));
        songs.begins(0, song("a.mp3"));
        assert!(songs.on_air().is_none(), "nothing is heard yet");
        songs.plan(Some("b.mp3".into()));
        reader.pop(&mut frame);
        let on_air = songs.on_air().expect("the first");
        assert_eq!((on_air.remaining_ms, on_air.next.as_deref()), (Some(2400 - 240 - 24), Some("b.mp3")));
        songs.begins(90, song("c.mp3"));
        let on_air = songs.on_air().expect("still the first");
        let known = (on_air.song.label(), on_air.remaining_ms, on_air.next.as_deref());
        assert_eq!(known, ("a".into(), Some(89 * 24), Some("c")), "what is known is told, not what was planned");
        (0..90).for_each(|_| _ = reader.pop(&mut frame));
        let on_air = songs.on_air().expect("the next");
        assert_eq!((on_air.song.label(), on_air.remaining_ms), ("c".into(), Some(2400 - 240 - 24)));
    }
}
