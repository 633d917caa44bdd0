//! Processor time and memory of the tower's own process, encoder apart.

use super::Figure;
use radio_proof::listener::Listener;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Setup;
use radio_proof::{material, process};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(30);
/// By then the burst is gone and the monitor's minute of PCM has been written once.
const SETTLE: Duration = Duration::from_secs(65);

/// One listener, then fifty, of one tower with music on air.
pub fn run(tower: &Path) -> Vec<Figure> {
    let tower = Setup::new(tower).start();
    let music = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 30)), music);
    let mut listeners: Vec<Listener> = Vec::new();
    let mut figures = Vec::new();
    for count in [1, 50] {
        listeners.extend((listeners.len()..count).map(|_| tower.listen("/stream")));
        std::thread::sleep(if count == 1 { SETTLE } else { Duration::from_secs(5) });
        let encoder = tower.encoder_pid();
        let cpu = |pid: Option<u32>| pid.map_or(Duration::ZERO, process::cpu_time);
        let (before, encoder_before, from) = (cpu(Some(tower.pid())), cpu(encoder), Instant::now());
        std::thread::sleep(SPAN);
        let span = from.elapsed().as_secs_f64();
        let percent = |used: Duration| used.as_secs_f64() / span * 100.0;
        let own = percent(cpu(Some(tower.pid())) - before);
        let encoder = percent(cpu(encoder).saturating_sub(encoder_before));
        let note = format!("{SPAN:?} with music on air; the encoder process besides: {encoder:.2} %");
        figures.push(Figure::new(format!("CPU, listeners: {count}"), own, "% of a core").bound(1.0).note(note));
        let rss = process::rss_bytes(tower.pid()) as f64 / 1e6;
        figures.push(
            Figure::new(format!("RSS, listeners: {count}"), rss, "MB")
                .bound(30.0)
                .note("12 MB are the monitor's minute"),
        );
    }
    drop(station);
    figures
}
