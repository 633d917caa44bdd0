//! `cargo xtask bench listeners`: what listeners cost, beside a bare send loop and Icecast, and whether all are served.

mod desks;
mod graph;
mod meanwhile;
mod scenarios;
mod servers;

use super::figure::Figure;
use super::options::Options;
use super::quiet::wait_until_quiet;
use super::{Measured, build, report, table};
use anyhow::{Context, Result, bail, ensure};
use meanwhile::{Beside, Meanwhile};
use radio_load::plan::{KINDS, Kind, Plan};
use radio_load::report::{OfKind, Report};
use radio_proof::desks::{Crowd, Tally};
use radio_proof::process::machine_load;
use rustix::thread::{CpuSet, sched_setaffinity};
use scenarios::{SCENARIOS, Scenario, period_ms};
use serde_json::{Value, json};
pub(super) use servers::icecast_config;
use servers::{LOAD_CORE, Server};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Where `--svg` draws.
const GRAPH: &str = "docs/images/listeners.svg";

/// Length of the look at the idle server.
const IDLE_S: f64 = 5.0;

/// Name of our server in tables and in the graph.
const TOWER: &str = "tower";

/// What all scenarios use, and what has been measured so far.
pub(super) struct Bench {
    tower: PathBuf,
    load: PathBuf,
    options: Options,
    /// What must never be, in a run of the tower.
    broken: Vec<String>,
    runs: Vec<Run>,
}

/// One server under one load.
#[derive(Clone)]
pub(super) struct Run {
    /// Which load.
    pub scenario: String,
    /// `tower`, `bare loop` or `Icecast`.
    pub server: &'static str,
    /// What the generator found.
    pub report: Report,
    /// What the tower itself counted.
    pub status: Value,
    /// What bare loops met with meanwhile.
    pub beside: Beside,
}

/// How a tower is set up, and what is measured beside it.
#[derive(Default)]
struct Setting<'a> {
    /// Lines of its configuration.
    lines: &'a [&'a str],
    /// Its send period, if it is not that of so many listeners on a default mount.
    period_ms: Option<u64>,
    /// Titles, kills and switches all the while.
    trouble: bool,
    /// Loops that only sleep until deadlines run on its core.
    clocks: bool,
}

/// `cargo xtask bench listeners [OPTION]... [SCENARIO [N]]...`.
///
/// # Errors A listener of the tower was sent anything but what the others were; with `--check`, a
/// promise is missed.
pub(super) fn run(options: &Options) -> Result<()> {
    let wanted = wanted(&options.names)?;
    let load_before = machine_load();
    let mut bench = Bench::new(options.clone())?;
    let mut figures = Vec::new();
    for (scenario, number) in wanted {
        figures.extend((scenario.measure)(&mut bench, number)?);
    }
    if options.svg {
        std::fs::write(GRAPH, graph::svg(&bench.runs))?;
    }
    if options.json {
        let runs: Value = bench.runs.iter().map(Run::json).collect();
        let all = json!({
            "load_before": load_before,
            "load_after": machine_load(),
            "figures": table::json(&figures),
            "runs": runs,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        print_runs(&bench.runs);
    }
    let judged = report(&figures, load_before, options);
    bench.fault().map_or(judged, |fault| bail!("{fault}"))
}

/// The scenarios that `cargo xtask prove` runs, and about how many minutes each takes.
pub(super) fn proved() -> impl Iterator<Item = (&'static str, f64)> {
    // `steady` is part of `curve`.
    SCENARIOS.iter().filter(|scenario| scenario.name != "steady").map(|scenario| (scenario.name, scenario.minutes))
}

/// One of [`proved`], at full length.
///
/// # Errors
/// It cannot be measured at all.
pub(super) fn prove(name: &str) -> Result<Measured> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.with_context(|| format!("there is no benchmark {name}"))?;
    let mut bench = Bench::new(Options::prove())?;
    let figures = (scenario.measure)(&mut bench, None)?;
    Ok(Measured { figures, fault: bench.fault() })
}

/// Names, each perhaps with a number of listeners; none: all but `steady`, which is part of `curve`.
fn wanted(arguments: &[String]) -> Result<Vec<(&'static Scenario, Option<usize>)>> {
    let mut wanted: Vec<(&Scenario, Option<usize>)> = Vec::new();
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            wanted.last_mut().context("a number of listeners stands behind the name of a scenario")?.1 = Some(number);
        } else if let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == argument) {
            wanted.push((scenario, None));
        } else {
            let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            bail!("there is no scenario {argument}; there are: {}", names.join(", "));
        }
    }
    if wanted.is_empty() {
        wanted = SCENARIOS.iter().filter(|scenario| scenario.name != "steady").map(|one| (one, None)).collect();
    }
    Ok(wanted)
}

impl Bench {
    /// Builds what is measured, and takes this thread off the server's core.
    fn new(options: Options) -> Result<Self> {
        let tower = options.tower.clone().map_or_else(|| build("radio-tower", "tower"), Ok)?;
        let load = build("radio-load", "load")?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        ensure!(cores > LOAD_CORE, "server and listeners need a core each, and there is only one");
        // This thread and those it starts feed the tower; that is not to disturb the server's core.
        let mut own = CpuSet::new();
        own.set(LOAD_CORE);
        sched_setaffinity(None, &own).context("cannot leave the server's core")?;
        Ok(Self { tower, load, options, broken: Vec::new(), runs: Vec::new() })
    }

    /// What must never be, and was.
    fn fault(&self) -> Option<String> {
        let text = || format!("not every listener was sent the same:\n{}", self.broken.join("\n"));
        (!self.broken.is_empty()).then(text)
    }

    fn tower(&mut self, scenario: &str, setting: &Setting<'_>, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::tower(&self.tower, setting.lines);
        let server = if setting.trouble { server.with_trouble() } else { server };
        self.measure(scenario, TOWER, &server, setting, plan)
    }

    /// The same with dashboards and programs that ask, and what they were answered in which time;
    /// with clocks.
    fn besieged_tower(
        &mut self,
        scenario: &str,
        crowd: Crowd,
        plan: impl FnOnce(&mut Plan),
    ) -> Result<(Run, Tally, Duration)> {
        let server = Server::tower(&self.tower, &[]);
        // The crowd itself is no quiet.
        let is_patient = std::mem::take(&mut self.options.patient);
        if is_patient {
            wait_until_quiet();
        }
        let crowd = crowd.begin(server.address);
        let setting = Setting { clocks: true, ..Setting::default() };
        let run = self.measure(scenario, TOWER, &server, &setting, plan);
        self.options.patient = is_patient;
        let (tally, worked) = crowd.close();
        Ok((run?, tally, worked))
    }

    fn bare(&mut self, scenario: &str, period_ms: u64, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::bare(&self.load, period_ms)?;
        let setting = Setting { period_ms: Some(period_ms), ..Setting::default() };
        self.measure(scenario, "bare loop", &server, &setting, plan)
    }

    fn icecast(&mut self, scenario: &str, plan: impl FnOnce(&mut Plan)) -> Result<Run> {
        let server = Server::icecast(&self.load)?;
        self.measure(scenario, "Icecast", &server, &Setting::default(), plan)
    }

    fn measure(
        &mut self,
        scenario: &str,
        name: &'static str,
        server: &Server,
        setting: &Setting<'_>,
        change: impl FnOnce(&mut Plan),
    ) -> Result<Run> {
        if self.options.patient {
            wait_until_quiet();
        }
        eprintln!("measuring: {scenario}, {name}");
        let mut plan = Plan::new(server.address);
        plan.server_pid = Some(server.pid);
        plan.idle_s = IDLE_S;
        change(&mut plan);
        plan.hold_s = self.options.span(Duration::from_secs_f64(plan.hold_s)).as_secs_f64();
        let listeners = KINDS.iter().map(|&kind| plan.count(kind)).sum();
        let period_ms = setting.period_ms.unwrap_or_else(|| period_ms(listeners));
        let meanwhile = Meanwhile::start(&self.load, &plan, period_ms, setting.clocks)?;
        let core = LOAD_CORE.to_string();
        let output = Command::new(&self.load)
            .args(["--core", &core, "listen"])
            .args(plan.arguments())
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cannot run the generator")?;
        ensure!(output.status.success(), "{scenario}, {name}: the generator gave up");
        let status = server.status().unwrap_or(Value::Null);
        let beside = meanwhile.end()?;
        let report: Report = serde_json::from_slice(&output.stdout).context("the generator's report")?;
        let wrong = report.kinds.iter().filter(|(_, found)| found.tally.sync_losses + found.titles_wrong > 0);
        if name == TOWER {
            self.broken.extend(wrong.map(|(kind, found)| format!("{scenario}, {kind:?}: {found:?}")));
        }
        let run = Run { scenario: scenario.to_owned(), server: name, report, status, beside };
        eprintln!("{}", run.row());
        self.runs.push(run.clone());
        Ok(run)
    }
}

impl Run {
    /// What listeners of a kind met with.
    pub(super) fn kind(&self, kind: Kind) -> OfKind {
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
        let bare_gap_ms = self.beside.gap.map(|bare| bare.value);
        json!({
            "scenario": self.scenario,
            "server": self.server,
            "report": self.report,
            "status": self.status,
            "bare_loop_gap_ms": bare_gap_ms,
        })
    }
}

/// The runs side by side.
fn print_runs(runs: &[Run]) {
    println!(
        "| load | server | live | us per listener and second (above idle) | of it ksoftirqd | sends/s each | longest gap ms \
         | first byte p50 / p99 / max ms | RSS each | TCP memory each | generator % | others % |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    runs.iter().map(Run::row).for_each(|row| println!("{row}"));
    println!();
}
