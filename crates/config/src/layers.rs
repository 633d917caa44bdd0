//! One layer over the other: each value is checked where it enters, so that a problem knows its place.

use super::key::Valid;
use super::keys;
use super::problem::{Origin, Problem};
use super::schema::Config;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// A value for one key, from the environment or a flag.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Dotted path, such as `output.0.bitrate_kbps`.
    pub key: String,
    /// What was given.
    pub given: Given,
    /// Who gave it.
    pub origin: Origin,
}

/// How a value was given.
#[derive(Clone, Debug)]
pub enum Given {
    /// Plain words: what the key takes, without quotation marks; lists with commas.
    Plain(String),
    /// As it would stand in `tower.toml`; where that makes no sense, plain words.
    Toml(String),
    /// Exactly this.
    Value(Value),
}

impl Given {
    /// Everything the words may mean, the likeliest first.
    fn readings(&self) -> Vec<Value> {
        let as_toml = |text: &str| text.parse::<Value>().ok();
        match self {
            Self::Value(value) => vec![value.clone()],
            Self::Plain(text) => [Some(Value::String(text.clone())), as_toml(text), as_toml(&format!("[{text}]"))]
                .into_iter()
                .flatten()
                .collect(),
            Self::Toml(text) => [as_toml(text), Some(Value::String(text.clone())), as_toml(&format!("[{text}]"))]
                .into_iter()
                .flatten()
                .collect(),
        }
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(text) | Self::Toml(text) => f.write_str(text),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

/// The layers so far: the tree they make, who gave what, and what was wrong.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub tree: Table,
    pub origins: BTreeMap<String, Origin>,
    pub problems: Vec<Problem>,
    /// Keys with a problem of their own; rules that involve them say nothing more.
    pub bad: BTreeSet<String>,
}

impl Layers {
    /// Notes a problem at `origin`.
    pub(super) fn problem(&mut self, origin: &Origin, message: String) {
        self.problems.push(Problem { origin: origin.clone(), message });
    }

    /// Lays one value over what is there, or notes why not.
    pub(super) fn set(&mut self, setting: Setting) {
        let Setting { key, given, origin } = setting;
        let Some(known) = keys::find(&key) else {
            return self.unknown(&key, &origin);
        };
        if let Some((list, max, what)) = keys::list_of(&key)
            && let Some(index) = key.split('.').nth(1).and_then(|index| index.parse::<usize>().ok())
        {
            let count = self.tree.get(*list).and_then(Value::as_array).map_or(0, Vec::len);
            // A flag may speak of the default output, or add the next one, but not leave a hole.
            if index > count || index >= *max {
                let message = format!("`{key}`: there are {count} {what}, counted from 0, and at most {max}");
                return self.problem(&origin, message);
            }
        }
        let readings = given.readings();
        match readings.into_iter().find(|value| fits(&key, value)) {
            Some(value) => {
                insert(&mut self.tree, &key, value);
                self.origins.insert(key, origin);
            }
            None => {
                let is_secret = [".password", ".secret", ".url"].iter().any(|name| key.ends_with(name));
                let shown = if is_secret { "what it is".into() } else { format!("`{given}`") };
                self.bad.insert(key.clone());
                self.problem(
                    &origin,
                    format!("`{key}` cannot be {shown}; valid is {}{}", known.valid, hint(&known.valid, &given)),
                );
            }
        }
    }

    /// Notes a key or table that does not exist.
    pub(super) fn unknown(&mut self, path: &str, origin: &Origin) {
        if keys::is_table(path) {
            let message =
                format!("`{path}` has keys of its own: set one, as docs/configuration.md lists them, or all in a file");
            return self.problem(origin, message);
        }
        let remedy = match keys::did_you_mean(path) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "docs/configuration.md lists the keys".into(),
        };
        self.problem(origin, format!("`{path}` is not a key of the configuration; {remedy}"));
    }
}

/// "did you mean" for a word that is one of a few.
fn hint(valid: &Valid, given: &Given) -> String {
    let (Valid::Words(words), Given::Plain(word) | Given::Toml(word) | Given::Value(Value::String(word))) =
        (valid, given)
    else {
        return String::new();
    };
    keys::nearest_word(word, words.iter().copied())
        .map_or_else(String::new, |word| format!("; did you mean \"{word}\"?"))
}

/// Whether `value` has the type that `key` wants.
fn fits(key: &str, value: &Value) -> bool {
    let mut tree = Table::new();
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    // Whatever the index, alone it is the first.
    let key = if keys::list_of(first).is_some() {
        format!("{first}.0.{}", rest.split_once('.').map_or("", |(_, key)| key))
    } else {
        key.into()
    };
    insert(&mut tree, &key, value.clone());
    Config::deserialize(Value::Table(tree)).is_ok()
}

/// Puts `value` at the dotted `path`, making the tables that lead there.
fn insert(tree: &mut Table, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        tree.insert(path.into(), value);
        return;
    };
    if let Some((_, max, _)) = keys::list_of(head) {
        let Some((index, rest)) = rest.split_once('.') else {
            return;
        };
        let (Ok(index), Value::Array(items)) =
            (index.parse::<usize>(), tree.entry(head).or_insert_with(|| Value::Array(Vec::new())))
        else {
            return;
        };
        items.resize_with(items.len().max(index.min(*max) + 1), || Value::Table(Table::new()));
        if let Some(Value::Table(item)) = items.get_mut(index) {
            item.insert(rest.into(), value);
        }
    } else if let Value::Table(inner) = tree.entry(head).or_insert_with(|| Value::Table(Table::new())) {
        insert(inner, rest, value);
    }
}
