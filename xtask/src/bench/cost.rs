//! Processor time and memory of the tower's own process, encoder apart; and what it costs to listen to itself and to be
//! looked at.

use super::{Figure, Lab};
use radio_load::watch::Look;
use radio_proof::desks::Crowd;
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, process};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(30);
/// By then the burst is gone and the monitor's minute of PCM has been written once.
const SETTLE: Duration = Duration::from_secs(65);

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
        let encoder = tower.encoder_pid();
        let cpu = |pid: Option<u32>| pid.map_or(Duration::ZERO, process::cpu_time);
        let (before, encoder_before, from) = (cpu(Some(tower.pid())), cpu(encoder), Instant::now());
        std::thread::sleep(span);
        let took = from.elapsed().as_secs_f64();
        let percent = |used: Duration| used.as_secs_f64() / took * 100.0;
        let own = percent(cpu(Some(tower.pid())) - before);
        let encoder = percent(cpu(encoder).saturating_sub(encoder_before));
        let note = format!("{span:?} with music on air; the encoder process besides: {encoder:.2} %");
        figures.push(Figure::new(format!("CPU, listeners: {count}"), own, "% of a core").aim(1.0).note(note));
        let rss = process::rss_bytes(tower.pid()) as f64 / 1e6;
        figures.push(
            Figure::new(format!("RSS, listeners: {count}"), rss, "MB").aim(30.0).note("12 MB are the monitor's minute"),
        );
    }
    figures.push(seeing_and_hearing(&tower, span));
    drop(station);
    figures
}

/// Dashboards that are open, and how often the metrics are fetched: fifteen times as often as docs/monitoring.md has it.
const DESKS: usize = 10;
const SCRAPE_PERIOD: Duration = Duration::from_secs(1);

/// The thread that listens to what is sent, and what the whole process takes more while it is looked at.
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
