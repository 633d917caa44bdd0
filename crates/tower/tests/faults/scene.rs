//! What the fault tests share: encoders that go wrong, a tower that is followed from frame 0, and the blows.

use radio_proof::alarm::wait_for;
use radio_proof::exclusive::{self, Exclusive};
use radio_proof::judge::Verdict;
use radio_proof::numbered::Mismatch;
use radio_proof::process::signal;
use radio_proof::report::Report;
use radio_proof::tower::{Setup, Tower};
use radio_proof::witness::{Evidence, Witness};
use radio_proof::{frames, material, measure, mp3};
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const BUILTIN: &str = "builtin";
pub(crate) const FFMPEG: &str = "ffmpeg";

/// Frames after a silence until the bytes are an uninterrupted encoder's again, however short the replay was and whatever
/// was on air (docs/measured.md: 81 with level steps).
const SETTLING_FRAMES_MAX: u64 = 90;

/// Longest wait for anything that a tower does by itself, on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Towers whose timing is measured run one at a time.
pub(crate) fn alone() -> Exclusive {
    exclusive::hold("faults")
}

/// A tower with this encoder.
pub(crate) fn setup(encoder: &str) -> Setup {
    // The station runs ahead: of what waits for the first tick on air, nothing may be dropped as stale.
    Setup::new(env!("CARGO_BIN_EXE_tower"))
        .line("station.when_full = \"wait\"")
        .line(&format!("output = [{{ encoder = {encoder:?} }}]"))
}

/// A program of `examples`, where cargo has put it.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("examples").join(name);
    assert!(path.exists(), "no {}: cargo build --release -p radio-tower --example {name}", path.display());
    path
}

/// The program of `examples/saboteur.rs`.
pub(crate) fn saboteur() -> PathBuf {
    example("saboteur")
}

/// Longer than what is encoded to compare two encoders: faults after so many frames happen on air and nowhere else.
pub(crate) const SOUND_FRAMES: u64 = 260;

/// A tower whose encoder goes wrong as `fault` says (`FAULT [FRAME]`) in as many processes as there are `charges`, or in
/// all: ffmpeg beside its stand-in, or the tower's own encoder with none, so that nothing but replay can help.
pub(crate) fn sabotaged(encoder: &str, charges: Option<u32>, fault: &str) -> Setup {
    let setup = setup(encoder);
    let mut saboteur = saboteur().display().to_string();
    if let Some(charges) = charges {
        let folder = setup.path("charges");
        std::fs::create_dir(&folder).expect("a temporary directory");
        charge(&folder, charges);
        saboteur += &format!(" --charges {}", folder.display());
    }
    saboteur += &format!(" {fault} --");
    if encoder == FFMPEG {
        let script = setup.script("ffmpeg", &format!("#!/bin/sh\nexec {saboteur} ffmpeg \"$@\"\n"));
        return setup.line(&format!("encoder.ffmpeg = {script:?}"));
    }
    let command = format!("{saboteur} {} encode --bitrate 128", env!("CARGO_BIN_EXE_tower"));
    alone_command(setup, &command.split(' ').collect::<Vec<_>>())
}

/// So many more processes go wrong.
pub(crate) fn charge(folder: &Path, charges: u32) {
    for number in 0..charges {
        std::fs::write(folder.join(number.to_string()), "").expect("a temporary file");
    }
}

/// A tower whose only encoder is a command that claims to be exact.
pub(crate) fn alone_command(setup: Setup, command: &[&str]) -> Setup {
    let output =
        format!("output = [{{ encoder = \"command\", command = {command:?}, replay = \"exact\", stand_in = false }}]");
    setup.line(&output)
}

/// A tower on air, followed from frame 0 while something is done to it.
pub(crate) struct Scene {
    // In this order: the record is shown before the tower's log.
    pub report: Report,
    pub witness: Witness,
    pub tower: Tower,
}

impl Scene {
    /// Starts the tower and feeds it the four materials, beginning with the piece `first`.
    #[track_caller]
    pub(crate) fn open(name: &str, setup: Setup, first: usize) -> Self {
        Self::open_with(name, setup, material::programme(first))
    }

    #[track_caller]
    pub(crate) fn open_with(name: &str, setup: Setup, programme: Vec<u8>) -> Self {
        let tower = setup.start();
        let witness = Witness::follow(&tower, programme);
        Self { report: Report::new(name), witness, tower }
    }

    pub(crate) fn note(&mut self, line: &str) {
        let tick = self.witness.tick();
        self.report.note(format_args!("tick {tick}: {line}"));
    }

    /// The process that is delivering, and the frames that encoders have delivered so far.
    #[track_caller]
    pub(crate) fn delivering(&self) -> (u32, u64) {
        wait_for("an encoder that delivers", PATIENCE, || self.tower.delivering())
    }

    /// A figure of the first output's encoder, whatever it is.
    #[track_caller]
    pub(crate) fn encoder(&self, figure: &str) -> Value {
        self.tower.status()["outputs"][0]["encoder"][figure].clone()
    }

    /// Waits until the encoder `name` has delivered the newest frame.
    #[track_caller]
    pub(crate) fn wait_carried_by(&mut self, name: &str) {
        wait_for(&format!("{name} to carry the programme"), PATIENCE, || {
            (self.encoder("carried_by") == name).then_some(())
        });
        self.note(&format!("{name} carries the programme"));
    }

    /// Waits until `count` processes have ended unasked.
    #[track_caller]
    pub(crate) fn wait_deaths(&mut self, count: u64) {
        wait_for(&format!("{count} deaths"), PATIENCE, || {
            self.encoder("deaths").as_u64().filter(|&deaths| deaths >= count)
        });
        let last = self.encoder("last_death");
        self.note(&format!("{count} deaths, the last one: {last}"));
    }

    /// Strikes a process that is delivering; gives its pid.
    #[track_caller]
    pub(crate) fn strike(&mut self, blow: Signal) -> u32 {
        let (pid, frames) = self.delivering();
        assert!(signal(pid, blow), "process {pid} was there a moment ago");
        self.note(&format!("{} to {pid}, which was delivering frame {frames}", name(blow)));
        pid
    }

    /// Processes that encode for listeners, as the tower tells; others may be comparing two encoders.
    #[track_caller]
    pub(crate) fn processes(&self) -> Vec<u32> {
        let processes = self.encoder("processes");
        let pids = processes.as_array().into_iter().flatten().filter_map(|one| one["pid"].as_u64());
        pids.filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// Strikes the first `count` processes that are none of `known`, each as soon as it is there.
    #[track_caller]
    pub(crate) fn strike_newcomers(&mut self, known: &[u32], count: usize, blow: Signal) -> Vec<u32> {
        let (mut known, mut struck) = (known.to_vec(), Vec::new());
        while struck.len() < count {
            let newcomer = wait_for("a new encoder process", PATIENCE, || {
                self.processes().into_iter().find(|pid| !known.contains(pid))
            });
            known.push(newcomer);
            // The tower may have been faster: then it is another's turn.
            if signal(newcomer, blow) {
                self.note(&format!("{} to {newcomer}, which was new", name(blow)));
                struck.push(newcomer);
            }
        }
        struck
    }

    /// Waits until the encoder and its stand-in have been compared.
    #[track_caller]
    pub(crate) fn wait_compared(&mut self) {
        wait_for("the encoders to be compared", PATIENCE, || (self.encoder("agreement") != "checking").then_some(()));
        let agreement = self.encoder("agreement");
        self.note(&format!("agreement of the encoders: {agreement}"));
    }

    /// Waits until a process is delivering that is none of `old`, and its encoder is running.
    #[track_caller]
    pub(crate) fn wait_recovered(&mut self, old: &[u32]) {
        wait_for("another encoder that delivers", PATIENCE, || {
            let (pid, _) = self.tower.delivering()?;
            (!old.contains(&pid) && self.tower.encoder_state() == "RUNNING").then_some(())
        });
        self.note("another encoder delivers");
    }

    /// Stops following; what has been seen is in the report.
    #[track_caller]
    pub(crate) fn close(mut self) -> Proof {
        let evidence = self.witness.finish(&self.tower);
        self.report.note(evidence.summary());
        for (tick, event) in self.tower.events("encoder") {
            self.report.note(format_args!("event at tick {tick}: {event}"));
        }
        Proof { report: self.report, evidence, tower: self.tower }
    }
}

fn name(blow: Signal) -> &'static str {
    match blow {
        Signal::KILL => "SIGKILL",
        Signal::STOP => "SIGSTOP",
        _ => "a signal",
    }
}

/// What there is after a scene.
pub(crate) struct Proof {
    pub report: Report,
    pub evidence: Evidence,
    pub tower: Tower,
}

impl Proof {
    /// The listener's bytes are those of an uninterrupted encoder, the monitor is what was fed, and nobody was cut,
    /// starved or flooded.
    #[track_caller]
    pub(crate) fn assert_nothing_shows(&mut self) {
        self.judged_against(&self.evidence.pcm.bytes.clone()).assert_identical(self.evidence.frames_owed());
        self.evidence.assert_both_heard_the_same();
        self.evidence.assert_fed();
        self.evidence.assert_within_bounds();
        assert_eq!(self.evidence.output("silent_frames"), 0, "{}", self.evidence.summary());
    }

    /// The verdict, by one uninterrupted run of ffmpeg over `pcm`; noted.
    #[track_caller]
    pub(crate) fn judged_against(&mut self, pcm: &[u8]) -> Verdict {
        let verdict = self.evidence.judged_against(pcm);
        self.report.note(format_args!(
            "{} of {} frames identical; {} missing, {} repeated, {} altered",
            verdict.identical(),
            verdict.compared,
            verdict.missing,
            verdict.repeated,
            verdict.altered
        ));
        verdict
    }

    /// Every frame that is not the uninterrupted encoder's is one of the silent frames that the tower has counted, or of
    /// the few after them in which a short replay is not yet forgotten; gives the first and the last that differ.
    #[track_caller]
    pub(crate) fn assert_only_counted_silence_shows(&mut self, pcm: &[u8]) -> Option<(u64, u64)> {
        let verdict = self.judged_against(pcm);
        assert_eq!(verdict.broken, None);
        assert!(verdict.compared >= self.evidence.frames_owed(), "{} frames", verdict.compared);
        let frames = frames::strict(&self.evidence.all.bytes);
        let frame = |one: &Mismatch| frames[one.number as usize];
        // The first that differs is silence, and all silent frames are alike.
        let silence = verdict.different.first().map(frame);
        let (silent, settling): (Vec<_>, Vec<_>) =
            verdict.different.iter().partition(|&one| Some(frame(one)) == silence);
        let ended = silent.last().map_or(0, |one| one.number);
        let last = verdict.different.last().map_or(0, |one| one.number);
        assert!(last <= ended + SETTLING_FRAMES_MAX, "silence ends at frame {ended}, and frame {last} still differs");
        self.report.note(format_args!("{} silent frames, {} that settle", silent.len(), settling.len()));
        // Where silence is on air, a silent frame is no difference.
        let counted = self.evidence.output("silent_frames");
        assert!(silent.len() as u64 <= counted, "{} frames differ, {counted} were counted as silent", silent.len());
        if let Some(frame) = silence {
            let heard = mp3::decode_left(&[frame; 20].concat());
            let level_dbfs = measure::rms_dbfs(&heard);
            assert!(level_dbfs < -90.0, "the frames that differ are not silent: {level_dbfs} dBFS");
        }
        self.evidence.assert_both_heard_the_same();
        self.evidence.assert_fed();
        self.evidence.assert_within_bounds();
        verdict.different.first().map(|first| (first.number, last))
    }
}
