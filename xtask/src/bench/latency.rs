//! From PCM written into the socket to the arrival of the MP3 frame that carries it.
//!
//! A station sends silence with short bursts of noise, in blocks of 4096 bytes at absolute deadlines. For each burst:
//! the moment its first block was written; the sample at which it is in the monitor's PCM; the frame that carries that
//! sample (decoded frame `i` begins at sample `1152 * i - 1105`, SPEC SIG-4); the moment that frame was whole at the
//! listener. What is measured is the whole way but for the block that a station must fill before it can send it.

use super::{Figure, Lab};
use radio_proof::bare_loop::{BareLoop, Priority};
use radio_proof::measure::{left_s16, quantile};
use radio_proof::punctuality::Bare;
use radio_proof::tower::Setup;
use radio_proof::{CODEC_DELAY_SAMPLES, TICK_SAMPLES, material};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const FRAME_BYTES: usize = 384;
const BLOCK_BYTES: usize = 4096;
const BURSTS: usize = 12;
/// Stations that connect one after the other: where a station's blocks lie between two ticks is chance, and stays.
const STATIONS: usize = 4;
/// Distance of two bursts and length of each, in samples: no multiple of a tick or a block, so all phases are met.
const PERIOD_SAMPLES: usize = 25_013;
const BURST_SAMPLES: usize = 6_007;

/// What one run gave.
struct Run {
    delays_ms: Vec<f64>,
    holds: u64,
}

/// What the stations of one setting gave together.
struct Sum {
    delays_ms: Vec<f64>,
    holds: u64,
    /// Of a bare loop meanwhile: the lateness that 95 of 100 deadlines did not exceed.
    bare: Bare,
}

/// Both encoders with the shortest buffers that hold nothing up, and the defaults.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let tower = &*lab.tower;
    let stations = lab.options.times(STATIONS);
    let mut figures = Vec::new();
    for (encoder, ticks_min, bound) in [("builtin", 2, 125.0), ("ffmpeg", 3, 150.0)] {
        let (ticks, run) = smallest_working(tower, encoder, ticks_min, stations);
        let note = format!(
            "pre-roll 1, playout delay {ticks} ticks, low-latency mount, {} bursts of {stations} stations, {} holds",
            run.delays_ms.len(),
            run.holds
        );
        figures.extend(both(&format!("PCM in to MP3 byte, {encoder}"), &run, Some(bound), &note));
    }
    let defaults = several(|| Setup::new(tower), "/stream?burst=0", stations);
    let note = "pre-roll 10, playout delay 500 ms, send period 504 ms".to_owned();
    figures.extend(both("PCM in to MP3 byte, defaults", &defaults, None, &note));
    figures
}

fn both(name: &str, run: &Sum, bound: Option<f64>, note: &str) -> [Figure; 2] {
    let figure =
        |what: &str, share| Figure::new(format!("{name}, {what}"), quantile(&run.delays_ms, share), "ms").note(note);
    let median = figure("median", 0.5);
    [bound.map_or(median.clone(), |bound| median.aim(bound)), figure("p95", 0.95).beside(run.bare)]
}

/// The shortest playout delay, from `ticks_min` on, at which no frame was late; after three tries the last.
fn smallest_working(tower: &Path, encoder: &str, ticks_min: u64, stations: usize) -> (u64, Sum) {
    for ticks in ticks_min.. {
        let setup = || {
            Setup::new(tower).line("station.preroll_ticks = 1").line(&format!(
                r#"output = [{{ mount = "/low", encoder = "{encoder}", latency = "low", playout_delay_ms = {} }}]"#,
                ticks * 24
            ))
        };
        let run = several(setup, "/low?burst=0", stations);
        if run.holds == 0 || ticks == ticks_min + 3 {
            return (ticks, run);
        }
    }
    unreachable!("the loop above ends")
}

fn several(setup: impl Fn() -> Setup, target: &str, stations: usize) -> Sum {
    let bare_loop = BareLoop::start(Priority::Normal, None);
    let runs: Vec<Run> = (0..stations).map(|_| measure(setup(), target)).collect();
    Sum {
        bare: bare_loop.stop().share(0.95),
        holds: runs.iter().map(|run| run.holds).sum(),
        delays_ms: runs.into_iter().flat_map(|run| run.delays_ms).collect(),
    }
}

fn measure(setup: Setup, target: &str) -> Run {
    let tower = setup.start();
    tower.wait_encoder("RUNNING", Duration::from_secs(20));
    // From tone on, so that the first sound after a silence is the first burst; the last one is the tone again.
    tower.wait_source("tone", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    let listener = tower.listen(target);
    let first_frame = listener.first_frame();
    // After the start: what is counted from here on happened while the tower was in its stride.
    let holds = |tower: &radio_proof::tower::Tower| tower.status()["outputs"][0]["holds"].as_u64().unwrap_or(0);
    let holds_before = holds(&tower);

    let pcm = bursts();
    let mut stream = UnixStream::connect(tower.pcm_socket()).expect("the station's socket");
    let started = Instant::now();
    let mut written = Vec::new();
    for (index, block) in pcm.chunks(BLOCK_BYTES).enumerate() {
        let due = started + Duration::from_secs_f64(index as f64 * BLOCK_BYTES as f64 / 192_000.0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        written.push(Instant::now());
        stream.write_all(block).expect("the tower reads");
    }
    let last = monitor.next_serial() + 80;
    monitor.wait_serial(last, Duration::from_secs(10));
    let holds = holds(&tower) - holds_before;
    drop(stream);

    let heard = monitor.stop();
    let onsets = onsets(&left_s16(&heard.bytes));
    let arrivals = listener.stop().frame_arrivals(first_frame, FRAME_BYTES);
    let fed = (1..=BURSTS).map(|burst| burst * PERIOD_SAMPLES);
    assert!(onsets.len() >= BURSTS, "{} of {BURSTS} bursts were on air", onsets.len());
    let delays_ms = fed.zip(&onsets).filter_map(|(fed_at, on_air_at)| {
        let sample = heard.first_serial as usize * TICK_SAMPLES + on_air_at;
        let frame = (sample + CODEC_DELAY_SAMPLES) / TICK_SAMPLES;
        let (arrived, _) = arrivals.get((frame as u64).checked_sub(first_frame)? as usize)?;
        Some((*arrived - written[fed_at * 4 / BLOCK_BYTES]).as_secs_f64() * 1000.0)
    });
    Run { delays_ms: delays_ms.collect(), holds }
}

/// Silence with a burst of noise at every multiple of the period but the first.
fn bursts() -> Vec<u8> {
    let mut pcm = vec![0u8; (BURSTS + 1) * PERIOD_SAMPLES * 4];
    let mut noise = material::noise(99, BURST_SAMPLES.div_ceil(TICK_SAMPLES));
    // The first sample is loud, so that the onset is where it is.
    noise[..4].copy_from_slice(&[0, 0x20, 0, 0x20]);
    for burst in 1..=BURSTS {
        let at = burst * PERIOD_SAMPLES * 4;
        pcm[at..at + BURST_SAMPLES * 4].copy_from_slice(&noise[..BURST_SAMPLES * 4]);
    }
    pcm
}

/// Places at which sound begins after a long silence.
fn onsets(samples: &[f64]) -> Vec<usize> {
    const SILENCE_SAMPLES: usize = 10_000;
    let mut found = Vec::new();
    let mut silent_for = 0;
    for (place, &sample) in samples.iter().enumerate() {
        if sample == 0.0 {
            silent_for += 1;
        } else {
            if silent_for >= SILENCE_SAMPLES {
                found.push(place);
            }
            silent_for = 0;
        }
    }
    found
}
