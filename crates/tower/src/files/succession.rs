//! How each song of a player is joined to the one before it: with which gain, with or without a
//! crossfade, and without which of its silence.

use super::levels::Levels;
use super::open::Stamp;
use radio_config::Joining;
use radio_decode::media::file::decode::TrackInfo;
use radio_decode::media::file::mastering::Level;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The songs of a player, one after the other.
pub(super) struct Succession {
    joining: Joining,
    levels: Option<Arc<Levels>>,
    last: Option<TrackInfo>,
    /// None while nothing is known of the song.
    gain: Option<f32>,
}

/// How a song is joined.
pub(super) struct Joined {
    /// Factor of its samples.
    pub(super) gain: f32,
    /// It follows the one before it without a gap and without a crossfade.
    pub(super) follows: bool,
    /// Which of its samples are heard.
    pub(super) kept: Range<u64>,
}

impl Succession {
    pub(super) fn new(joining: Joining, levels: Option<Arc<Levels>>) -> Self {
        let levels = levels.filter(|_| joining.changes_songs());
        Self { joining, levels, last: None, gain: None }
    }

    /// This file is played soon.
    pub(super) fn plan(&self, path: &Path, stamp: Stamp) {
        if let Some(levels) = &self.levels {
            levels.want(path, stamp);
        }
    }

    /// The next song.
    pub(super) fn next(&mut self, info: &TrackInfo, stamp: Stamp) -> Joined {
        let before = self.last.as_ref().filter(|last| info.follows(last));
        let (follows, has_album_gain) = (before.is_some(), before.is_some_and(|last| self.plays_as_album(last, info)));
        let level = self.levels.as_ref().and_then(|levels| levels.of(&info.path, stamp));
        let own = self.gain_of(info, level);
        self.gain = match self.gain.filter(|_| follows) {
            // What is one piece has one gain.
            Some(before) if has_album_gain => Some(before),
            // Where the album's is unknown, the loudest song so far decides: its peaks are not lifted.
            Some(before) => Some(own.map_or(before, |own| before.min(own))),
            None => own,
        };
        // What may be one piece with another song keeps its ends.
        let level = level.filter(|_| !(self.joining.plays_albums && info.mastering.is_of_an_album()));
        let kept = level.map_or(0..u64::MAX, |level| level.sounding());
        self.last = Some(info.clone());
        Joined { gain: self.gain.unwrap_or(1.0), follows, kept }
    }

    fn plays_as_album(&self, one: &TrackInfo, other: &TrackInfo) -> bool {
        self.joining.plays_albums && [one, other].iter().all(|info| info.mastering.album_gain_mdb.is_some())
    }

    /// The factor that brings a song to the loudness that is wanted. One that is on air before it
    /// was measured stays as it is: any guess would be wrong for it.
    fn gain_of(&self, info: &TrackInfo, level: Option<Level>) -> Option<f32> {
        let Joining { loudness_lufs: Some(lufs), plays_albums, .. } = self.joining else { return None };
        let gain_db =
            if info.mastering.has_gain() { info.mastering.gain_db(lufs, plays_albums) } else { level?.gain_db(lufs) };
        Some(10.0_f32.powf(gain_db / 20.0))
    }
}
