//! From the start of the process to the first byte of audio at a listener (SPEC OPS-1).

use super::{Figure, Lab};
use radio_proof::bare_loop::{BareLoop, Priority};
use radio_proof::http::{read_head, send_get};
use radio_proof::measure::quantile;
use radio_proof::tower::Setup;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

const STARTS: usize = 20;

/// Starts the tower again and again, with a listener that knocks every millisecond.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let starts = lab.options.times(STARTS);
    let bare_loop = BareLoop::start(Priority::Normal, None);
    let times: Vec<f64> = (0..starts).map(|_| first_byte(&lab.tower).as_secs_f64() * 1000.0).collect();
    let lateness = bare_loop.stop();
    let note = format!("{starts} starts; median {:.0} ms; a listener knocks every millisecond", quantile(&times, 0.5));
    let worst = Figure::new("process start to first audio byte, worst", quantile(&times, 1.0), "ms");
    vec![worst.bound(250.0).beside(lateness.share(1.0)).note(note)]
}

fn first_byte(tower: &Path) -> Duration {
    // The port is chosen here, so that the listener need not wait for the tower to name it.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let running = Setup::new(tower).line(&format!("server.port = {port}")).spawn();
    let deadline = running.started + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = send_get(address, "/stream", "", Duration::from_secs(10)) {
            let (_, audio) = read_head(&mut stream).expect("the head of the stream");
            if audio.is_empty() {
                stream.read_exact(&mut [0]).expect("the first byte of audio");
            }
            return running.started.elapsed();
        }
        assert!(Instant::now() < deadline, "the tower does not listen: {}", running.stderr());
        std::thread::sleep(Duration::from_millis(1));
    }
}
