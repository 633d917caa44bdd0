//! What dashboards, a program that asks for everything, and a Prometheus do to the listeners.

use super::scenarios::{RAMP, gap, period_ms, sound, waits};
use super::{Bench, Run, Setting};
use crate::bench::figure::Figure;
use anyhow::Result;
use radio_load::plan::Kind;
use radio_proof::bare_loop::Priority;
use radio_proof::desks::{Answers, Crowd};
use radio_proof::machine::Watch;
use radio_proof::measure::quantile;
use radio_proof::punctuality::Bare;
use std::time::Duration;

const DESKS: usize = 50;
/// Connections of the program that asks for everything.
const HAMMERS: [usize; 2] = [1, 8];
const SCRAPE_PERIOD: Duration = Duration::from_secs(1);
/// What the longest gap may grow by, and how late a tick may be.
const GAP_GROWTH_PERCENT_MAX: f64 = 10.0;
const LATENESS_P999_MS_MAX: f64 = 5.0;
/// What a station is promised (SPEC API-3, API-4).
const BUFFER_P99_MS_MAX: f64 = 10.0;
const INGEST_P99_MS_MAX: f64 = 100.0;
/// Length of each look: many periods, and a few thousand ticks.
const HOLD_S: f64 = 60.0;

/// The same listeners without all that, and with it.
pub(super) fn desks(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(10_000);
    let plan = |plan: &mut radio_load::plan::Plan| {
        (plan.normal, plan.ramp, plan.hold_s) = (listeners, RAMP, HOLD_S);
    };
    let watch = Watch::start();
    let alone =
        bench.tower(&format!("desks {listeners}, none"), &Setting { clocks: true, ..Setting::default() }, plan)?;
    let mut figures = vec![gap(&alone, Kind::Normal, period_ms(listeners)), lateness(&alone, &watch)];
    for hammers in HAMMERS {
        let name = format!("desks {listeners}, {DESKS} and {hammers} asking");
        let crowd = Crowd { desks: DESKS, hammers, stations: 0, scrape_period: Some(SCRAPE_PERIOD) };
        let watch = Watch::start();
        let (run, tally, worked) = bench.besieged_tower(&name, crowd, plan)?;
        let gap_ms = |run: &Run| run.kind(Kind::Normal).gap_ms[2];
        let growth = growth_percent(gap_ms(&run), gap_ms(&alone));
        let bare = run.beside.gap.zip(alone.beside.gap);
        let bare = bare.map(|(with, without)| Bare { value: growth_percent(with.value, without.value), quiet: 0.0 });
        let note = format!("{:.0} ms, without {:.0}", gap_ms(&run), gap_ms(&alone));
        let figure = run.figure("longest gap, growth", growth, "%");
        figures.push(figure.bound(GAP_GROWTH_PERCENT_MAX).beside(bare).note(note));
        figures.push(lateness(&run, &watch));
        for (kind, answers) in tally {
            let Answers { count, longest_ms, failures, told, .. } = answers;
            let per_s = count as f64 / worked.as_secs_f64();
            let note = format!("{count} answers, {per_s:.1} a second; longest wait {longest_ms:.0} ms; {told:?}");
            figures.push(run.figure(&format!("{kind}: not answered"), failures as f64, "").bound(0.0).note(note));
        }
        figures.extend(sound(&run));
    }
    Ok(figures)
}

/// What a station waits for an answer while others listen.
pub(super) fn station(bench: &mut Bench, listeners: Option<usize>) -> Result<Vec<Figure>> {
    let listeners = listeners.unwrap_or(5000);
    let (crowd, watch) = (Crowd { stations: 1, ..Crowd::default() }, Watch::start());
    let (run, tally, _) = bench.besieged_tower(&format!("station, {listeners}"), crowd, |plan| {
        (plan.normal, plan.ramp, plan.hold_s) = (listeners, RAMP, HOLD_S);
    })?;
    let mut figures = vec![gap(&run, Kind::Normal, period_ms(listeners)), lateness(&run, &watch)];
    for (kind, bound_ms) in [("buffer", BUFFER_P99_MS_MAX), ("ingest", INGEST_P99_MS_MAX)] {
        let Answers { count, longest_ms, failures, waits_ms, .. } = tally.get(kind).cloned().unwrap_or_default();
        let note = format!(
            "{count} answers while the listeners came and listened; median {:.2} ms, longest {longest_ms:.1}",
            quantile(&waits_ms, 0.5)
        );
        let p99 = run.figure(&format!("{kind}, p99"), quantile(&waits_ms, 0.99), "ms");
        figures.push(p99.bound(bound_ms).beside(waits(&run, 0.99)).note(note));
        figures.push(run.figure(&format!("{kind}: not answered"), failures as f64, "").bound(0.0));
    }
    Ok(figures)
}

/// By how much a gap is longer than another.
fn growth_percent(with_ms: f64, without_ms: f64) -> f64 {
    (with_ms / without_ms - 1.0) * 100.0
}

fn lateness(run: &Run, watch: &Watch) -> Figure {
    let of = |name: &str| run.status["lateness_ms"][name].as_f64().unwrap_or(f64::NAN);
    let priority = if run.status["realtime"] == true { Priority::Realtime } else { Priority::Normal };
    let beside = match priority {
        Priority::Realtime => &run.beside.realtime,
        Priority::Normal => &run.beside.normal,
    };
    let bare = beside.as_ref().and_then(|lateness| lateness.share_at(priority, 0.999));
    let note = format!(
        "since the start; median {:.3}, latest {:.2}; of half a second the host took {} % at most",
        of("p50"),
        of("max"),
        watch.most_stolen_permille() / 10
    );
    run.figure("tick lateness, p99.9", of("p999"), "ms").bound(LATENESS_P999_MS_MAX).beside(bare).note(note)
}
