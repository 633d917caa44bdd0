//! A control group that has hardly any memory left, and a log that nothing reads: what listeners
//! lack of that.

use super::run::{Outcome, finish, is_well, kill_encoders, listen, start};
use crate::bench::{Figure, Lab};
use anyhow::{Context, Result};
use radio_proof::alarm::wait_for;
use radio_proof::tower::Setup;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Room that is left beyond what cannot be taken back: for one more encoder, and for a while.
const ROOM_BYTES: u64 = 24 << 20;

/// What the limit of a squeeze is tried with, in parts of what is used.
const PARTS: [f64; 9] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/// Longest wait until nothing is left in a control group.
const REMOVE_LIMIT: Duration = Duration::from_secs(5);

/// How soon all is well after the squeeze, in s.
const WELL_S_MAX: f64 = 2.0;

pub(super) fn run(lab: &Lab, span: Duration) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, measure) in [("memory squeezed", memory as fn(&Path, Duration) -> _), ("log stalled", stalled_log)] {
        eprintln!("  {name}");
        match measure(&lab.tower, span) {
            Ok(mut measured) => figures.append(&mut measured),
            Err(error) => eprintln!("    left out: {error:#}"),
        }
    }
    figures
}

/// The memory of a control group is limited to a little more than what cannot be taken back, so
/// that programs are read from the disk again and again, and the encoder is killed.
fn memory(executable: &Path, span: Duration) -> Result<Vec<Figure>> {
    let group = MemoryGroup::make()?;
    let setup = Setup::new(executable);
    let text = format!(
        "#!/bin/sh\necho $$ > {}/cgroup.procs || exit 1\nexec {} \"$@\"\n",
        group.path.display(),
        executable.display()
    );
    let script = setup.script("tower-in-a-group", &text);
    let tower = start(setup.executable(script));
    wait_for("the output", PATIENCE, || is_well(&tower).then_some(()));
    let spans = listen(&tower, None);
    let limit = group.squeeze()?;
    std::thread::sleep(span / 2);
    kill_encoders(&tower);
    std::thread::sleep(span / 2);
    let outcome = finish(&tower, || group.release(), spans, &[]);
    let how = format!("limited to {:.0} MB, the encoder killed once", limit as f64 / 1e6);
    Ok(figures("memory squeezed", &outcome, &how))
}

/// The log is a pipe that is full and read by nothing, and the tower says much.
fn stalled_log(executable: &Path, span: Duration) -> Result<Vec<Figure>> {
    let setup = Setup::new(executable).line("log.level = \"debug\"");
    let pipe = setup.path("log");
    let made = Command::new("mkfifo").arg(&pipe).status().context("mkfifo")?;
    anyhow::ensure!(made.success(), "no pipe at {}", pipe.display());
    let text = format!("#!/bin/sh\nexec {} \"$@\" 2<>{}\n", executable.display(), pipe.display());
    let script = setup.script("tower-with-a-stalled-log", &text);
    let tower = start(setup.executable(script));
    wait_for("the output", PATIENCE, || is_well(&tower).then_some(()));
    let spans = listen(&tower, None);
    let times = (span.as_secs() / 2).clamp(1, 100) as u32;
    for _ in 0..times {
        kill_encoders(&tower);
        std::thread::sleep(span / times);
    }
    let outcome = finish(&tower, || {}, spans, &[]);
    let lost = &tower.status()["log_lines_lost"];
    Ok(figures("log stalled", &outcome, &format!("the encoder killed {times} times, {lost} lines of the log lost")))
}

fn figures(name: &str, outcome: &Outcome, how: &str) -> Vec<Figure> {
    let well = outcome.well.map_or(f64::NAN, |well| well.as_secs_f64());
    let lacks = outcome.heard.iter().map(|heard| {
        let note = format!("longest silence {:.2} s; {how}{}", heard.lack.longest.as_secs_f64(), heard.said());
        Figure::new(format!("{name}: {} lacks", heard.mount), heard.lack.seconds(), "s").bound(0.0).note(note)
    });
    lacks.chain([Figure::new(format!("{name}: all is well afterwards"), well, "s").bound(WELL_S_MAX)]).collect()
}

/// A control group whose memory can be limited. It outlives the tower in it.
struct MemoryGroup {
    path: PathBuf,
    limit: &'static str,
    used: &'static str,
}

impl MemoryGroup {
    fn make() -> Result<Self> {
        let kinds = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            ("/sys/fs/cgroup", "memory.high", "memory.current"),
        ];
        for (root, limit, used) in kinds {
            let path = Path::new(root).join(format!("radio-squeeze-{}", std::process::id()));
            if fs::create_dir(&path).is_err() {
                continue;
            }
            if path.join(limit).exists() {
                return Ok(Self { path, limit, used });
            }
            let _ours_and_empty = fs::remove_dir(&path);
        }
        anyhow::bail!("this system permits no control group with a limit of memory")
    }

    /// Takes back what can be, and leaves a little room; gives the limit.
    fn squeeze(&self) -> Result<u64> {
        let used: u64 = fs::read_to_string(self.path.join(self.used))?.trim().parse()?;
        let least =
            PARTS.into_iter().map(|part| (used as f64 * part) as u64).take_while(|&bytes| self.set(bytes).is_ok());
        let limit = least.last().unwrap_or(used) + ROOM_BYTES;
        self.set(limit)?;
        Ok(limit)
    }

    fn release(&self) {
        let none = if self.limit == "memory.high" { "max" } else { "-1" };
        let _there_is_nothing_else_to_do = fs::write(self.path.join(self.limit), none);
    }

    fn set(&self, bytes: u64) -> Result<()> {
        Ok(fs::write(self.path.join(self.limit), bytes.to_string())?)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The tower's children end a moment after it.
        let deadline = Instant::now() + REMOVE_LIMIT;
        while fs::remove_dir(&self.path).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
