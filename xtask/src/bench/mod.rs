//! The figures of `docs/measured.md`, each with its bound, how it is judged, and how it was
//! measured.

mod bare_encoder;
mod cost;
mod deaths;
mod decoding;
pub(crate) mod figure;
mod graph;
mod latency;
mod lateness;
mod listeners;
mod options;
mod overload;
mod quiet;
mod start;
pub(crate) mod table;

use anyhow::{Context, Result, bail, ensure};
use figure::Figure;
use options::Options;
use radio_proof::process::machine_load;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// A program to be measured, and for how long.
struct Lab {
    tower: PathBuf,
    options: Options,
}

/// Something that is measured by itself; nothing else runs meanwhile.
pub(crate) struct Benchmark {
    /// Its name on the command line.
    pub name: &'static str,
    /// How long it takes on two cores, in minutes.
    pub minutes: f64,
    measure: fn(&Lab) -> Vec<Figure>,
}

/// What a benchmark gave.
#[derive(Default)]
pub(crate) struct Measured {
    /// The figures.
    pub figures: Vec<Figure>,
    /// What must never be, and was: bytes that are not those of the other listeners.
    pub fault: Option<String>,
}

/// All benchmarks of one tower, in the order in which they run.
const BENCHMARKS: [Benchmark; 8] = [
    Benchmark { name: "start", minutes: 0.5, measure: start::run },
    Benchmark { name: "latency", minutes: 3.5, measure: latency::run },
    Benchmark { name: "lateness", minutes: 2.0, measure: lateness::run },
    Benchmark { name: "cost", minutes: 3.5, measure: cost::run },
    Benchmark { name: "decoding", minutes: 4.0, measure: decoding::run },
    Benchmark { name: "folder", minutes: 0.5, measure: decoding::large_folder },
    Benchmark { name: "deaths", minutes: 9.0, measure: deaths::run },
    Benchmark { name: "overload", minutes: 32.0, measure: overload::run },
];

/// Where `--svg` draws.
const GRAPH: &str = "docs/images/bench.svg";

/// `cargo xtask bench [OPTION]... [NAME]...`.
///
/// # Errors
/// A name or an option is unknown; with `--check`, a promise is missed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut options = Options::parse(arguments)?;
    if options.names.first().is_some_and(|name| name == "listeners") {
        options.names.remove(0);
        return listeners::run(&options);
    }
    let known = |name: &str| BENCHMARKS.iter().find(|benchmark| benchmark.name == name);
    if let Some(unknown) = options.names.iter().find(|name| known(name).is_none()) {
        let names = BENCHMARKS.map(|benchmark| benchmark.name).join(", ");
        bail!("there is no benchmark {unknown}; there are: {names}, listeners");
    }
    let lab = Lab::new(options)?;
    let Options { names, .. } = &lab.options;
    let load_before = machine_load();
    let mut figures = Vec::new();
    for benchmark in BENCHMARKS.iter().filter(|one| names.is_empty() || names.iter().any(|name| name == one.name)) {
        eprintln!("measuring: {}", benchmark.name);
        figures.extend(lab.measure(benchmark));
    }
    if lab.options.svg {
        std::fs::write(GRAPH, graph::svg(&figures))?;
    }
    if lab.options.json {
        let all = json!({ "load_before": load_before, "load_after": machine_load(), "figures": table::json(&figures) });
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    report(&figures, load_before, &lab.options)
}

/// The benchmarks that `cargo xtask prove` runs, and about how many minutes each takes.
pub(crate) fn proved() -> impl Iterator<Item = (&'static str, f64)> {
    let own = BENCHMARKS.into_iter().map(|benchmark| (benchmark.name, benchmark.minutes));
    own.chain(listeners::proved())
}

/// One of [`proved`], at full length, once the machine is quiet.
///
/// # Errors
/// It cannot be measured at all.
pub(crate) fn prove(name: &str) -> Result<Measured> {
    match BENCHMARKS.iter().find(|benchmark| benchmark.name == name) {
        Some(benchmark) => Ok(Measured { figures: Lab::new(Options::prove())?.measure(benchmark), fault: None }),
        None => listeners::prove(name),
    }
}

/// The table, unless it is told as JSON; with `--check` an error if a promise is missed.
fn report(figures: &[Figure], load_before: f64, options: &Options) -> Result<()> {
    if !options.json {
        println!(
            "{}\nLoad of the machine: {load_before:.2} before, {:.2} after.",
            table::table(figures),
            machine_load()
        );
        println!("{}", table::count(figures));
    }
    if options.check { table::check(figures) } else { Ok(()) }
}

impl Lab {
    fn new(options: Options) -> Result<Self> {
        let tower = match &options.tower {
            Some(tower) => tower.clone(),
            None => build("radio-tower", "tower")?,
        };
        Ok(Self { tower, options })
    }

    fn measure(&self, benchmark: &Benchmark) -> Vec<Figure> {
        if self.options.patient {
            quiet::wait_until_quiet();
        }
        (benchmark.measure)(self)
    }
}

/// A program of the release build.
fn build(package: &str, program: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--quiet", "--release", "-p", package]).status()?;
    ensure!(status.success(), "{package} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = target.join("release").join(program);
    std::fs::canonicalize(&path).with_context(|| format!("no program {}", path.display()))
}
