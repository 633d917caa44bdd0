//! `cargo xtask bench listeners`: what listeners cost, beside a bare send loop and Icecast, and whether all are served.

mod desks;
mod graph;
mod scenarios;
mod servers;

use super::{Figure, build, check, json, print};
use anyhow::{Context, Result, bail, ensure};
use radio_load::plan::{Kind, Plan};
use radio_load::report::{OfKind, Report};
use radio_load::watch::machine_busy;
use radio_proof::desks::{Crowd, Tally};
use radio_proof::process::machine_load;
use rustix::thread::{CpuSet, sched_setaffinity};
use scenarios::SCENARIOS;
use serde_json::{Value, json as value};
use servers::{LOAD_CORE, Server};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where `--svg` draws.
const GRAPH: &str = "docs/images/listeners.svg";

/// Length of the look at the idle server.
const IDLE_S: f64 = 5.0;

/// Name of our server in tables and in the graph.
const TOWER: &str = "tower";

/// Longest wait for a quiet machine, and what is quiet: what others may take of all cores together.
const PATIENCE: Duration = Duration::from_secs(60);
const QUIET_PERCENT: f64 = 40.0;

/// What all scenarios use, and what has been measured so far.
pub struct Bench {
    tower: PathBuf,
    load: PathBuf,
    /// Full length: `max` for ten minutes.
    pub full: bool,
    /// Wait for a quiet machine before each run.
    patient: bool,
    /// What must never be, in a run of the tower.
    broken: Vec<String>,
    runs: Vec<Run>,
}

/// One server under one load.
#[derive(Clone)]
pub struct Run {
    /// Which load.
    pub scenario: String,
    /// `tower`, `bare loop` or `Icecast`.
    pub server: &'static str,
    /// What the generator found.
    pub report: Report,
    /// What the tower itself counted.
    pub status: Value,
}

/// `cargo xtask bench listeners [SCENARIO [N]]... [--full] [--patient] [--tower=PROGRAM] [--json] [--svg]
/// [--check]`.
///
/// # Errors
/// When a listener of the tower was sent anything but what the others were; with `--check`, when a bound is missed that
/// must hold.
pub fn run(scenarios: &[&str], options: &[String]) -> Result<()> {
    let wanted = wanted(scenarios)?;
    let has = |option: &str| options.iter().any(|given| given == option);
    // Another build, to compare with an earlier one.
    let given = options.iter().find_map(|option| option.strip_prefix("--tower="));
    let tower = given.map_or_else(|| build("radio-tower", "tower"), |path| Ok(std::fs::canonicalize(path)?))?;
    let load = build("radio-load", "load")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores > LOAD_CORE, "server and listeners need a core each, and there is only one");
    // This process feeds the tower; that is not to disturb the server's core.
    let mut own = CpuSet::new();
    own.set(LOAD_CORE);
    sched_setaffinity(None, &own).context("cannot leave the server's core")?;

    let (full, patient) = (has("--full"), has("--patient"));
    let mut bench = Bench { tower, load, full, patient, broken: Vec::new(), runs: Vec::new() };
    let load_before = machine_load();
    let mut figures = Vec::new();
    for (name, number) in wanted {
        let (_, scenario) = SCENARIOS.iter().find(|(known, _)| *known == name).context("checked")?;
        figures.extend(scenario(&mut bench, number)?);
    }
    if has("--svg") {
        std::fs::write(GRAPH, graph::svg(&bench.runs))?;
    }
    if has("--json") {
        let mut all = json(&figures, load_before);
        all["runs"] = bench.runs.iter().map(Run::json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        table(&bench.runs);
        print(&figures, load_before);
    }
    ensure!(bench.broken.is_empty(), "not every listener was sent the same:\n{}", bench.broken.join("\n"));
    check(&figures, options)
}

/// Names, each perhaps with a number of listeners; none: all but `steady`, which is part of `curve`.
fn wanted<'a>(arguments: &[&'a str]) -> Result<Vec<(&'a str, Option<usize>)>> {
    let mut wanted: Vec<(&str, Option<usize>)> = Vec::new();
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            wanted.last_mut().context("a number of listeners stands behind the name of a scenario")?.1 = Some(number);
        } else if SCENARIOS.iter().any(|(name, _)| name == argument) {
            wanted.push((argument, None));
        } else {
            let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
            bail!("there is no scenario {argument}; there are: {}", names.join(", "));
        }
    }
    if wanted.is_empty() {
        wanted = SCENARIOS.iter().map(|(name, _)| (*name, None)).filter(|(name, _)| *name != "steady").collect();
    }
    Ok(wanted)
}

impl Bench {
    fn tower(&mut self, scenario: &str, lines: &[&str], plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::tower(&self.tower, lines);
        self.measure(scenario, TOWER, &server, plan)
    }

    /// The same with titles, kills and switches all the while.
    fn troubled_tower(&mut self, scenario: &str, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::tower(&self.tower, &[]).with_trouble();
        self.measure(scenario, TOWER, &server, plan)
    }

    /// The same with dashboards and programs that ask, and what they were answered in which time.
    fn besieged_tower(
        &mut self,
        scenario: &str,
        crowd: Crowd,
        plan: impl FnOnce(&mut Plan),
    ) -> Result<(Run, Tally, Duration)> {
        let server = Server::tower(&self.tower, &[]);
        // The crowd itself is no quiet.
        let patient = std::mem::take(&mut self.patient);
        if patient {
            wait_until_quiet();
        }
        let crowd = crowd.begin(server.address);
        let run = self.measure(scenario, TOWER, &server, plan);
        self.patient = patient;
        let (tally, worked) = crowd.close();
        Ok((run?, tally, worked))
    }

    fn bare(&mut self, scenario: &str, period_ms: u64, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::bare(&self.load, period_ms)?;
        self.measure(scenario, "bare loop", &server, plan)
    }

    fn icecast(&mut self, scenario: &str, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::icecast(&self.load)?;
        self.measure(scenario, "Icecast", &server, plan)
    }

    fn measure(
        &mut self,
        scenario: &str,
        name: &'static str,
        server: &Server,
        change: impl FnOnce(&mut Plan),
    ) -> Result<Run> {
        if self.patient {
            wait_until_quiet();
        }
        eprintln!("measuring: {scenario}, {name}");
        let mut plan = Plan::new(server.address);
        plan.server_pid = Some(server.pid);
        plan.idle_s = IDLE_S;
        change(&mut plan);
        let core = LOAD_CORE.to_string();
        let output = Command::new(&self.load)
            .args(["--core", &core, "listen"])
            .args(plan.arguments())
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cannot run the generator")?;
        ensure!(output.status.success(), "{scenario}, {name}: the generator gave up");
        let report: Report = serde_json::from_slice(&output.stdout).context("the generator's report")?;
        let wrong = report.kinds.iter().filter(|(_, found)| found.tally.sync_losses + found.titles_wrong > 0);
        if name == TOWER {
            self.broken.extend(wrong.map(|(kind, found)| format!("{scenario}, {kind:?}: {found:?}")));
        }
        let status = server.status().unwrap_or(Value::Null);
        let run = Run { scenario: scenario.to_owned(), server: name, report, status };
        eprintln!("{}", run.row());
        self.runs.push(run.clone());
        Ok(run)
    }
}

impl Run {
    /// What listeners of a kind met with.
    pub fn kind(&self, kind: Kind) -> OfKind {
        self.report.kinds.get(&kind).cloned().unwrap_or_default()
    }

    /// A figure of this run, with what disturbed it.
    fn figure(&self, what: &str, value: f64, unit: &'static str) -> Figure {
        let others = format!("others took {:.0} % of a core", self.report.cost.others_percent);
        Figure::new(format!("{}: {what}", self.scenario), value, unit).note(others)
    }

    /// Its row in the table.
    fn row(&self) -> String {
        let Report { kinds, cost, generator } = &self.report;
        let Some((kind, first)) = kinds.iter().next() else { return String::new() };
        let asked: usize = kinds.values().map(|kind| kind.asked).sum();
        let live: usize = kinds.values().map(|kind| kind.live).sum();
        let [p50, p99, most] = first.first_byte_ms;
        format!(
            "| {} | {} | {live} of {asked} | {:.1} ({:.1}) | {:.2} | {:.2} | {:.0} ({kind:?}) | {p50:.1} / {p99:.1} / {most:.0} \
             | {:.0} B | {:.1} kB | {:.0} | {:.0} |",
            self.scenario,
            self.server,
            cost.us_per_listener_second,
            cost.us_per_listener_second_above_idle,
            cost.ksoftirqd_us_per_listener_second,
            first.reads_per_s,
            first.gap_ms[2],
            cost.rss_growth_per_listener,
            cost.tcp_growth_bytes_max / 1024.0 / asked.max(1) as f64,
            generator.percent,
            cost.others_percent,
        )
    }

    fn json(&self) -> Value {
        value!({ "scenario": self.scenario, "server": self.server, "report": self.report, "status": self.status })
    }
}

/// Until others have left the machine alone for five seconds, or the patience is at its end.
fn wait_until_quiet() {
    const LOOK: Duration = Duration::from_secs(5);
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let before = machine_busy();
        std::thread::sleep(LOOK);
        if (machine_busy() - before).as_secs_f64() / LOOK.as_secs_f64() * 100.0 < QUIET_PERCENT {
            return;
        }
    }
    eprintln!("the machine is not quiet; measuring all the same");
}

/// The runs side by side.
fn table(runs: &[Run]) {
    println!(
        "| load | server | live | us per listener and second (above idle) | of it ksoftirqd | sends/s each | longest gap ms \
         | first byte p50 / p99 / max ms | RSS each | TCP memory each | generator % | others % |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    runs.iter().map(Run::row).for_each(|row| println!("{row}"));
    println!();
}
