//! No process can be started at all: silence at the exact rate, and the programme back by itself (SPEC ENC-11).

use crate::scene::{BUILTIN, FFMPEG, PATIENCE, Scene, setup};
use radio_proof::alarm::{seconds, wait_until};
use radio_proof::process::signal;
use radio_proof::{FRAME_BYTES, clock};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// Forbids a process to open anything more; gives what it was allowed before.
///
/// The limit is the lowest number that is free, or that a pipe of it has: those of its child become free, and must not be
/// used again.
fn forbid_descriptors(pid: u32) -> Rlimit {
    let folder = format!("/proc/{pid}/fd");
    let is_pipe = |fd: &u64| {
        fs::read_link(format!("{folder}/{fd}")).is_ok_and(|target| target.to_string_lossy().starts_with("pipe:"))
    };
    let open = fs::read_dir(&folder).expect("the tower runs").flatten();
    let numbers: BTreeSet<u64> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let lowest_pipe = *numbers.iter().find(|number| is_pipe(number)).expect("an encoder has pipes");
    let lowest = (0..lowest_pipe).find(|number| !numbers.contains(number)).unwrap_or(lowest_pipe);
    let forbidden = Rlimit { current: Some(lowest), maximum: None };
    limit(pid, forbidden)
}

fn limit(pid: u32, limit: Rlimit) -> Rlimit {
    let process = Pid::from_raw(pid.cast_signed()).expect("a process id");
    let before = prlimit(Some(process), Resource::Nofile, Rlimit { maximum: hard_limit(process), ..limit });
    before.expect("the tower is our own child")
}

fn hard_limit(process: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/limits", process.as_raw_nonzero())).expect("the tower runs");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("every process has this limit");
    line.split_whitespace().nth(4).and_then(|hard| hard.parse().ok())
}

#[track_caller]
fn nothing_can_be_started(encoder: &str, first: usize) {
    let mut scene = Scene::open(&format!("nothing-starts-{encoder}"), setup(encoder), first);
    scene.witness.wait_ticks(220);
    // On a busy machine the stand-in may still be there, and would go on.
    wait_until("one encoder process", PATIENCE, || scene.processes().len() == 1);
    let (pid, frame) = scene.delivering();
    let allowed = forbid_descriptors(scene.tower.pid());
    assert!(signal(pid, Signal::KILL), "process {pid} was there a moment ago");
    scene.note(&format!("{pid}, which was delivering frame {frame}, is killed, and nothing can be opened"));
    scene.witness.wait_ticks(seconds(5, 60).as_millis() as u64 / 24);
    limit(scene.tower.pid(), allowed);
    scene.note("processes can be started again");
    // After a whole minute ffmpeg has been given up for ten, and its stand-in is who comes back.
    wait_until("the programme to be back", Duration::from_secs(20), || {
        let status = scene.tower.status();
        let processes = status["outputs"][0]["encoder"]["processes"].as_array().cloned().unwrap_or_default();
        processes.iter().any(|one| one["pid"] != pid && one["new_frames"].as_u64() > Some(0))
    });
    scene.note("another encoder delivers");
    scene.witness.wait_ticks(100);

    let mut proof = scene.close();
    let pcm = proof.evidence.pcm.bytes.clone();
    let (began, ended) = proof.assert_only_counted_silence_shows(&pcm).expect("there was silence");
    proof.report.note(format_args!("frames {began} to {ended} are not an uninterrupted encoder's"));
    assert!(proof.evidence.output("silent_frames") >= 50, "{}", proof.evidence.summary());
    assert!(began + 10 >= frame, "the silence began at frame {began}, though frame {frame} had been delivered");
    // What was heard before the fault and what is heard after it are as many frames apart as there were ticks.
    let arrivals = proof.evidence.ordinary.frame_arrivals(proof.evidence.ordinary_first, FRAME_BYTES);
    clock::assert_exact_rate("frames", &arrivals, seconds(10, 60));
}

#[test]
fn while_no_builtin_encoder_can_be_started_there_is_silence_at_the_exact_rate() {
    nothing_can_be_started(BUILTIN, 3);
}

#[test]
fn while_neither_ffmpeg_nor_its_stand_in_can_be_started_there_is_silence_at_the_exact_rate() {
    nothing_can_be_started(FFMPEG, 0);
}
