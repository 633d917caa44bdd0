//! Every key of `tower.toml` and what may stand there; docs/configuration.md is tested against this table.

use super::validate::{INPUTS_MAX, OUTPUTS_MAX, WEBHOOKS_MAX};
use std::fmt;

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Dotted path, `output.*.mount` for a key of every `[[output]]`.
    pub path: &'static str,
    /// What may stand there.
    pub valid: Valid,
}

/// What may stand at a key.
#[derive(Debug)]
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

const DAY_MS: i64 = 86_400_000;
const BOOLEAN: Valid = Valid::Text("true or false");
const PATHS: Valid = Valid::Text("a list of files and folders, at most 1000");
const TITLE: Valid = Valid::Text("one line of text, at most 255 bytes");

const fn key(path: &'static str, valid: Valid) -> Key {
    Key { path, valid }
}

/// All keys, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("server.host", Valid::Text("an IP address, such as 127.0.0.1, or 0.0.0.0 for every IPv4 interface")),
    key("server.port", Valid::Range(0, 65_535, "a TCP port")),
    key("server.listeners_max", Valid::Range(1, 1_000_000, "a number of listeners")),
    key("server.listeners_per_address_max", Valid::Range(0, 1_000_000, "a number of listeners")),
    key("server.shards", Valid::Range(0, 64, "a number of threads")),
    key("server.period_ms", Valid::Range(24, 2000, "a time in ms")),
    key("server.crowd_above", Valid::Range(1, 1_000_000, "a number of listeners")),
    key("server.crowd_below", Valid::Range(1, 1_000_000, "a number of listeners")),
    key("server.admin_socket", Valid::Text("a path of at most 107 bytes")),
    key("tls.host", Valid::Text("an IP address")),
    key("tls.port", Valid::Range(0, 65_535, "a TCP port")),
    key("tls.certificate", Valid::Text("a path of a PEM file")),
    key("tls.key", Valid::Text("a path of a PEM file")),
    key("tls.listeners_max", Valid::Range(1, 100_000, "a number of listeners")),
    key("tls.hsts_s", Valid::Range(0, 63_072_000, "a time in s")),
    key("station.socket", Valid::Text("a path of at most 107 bytes")),
    key("station.preroll_ticks", Valid::Range(1, 2499, "a number of ticks")),
    key("station.capacity_ticks", Valid::Range(2, 2500, "a number of ticks")),
    key("station.when_full", Valid::Words(&["drop", "wait"])),
    key("station.pacing", Valid::Words(&["buffer", "resample"])),
    key("station.producers_max", Valid::Range(1, 16, "a number of producers")),
    key("station.grace_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("play.paths", PATHS),
    key("play.shuffle", BOOLEAN),
    key("router.grace_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("router.fade_ms", Valid::Range(1, 10_000, "a time in ms")),
    key("fallback.paths", PATHS),
    key("fallback.shuffle", BOOLEAN),
    key("fallback.tone", BOOLEAN),
    key("fallback.tone_dbfs", Valid::Range(-60, 0, "a level in dBFS")),
    key("encoder.enabled", BOOLEAN),
    key("encoder.buffer_frames", Valid::Range(4, 2500, "a number of frames")),
    key("encoder.suspicion_ms", Valid::Range(50, 60_000, "a time in ms")),
    key("encoder.first_frame_ms", Valid::Range(50, 60_000, "a time in ms")),
    key("encoder.stall_threshold_ms", Valid::Range(100, 600_000, "a time in ms")),
    key("encoder.backoff_ms", Valid::Range(0, 3_600_000, "a list of 1 to 32 times in ms, each")),
    key("encoder.max_restarts", Valid::Range(0, 1000, "a number of restarts")),
    key("encoder.recovery_retry_minutes", Valid::Range(1, 10_080, "a time in minutes")),
    key("encoder.hold_max_ms", Valid::Range(0, 10_000, "a time in ms")),
    key("encoder.replay_ticks_max", Valid::Range(10, 400, "a number of ticks")),
    key("encoder.memory_mib_max", Valid::Range(32, 1_048_576, "a size in MiB")),
    key("encoder.ffmpeg", Valid::Text("the name or path of an executable")),
    key("output.*.mount", Valid::Text("a path such as \"/stream\", of letters, digits, and any of . _ ~ - /")),
    key("output.*.name", TITLE),
    key("output.*.genre", TITLE),
    key("output.*.description", TITLE),
    key("output.*.encoder", Valid::Words(&["builtin", "ffmpeg", "command"])),
    key("output.*.command", Valid::Text("a list of words: an executable and its arguments, at most 64")),
    key("output.*.command_delay_ms", Valid::Range(24, 10_000, "a time in ms")),
    key("output.*.replay", Valid::Words(&["exact", "approx", "none"])),
    key("output.*.stand_in", BOOLEAN),
    key("output.*.bitrate_kbps", Valid::Text("a bitrate of MPEG-1 Layer III in kbit/s")),
    key("output.*.channels", Valid::Range(1, 2, "a number of channels")),
    key("output.*.playout_delay_ms", Valid::Range(0, 60_000, "a time in ms")),
    key("output.*.burst_ms", Valid::Range(0, 30_000, "a time in ms")),
    key("output.*.latency", Valid::Words(&["normal", "low"])),
    key("output.*.title_charset", Valid::Words(&["utf-8", "latin1"])),
    key("output.*.listeners_max", Valid::Range(0, 1_000_000, "a number of listeners")),
    key("input.*.name", Valid::Text("one line of text, at most 255 bytes, and not a name the tower uses itself")),
    key("input.*.kind", Valid::Words(&["icecast"])),
    key("input.*.mount", Valid::Text("a path such as \"/live\", of letters, digits, and any of . _ ~ - /")),
    key("input.*.user", Valid::Text("one line of text without a colon, at most 255 bytes")),
    key("input.*.password", Valid::Text("one line of text, at most 1024 bytes, not empty")),
    key("input.*.priority", Valid::Range(1, 1000, "a number")),
    key("input.*.preroll_ticks", Valid::Range(1, 1249, "a number of ticks")),
    key("input.*.capacity_ticks", Valid::Range(100, 2500, "a number of ticks")),
    key("input.*.when_full", Valid::Words(&["drop", "wait"])),
    key("input.*.grace_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("input.*.second_source", Valid::Words(&["takeover", "refuse"])),
    key("input.*.timeout_ms", Valid::Range(1000, 600_000, "a time in ms")),
    key("admin.password", Valid::Text("one line of text, at most 1024 bytes")),
    key("webhook.*.name", Valid::Text("one line of text, at most 255 bytes")),
    key("webhook.*.url", Valid::Text("a URL with http or https, at most 2048 bytes")),
    key("webhook.*.secret", Valid::Text("one line of text, 16 to 1024 bytes")),
    key("webhook.*.kinds", Valid::Text("a list of kinds of events")),
    key("alarm.silence_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("alarm.silence_dbfs", Valid::Range(-90, -20, "a level in dBFS")),
    key("alarm.differs_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("alarm.differs_db", Valid::Range(3, 60, "a difference in dB")),
    key("alarm.damaged_frames", Valid::Range(0, 1_000_000, "a number of frames")),
    key("alarm.late_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("alarm.no_programme_ms", Valid::Range(0, DAY_MS, "a time in ms")),
    key("alarm.disk_free_mib", Valid::Range(0, 1_000_000_000, "a size in MiB")),
    key("alarm.clear_ms", Valid::Range(100, DAY_MS, "a time in ms")),
    key("log.level", Valid::Text("a filter such as \"info\" or \"info,radio_tower::encoder=debug\"")),
    key("log.format", Valid::Words(&["text", "json"])),
];

/// The lists of tables, how many each may have, and what one of them is called.
pub(super) const LISTS: [(&str, usize, &str); 3] =
    [("output", OUTPUTS_MAX, "outputs"), ("input", INPUTS_MAX, "inputs"), ("webhook", WEBHOOKS_MAX, "webhooks")];

/// The list that `path` is or leads into, such as `output.3.mount`.
pub(super) fn list_of(path: &str) -> Option<&'static (&'static str, usize, &'static str)> {
    let first = path.split('.').next().unwrap_or_default();
    LISTS.iter().find(|(name, ..)| *name == first)
}

/// The key that `path` names; `output.0.mount` and the like are `output.*.mount`.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let general = generalised(path);
    KEYS.iter().find(|key| key.path == general)
}

/// Whether `path` is a table: `server`, `output.0`, ...
pub(super) fn is_table(path: &str) -> bool {
    let start = format!("{}.", generalised(path));
    KEYS.iter().any(|key| key.path.starts_with(&start))
}

/// The key or table that `path` may have been meant to be: by spelling, else by its last word in another table.
pub(super) fn did_you_mean(path: &str) -> Option<String> {
    let general = generalised(path);
    let last = general.rsplit('.').next().unwrap_or_default();
    // The right word without its unit.
    let without_unit = |known: &&str| known.strip_prefix(general.as_str()).is_some_and(|unit| unit.starts_with('_'));
    if let Some(found) = KEYS.iter().map(|key| key.path).find(without_unit) {
        return Some(with_index_of(found, path));
    }
    let tables = KEYS.iter().filter_map(|key| key.path.split('.').next());
    let spelling = KEYS.iter().map(|key| key.path).chain(tables).map(|known| (edits(known, &general), known));
    let (distance, nearest) = spelling.min_by_key(|(distance, _)| *distance)?;
    let found = if distance <= 2.max(last.len() / 3) {
        nearest
    } else {
        // `port` at the top level: right word, wrong table.
        KEYS.iter().map(|key| key.path).find(|known| known.rsplit('.').next() == Some(last))?
    };
    Some(with_index_of(found, path))
}

/// The word of `words` that `word` may have been meant to be.
pub(super) fn nearest_word<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = words.into_iter().map(|known| (edits(known, word), known)).min()?;
    (distance <= 2.max(word.len() / 3)).then_some(nearest)
}

/// `output.3.mount` as `output.*.mount`.
fn generalised(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part }).collect();
    parts.join(".")
}

/// `output.*.mount` with the index that `path` has, or 0.
fn with_index_of(general: &str, path: &str) -> String {
    let index = path.split('.').find(|part| part.parse::<usize>().is_ok()).unwrap_or("0");
    general.replace('*', index)
}

/// Insertions, deletions, exchanges and swaps of neighbours between two words (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().take(128).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let exchange = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let swap = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                    exchange.min(swap).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(did_you_mean("server.prot").as_deref(), Some("server.port"));
        assert_eq!(did_you_mean("sever.port").as_deref(), Some("server.port"));
        assert_eq!(did_you_mean("output.2.bitrate").as_deref(), Some("output.2.bitrate_kbps"));
        assert_eq!(did_you_mean("sever").as_deref(), Some("server"));
    }

    #[test]
    fn the_right_word_in_the_wrong_table_is_recognised() {
        assert_eq!(did_you_mean("port").as_deref(), Some("server.port"));
        assert_eq!(did_you_mean("station.mount").as_deref(), Some("output.0.mount"));
        assert_eq!(did_you_mean("colour_of_the_mast"), None);
    }
}
