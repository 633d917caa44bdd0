//! Encoders killed while every core is busy: the bytes are right, what was late is counted (SPEC ENC-9, ENC-11).

use crate::scene::{self, BUILTIN, FFMPEG, Scene, setup};
use radio_proof::alarm::seconds;
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
}
