//! `tower config`: the effective configuration as a `tower.toml`, with the origin of each value.

use super::args::ConfigArgs;
use super::{Paint, colours_wanted, print};
use crate::files::media;
use radio_config::shown::{self, lines};
use radio_config::{ConfigError, Loaded, Origin, Problem, masked};

/// Widest value beside which origins are aligned.
const ALIGNED_WIDTH_MAX: usize = 60;

/// Prints `loaded`.
///
/// # Errors
/// Files or folders that it names are not there; or it cannot be written as TOML or JSON, which
/// would be a mistake of ours.
pub fn run(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let masked = Loaded { config: masked(&loaded.config), ..loaded.clone() };
    let text = if args.json {
        serde_json::to_string_pretty(&shown::to_json(&masked)?)? + "\n"
    } else {
        as_toml(&masked, colours_wanted())?
    };
    print(&text);
    let missing = media::missing(&media::configured(&loaded.config));
    let problems: Vec<Problem> = missing
        .iter()
        .map(|missing| Problem {
            origin: loaded.origin(&missing.media.key).clone(),
            message: format!("there is nothing at {missing}; correct the path, or mount its disk"),
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }.into()) }
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
