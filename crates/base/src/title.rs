//! A title, cleaned and cut to its limits wherever it comes from.

use serde::{Deserialize, Serialize};

/// Characters of an artist, a title or an address at most; what is longer is cut.
pub const FIELD_CHARS_MAX: usize = 500;

/// What is playing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Title {
    /// Who; may be empty.
    pub artist: String,
    /// What; may be empty.
    pub title: String,
    /// An address that goes with it; may be empty.
    pub url: String,
    /// What else is known of it.
    pub details: Details,
}

/// What is known of a title beside what players show. A field may be empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Album.
    pub album: String,
    /// Record label.
    #[serde(alias = "label")]
    pub record_label: String,
    /// International Standard Recording Code.
    pub isrc: String,
    /// Year of the recording or release.
    pub year: Option<u16>,
    /// Length in seconds.
    #[serde(alias = "duration", alias = "duration_sec")]
    pub duration_s: Option<f64>,
    /// Address of a picture.
    pub cover: String,
}

impl Details {
    /// Every name that a field may have.
    pub const FIELDS: [&str; 9] =
        ["album", "record_label", "label", "isrc", "year", "duration_s", "duration", "duration_sec", "cover"];
}

impl Title {
    /// A title without control characters, each field cut to [`FIELD_CHARS_MAX`].
    #[must_use]
    pub fn new(artist: &str, title: &str, url: &str) -> Self {
        Self { artist: clean(artist), title: clean(title), url: clean(url), details: Details::default() }
    }

    /// The same with what else is known of it, cleaned and cut.
    #[must_use]
    pub fn with(mut self, details: &Details) -> Self {
        let duration_s = details.duration_s.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        self.details = Details {
            album: clean(&details.album),
            record_label: clean(&details.record_label),
            isrc: clean(&details.isrc),
            year: details.year,
            duration_s,
            cover: clean(&details.cover),
        };
        self
    }

    /// For people and players: "Artist - Title", or whichever there is.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.artist.as_str(), self.title.as_str()) {
            ("", title) => title.to_owned(),
            (artist, "") => artist.to_owned(),
            (artist, title) => format!("{artist} - {title}"),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.artist.is_empty() && self.title.is_empty()
    }
}

fn clean(text: &str) -> String {
    crate::text::cleaned(text).trim().chars().take(FIELD_CHARS_MAX).collect()
}

/// Text of unknown charset, as old software sends it: as `label` says, if that is a charset; else UTF-8 if it can be
/// that, Cyrillic if it looks like it, and otherwise Latin-1 in its extent of Windows.
#[must_use]
pub fn decode(bytes: &[u8], label: Option<&str>) -> String {
    let named = label.and_then(|label| encoding_rs::Encoding::for_label(label.trim().as_bytes()));
    match named {
        Some(encoding) => encoding.decode(bytes).0.into_owned(),
        None => crate::text::charset::of_unknown(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_made_of_what_there_is() {
        assert_eq!(Title::new("A", "B", "").label(), "A - B");
        assert_eq!(Title::new("", "B", "").label(), "B");
        assert_eq!(Title::new("A", " ", "").label(), "A");
        assert!(Title::new("", "\n", "http://x").is_empty());
    }

    #[test]
    fn what_a_terminal_or_a_parser_would_obey_is_taken_out_and_length_is_limited() {
        let title = Title::new("a\r\nb", &"ü".repeat(2000), "\x1b[31m");
        assert_eq!(title.artist, "a  b");
        assert_eq!(title.title.chars().count(), FIELD_CHARS_MAX);
        assert_eq!(title.url, "[31m");
    }

    #[test]
    fn bytes_are_utf_8_if_they_can_be_and_latin_1_otherwise_unless_the_sender_says() {
        assert_eq!(decode("Grönemeyer".as_bytes(), None), "Grönemeyer");
        assert_eq!(decode(b"Gr\xf6nemeyer", None), "Grönemeyer");
        assert_eq!(decode(b"\xca\xe8\xed\xee", None), "Кино");
        assert_eq!(decode(b"\xcf\xf0\xe8", Some("windows-1251")), "При");
        assert_eq!(decode("ö".as_bytes(), Some("no such charset")), "ö");
    }
}
