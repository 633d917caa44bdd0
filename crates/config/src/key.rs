//! What a key of `tower.toml` is. The table of all of them is in `key_table`.

use std::fmt;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted path, `output.*.mount` for a key of every `[[output]]`.
    pub path: &'static str,
    /// What may stand there.
    pub valid: Valid,
    /// What it means, in Markdown.
    pub about: &'static str,
}

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub enum Valid {
    /// A number, or several, from the first to the second, both included; then what it means.
    Range(i64, i64, &'static str),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Something whose syntax is told in words.
    Text(&'static str),
}

impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(min, max, what) => write!(f, "{what}, {min} to {max}"),
            Self::Text(what) => f.write_str(what),
            Self::Words(words) => {
                for (i, word) in words.iter().enumerate() {
                    let joint = if i == 0 { "" } else { " or " };
                    write!(f, "{joint}\"{word}\"")?;
                }
                Ok(())
            }
        }
    }
}

/// Bitrates of MPEG-1 Layer III in kbit/s (ISO 11172-3, 2.4.2.3).
pub const BITRATES_KBPS: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

pub(super) const DAY_MS: i64 = 86_400_000;
pub(super) const BOOLEAN: Valid = Valid::Text("true or false");
pub(super) const PATHS: Valid = Valid::Text("a list of files and folders, at most 1000");
pub(super) const TITLE: Valid = Valid::Text("one line of text, at most 255 bytes");

pub(super) const fn key(path: &'static str, valid: Valid, about: &'static str) -> Key {
    Key { path, valid, about }
}
