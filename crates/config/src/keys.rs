//! Finds keys of `tower.toml`, also those that are misspelt.

use super::key::Key;
use super::key_table::KEYS;
use super::limits::{INPUTS_MAX, OUTPUTS_MAX, USERS_MAX, WEBHOOKS_MAX};

/// The lists of tables, how many each may have, and what one of them is called.
pub(super) const LISTS: [(&str, usize, &str); 4] = [
    ("output", OUTPUTS_MAX, "outputs"),
    ("input", INPUTS_MAX, "inputs"),
    ("user", USERS_MAX, "users"),
    ("webhook", WEBHOOKS_MAX, "webhooks"),
];

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
