//! One run: a tower, a load, and what became of each listener.

use super::others::Others;
use super::share_beside;
use anyhow::{Context, Result};
use radio_proof::alarm::wait_for;
use radio_proof::listener::Listener;
use radio_proof::overload::{Lack, Load, Place, Span};
use radio_proof::process::{self, signal};
use radio_proof::tower::{Setup, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for what comes without a doubt.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an encoder is measured before the load.
const NEED_SPAN: Duration = Duration::from_secs(5);

/// After the load, what still comes.
const AFTER: Duration = Duration::from_secs(5);

/// Outputs of the tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outputs {
    Mp3,
    All,
}

/// What happens under the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The load comes, and each encoder is killed once.
    Killed,
    /// The tower is started under the load.
    Started,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) outputs: Outputs,
    pub(super) loops: usize,
    pub(super) place: Place,
    pub(super) way: Way,
    /// Whether the tower may run above other programs.
    pub(super) privileged: bool,
    /// Whether Icecast and Liquidsoap play beside it.
    pub(super) others: bool,
}

/// One listener.
pub(super) struct Heard {
    pub(super) mount: String,
    pub(super) lack: Lack,
    /// The part of a core that the encoder takes on a quiet machine.
    pub(super) needs: Option<f64>,
    /// What the tower says of the encoder; none of other programs.
    pub(super) encoder: Option<Value>,
    /// Its states, one after the other.
    pub(super) states: Vec<String>,
}

pub(super) struct Outcome {
    pub(super) heard: Vec<Heard>,
    /// From the end of the load until all is well.
    pub(super) well: Option<Duration>,
    /// What the tower said of the machine.
    pub(super) alarms: String,
    has_own_group: bool,
}

impl Outputs {
    fn lines(self) -> &'static str {
        match self {
            Self::Mp3 => r#"output = [{ mount = "/mp3" }]"#,
            Self::All => {
                r#"output = [{ mount = "/mp3" }, { mount = "/aac", codec = "aac", encoder = "ffmpeg", bitrate_kbps = 96 }, { mount = "/opus", codec = "opus", encoder = "ffmpeg", bitrate_kbps = 96 }]"#
            }
        }
    }

    fn count(self) -> usize {
        if self == Self::Mp3 { 1 } else { 3 }
    }
}

impl Run {
    pub(super) fn name(&self) -> String {
        let outputs = if self.outputs == Outputs::Mp3 { "MP3" } else { "MP3, AAC, Opus" };
        let place = if self.place == Place::Beside { "beside" } else { "in another session" };
        let way = if self.way == Way::Killed { "killed once" } else { "started under it" };
        let privileged = if self.privileged { ", with priority" } else { "" };
        format!("{outputs}, {} loops {place}, {way}{privileged}", self.loops)
    }

    /// Runs it once.
    pub(super) fn measure(&self, executable: &Path, span: Duration) -> Result<Outcome> {
        match self.way {
            Way::Killed => {
                let tower = start(self.setup(executable));
                wait_for("all outputs", PATIENCE, || is_well(&tower).then_some(()));
                let others = self.others.then(Others::start).transpose()?;
                std::thread::sleep(AFTER);
                let needs = needs(&tower);
                let spans = listen(&tower, others.as_ref());
                let load = Load::start(self.loops, self.place).context("busy loops")?;
                std::thread::sleep(span / 2);
                kill_encoders(&tower);
                std::thread::sleep(span / 2);
                let has_own_group = load.has_own_group();
                Ok(Outcome { has_own_group, ..finish(&tower, || drop(load), spans, &needs) })
            }
            Way::Started => {
                let load = Load::start(self.loops, self.place).context("busy loops")?;
                let tower = start(self.setup(executable));
                let spans = listen(&tower, None);
                std::thread::sleep(span);
                let mut outcome = finish(&tower, || drop(load), spans, &[]);
                for (heard, needs) in outcome.heard.iter_mut().zip(needs(&tower)) {
                    heard.needs = Some(needs);
                }
                Ok(outcome)
            }
        }
    }

    fn setup(&self, executable: &Path) -> Setup {
        let setup = Setup::new(executable).line(self.outputs.lines());
        if self.privileged {
            return setup;
        }
        let text = format!(
            "#!/bin/sh\nexec setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice prlimit --rtprio=0 --nice=0 {} \"$@\"\n",
            executable.display()
        );
        let script = setup.script("tower-without-privilege", &text);
        setup.executable(script)
    }
}

impl Outcome {
    /// What each process that wants to run gets of a core.
    pub(super) fn share(&self, run: &Run) -> f64 {
        share_beside(run, run.outputs.count() + if run.others { 3 } else { 0 }, self.has_own_group)
    }
}

impl Heard {
    #[cfg(test)]
    pub(super) fn of_encoder(kind: &str, needs: f64) -> Self {
        let encoder = Some(serde_json::json!({ "kind": kind }));
        Self { mount: String::new(), lack: Lack::default(), needs: Some(needs), encoder, states: Vec::new() }
    }

    pub(super) fn kind(&self) -> &str {
        self.encoder.as_ref().and_then(|encoder| encoder["kind"].as_str()).unwrap_or("")
    }

    pub(super) fn counted(&self, name: &str) -> u64 {
        self.encoder.as_ref().and_then(|encoder| encoder[name].as_u64()).unwrap_or(0)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.states.iter().any(|state| state == "FAILED")
    }

    /// What is said of its encoder beside the figures.
    pub(super) fn said(&self) -> String {
        if self.encoder.is_none() {
            return String::new();
        }
        format!("; {}; {} deaths", self.states.join(" "), self.counted("deaths"))
    }
}

/// Starts a tower that may take its time.
pub(super) fn start(setup: Setup) -> Tower {
    let mut tower = setup.spawn();
    tower.wait_on_air();
    tower
}

/// A listener of each stream, from now on.
pub(super) fn listen(tower: &Tower, others: Option<&Others>) -> Vec<(String, Span)> {
    let status = tower.status();
    let outputs = status["outputs"].as_array().into_iter().flatten();
    let mounts = outputs.filter_map(|output| output["mount"].as_str());
    let own = mounts.map(|mount| (mount.to_owned(), Listener::open(tower.address, mount)));
    let listeners: Vec<_> = own.chain(others.into_iter().flat_map(Others::listen)).collect();
    // So that the burst is over.
    std::thread::sleep(Duration::from_secs(2));
    listeners.into_iter().map(|(mount, listener)| (mount, Span::begin(listener))).collect()
}

/// Ends the load, waits until all is well, and looks at what each listener got.
pub(super) fn finish(tower: &Tower, end: impl FnOnce(), spans: Vec<(String, Span)>, needs: &[f64]) -> Outcome {
    let raised = tower.status()["machine"].clone();
    end();
    let from = Instant::now();
    let mut well = None;
    while well.is_none() && from.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
        well = is_well(tower).then(|| from.elapsed());
    }
    std::thread::sleep(AFTER);
    let status = tower.status();
    let output = |index: usize| status["outputs"].get(index).cloned();
    let heard = |(index, (mount, span)): (usize, (String, Span))| {
        let history = output(index).map(|output| output["encoder_history"].clone()).unwrap_or_default();
        let changes = history.as_array().into_iter().flatten();
        let states = changes.filter_map(|change| change["state"].as_str().map(str::to_owned)).collect();
        let encoder = output(index).map(|output| output["encoder"].clone());
        Heard { mount, lack: span.end(), needs: needs.get(index).copied(), encoder, states }
    };
    let heard = spans.into_iter().enumerate().map(heard).collect();
    let alarms = format!(
        "the tower said: busy since {}, its encoder waits {} % and gets {} % of a core, {} things left out",
        if raised["busy_since"].is_null() { "never" } else { "then" },
        raised["encoder_waits_percent"],
        raised["encoder_gets_percent"],
        raised["left_out"].as_array().map_or(0, Vec::len),
    );
    Outcome { heard, well, alarms, has_own_group: false }
}

/// Whether every output is sent in time by one encoder.
pub(super) fn is_well(tower: &Tower) -> bool {
    let status = tower.status();
    let is_well = |output: &Value| {
        let encoder = &output["encoder"];
        encoder["state"] == "RUNNING"
            && encoder["processes"].as_array().is_some_and(|processes| processes.len() == 1)
            && output["behind_ticks"] == 0
            && output["is_silent"] == false
    };
    status["outputs"].as_array().is_some_and(|outputs| outputs.iter().all(is_well))
}

/// Kills the encoder process of each output.
pub(super) fn kill_encoders(tower: &Tower) {
    for pid in pids(&tower.status()) {
        signal(pid, Signal::KILL);
    }
}

/// The encoder process of each output.
fn pids(status: &Value) -> Vec<u32> {
    let outputs = status["outputs"].as_array().into_iter().flatten();
    outputs.filter_map(|output| output["encoder"]["pid"].as_u64()).map(|pid| pid as u32).collect()
}

/// The part of a core that each encoder takes.
fn needs(tower: &Tower) -> Vec<f64> {
    let pids = pids(&tower.status());
    let before: Vec<Duration> = pids.iter().map(|&pid| process::cpu_time(pid)).collect();
    let from = Instant::now();
    std::thread::sleep(NEED_SPAN);
    let part = |(&pid, before): (&u32, Duration)| {
        process::cpu_time(pid).saturating_sub(before).as_secs_f64() / from.elapsed().as_secs_f64()
    };
    pids.iter().zip(before).map(part).collect()
}
