//! `tower config`: the effective configuration as a `tower.toml`, with the origin of each value.

use super::args::ConfigArgs;
use super::{Paint, colours_wanted, print};
use crate::config::{Config, KEYS, Loaded, Origin};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Value;

/// What is shown in place of a password.
const MASK: &str = "********";

/// Widest value beside which origins are aligned.
const ALIGNED_WIDTH_MAX: usize = 60;

/// Prints `loaded`.
///
/// # Errors
/// If it cannot be written as TOML or JSON, which would be a mistake of ours.
pub fn run(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let masked = Loaded { config: masked(&loaded.config), ..loaded.clone() };
    let text = if args.json { as_json(&masked)? } else { as_toml(&masked, colours_wanted())? };
    print(&text);
    Ok(())
}

fn masked(config: &Config) -> Config {
    let mut config = config.clone();
    if !config.admin.password.is_empty() {
        config.admin.password = MASK.into();
    }
    for input in config.input.iter_mut().filter(|input| !input.password.is_empty()) {
        input.password = MASK.into();
    }
    for webhook in &mut config.webhook {
        let origin = webhook.origin().to_owned();
        // What follows the host may be a token of the receiver's.
        webhook.url = if origin == webhook.url { origin } else { format!("{origin}/{MASK}") };
        webhook.secret = MASK.into();
    }
    config
}

#[derive(Serialize)]
struct Json<'a> {
    config: &'a Config,
    /// Of every key; what nobody gave is `{"from": "default"}`.
    origins: BTreeMap<String, &'a Origin>,
    file: &'a Option<PathBuf>,
    warnings: &'a [String],
}

fn as_json(loaded: &Loaded) -> anyhow::Result<String> {
    let origins = lines(loaded)?.into_iter().map(|line| (line.path.clone(), loaded.origin(&line.path))).collect();
    let Loaded { config, file, warnings, .. } = loaded;
    Ok(serde_json::to_string_pretty(&Json { config, origins, file, warnings })? + "\n")
}

/// One key with its value.
struct Line {
    /// `[server]` or `[[output]]`.
    header: String,
    /// `output.0.mount`
    path: String,
    /// `mount = "/stream"`
    text: String,
}

fn lines(loaded: &Loaded) -> anyhow::Result<Vec<Line>> {
    let tree = Value::try_from(&loaded.config)?;
    let mut lines = Vec::new();
    for key in KEYS.iter().filter(|key| !key.path.contains(".*.")) {
        let (table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        let value = tree.get(table).and_then(|table| table.get(name));
        lines.push(Line { header: format!("[{table}]"), path: key.path.into(), text: assignment(name, value) });
    }
    for list in ["input", "output", "webhook"] {
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

fn as_toml(loaded: &Loaded, colours: bool) -> anyhow::Result<String> {
    let lines = lines(loaded)?;
    let widths = lines.iter().map(|line| line.text.chars().count());
    let width = widths.filter(|&width| width <= ALIGNED_WIDTH_MAX).max().unwrap_or(0);
    let mut text = String::new();
    let mut table = "";
    for line in &lines {
        let this_table = line.path.rsplit_once('.').map_or("", |(table, _)| table);
        if this_table != table {
            let gap = if text.is_empty() { "" } else { "\n" };
            text += &format!("{gap}{}\n", Paint::Bold.on(&line.header, colours));
            table = this_table;
        }
        let origin = loaded.origin(&line.path);
        let paint = if *origin == Origin::Default { Paint::Dim } else { Paint::Green };
        let pad = " ".repeat(width.saturating_sub(line.text.chars().count()));
        text += &format!("{}{pad}  {}\n", line.text, paint.on(&format!("# {origin}"), colours));
    }
    Ok(text)
}
