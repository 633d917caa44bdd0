//! Structure checks: what the compiler does not guard.

mod contract;
mod fuzz;
mod layers;
mod licences;
mod links;
mod report;
mod spdx;
mod text;

use anyhow::{Context, Result, bail};
use std::process::Command;

/// A file of the repository.
struct Source {
    path: String,
    text: String,
}

/// Runs all checks and lists every fault; with `--report` only tells figures.
///
/// # Errors
/// There are faults, or an argument is unknown.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let paths = tracked()?;
    let sources: Vec<Source> = paths
        .iter()
        .filter_map(|path| Some(Source { path: path.clone(), text: std::fs::read_to_string(path).ok()? }))
        .collect();
    match arguments {
        [] => {}
        [only] if only == "--report" => {
            println!("{}", report::report(&sources));
            return Ok(());
        }
        other => bail!("there is no option {}; there is: --report", other.join(" ")),
    }
    let mut faults = Vec::new();
    faults.extend(text::media(&paths));
    faults.extend(sources.iter().filter_map(text::length));
    faults.extend(sources.iter().flat_map(text::unfinished));
    faults.extend(sources.iter().flat_map(text::may_panic_on_air));
    faults.extend(layers::crates(&sources));
    faults.extend(layers::signal(&sources));
    faults.extend(layers::modules(&sources));
    faults.extend(contract::check(&sources));
    faults.extend(fuzz::check(&paths, &sources));
    faults.extend(licences::check()?);
    faults.extend(sources.iter().filter(|source| source.path.ends_with(".md")).flat_map(links::check));
    if faults.is_empty() {
        println!("{} files are in order", paths.len());
        return Ok(());
    }
    bail!("{} faults of structure:\n{}", faults.len(), faults.join("\n"))
}

/// Files that git knows, or would add.
fn tracked() -> Result<Vec<String>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).output().context("the structure checks ask git for the files")?;
    let mut paths: Vec<String> = String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| std::path::Path::new(path).exists());
    if paths.is_empty() {
        bail!("git lists no files here; run this in a clone of the repository");
    }
    Ok(paths)
}
