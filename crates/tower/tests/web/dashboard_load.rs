//! Listeners do not notice who looks: dashboards, a program that asks for everything, and a Prometheus (SPEC API-2,
//! LIS-5).

use crate::common;
use radio_load::plan::{Kind, Plan};
use radio_load::run::run;
use radio_proof::bare_loop::{BareLoop, Priority};
use radio_proof::desks::Crowd;
use radio_proof::machine::Watch;
use radio_proof::punctuality::{Verdict, judge};
use radio_proof::station::{Manner, Station};
use radio_proof::{alarm, material};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A send period of the default mount, and what SPEC LIS-5 adds to it.
const GAP_MAX_MS: f64 = 504.0 + 150.0;
/// How much more it may be where others need the processors, and the tower cannot be told from them.
const CROWDED_MS: f64 = 1000.0;
const LATENESS_P999_MS_MAX: f64 = 5.0;

#[test]
fn listeners_are_sent_every_byte_while_dashboards_and_programs_ask_for_everything() {
    let tower = common::setup().start();
    let noise = Arc::new(material::noise(12, 2500));
    let _station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", LIMIT);
    let crowd =
        Crowd { desks: 10, hammers: 1, stations: 0, scrape_period: Some(Duration::from_secs(1)) }.begin(tower.address);
    let asked = |kind: &str| crowd.so_far().get(kind).map_or(0, |answers| answers.count);
    // The files of the page, the login, the events, and then two looks.
    alarm::wait_until("dashboards", LIMIT, || asked("desk") >= 10 * (9 + 2 * 3));
    let mut plan = Plan::new(tower.address);
    (plan.normal, plan.ramp, plan.settle_s) = (500, 500.0, 2.0);
    plan.hold_s = alarm::seconds(5, 60).as_secs_f64();
    let machine = Watch::start();
    let priority = if tower.status()["realtime"] == true { Priority::Realtime } else { Priority::Normal };
    let bare_loop = BareLoop::start(priority, None);
    let report = run(plan).expect("sockets enough");
    let was_crowded = machine.was_crowded();
    let lateness_ms = tower.status()["lateness_ms"].clone();
    let bare = bare_loop.stop().share_at(priority, 0.999);
    let (tally, _) = crowd.close();
    for (kind, answers) in &tally {
        eprintln!("{kind}: {} answers, longest wait {:.0} ms", answers.count, answers.longest_ms);
        assert_eq!(answers.failures, 0, "{kind}: {:?}", answers.told);
    }
    assert!(tally["hammer"].count >= 100 && tally["metrics"].count >= 5, "{tally:?}");
    let found = &report.kinds[&Kind::Normal];
    assert_eq!((found.live, found.stalled, found.tally.skips, found.tally.sync_losses), (500, 0, 0, 0), "{found:?}");
    assert!(found.tally.good_bytes > 40_000 * 500, "{found:?}");
    // The crowd itself fills a small machine, so only what is measured at length, alone, is told from it.
    let gap_max_ms = GAP_MAX_MS + if was_crowded && !alarm::full_length() { CROWDED_MS } else { 0.0 };
    eprintln!("longest gap {:.0} ms of {gap_max_ms}; lateness {lateness_ms}", found.gap_ms[2]);
    assert!(found.gap_ms[2] <= gap_max_ms, "{found:?}");
    let p999_ms = lateness_ms["p999"].as_f64().expect("a figure");
    let verdict = judge(p999_ms, LATENESS_P999_MS_MAX, bare);
    eprintln!("lateness: {verdict:?} beside a bare loop: {bare:?}");
    assert!(!alarm::full_length() || verdict != Verdict::Missed, "{lateness_ms}, a bare loop {bare:?}");
}
