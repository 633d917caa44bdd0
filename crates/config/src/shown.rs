//! The configuration for people and programs to read: each key with its value and its origin.

use super::key_table::KEYS;
use super::load::Loaded;
use super::problem::Origin;
use super::schema::Config;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Value;

#[derive(Serialize)]
struct Json<'a> {
    config: &'a Config,
    /// Of every key; what nobody gave is `{"from": "default"}`.
    origins: BTreeMap<String, &'a Origin>,
    file: &'a Option<PathBuf>,
    warnings: &'a [String],
}

/// As JSON: the configuration, and the origin of each of its keys.
///
/// # Errors
/// If it cannot be written as TOML or JSON, which would be a mistake of ours.
pub fn to_json(loaded: &Loaded) -> anyhow::Result<serde_json::Value> {
    let origins = lines(loaded)?.into_iter().map(|line| (line.path.clone(), loaded.origin(&line.path))).collect();
    let Loaded { config, file, warnings, .. } = loaded;
    Ok(serde_json::to_value(Json { config, origins, file, warnings })?)
}

/// One key with its value.
pub struct Line {
    /// `[server]` or `[[output]]`.
    pub header: String,
    /// `output.0.mount`
    pub path: String,
    /// `mount = "/stream"`
    pub text: String,
}

/// Every key that there is.
///
/// # Errors
/// As [`to_json`].
pub fn lines(loaded: &Loaded) -> anyhow::Result<Vec<Line>> {
    let tree = Value::try_from(&loaded.config)?;
    let mut lines = Vec::new();
    for key in KEYS.iter().filter(|key| !key.path.contains(".*.")) {
        let (table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        let value = tree.get(table).and_then(|table| table.get(name));
        lines.push(Line { header: format!("[{table}]"), path: key.path.into(), text: assignment(name, value) });
    }
    for list in ["input", "output", "user", "webhook"] {
        for (i, item) in tree.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let prefix = format!("{list}.*.");
            for name in KEYS.iter().filter_map(|key| key.path.strip_prefix(&prefix)) {
                let (header, path) = (format!("[[{list}]]"), format!("{list}.{i}.{name}"));
                lines.push(Line { header, path, text: assignment(name, item.get(name)) });
            }
        }
    }
    Ok(lines)
}

fn assignment(name: &str, value: Option<&Value>) -> String {
    match value {
        None => format!("# {name} is not set"),
        // Stored as f32: so many digits as that has.
        Some(Value::Float(number)) => format!("{name} = {:?}", *number as f32),
        Some(value) => format!("{name} = {value}"),
    }
}
