//! What tags say of a song beside its name: its place on an album, and its level.

use super::decode::TrackInfo;
use radio_signal::units::SAMPLE_RATE_HZ;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Place on an album, and level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mastering {
    /// Artist of the album.
    pub album_artist: Option<String>,
    /// Number of the disc, from 1 on.
    pub disc: Option<u16>,
    /// Number of the track on its disc, from 1 on.
    pub track: Option<u16>,
    /// How much louder the song would be at -18 LUFS, in 1/1000 dB.
    pub track_gain_mdb: Option<i32>,
    /// How much louder its album would be at -18 LUFS, in 1/1000 dB.
    pub album_gain_mdb: Option<i32>,
    /// Highest sample of the song, in millionths of full scale.
    pub track_peak_ppm: Option<u32>,
    /// Highest sample of the album, in millionths of full scale.
    pub album_peak_ppm: Option<u32>,
}

/// Numbers of a [`Mastering`].
pub const NUMBERS: usize = 6;

impl Mastering {
    /// What `self` does not say, `other` does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            album_artist: self.album_artist.or(other.album_artist),
            disc: self.disc.or(other.disc),
            track: self.track.or(other.track),
            track_gain_mdb: self.track_gain_mdb.or(other.track_gain_mdb),
            album_gain_mdb: self.album_gain_mdb.or(other.album_gain_mdb),
            track_peak_ppm: self.track_peak_ppm.or(other.track_peak_ppm),
            album_peak_ppm: self.album_peak_ppm.or(other.album_peak_ppm),
        }
    }

    /// Its numbers, for a message.
    #[must_use]
    pub fn numbers(&self) -> [Option<u64>; NUMBERS] {
        let signed = |number: Option<i32>| number.map(|number| i64::from(number) as u64);
        [
            self.disc.map(u64::from),
            self.track.map(u64::from),
            signed(self.track_gain_mdb),
            signed(self.album_gain_mdb),
            self.track_peak_ppm.map(u64::from),
            self.album_peak_ppm.map(u64::from),
        ]
    }

    /// From its numbers in a message; what is out of range is left out.
    #[must_use]
    pub fn of(album_artist: Option<String>, numbers: [Option<u64>; NUMBERS]) -> Self {
        let [disc, track, track_gain, album_gain, track_peak, album_peak] = numbers;
        let signed = |number: Option<u64>| number.and_then(|number| i32::try_from(number as i64).ok());
        let small = |number: Option<u64>| number.and_then(|number| u16::try_from(number).ok());
        let peak = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        Self {
            album_artist,
            disc: small(disc),
            track: small(track),
            track_gain_mdb: signed(track_gain),
            album_gain_mdb: signed(album_gain),
            track_peak_ppm: peak(track_peak),
            album_peak_ppm: peak(album_peak),
        }
    }
}

/// Loudness to which ReplayGain 2 brings songs, in LUFS.
const REPLAY_GAIN_LUFS: f32 = -18.0;
/// Loudness to which the gain tags of Opus bring songs, in LUFS (RFC 7845, 5.2.1).
const R128_LUFS: f32 = -23.0;
/// Silence of a song's beginning, and of its end, that is kept: together a second between two
/// songs.
const SILENCE_KEPT: u64 = SAMPLE_RATE_HZ as u64 / 2;
/// A song is made quieter or louder by no more than this, in dB.
const GAIN_DB: std::ops::RangeInclusive<f32> = -24.0..=12.0;
/// A gain puts no peak above this, in dB of full scale.
const PEAK_DB_MAX: f32 = -1.0;
/// Gains of tags beyond this are no gains, in dB.
const TAGGED_GAIN_DB_MAX: f32 = 64.0;

impl Mastering {
    /// Takes a tag that says something of level, whatever kind of tag it is.
    pub(super) fn take(&mut self, key: &str, value: &str) {
        // MP4 has them as `com.apple.iTunes:replaygain_track_gain`.
        let key = key.rsplit(':').next().unwrap_or(key).to_ascii_lowercase();
        match key.as_str() {
            "replaygain_track_gain" => self.track_gain_mdb = self.track_gain_mdb.or(gain_of(value)),
            "replaygain_album_gain" => self.album_gain_mdb = self.album_gain_mdb.or(gain_of(value)),
            "replaygain_track_peak" => self.track_peak_ppm = self.track_peak_ppm.or(peak_of(value)),
            "replaygain_album_peak" => self.album_peak_ppm = self.album_peak_ppm.or(peak_of(value)),
            "r128_track_gain" => self.track_gain_mdb = self.track_gain_mdb.or(r128_gain_of(value)),
            "r128_album_gain" => self.album_gain_mdb = self.album_gain_mdb.or(r128_gain_of(value)),
            _ => {}
        }
    }

    /// By how many dB a song is to be louder for this loudness; where it plays with its album, by
    /// as much as that. A song of which nothing is known stays as it is, and one whose peak is
    /// unknown is made no louder.
    #[must_use]
    pub fn gain_db(&self, loudness_lufs: f32, plays_albums: bool) -> f32 {
        let album = self.album_gain_mdb.filter(|_| plays_albums).map(|gain| (gain, self.album_peak_ppm));
        let track = self.track_gain_mdb.map(|gain| (gain, self.track_peak_ppm));
        let other = || self.album_gain_mdb.map(|gain| (gain, self.album_peak_ppm));
        let Some((gain_mdb, peak_ppm)) = album.or(track).or_else(other) else { return 0.0 };
        let wanted = gain_mdb as f32 / 1000.0 + loudness_lufs - REPLAY_GAIN_LUFS;
        limited(wanted, peak_ppm.map(|peak| peak as f32 / 1e6))
    }

    /// Whether tags say how loud the song is.
    #[must_use]
    pub const fn has_gain(&self) -> bool {
        self.track_gain_mdb.is_some() || self.album_gain_mdb.is_some()
    }

    /// Whether tags say where it is on an album.
    #[must_use]
    pub const fn is_of_an_album(&self) -> bool {
        self.track.is_some()
    }
}

/// What was measured of a song.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Integrated loudness; none of a song that is silent or shorter than 400 ms.
    pub lufs: Option<f32>,
    /// True peak, full scale 1.
    pub true_peak: f32,
    /// Samples of silence at its beginning.
    pub head: u64,
    /// Samples of silence at its end.
    pub tail: u64,
    /// All of its samples.
    pub samples: u64,
}

impl Level {
    /// The samples of the song without the silence at its ends, but for half a second of each. A
    /// song that is nothing but silence is kept.
    #[must_use]
    pub fn sounding(&self) -> Range<u64> {
        if self.head == self.samples {
            return 0..u64::MAX;
        }
        let end = if self.tail > SILENCE_KEPT { self.samples - self.tail + SILENCE_KEPT } else { u64::MAX };
        self.head.saturating_sub(SILENCE_KEPT)..end
    }

    /// By how many dB a song that was measured is to be louder for this loudness.
    #[must_use]
    pub fn gain_db(&self, loudness_lufs: f32) -> f32 {
        self.lufs.map_or(0.0, |lufs| limited(loudness_lufs - lufs, Some(self.true_peak)))
    }
}

/// A gain within the limits, by which no peak comes too near to full scale.
fn limited(gain_db: f32, peak: Option<f32>) -> f32 {
    let room = peak.filter(|peak| *peak > 0.0).map_or(0.0, |peak| PEAK_DB_MAX - 20.0 * peak.log10());
    gain_db.min(room).clamp(*GAIN_DB.start(), *GAIN_DB.end())
}

/// Of `-7.53 dB`, in 1/1000 dB.
fn gain_of(text: &str) -> Option<i32> {
    let number = text.trim().trim_end_matches(['d', 'D', 'b', 'B']).trim_end().replace(',', ".");
    let gain: f32 = number.parse().ok()?;
    (gain.abs() <= TAGGED_GAIN_DB_MAX).then_some((gain * 1000.0).round() as i32)
}

/// Of a factor of full scale, in millionths.
fn peak_of(text: &str) -> Option<u32> {
    let peak: f64 = text.trim().replace(',', ".").parse().ok()?;
    (0.0..=100.0).contains(&peak).then_some((peak * 1e6).round() as u32)
}

/// Of 1/256 dB to -23 LUFS, in 1/1000 dB to what ReplayGain has.
fn r128_gain_of(text: &str) -> Option<i32> {
    let gain = f32::from(text.trim().parse::<i16>().ok()?) / 256.0 + REPLAY_GAIN_LUFS - R128_LUFS;
    (gain.abs() <= TAGGED_GAIN_DB_MAX).then_some((gain * 1000.0).round() as i32)
}

/// The number in `7`, `07`, `7/12`.
pub(super) fn number_of(text: &str) -> Option<u16> {
    text.split('/').next()?.trim().parse().ok().filter(|number| *number > 0)
}

impl TrackInfo {
    /// Whether it is the track behind `before` on the same album: the two are one piece.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        let (one, two) = (&before.mastering, &self.mastering);
        let is_same_album = self.details.album.is_some() && self.details.album == before.details.album;
        let is_same_artist = match (&one.album_artist, &two.album_artist) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.path.parent() == before.path.parent(),
            _ => false,
        };
        let is_next = match (one.track, two.track) {
            (Some(one_track), Some(two_track)) => {
                let (one_disc, two_disc) = (one.disc.unwrap_or(1), two.disc.unwrap_or(1));
                (one_disc == two_disc && two_track.checked_sub(1) == Some(one_track))
                    || (two_disc.checked_sub(1) == Some(one_disc) && two_track == 1)
            }
            _ => false,
        };
        is_same_album && is_same_artist && is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn song(path: &str, album: &str, artist: Option<&str>, disc: Option<u16>, track: Option<u16>) -> TrackInfo {
        let mut info = TrackInfo::of(Path::new(path), None);
        info.details.album = Some(album.to_owned()).filter(|album| !album.is_empty());
        let album_artist = artist.map(str::to_owned);
        info.mastering = Mastering { album_artist, disc, track, ..Mastering::default() };
        info
    }

    #[test]
    fn the_next_track_of_an_album_follows_and_no_other_song_does() {
        let first = song("/m/a/1.mp3", "A", Some("X"), None, Some(3));
        let cases = [
            (song("/m/b/2.mp3", "A", Some("X"), Some(1), Some(4)), true),
            (song("/m/a/2.mp3", "A", Some("X"), None, Some(5)), false),
            (song("/m/a/2.mp3", "A", Some("X"), None, Some(3)), false),
            (song("/m/a/2.mp3", "A", Some("X"), None, None), false),
            (song("/m/a/2.mp3", "A", Some("Y"), None, Some(4)), false),
            (song("/m/a/2.mp3", "A", None, None, Some(4)), false),
            (song("/m/a/2.mp3", "B", Some("X"), None, Some(4)), false),
            (song("/m/a/2.mp3", "A", Some("X"), Some(2), Some(1)), true),
            (song("/m/a/2.mp3", "A", Some("X"), Some(2), Some(4)), false),
        ];
        for (second, follows) in cases {
            assert_eq!(second.follows(&first), follows, "{second:?}");
        }
        let (one, two) = (song("/m/a/1.mp3", "A", None, None, Some(1)), song("/m/a/2.mp3", "A", None, None, Some(2)));
        assert!(two.follows(&one), "one folder is one album");
        assert!(!song("/m/b/2.mp3", "A", None, None, Some(2)).follows(&one));
        let untagged = song("/m/a/1.mp3", "", None, None, Some(1));
        assert!(!song("/m/a/2.mp3", "", None, None, Some(2)).follows(&untagged));
    }

    #[test]
    fn gains_are_read_however_they_are_written_and_nonsense_is_no_gain() {
        let read = |tags: &[(&str, &str)]| {
            let mut mastering = Mastering::default();
            tags.iter().for_each(|(key, value)| mastering.take(key, value));
            (mastering.track_gain_mdb, mastering.album_gain_mdb, mastering.track_peak_ppm)
        };
        assert_eq!(
            read(&[("REPLAYGAIN_TRACK_GAIN", "-7.53 dB"), ("replaygain_track_peak", "0.988553")]),
            (Some(-7530), None, Some(988_553))
        );
        assert_eq!(read(&[("----:com.apple.iTunes:replaygain_album_gain", "+3,2dB")]), (None, Some(3200), None));
        assert_eq!(read(&[("R128_TRACK_GAIN", "-1280"), ("R128_ALBUM_GAIN", "256")]), (Some(0), Some(6000), None));
        for nonsense in ["", "dB", "NaN", "inf", "1e9", "-99 dB", "0x10"] {
            assert_eq!(
                read(&[("replaygain_track_gain", nonsense), ("replaygain_track_peak", "-1")]),
                (None, None, None)
            );
        }
        assert_eq!(read(&[("r128_track_gain", "40000")]), (None, None, None));
    }

    #[test]
    fn songs_come_to_one_loudness_within_limits_and_below_full_scale() {
        let of = |track_gain_mdb, peak: f64| Mastering {
            track_gain_mdb: Some(track_gain_mdb),
            track_peak_ppm: Some((peak * 1e6) as u32),
            ..Mastering::default()
        };
        let gain = |mastering: &Mastering, lufs| (mastering.gain_db(lufs, true) * 10.0).round() / 10.0;
        assert_eq!(gain(&of(-7500, 1.0), -18.0), -7.5);
        assert_eq!(gain(&of(-7500, 1.0), -14.0), -3.5);
        assert_eq!(gain(&of(6000, 0.25), -18.0), 6.0);
        assert_eq!(gain(&of(6000, 0.5), -18.0), 5.0, "no peak above -1 dB");
        assert_eq!(gain(&of(2000, 1.0), -18.0), -1.0);
        assert_eq!((gain(&of(20_000, 0.001), -18.0), gain(&of(-40_000, 1.0), -18.0)), (12.0, -24.0));
        assert_eq!(gain(&Mastering::default(), -18.0), 0.0, "nothing is known");
        let no_peak = Mastering { track_gain_mdb: Some(5000), ..Mastering::default() };
        assert_eq!(gain(&no_peak, -18.0), 0.0, "it may be at full scale");
        let album = Mastering { album_gain_mdb: Some(-3000), album_peak_ppm: Some(500_000), ..of(-7500, 1.0) };
        assert_eq!((gain(&album, -18.0), (album.gain_db(-18.0, false) * 10.0).round() / 10.0), (-3.0, -7.5));
    }

    #[test]
    fn numbers_travel_and_what_is_out_of_range_is_left_out() {
        let mastering = Mastering {
            album_artist: Some("X".into()),
            disc: Some(2),
            track: Some(65_535),
            track_gain_mdb: Some(-7_530),
            album_gain_mdb: None,
            track_peak_ppm: Some(1_200_000),
            album_peak_ppm: Some(0),
        };
        assert_eq!(Mastering::of(Some("X".into()), mastering.numbers()), mastering);
        assert_eq!(Mastering::of(None, [Some(u64::MAX >> 1); NUMBERS]), Mastering::default());
        assert_eq!(["7", "07 ", "7/12", "0", "x", ""].map(number_of), [Some(7), Some(7), Some(7), None, None, None]);
    }
}
