//! How decoder processes, and FFmpeg beside them, are started.

use crate::MEMORY_BYTES_MAX;
use rustix::event::Timespec;
use std::path::PathBuf;

/// How decoder processes are started.
#[derive(Clone, Debug)]
pub struct DecoderSettings {
    /// The program that has the command `decode`.
    pub program: PathBuf,
    /// Names of variables that it gets beside those that every child gets.
    pub environment: Vec<String>,
    /// Whether processes live on when the thread that started them ends.
    pub outlives_thread: bool,
    /// FFmpeg, for what the program cannot decode itself; none where it is not to be used.
    pub ffmpeg: Option<FfmpegSettings>,
}

impl Default for DecoderSettings {
    /// The program that runs.
    fn default() -> Self {
        Self { program: "/proc/self/exe".into(), environment: Vec::new(), outlives_thread: false, ffmpeg: None }
    }
}

/// How FFmpeg is started.
#[derive(Clone, Debug)]
pub struct FfmpegSettings {
    /// The program.
    pub program: PathBuf,
    /// Names of variables that it gets beside those that every child gets.
    pub environment: Vec<String>,
    /// Memory that it may allocate, in bytes.
    pub memory_bytes_max: u64,
}

impl FfmpegSettings {
    /// From the table `[encoder]`.
    #[must_use]
    pub fn from_config(encoder: &radio_config::Encoder) -> Self {
        Self {
            program: encoder.ffmpeg.clone(),
            environment: encoder.environment.clone(),
            memory_bytes_max: encoder.memory_mib_max.saturating_mul(1024 * 1024).min(MEMORY_BYTES_MAX),
        }
    }
}

/// So many milliseconds, for `poll`.
#[must_use]
pub const fn timespec(ms: i64) -> Timespec {
    Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}
