//! What a file says about itself: title, artist, album, cover.
//!
//! Symphonia reads the tags of MP4 and Matroska. APE's are read by [`super::ape`], ID3 and RIFF's
//! INFO by [`super::id3`], the text of Vorbis comments by [`super::comments`]: symphonia replaces
//! bytes that are not in the declared charset before their real one can be found out.

use super::mastering::Mastering;
use super::{ape, comments, id3};
use crate::media::tails::Layout;
use radio_base::text::charset;
use std::io::{Read, Seek};
use std::sync::Arc;
use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{MetadataRevision, RawValue, StandardTag, StandardVisualKey, Visual};

/// Characters of a field that are kept.
const FIELD_CHARS_MAX: usize = 300;

/// Bytes of a cover; a larger one is left out.
pub const COVER_BYTES_MAX: usize = 1 << 20;

/// Revisions of tags that are looked at.
const REVISIONS_MAX: usize = 16;

/// What tags say. A field that is blank is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title.
    pub title: Option<String>,
    /// Artist, the first of several.
    pub artist: Option<String>,
    /// The rest.
    pub details: Details,
    /// Place on an album, and level.
    pub mastering: Mastering,
}

/// What tags say beside title and artist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Album.
    pub album: Option<String>,
    /// Record label.
    pub record_label: Option<String>,
    /// International Standard Recording Code.
    pub isrc: Option<String>,
    /// Year of the recording or release.
    pub year: Option<u16>,
    /// Picture of the front.
    pub cover: Option<Cover>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Cover {
    /// As HTTP calls its format.
    pub media_type: &'static str,
    /// The picture, at most [`COVER_BYTES_MAX`].
    pub bytes: Arc<[u8]>,
}

impl std::fmt::Debug for Cover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.media_type, self.bytes.len())
    }
}

impl Cover {
    /// A picture by what it begins with; `None`: no picture that browsers show, or too large.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let media_type = match bytes {
            _ if bytes.len() > COVER_BYTES_MAX => return None,
            [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => return None,
        };
        Some(Self { media_type, bytes: bytes.into() })
    }
}

impl Cover {
    /// Appends a piece of a picture, and nothing beyond the limit.
    pub fn collect(bytes: &mut Vec<u8>, piece: &[u8]) {
        let room = (COVER_BYTES_MAX + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl Tags {
    /// What `self` does not say, `other` does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (one, two) = (self.details, other.details);
        let details = Details {
            album: one.album.or(two.album),
            record_label: one.record_label.or(two.record_label),
            isrc: one.isrc.or(two.isrc),
            year: one.year.or(two.year),
            cover: one.cover.or(two.cover),
        };
        let (title, artist) = (self.title.or(other.title), self.artist.or(other.artist));
        Self { title, artist, details, mastering: self.mastering.or(other.mastering) }
    }
}

/// What a file says by itself, before and behind its audio. A file that cannot be read has no tags;
/// its decoder says why.
pub(super) fn of_file(file: &mut (impl Read + Seek), layout: &Layout) -> id3::Found {
    let mut found = id3::read(file).unwrap_or_default();
    found.comments = comments::read(file, &layout.audio).unwrap_or_default();
    if let Some(items) = layout.ape.clone() {
        found.ape = ape::read(file, items).unwrap_or_default();
    }
    found
}

/// The tags before and behind the audio alone.
pub(super) fn of_no_container(found: id3::Found) -> Tags {
    found.id3v2.or(found.comments).or(found.ape).or(found.info).or(found.id3v1)
}

/// All tags of an opened file: those of the container, and `found` before and behind it.
pub(super) fn of_container(format: &mut dyn FormatReader, found: id3::Found) -> Tags {
    let mut revisions = Vec::new();
    let mut log = format.metadata();
    while let Some(revision) = log.current().filter(|_| revisions.len() < REVISIONS_MAX) {
        if !matches!(revision.info.short_name, "id3v1" | "id3v2") {
            revisions.push(of_revision(revision));
        }
        if log.pop().is_none() {
            break;
        }
    }
    // The newest first; ID3v1 cuts off after 30 bytes, so it comes last.
    let of_container = revisions.into_iter().rev().fold(Tags::default(), Tags::or);
    found.id3v2.or(found.comments).or(of_container).or(found.ape).or(found.info).or(found.id3v1)
}

fn of_revision(revision: &MetadataRevision) -> Tags {
    let of_tracks = || revision.per_track.iter().map(|track| &track.metadata);
    let containers = || std::iter::once(&revision.media).chain(of_tracks());
    let mut tags = Tags::default();
    let (details, mastering) = (&mut tags.details, &mut tags.mastering);
    for tag in containers().flat_map(|container| &container.tags) {
        match &tag.std {
            Some(StandardTag::TrackTitle(text)) => keep(&mut tags.title, text),
            Some(StandardTag::Artist(text)) => keep(&mut tags.artist, text),
            Some(StandardTag::AlbumArtist(text)) => keep(&mut mastering.album_artist, text),
            Some(StandardTag::Album(text)) => keep(&mut details.album, text),
            Some(StandardTag::Label(text)) => keep(&mut details.record_label, text),
            Some(StandardTag::IdentIsrc(text)) => keep(&mut details.isrc, text),
            Some(StandardTag::RecordingDate(text) | StandardTag::ReleaseDate(text)) => {
                details.year = details.year.or(year_of(text));
            }
            Some(StandardTag::RecordingYear(year) | StandardTag::ReleaseYear(year)) => {
                details.year = details.year.or(Some(*year));
            }
            Some(StandardTag::TrackNumber(number)) => {
                mastering.track = mastering.track.or(u16::try_from(*number).ok());
            }
            Some(StandardTag::DiscNumber(number)) => mastering.disc = mastering.disc.or(u16::try_from(*number).ok()),
            _ => {}
        }
        if let RawValue::String(text) = &tag.raw.value {
            mastering.take(&tag.raw.key, text);
        }
    }
    tags.artist = tags.artist.or_else(|| tags.mastering.album_artist.clone());
    let visuals = || containers().flat_map(|container| &container.visuals);
    let is_front = |visual: &&Visual| visual.usage == Some(StandardVisualKey::FrontCover);
    details.cover = visuals().filter(is_front).chain(visuals()).find_map(|visual| Cover::of(&visual.data));
    tags
}

/// The first that says something counts.
pub(super) fn keep(field: &mut Option<String>, text: &str) {
    if field.is_none() {
        let text = charset::repaired(text);
        let kept =
            radio_base::text::cleaned(&text).trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}').to_owned();
        *field = (!kept.is_empty()).then(|| kept.chars().take(FIELD_CHARS_MAX).collect());
    }
}

/// Of `2001`, `2001-05-17`, `17.05.2001`.
pub(super) fn year_of(text: &str) -> Option<u16> {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() == 4);
    numbers.filter_map(|digits| digits.parse().ok()).find(|year| (1000..=9999).contains(year))
}
