//! A machine that is too busy: programs that want every processor, and what a listener lacks of a
//! stream meanwhile.

use crate::listener::Listener;
use crate::mp3::filter;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Below this a block of sound is silence: a dithered pause is, a soft passage is not.
const SILENCE_DBFS: f64 = -60.0;

/// Blocks in which silence is looked for.
const BLOCK_SAMPLES: usize = 480;
const BLOCK_MS: u64 = 10;

/// Silence that is shorter is none: the join of two encoders may be softer for a moment.
const SILENT_BLOCKS_MIN: usize = 2;

/// Bytes that are late by less than this are not missing: a listener is sent so much at a time.
const MISSING_MIN: Duration = Duration::from_millis(100);

const RATE_HZ: u32 = 48_000;

/// Where control groups may be made: that of the processor in version 1, then version 2.
const GROUP_ROOTS: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

/// Where busy programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the control group and the session of the caller.
    Beside,
    /// In a session of their own, and in a control group of their own where one can be made.
    Apart,
}

/// Programs that never sleep; they end when it is dropped.
pub struct Load {
    loops: Vec<Child>,
    group: Option<PathBuf>,
}

impl Load {
    /// Starts so many busy loops.
    ///
    /// # Errors
    /// A shell cannot be started.
    pub fn start(loops: usize, place: Place) -> io::Result<Self> {
        let mut load = Self { loops: Vec::new(), group: None };
        if place == Place::Apart {
            load.group = GROUP_ROOTS.iter().find_map(|root| make_group(Path::new(root)));
        }
        for _ in 0..loops {
            let mut command = Command::new(if place == Place::Apart { "setsid" } else { "sh" });
            if place == Place::Apart {
                command.arg("sh");
            }
            command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            let child = command.spawn()?;
            if let Some(group) = &load.group {
                fs::write(group.join("cgroup.procs"), child.id().to_string())?;
            }
            load.loops.push(child);
        }
        Ok(load)
    }

    /// Whether they have a control group of their own.
    #[must_use]
    pub fn has_own_group(&self) -> bool {
        self.group.is_some()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.loops {
            let _it_may_have_ended = child.kill();
            let _buried = child.wait();
        }
        if let Some(group) = &self.group {
            let _left_behind_if_not_empty = fs::remove_dir(group);
        }
    }
}

/// A fresh control group, if the system permits one that has the processor shared.
fn make_group(root: &Path) -> Option<PathBuf> {
    let group = root.join(format!("radio-overload-{}", std::process::id()));
    fs::create_dir(&group).ok()?;
    let shares = ["cpu.shares", "cpu.weight"].iter().any(|file| group.join(file).exists());
    if !shares {
        let _ours_and_empty = fs::remove_dir(&group);
    }
    shares.then_some(group)
}

/// What each of so many processes that want to run gets of a core, with what wants to run beside
/// them.
#[must_use]
pub fn share(runnable: usize) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores as f64 / runnable.max(1) as f64).min(1.0)
}

/// A listener from one moment on.
pub struct Span {
    listener: Listener,
    bytes: usize,
    from: Instant,
}

/// What a listener lacks of a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lack {
    /// Sound that is silence.
    pub silent: Duration,
    /// The longest of these.
    pub longest: Duration,
    /// Sound that has not come by the end.
    pub missing: Duration,
    /// The longest time without a byte.
    pub gap: Duration,
}

impl Lack {
    /// All that is not heard, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.silent + self.missing).as_secs_f64()
    }
}

impl Span {
    /// What this listener hears from now on.
    #[must_use]
    pub fn begin(listener: Listener) -> Self {
        let recording = listener.so_far();
        let from = recording.arrivals.last().map_or(listener.connected, |last| last.0);
        Self { bytes: recording.bytes.len(), from, listener }
    }

    /// What it lacked until now. The programme must be a sound without pauses.
    #[track_caller]
    #[must_use]
    pub fn end(self) -> Lack {
        let recording = self.listener.stop();
        let until = recording.arrivals.last().map_or(self.from, |last| last.0);
        let all = decode(&recording.bytes);
        let before = if self.bytes == 0 { 0 } else { decode(&recording.bytes[..self.bytes]).len() };
        let heard = &all[before.min(all.len())..];
        let came = Duration::from_secs_f64(heard.len() as f64 / f64::from(RATE_HZ));
        let missing = until.duration_since(self.from).saturating_sub(came);
        let (silent, longest) = silence(heard);
        let missing = if missing < MISSING_MIN { Duration::ZERO } else { missing };
        Lack { silent, longest, missing, gap: recording.longest_gap(self.from) }
    }
}

/// The sound of a stream of any codec, both channels together.
#[track_caller]
fn decode(bytes: &[u8]) -> Vec<i16> {
    let rate = RATE_HZ.to_string();
    let arguments = ["-v", "quiet", "-i", "pipe:0", "-ac", "1", "-ar", &rate, "-f", "s16le", "pipe:1"];
    let (pcm, _) = filter("ffmpeg", &arguments, bytes);
    pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Silence in all, and the longest.
fn silence(samples: &[i16]) -> (Duration, Duration) {
    let limit = 32_768.0 * 10f64.powf(SILENCE_DBFS / 20.0);
    let is_silent = |block: &[i16]| {
        let power: f64 = block.iter().map(|&value| f64::from(value).powi(2)).sum();
        (power / block.len() as f64).sqrt() < limit
    };
    let blocks: Vec<bool> = samples.chunks_exact(BLOCK_SAMPLES).map(is_silent).collect();
    let runs = blocks.chunk_by(|one, next| one == next).filter(|run| run[0] && run.len() >= SILENT_BLOCKS_MIN);
    let (mut all, mut longest) = (0, 0);
    for run in runs {
        all += run.len() as u64;
        longest = longest.max(run.len() as u64);
    }
    (Duration::from_millis(all * BLOCK_MS), Duration::from_millis(longest * BLOCK_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_and_a_moment_is_none() {
        let tone = |ms: usize| (0..ms * 48).map(|i| if i % 100 < 50 { 3000 } else { -3000 }).collect::<Vec<i16>>();
        let sound =
            [tone(500), vec![0; 240 * 48], tone(300), vec![1; 1000 * 48], tone(100), vec![0; 15 * 48], tone(95)];
        let (silent, longest) = silence(&sound.concat());
        assert_eq!((silent.as_millis(), longest.as_millis()), (1240, 1000));
        assert_eq!(silence(&[]), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn busy_loops_take_processors_and_end() {
        for place in [Place::Beside, Place::Apart] {
            let load = Load::start(2, place).expect("a shell");
            let pids: Vec<u32> = load.loops.iter().map(Child::id).collect();
            let ran = || pids.iter().map(|&pid| crate::process::cpu_time(pid)).sum::<Duration>();
            crate::alarm::wait_until("them to run", Duration::from_secs(60), || ran() > Duration::from_millis(20));
            drop(load);
            assert!(pids.iter().all(|&pid| !crate::process::alive(pid)));
        }
    }

    #[test]
    fn a_share_is_never_more_than_a_core() {
        assert_eq!((share(0), share(1)), (1.0, 1.0));
        assert!(share(1000) < 0.5);
    }
}
