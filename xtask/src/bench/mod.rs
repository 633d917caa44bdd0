//! The figures of `docs/measured.md`, each with its bound and with how it was measured.

mod cost;
mod deaths;
mod graph;
mod latency;
mod lateness;
pub mod listeners;
mod start;

use anyhow::{Result, bail, ensure};
use radio_proof::process::machine_load;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One measured figure.
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it should not exceed, if anything was promised.
    pub bound: Option<f64>,
    /// Whether the bound is kept on any machine that is left alone; otherwise it is an aim, and a miss is told, no more.
    pub must_hold: bool,
    /// How it came about.
    pub note: String,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, bound: None, must_hold: true, note: String::new() }
    }

    fn bound(self, bound: f64) -> Self {
        Self { bound: Some(bound), ..self }
    }

    /// A bound that depends on the machine.
    fn aim(self, bound: f64) -> Self {
        Self { bound: Some(bound), must_hold: false, ..self }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    fn verdict(&self) -> &'static str {
        match self.bound {
            None => "",
            Some(bound) if self.value <= bound => "ok",
            Some(_) if self.must_hold => MISSED,
            Some(_) => MISSED_AIM,
        }
    }
}

type Benchmark = fn(&Path) -> Vec<Figure>;

/// All benchmarks by name, in the order in which they run.
const BENCHMARKS: [(&str, Benchmark); 5] = [
    ("start", start::run),
    ("latency", latency::run),
    ("lateness", lateness::run),
    ("cost", cost::run),
    ("deaths", deaths::run),
];

/// Verdicts on a bound that must hold, and on one that depends on the machine.
const MISSED: &str = "MISSED";
const MISSED_AIM: &str = "missed (an aim)";

/// Where `--svg` draws.
const GRAPH: &str = "docs/images/bench.svg";

/// `cargo xtask bench [--json] [--svg] [--check] [NAME]...`.
pub fn run(arguments: &[String]) -> Result<()> {
    let wanted: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    if let Some((&"listeners", scenarios)) = wanted.split_first() {
        return listeners::run(scenarios, arguments);
    }
    if let Some(unknown) = wanted.iter().find(|name| BENCHMARKS.iter().all(|(known, _)| known != *name)) {
        let names: Vec<&str> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
        bail!("there is no benchmark {unknown}; there are: {}, listeners", names.join(", "));
    }
    let tower = build("radio-tower", "tower")?;
    let load_before = machine_load();
    let mut figures = Vec::new();
    for (name, benchmark) in BENCHMARKS.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)) {
        eprintln!("measuring: {name}");
        figures.extend(benchmark(&tower));
    }
    if arguments.iter().any(|argument| argument == "--svg") {
        std::fs::write(GRAPH, graph::svg(&figures))?;
    }
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string_pretty(&json(&figures, load_before))?);
    } else {
        print(&figures, load_before);
    }
    check(&figures, arguments)
}

/// With `--check`: what was promised, in short, and an error if a bound is missed that must hold.
fn check(figures: &[Figure], arguments: &[String]) -> Result<()> {
    if !arguments.iter().any(|argument| argument == "--check") {
        return Ok(());
    }
    let count = |verdict| figures.iter().filter(|figure| figure.verdict() == verdict).count();
    println!("\nBounds: {} kept, {} missed, and {} aims.", count("ok"), count(MISSED), count(MISSED_AIM));
    for figure in figures.iter().filter(|figure| [MISSED, MISSED_AIM].contains(&figure.verdict())) {
        let Figure { name, value, unit, .. } = figure;
        let bound = figure.bound.unwrap_or(f64::NAN);
        println!("{:<16} {value:>10.2} of {bound:>8.2} {unit:<12} {name}", figure.verdict());
    }
    ensure!(count(MISSED) == 0, "{} bounds are missed that must hold: see above", count(MISSED));
    Ok(())
}

/// A program of the release build.
fn build(package: &str, program: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--quiet", "--release", "-p", package]).status()?;
    ensure!(status.success(), "{package} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(std::fs::canonicalize(target.join("release").join(program))?)
}

fn print(figures: &[Figure], load_before: f64) {
    println!("| figure | value | bound | | how |");
    println!("|---|---|---|---|---|");
    for figure in figures {
        let bound = figure.bound.map_or(String::new(), |bound| format!("<= {bound} {}", figure.unit));
        let Figure { name, value, unit, note, .. } = figure;
        println!("| {name} | {value:.2} {unit} | {bound} | {} | {note} |", figure.verdict());
    }
    println!("\nLoad of the machine: {load_before:.2} before, {:.2} after.", machine_load());
}

fn json(figures: &[Figure], load_before: f64) -> Value {
    let one = |figure: &Figure| json!({ "name": figure.name, "value": figure.value, "unit": figure.unit, "bound": figure.bound, "must_hold": figure.must_hold, "note": figure.note });
    json!({
        "load_before": load_before,
        "load_after": machine_load(),
        "figures": figures.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bound_is_an_error_where_it_must_hold_and_is_checked() {
        let arguments = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let kept = Figure::new("gap", 600.0, "ms").bound(654.0);
        let aim = Figure::new("CPU", 1.5, "%").aim(1.0);
        let missed = Figure::new("lost", 1.0, "bytes").bound(0.0);
        let unknown = Figure::new("never measured", f64::NAN, "ms").bound(10.0);
        assert_eq!([&kept, &aim, &missed, &unknown].map(Figure::verdict), ["ok", MISSED_AIM, MISSED, MISSED]);
        assert!(check(&[kept, aim], &arguments("--check")).is_ok());
        assert!(check(&[missed], &arguments("--json --check")).is_err());
        assert!(check(&[unknown], &arguments("--json")).is_ok());
    }
}
