//! What is measured: how many listeners of which kinds, at which servers, and what must come out.

use super::desks::{desks, station};
use super::{Bench, Run, Setting};
use crate::bench::figure::Figure;
use anyhow::Result;
use radio_load::plan::{Kind, Plan};
use radio_load::report::OfKind;
use radio_proof::punctuality::Bare;

/// Connects a second that every server takes; Icecast has a backlog of five.
pub(super) const RAMP: f64 = 2000.0;
const RAMP_ICECAST: f64 = 180.0;

/// The send period of a low-latency mount.
const LOW_PERIOD_MS: u64 = 24;

/// What may come on top of a send period.
const GAP_MARGIN_MS: f64 = 150.0;

/// A load, and what is measured under it.
pub(super) struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// How long it takes on two cores at full length, in minutes.
    pub minutes: f64,
    /// Measures, with another number of listeners if one is given.
    pub measure: fn(&mut Bench, Option<usize>) -> Result<Vec<Figure>>,
}

/// All of them, in the order in which they run.
pub(super) const SCENARIOS: [Scenario; 11] = [
    Scenario { name: "steady", minutes: 5.0, measure: steady },
    Scenario { name: "curve", minutes: 10.0, measure: curve },
    Scenario { name: "low", minutes: 1.5, measure: low },
    Scenario { name: "storm", minutes: 1.0, measure: storm },
    Scenario { name: "mixed", minutes: 2.5, measure: mixed },
    Scenario { name: "churn", minutes: 1.0, measure: churn },
    Scenario { name: "icy", minutes: 1.0, measure: icy },
    Scenario { name: "window", minutes: 1.5, measure: window },
    Scenario { name: "desks", minutes: 4.5, measure: desks },
    Scenario { name: "station", minutes: 1.5, measure: station },
    Scenario { name: "max", minutes: 11.0, measure: max },
];

/// Numbers of listeners of the graph.
const CURVE: [usize; 4] = [1000, 2000, 5000, 10_000];

/// The send period that is allowed for so many listeners (SPEC LIS-3).
pub(super) fn period_ms(listeners: usize) -> u64 {
    if listeners > 4000 { 1008 } else { 504 }
}

/// Cost at a number of listeners, of all three servers.
fn steady(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for listeners in listeners.map_or(vec![1000, 5000], |listeners| vec![listeners]) {
        figures.extend(side_by_side(bench, "steady", listeners, true)?);
    }
    Ok(figures)
}

/// The same at all the numbers of the graph.
fn curve(bench: &mut Bench, _: Option<usize>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for listeners in CURVE {
        figures.extend(side_by_side(bench, "curve", listeners, bench.options.full || listeners <= 5000)?);
    }
    Ok(figures)
}

fn side_by_side(bench: &mut Bench, scenario: &str, listeners: usize, icecast: bool) -> Result<Vec<Figure>> {
    let plan = |plan: &mut Plan| {
        plan.normal = listeners;
        plan.ramp = RAMP;
    };
    let name = format!("{scenario} {listeners}");
    let ours = bench.tower(&name, &Setting::default(), plan)?;
    let bare = bench.bare(&name, period_ms(listeners), plan)?;
    let bound = if listeners <= 4000 { 0.35 } else { 0.17 };
    let mut figures = vec![ratio(&name, &ours, &bare, 1.15)];
    if icecast {
        let theirs = bench.icecast(&name, |p| {
            plan(p);
            p.ramp = RAMP_ICECAST;
        })?;
        figures.push(ratio(&name, &ours, &theirs, bound));
    }
    figures.extend(sound(&ours));
    figures.push(gap(&ours, Kind::Normal, period_ms(listeners)));
    figures.push(memory(&ours));
    Ok(figures)
}

/// Each frame at once to each listener.
fn low(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(1000);
    let plan = |plan: &mut Plan| {
        plan.normal = listeners;
        plan.ramp = RAMP;
    };
    let name = format!("low {listeners}");
    let lines = [r#"output = [{ mount = "/stream", latency = "low" }]"#];
    let setting = Setting { lines: &lines, period_ms: Some(LOW_PERIOD_MS), ..Setting::default() };
    let ours = bench.tower(&name, &setting, plan)?;
    let bare = bench.bare(&name, LOW_PERIOD_MS, plan)?;
    let mut figures = vec![ratio(&name, &ours, &bare, 1.1)];
    figures.extend(sound(&ours));
    figures.push(gap(&ours, Kind::Normal, LOW_PERIOD_MS));
    Ok(figures)
}

/// Two thousand connects a second.
fn storm(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(15_000);
    let ours = bench.tower(&format!("storm {listeners}"), &Setting { clocks: true, ..Setting::default() }, |plan| {
        plan.normal = listeners;
        plan.ramp = 2000.0;
        plan.hold_s = 5.0;
    })?;
    let [median, p99, _] = ours.kind(Kind::Normal).first_byte_ms;
    let mut figures = vec![
        ours.figure("first byte, median", median, "ms").bound(10.0),
        ours.figure("first byte, p99", p99, "ms").bound(100.0).beside(waits(&ours, 0.99)),
    ];
    figures.extend(sound(&ours));
    Ok(figures)
}

/// Stuck, slow and paused ones among the others.
fn mixed(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(10_000);
    let (stuck, slow, paused) = (listeners / 10, listeners / 20, listeners / 100);
    let ours = bench.tower(&format!("mixed {listeners}"), &Setting::default(), |plan| {
        (plan.normal, plan.stuck) = (listeners - stuck - slow - paused, stuck);
        (plan.slow, plan.paused) = (slow, paused);
        plan.ramp = RAMP;
        // So slow that its place in the history of a minute is overwritten.
        plan.slow_rate = 1000;
        plan.hold_s = 100.0;
    })?;
    let paused = ours.kind(Kind::Paused);
    let gone = paused.ended.values().sum::<usize>() + paused.skipped_again;
    let dropped = ours.status["listeners"]["dropped_stalled"].as_f64().unwrap_or(f64::NAN);
    let kernel_bytes = ours.report.cost.tcp_growth_bytes_max / stuck as f64;
    let slow = ours.kind(Kind::Slow);
    let mut figures = vec![
        gap(&ours, Kind::Normal, period_ms(listeners)),
        ours.figure("kernel memory per stuck listener", kernel_bytes / 1024.0, "kB").bound(256.0),
        ours.figure("stuck ones not dropped", stuck as f64 - dropped, "").bound(0.0),
        ours.figure("paused for 45 s: gone, or skipped more than once", gone as f64, "").bound(0.0),
        ours.figure("skips of slow ones", slow.tally.skips as f64, "").note("counted, and the rest unbroken"),
    ];
    figures.extend(sound(&ours));
    Ok(figures)
}

/// A fifth of all leaves and joins each second.
fn churn(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(5000);
    let ours = bench.tower(&format!("churn {listeners}"), &Setting::default(), |plan| {
        (plan.normal, plan.churning) = (listeners / 2, listeners / 2);
        plan.churn_per_s = listeners as f64 / 5.0;
        plan.ramp = RAMP;
    })?;
    let mut figures = vec![gap(&ours, Kind::Normal, period_ms(listeners))];
    figures.extend(sound(&ours));
    Ok(figures)
}

/// All ask for titles. There is a new one each 100 ms, and meanwhile encoders die and sources come and go.
fn icy(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(5000);
    let ours = bench.tower(&format!("icy {listeners}"), &Setting { trouble: true, ..Setting::default() }, |plan| {
        // One without, so that both kinds are held against each other.
        (plan.normal, plan.icy) = (1, listeners - 1);
        plan.ramp = RAMP;
    })?;
    let kind = ours.kind(Kind::Icy);
    let note = format!("{} titles at {} listeners", kind.titles, kind.with_titles);
    let without = listeners - 1 - kind.with_titles;
    let mut figures = vec![
        ours.figure("titles wrong or out of order", kind.titles_wrong as f64, "").bound(0.0).note(note),
        ours.figure("listeners without a title", without as f64, "").bound(0.0),
        gap(&ours, Kind::Icy, period_ms(listeners)),
    ];
    figures.extend(sound(&ours));
    Ok(figures)
}

/// Windows of 2 kB, bursts of 30 s, 320 kbit/s: a write is almost never taken whole.
fn window(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(500);
    let lines = [r#"output = [{ mount = "/stream", bitrate_kbps = 320 }]"#];
    let ours =
        bench.tower(&format!("window {listeners}"), &Setting { lines: &lines, ..Setting::default() }, |plan| {
            (plan.normal, plan.window) = (listeners / 10, listeners);
            plan.target = "/stream?burst=30".into();
            plan.ramp = 100.0;
            plan.idle_s = 30.0;
        })?;
    Ok(sound(&ours))
}

/// As many as the limit of open files allows.
fn max(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(19_500);
    let seconds = if bench.options.full { 600.0 } else { 20.0 };
    let ours = bench.tower(&format!("max {listeners}"), &Setting::default(), |plan| {
        plan.normal = listeners;
        plan.ramp = RAMP;
        plan.hold_s = seconds;
    })?;
    let mut figures = vec![
        gap(&ours, Kind::Normal, period_ms(listeners)),
        ours.figure("stalled", ours.kind(Kind::Normal).stalled as f64, "").bound(0.0),
        ours.figure("skips", ours.kind(Kind::Normal).tally.skips as f64, "").bound(0.0),
        ours.figure("CPU", ours.report.cost.server_percent, "% of a core"),
    ];
    figures.extend(sound(&ours));
    Ok(figures)
}

/// Cost of ours for each listener and second over that of another server.
fn ratio(name: &str, ours: &Run, other: &Run, bound: f64) -> Figure {
    let us = |run: &Run| run.report.cost.us_per_listener_second_above_idle;
    let note = format!("{:.1} / {:.1} us per listener and second, above idle", us(ours), us(other));
    // The same loop differs by a fifth from one run to the next, so it is no more than an aim.
    Figure::new(format!("{name}: tower / {}", other.server), us(ours) / us(other), "").aim(bound).note(note)
}

pub(super) fn gap(run: &Run, kind: Kind, period_ms: u64) -> Figure {
    let [median, p99, longest] = run.kind(kind).gap_ms;
    let note = format!(
        "median {median:.0}, p99 {p99:.0}; the generator was late by {:.0} at most",
        run.report.generator.loop_ms_max
    );
    let bound_ms = period_ms as f64 + GAP_MARGIN_MS;
    run.figure("longest gap", longest, "ms").bound(bound_ms).beside(run.beside.gap).note(note)
}

/// How long a bare loop at normal priority on the server's core waited, for a share of its
/// deadlines.
pub(super) fn waits(run: &Run, share: f64) -> Option<Bare> {
    run.beside.normal.as_ref().map(|lateness| lateness.share(share))
}

fn memory(run: &Run) -> Figure {
    run.figure("RSS per listener", run.report.cost.rss_growth_per_listener, "bytes").bound(256.0)
}

/// What must be so in every run: all chains unbroken, nobody lost who should be there.
pub(super) fn sound(run: &Run) -> Vec<Figure> {
    let kinds = || run.report.kinds.values();
    let sum = |what: fn(&OfKind) -> u64| kinds().map(what).sum::<u64>() as f64;
    let healthy = run.report.kinds.iter().filter(|(kind, _)| !matches!(kind, Kind::Slow | Kind::Stuck | Kind::Paused));
    let lost: usize = healthy.map(|(_, of_kind)| of_kind.asked - of_kind.live).sum();
    let reasons: Vec<String> =
        kinds().flat_map(|of_kind| &of_kind.ended).map(|(reason, count)| format!("{reason}: {count}")).collect();
    let reasons = reasons.join(", ");
    let checked = format!(
        "{:.0} MB compared, {:.0} not",
        sum(|kind| kind.tally.good_bytes) / 1e6,
        sum(|kind| kind.tally.unchecked_bytes) / 1e6
    );
    vec![
        run.figure("sync losses", sum(|kind| kind.tally.sync_losses), "").bound(0.0).note(checked),
        run.figure("healthy listeners that are not there at the end", lost as f64, "").bound(0.0).note(reasons),
    ]
}
