//! From the death of an encoder to the next new frame.
//!
//! A tower plays music to one listener; its encoder is killed again and again at random instants,
//! each time a process that was delivering. The moment of the kill is taken just before the system
//! call, the moment of the next new frame from the tower's own log: it writes "encoder delivers"
//! when a process fills its first slot that nobody had filled. Both are the same machine's clock.
//! Nothing is asked of the tower in between.
//!
//! Beside it, before the kills and after them, stands a bare encoder: the same work without a
//! tower.
//!
//! `RADIO_KILLS=1000` for more than the usual 40 kills; beyond 55 they come more slowly, as the
//! tower replaces at most 60 a minute without a wait.

use super::bare_encoder::{Encoder, Replays};
use super::{Figure, Lab};
use radio_proof::alarm::wait_for;
use radio_proof::chance::Chance;
use radio_proof::measure::quantile;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{FRAME_BYTES, frames, material, numbered, offline};
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KILLS: usize = 40;
const DAY_MS: f64 = 86_400_000.0;

/// Kills with one playout delay, while the shortest that holds nothing up is searched.
const KILLS_OF_A_TRY: usize = 25;

/// Replays of a bare encoder before the kills, and as many after them.
const REPLAYS: usize = 20;

const BUILTIN: &str = r#"encoder = "builtin""#;
const FFMPEG: &str = r#"encoder = "ffmpeg""#;
const FFMPEG_ALONE: &str = r#"encoder = "ffmpeg", stand_in = false"#;

/// The default length of a replay.
const REPLAY_TICKS: u64 = 200;

/// The default playout delay, and the shortest that is allowed.
const DELAY_TICKS: u64 = 21;
const DELAY_TICKS_MIN: u64 = 3;

/// What one run gave.
struct Run {
    delays_ms: Vec<f64>,
    /// Ticks replayed by the process that delivered first, for each kill.
    replayed: Vec<u64>,
    holds: u64,
    silent_frames: u64,
    replays: u64,
    proved: u64,
    /// Frames that were not an uninterrupted encoder's, of so many.
    different: usize,
    compared: usize,
}

/// The built-in encoder, and ffmpeg with its stand-in and without; with the default replay and a shorter one.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let (tower, times) = (&*lab.tower, |full| lab.options.times(full));
    let kills = std::env::var("RADIO_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(times(KILLS));
    let (one, both) = (&[Encoder::Builtin][..], &[Encoder::Builtin, Encoder::Ffmpeg][..]);
    let encoders = [
        ("builtin", BUILTIN, one, REPLAY_TICKS, Some(160.0)),
        ("ffmpeg", FFMPEG, both, REPLAY_TICKS, Some(160.0)),
        ("builtin, 130 ticks", BUILTIN, one, 130, Some(120.0)),
        ("ffmpeg, 130 ticks", FFMPEG, both, 130, Some(120.0)),
        ("ffmpeg without stand-in", FFMPEG_ALONE, &[Encoder::Ffmpeg][..], REPLAY_TICKS, None),
    ];
    let mut figures = Vec::new();
    for (name, encoder, bare_encoders, replay_ticks, bound) in encoders {
        let mut replays = Replays::default();
        replays.run(tower, bare_encoders, replay_ticks, times(REPLAYS));
        let run = measure(tower, encoder, replay_ticks, DELAY_TICKS, kills);
        replays.run(tower, bare_encoders, replay_ticks, times(REPLAYS));
        figures.extend(delays(name, &run, bound, replay_ticks, &replays));
        if bound.is_some() && replay_ticks == REPLAY_TICKS {
            figures.push(shortest_delay(tower, name, encoder, times(KILLS_OF_A_TRY)));
        }
    }
    figures
}

fn delays(name: &str, run: &Run, bound: Option<f64>, replay_ticks: u64, replays: &Replays) -> Vec<Figure> {
    let (least, most) = (run.replayed.iter().min().copied(), run.replayed.iter().max().copied());
    let note = format!(
        "{} kills, {} to {} ticks replayed, {} holds, {} silent frames",
        run.delays_ms.len(),
        least.unwrap_or(0),
        most.unwrap_or(0),
        run.holds,
        run.silent_frames
    );
    let figure = |what: &str, share| {
        Figure::new(format!("kill to next new frame, {name}, {what}"), quantile(&run.delays_ms, share), "ms")
            .beside(replays.share(share))
            .note(&note)
    };
    let p95 = figure("p95", 0.95);
    let p95 = match bound {
        Some(bound) if replay_ticks == REPLAY_TICKS => p95.bound(bound),
        // What a shorter replay would save is an aim.
        Some(bound) => p95.aim(bound),
        None => p95,
    };
    let proved = 100.0 * run.proved as f64 / run.replays.max(1) as f64;
    vec![
        figure("median", 0.5),
        p95,
        figure("max", 1.0),
        Figure::new(format!("replays proved identical by the tower, {name}"), proved, "%")
            .note(format!("{} of {}", run.proved, run.replays)),
        Figure::new(format!("frames that are not an uninterrupted ffmpeg's, {name}"), run.different as f64, "")
            .bound(0.0)
            .note(format!("of {}", run.compared)),
    ]
}

/// The shortest playout delay at which no frame was late, by halving.
fn shortest_delay(tower: &Path, name: &str, encoder: &str, kills: usize) -> Figure {
    let (mut too_short, mut enough) = (DELAY_TICKS_MIN - 1, DELAY_TICKS);
    while enough - too_short > 1 {
        let ticks = too_short.midpoint(enough);
        if measure(tower, encoder, REPLAY_TICKS, ticks, kills).holds == 0 {
            enough = ticks;
        } else {
            too_short = ticks;
        }
    }
    Figure::new(format!("shortest playout delay with no frame late, {name}"), enough as f64 * 24.0, "ms")
        .note(format!("{kills} kills with each delay tried; {too_short} ticks were too few"))
}

fn measure(tower: &Path, encoder: &str, replay_ticks: u64, delay_ticks: u64, kills: usize) -> Run {
    let output = format!("output = [{{ {encoder}, playout_delay_ms = {} }}]", delay_ticks * 24);
    let replay = format!("encoder.replay_ticks_max = {replay_ticks}");
    let tower = Setup::new(tower).line(&output).line(&replay).start();
    let monitor = tower.monitor(Some(0));
    let listener = tower.listen("/stream?burst=30");
    let music = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 40, 20)), music);
    // Beyond a whole replay, and after the comparison of the encoder with its stand-in.
    monitor.wait_serial(260, Duration::from_secs(20));
    let limit = Duration::from_secs(30);
    wait_for("the comparison of the encoders", limit, || {
        (tower.status()["outputs"][0]["encoder"]["agreement"] != "checking").then_some(())
    });
    let holds_before = output_figure(&tower, "holds");

    let mut chance = Chance::from_time();
    let (from_ms, to_ms) = if kills > 55 { (1000, 1700) } else { (500, 900) };
    let mut killed = Vec::new();
    for _ in 0..kills {
        std::thread::sleep(chance.between(Duration::from_millis(from_ms), Duration::from_millis(to_ms)));
        let (pid, _) = wait_for("an encoder that delivers", limit, || tower.delivering());
        killed.push(now_ms());
        assert!(signal(pid, Signal::KILL), "process {pid} was there a moment ago");
    }
    monitor.wait_serial(monitor.next_serial() + 90, Duration::from_secs(20));
    let status = tower.status();
    let encoder = &status["outputs"][0]["encoder"];
    let (recording, first) = (listener.so_far(), listener.first_frame());
    drop(station);
    let pcm = monitor.stop();
    let reference = offline::ffmpeg_encode(&pcm.bytes, 128);
    let reference = frames::strict(&reference);
    let whole = recording.bytes.len() / FRAME_BYTES * FRAME_BYTES;
    let received = frames::strict(&recording.bytes[..whole]);
    let joins = joins(&tower.stderr());
    let next = |kill: &f64| joins.iter().find(|(at, _)| at > kill).map(|(at, ticks)| (at - kill, *ticks));
    let (delays_ms, replayed) = killed.iter().filter_map(next).unzip();
    Run {
        delays_ms,
        replayed,
        holds: output_figure(&tower, "holds") - holds_before,
        silent_frames: output_figure(&tower, "silent_frames"),
        replays: encoder["replays"].as_u64().unwrap_or(0),
        proved: encoder["replays_proved"].as_u64().unwrap_or(0),
        different: numbered::mismatches(first, &received, &reference).len(),
        compared: received.len(),
    }
}

fn output_figure(tower: &Tower, name: &str) -> u64 {
    tower.status()["outputs"][0][name].as_u64().unwrap_or(0)
}

/// Time of day in UTC.
fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1000.0) % DAY_MS
}

/// When each process filled its first slot, and the ticks that it had replayed.
fn joins(log: &str) -> Vec<(f64, u64)> {
    let number = |text: &str| text.parse::<f64>().ok();
    let join = |line: &str| {
        let clock = line.split_once('T')?.1.split_once('Z')?.0;
        let mut parts = clock.split(':').map(number);
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        let ticks = line.split_once(" ticks=")?.1.split(' ').next()?.parse().ok()?;
        Some((((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0, ticks))
    };
    log.lines().filter(|line| line.contains("encoder delivers")).filter_map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_read_from_the_log() {
        let log = "2026-11-23T07:05:08.155973Z  INFO encoder delivers pid=1 role=main start_tick=52 ticks=200 took_ms=72\n\
            2026-11-23T07:05:09.1Z  INFO something else ticks=7\n";
        assert_eq!(joins(log), [(25_508_155.973, 200)]);
    }
}
