//! Encoders killed while every core is busy: the bytes are right, what was late is counted (SPEC ENC-9, ENC-11). A
//! machine that is too busy is told (SPEC ENC-14).

use crate::scene::{self, BUILTIN, FFMPEG, PATIENCE, Scene, setup};
use radio_proof::alarm::{seconds, wait_for, wait_until};
use radio_proof::chance::Chance;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Threads that do nothing but need time.
pub(crate) struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    pub(crate) fn start(threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..threads).map(|_| std::thread::spawn(spin(Arc::clone(&stop)))).collect();
        Self { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// No other test runs beside these: they take all processors.
mod alone {
    use super::*;

    #[track_caller]
    fn killed_while_all_cores_are_busy(encoder: &str) {
        let _one_at_a_time = scene::alone();
        let mut chance = Chance::from_time();
        let mut scene = Scene::open(&format!("busy-{encoder}"), setup(encoder), 1);
        scene.report.note(format_args!("RADIO_SEED={}", chance.seed()));
        let busy = Busy::start(std::thread::available_parallelism().map_or(2, usize::from));
        let (started, mut killed) = (Instant::now(), Vec::new());
        while started.elapsed() < seconds(14, 120) {
            std::thread::sleep(chance.between(Duration::from_millis(800), Duration::from_millis(3000)));
            killed.push(scene.strike(Signal::KILL));
        }
        scene.wait_recovered(&killed);
        let mut proof = scene.close();
        drop(busy);

        let pcm = proof.evidence.pcm.bytes.clone();
        let hole = proof.assert_only_counted_silence_shows(&pcm);
        let held = proof.evidence.longest_hold();
        proof.report.note(format_args!("{} kills; longest hold {held:?}; silence: {hole:?}", killed.len()));
        // Silence only where a frame was later than the longest hold.
        let silent = proof.evidence.output("silent_frames");
        assert!(silent == 0 || held >= Duration::from_millis(1000), "silence, though {held:?} was the longest hold");
    }

    #[test]
    fn a_builtin_encoder_killed_while_all_cores_are_busy_leaves_the_right_bytes() {
        killed_while_all_cores_are_busy(BUILTIN);
    }

    #[test]
    fn an_ffmpeg_killed_while_all_cores_are_busy_leaves_the_right_bytes() {
        killed_while_all_cores_are_busy(FFMPEG);
    }

    #[test]
    fn a_machine_that_is_too_busy_is_an_alarm_that_says_what_is_left_out_and_ends_with_it() {
        let _one_at_a_time = scene::alone();
        let setup = setup(BUILTIN).line("alarm.busy_ms = 1000").line("alarm.clear_ms = 1000");
        // Every other program comes first, and the tower may not put itself above them.
        let tower = env!("CARGO_BIN_EXE_tower");
        let privileges = "setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice prlimit --rtprio=0";
        let text = format!("#!/bin/sh\nexec nice -n 19 {privileges} {tower} \"$@\"\n");
        let script = setup.script("last-of-all", &text);
        let tower = setup.executable(script).start();
        tower.wait_encoder("RUNNING", PATIENCE);
        let listener = tower.listen("/stream");

        let busy = Busy::start(4 * std::thread::available_parallelism().map_or(2, usize::from));
        let alarm = wait_for("the alarm", PATIENCE, || {
            let status = tower.status();
            let alarms = status["alarms"].as_array()?;
            alarms.iter().find(|alarm| alarm["alarm"] == "machine_busy").cloned()
        });
        let text = alarm["text"].as_str().expect("a sentence");
        assert!(text.contains("waited for a processor") && text.contains("off-air monitor"), "{text}");
        let machine = tower.status()["machine"].clone();
        assert!(machine["busy_since"].is_f64() && machine["left_out"][0].is_string(), "{machine}");
        // Strangers are told that it is so, and no more.
        let public = tower.get("/status").json();
        assert!(public["machine"].is_null() && public["alarms"].to_string().contains("machine_busy"), "{public}");
        let warnings = tower.get("/healthz").json()["warnings"].to_string();
        assert!(warnings.contains("too busy for the tower") && !warnings.contains("waited"), "{warnings}");

        drop(busy);
        wait_until("the alarm to be over", PATIENCE, || !tower.status()["alarms"].to_string().contains("machine_busy"));
        let status = tower.status();
        assert!(status["machine"]["busy_since"].is_null() && status["machine"]["left_out"][0].is_null(), "{status}");
        assert_eq!(status["outputs"][0]["encoder"]["given_up"], 0, "{status}");
        assert!(listener.stop().end.is_none());
    }
}
