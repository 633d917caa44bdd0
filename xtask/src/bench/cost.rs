//! Processor time and memory of the tower: all its threads and its own helper processes, nothing
//! subtracted, encoders apart; and the price of metrics and dashboards.

use super::{Figure, Lab};
use radio_load::watch::{Look, thread_times};
use radio_proof::desks::Crowd;
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, process};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(30);
/// By then the burst is gone and the program log of one minute has been written once.
const SETTLE: Duration = Duration::from_secs(65);
/// What the tower may take with one listener, self-listening on, in percent of a core.
const CPU_PERCENT_MAX: f64 = 1.2;
/// And its memory (PSS).
const PSS_MB_MAX: f64 = 32.0;

/// Parts of the tower, and the beginnings of the names of their threads.
const PARTS: [(&str, &[&str]); 6] = [
    ("off-air monitor", &["ear"]),
    ("pump", &["pump"]),
    ("encoder drivers", &["encoder"]),
    ("shards", &["shard-"]),
    ("control", &["control"]),
    (INPUTS, &["producer", "source", "pull", "player-"]),
];
/// The part of what takes sound from outside.
const INPUTS: &str = "inputs";
/// The part of all other threads, and that of helper processes.
const OTHERS: &str = "others";
const HELPERS: &str = "helper processes";

/// One listener, then fifty, of one tower with music on air.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let (span, settle) = (lab.options.span(SPAN), lab.options.span(SETTLE));
    let tower = Setup::new(&lab.tower).start();
    let music = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 30)), music);
    let mut listeners: Vec<Listener> = Vec::new();
    let mut figures = Vec::new();
    for count in [1, 50] {
        listeners.extend((listeners.len()..count).map(|_| tower.listen("/stream")));
        std::thread::sleep(if count == 1 { settle } else { Duration::from_secs(5) });
        let cost = Cost::over(&tower, span);
        if count == 1 {
            figures.extend(cost.by_part());
        }
        figures.extend(cost.whole(count, span));
    }
    figures.push(seeing_and_hearing(&tower, span));
    drop(station);
    figures
}

/// What the tower takes over a while.
pub(super) struct Cost {
    /// Percent of a core, by part.
    parts: BTreeMap<&'static str, f64>,
    encoders_percent: f64,
    pss_mb: f64,
    helpers_pss_mb: f64,
    encoders_pss_mb: f64,
}

/// The processes of a tower but itself.
struct Children {
    encoders: Vec<u32>,
    helpers: Vec<u32>,
}

impl Children {
    fn of(tower: &Tower) -> Self {
        let encoder = tower.encoder_pid();
        let (encoders, helpers) = process::descendants(tower.pid()).into_iter().partition(|&pid| Some(pid) == encoder);
        Self { encoders, helpers }
    }
}

/// Processor time so far, by part, and that of the encoders.
fn spent(tower: &Tower, children: &Children) -> (BTreeMap<&'static str, Duration>, Duration) {
    let of = |pids: &[u32]| pids.iter().map(|&pid| process::cpu_time(pid)).sum::<Duration>();
    let mut parts = BTreeMap::from([(HELPERS, of(&children.helpers)), (OTHERS, Duration::ZERO)]);
    for (name, time) in thread_times(tower.pid()) {
        *parts.entry(part_of(&name)).or_default() += time;
    }
    (parts, of(&children.encoders))
}

/// The part that a thread belongs to.
fn part_of(thread: &str) -> &'static str {
    let is_of = |(_, names): &&(&str, &[&str])| names.iter().any(|name| thread.starts_with(name));
    PARTS.iter().find(is_of).map_or(OTHERS, |(part, _)| part)
}

impl Cost {
    pub(super) fn over(tower: &Tower, span: Duration) -> Self {
        let children = Children::of(tower);
        let (from, (parts_before, encoders_before)) = (Instant::now(), spent(tower, &children));
        std::thread::sleep(span);
        let (took, (parts, encoders)) = (from.elapsed(), spent(tower, &children));
        let percent = |used: Duration| used.as_secs_f64() / took.as_secs_f64() * 100.0;
        let since = |(part, time): (&'static str, Duration)| {
            let before = parts_before.get(part).copied().unwrap_or_default();
            (part, percent(time.saturating_sub(before)))
        };
        let mb = |pids: &[u32]| pids.iter().map(|&pid| process::pss_bytes(pid)).sum::<u64>() as f64 / 1e6;
        Self {
            parts: parts.into_iter().map(since).collect(),
            encoders_percent: percent(encoders.saturating_sub(encoders_before)),
            pss_mb: mb(&[tower.pid()]) + mb(&children.helpers),
            helpers_pss_mb: mb(&children.helpers),
            encoders_pss_mb: mb(&children.encoders),
        }
    }

    /// Of processes that are no encoders: those that decode.
    pub(super) fn helpers_percent(&self) -> f64 {
        self.parts.get(HELPERS).copied().unwrap_or_default()
    }

    /// Memory of the same.
    pub(super) fn helpers_pss_mb(&self) -> f64 {
        self.helpers_pss_mb
    }

    /// Of the tower's own threads that take sound from outside.
    pub(super) fn inputs_percent(&self) -> f64 {
        self.parts.get(INPUTS).copied().unwrap_or_default()
    }

    /// One figure for each part, in the order of [`PARTS`].
    fn by_part(&self) -> impl Iterator<Item = Figure> {
        PARTS.iter().map(|(part, _)| *part).chain([OTHERS, HELPERS]).map(|part| {
            let percent = self.parts.get(part).copied().unwrap_or_default();
            Figure::new(format!("CPU, listeners: 1, {part}"), percent, "% of a core")
        })
    }

    /// The tower as a whole; bounded with one listener.
    fn whole(&self, listeners: usize, span: Duration) -> [Figure; 2] {
        let (encoders, encoders_mb) = (self.encoders_percent, self.encoders_pss_mb);
        let cpu = Figure::new(format!("CPU, listeners: {listeners}"), self.parts.values().sum(), "% of a core")
            .note(format!("{span:?} with music on air, all threads and helpers; encoders besides: {encoders:.2} %"));
        let pss = Figure::new(format!("PSS, listeners: {listeners}"), self.pss_mb, "MB")
            .note(format!("12 MB are the program log of one minute; encoders besides: {encoders_mb:.1} MB"));
        if listeners == 1 { [cpu.aim(CPU_PERCENT_MAX), pss.bound(PSS_MB_MAX)] } else { [cpu, pss] }
    }
}

/// Dashboards that are open, and how often the metrics are fetched: fifteen times as often as docs/monitoring.md has it.
const DESKS: usize = 10;
const SCRAPE_PERIOD: Duration = Duration::from_secs(1);

/// The off-air monitor, and what the whole process takes more while metrics and dashboards are open.
fn seeing_and_hearing(tower: &Tower, span: Duration) -> Figure {
    let percents = || {
        let before = Look::now(Some(tower.pid()), &[]);
        std::thread::sleep(span);
        let after = Look::now(Some(tower.pid()), &[]);
        let took = (after.at - before.at).as_secs_f64();
        let percent = |used: Duration| used.as_secs_f64() / took * 100.0;
        let of_thread = |name: &str| {
            let of = |look: &Look| look.threads.get(name).copied().unwrap_or_default();
            percent(of(&after).saturating_sub(of(&before)))
        };
        (percent(after.server().saturating_sub(before.server())), of_thread("ear"), of_thread("control"))
    };
    let (alone, _, control_alone) = percents();
    let crowd =
        Crowd { desks: DESKS, hammers: 0, stations: 0, scrape_period: Some(SCRAPE_PERIOD) }.begin(tower.address);
    // The first answers bring the last ten minutes.
    std::thread::sleep(Duration::from_secs(5));
    let (looked_at, ear, control) = percents();
    let (tally, _) = crowd.close();
    let failures: u64 = tally.values().map(|answers| answers.failures).sum();
    let answers: u64 = tally.values().map(|answers| answers.count).sum();
    let note = format!(
        "ear {ear:.2}; the process {alone:.2}, looked at {looked_at:.2} (its thread `control` {control_alone:.2}, {control:.2}); \
         {answers} answers, {failures} wrong"
    );
    let name = format!("CPU of self-listening, metrics each {SCRAPE_PERIOD:?} and {DESKS} dashboards");
    Figure::new(name, ear + (looked_at - alone).max(0.0), "% of a core").bound(2.0).note(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_belongs_to_one_part() {
        for (thread, part) in [
            ("ear", "off-air monitor"),
            ("pump", "pump"),
            ("encoder", "encoder drivers"),
            ("shard-3", "shards"),
            ("control", "control"),
            ("source-feeder", "inputs"),
            ("tracing-appende", OTHERS),
        ] {
            assert_eq!(part_of(thread), part, "{thread}");
        }
    }
}
