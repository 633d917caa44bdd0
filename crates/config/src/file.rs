//! `tower.toml`: every value with its line, every problem with its line and column.

use super::keys;
use super::layers::{Given, Layers, Setting};
use super::problem::Origin;
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the whole of a file, or says why it cannot be taken for a configuration.
pub(super) type ReadFile = fn(&Path) -> Result<Vec<u8>, String>;

/// Lays the file at `path` over `layers`.
pub(super) fn read(layers: &mut Layers, path: &Path, read: ReadFile) {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(why) => return layers.problem(&Origin::File { path: path.into(), line: 1, column: 1 }, why),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(layers, path, text),
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let origin = place(path, &text, text.len());
            layers.problem(&origin, "is not UTF-8 from here; save the file as UTF-8".into());
        }
    }
}

/// Lays `text`, the contents of `path`, over `layers`.
pub(super) fn parse(layers: &mut Layers, path: &Path, text: &str) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let origin = place(path, text, error.span().map_or(0, |span| span.start));
        layers.problem(&origin, format!("not TOML: {}", error.message().replace('\n', "; ")));
    }
    if errors.is_empty() {
        Walk { layers, path, text }.table("", table.into_inner());
    }
}

/// Where byte `offset` of `text` is.
fn place(path: &Path, text: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    Origin::File { path: path.into(), line, column: before[line_start..].chars().count() + 1 }
}

struct Walk<'a> {
    layers: &'a mut Layers,
    path: &'a Path,
    text: &'a str,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: DeTable<'_>) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            self.entry(key, name.span(), value);
        }
    }

    fn entry(&mut self, key: String, name_span: Range<usize>, value: Spanned<DeValue<'_>>) {
        let name_at = place(self.path, self.text, name_span.start);
        if let Some(list) = keys::LISTS.iter().find(|(name, ..)| *name == key) {
            return self.list(list, &name_at, value.into_inner());
        }
        if keys::find(&key).is_some() {
            let origin = place(self.path, self.text, value.span().start);
            return match toml::Value::deserialize(toml::de::ValueDeserializer::from(value)) {
                Ok(value) => self.layers.set(Setting { key, given: Given::Value(value), origin }),
                Err(error) => self.layers.problem(&origin, format!("`{key}`: {}", error.message())),
            };
        }
        match value.into_inner() {
            DeValue::Table(inner) if keys::is_table(&key) => self.table(&key, inner),
            _ if keys::is_table(&key) => {
                self.layers.problem(&name_at, format!("`{key}` is a table; write [{key}] and its keys below"));
            }
            _ => self.layers.unknown(&key, &name_at),
        }
    }

    fn list(&mut self, list: &(&str, usize, &str), name_at: &Origin, value: DeValue<'_>) {
        let (name, max, what) = list;
        let no_list = || format!("`{name}` is a list of tables; write [[{name}]]");
        let DeValue::Array(items) = value else {
            return self.layers.problem(name_at, no_list());
        };
        if items.len() > *max {
            let count = items.len();
            let message = format!("`{name}`: {count} {what} are too many, at most {max}; take out {}", count - max);
            return self.layers.problem(name_at, message);
        }
        // A bare [[output]] is one output, all default.
        let empty = items.iter().map(|_| toml::Value::Table(toml::Table::new())).collect();
        self.layers.tree.insert((*name).into(), toml::Value::Array(empty));
        for (i, item) in items.into_iter().enumerate() {
            let origin = place(self.path, self.text, item.span().start);
            match item.into_inner() {
                DeValue::Table(inner) => self.table(&format!("{name}.{i}"), inner),
                _ => self.layers.problem(&origin, no_list()),
            }
        }
    }
}
