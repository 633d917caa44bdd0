//! What is configured of one output's encoder, and the command lines that follow from it.

use crate::config::{self, EncoderKind};
use radio_lame::Settings;
use radio_signal::supervisor;
use radio_signal::units::ticks_in_ms;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Between attempts of a FAILED built-in encoder: it is our own program, so its faults pass.
const BUILTIN_RETRY_MS: u64 = 10_000;

/// Everything that an [`EncoderManager`](super::EncoderManager) has to know.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    /// Which encoder it is, for the status and for its latency.
    pub kind: EncoderKind,
    /// The command that reads PCM and writes frames, and its arguments.
    pub command: Vec<OsString>,
    /// Constant bitrate in kbit/s.
    pub bitrate_kbps: u32,
    /// False: no process ever.
    pub enabled: bool,
    /// Capacity of the frame buffer, where none is passed in.
    pub buffer_frames: usize,
    /// Frame `i` is owed when `1152*i` samples and this many more are in.
    pub latency_samples: u64,
    /// Frames may wait in the pipe for the next tick, because the playout delay is long enough: half as many wake-ups.
    pub collects_by_tick: bool,
    /// When processes are given up and replaced.
    pub supervision: supervisor::Settings,
}

/// The playout delay from which a frame may come a tick later than it could.
const COLLECT_BY_TICK_DELAY_TICKS: u64 = 6;

/// Why an encoder cannot be as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The frame format does not exist.
    #[error("this output cannot be encoded: {0}")]
    Format(#[from] radio_lame::Error),
    /// A command needs at least an executable.
    #[error("the encoder's command is empty; give an executable and its arguments")]
    EmptyCommand,
    /// There is no such executable.
    #[error(
        "there is no executable {}: install it (Debian: apt install ffmpeg), set encoder.ffmpeg to its path, or use \
         encoder = \"builtin\", which needs nothing",
        .0.display()
    )]
    NotInstalled(PathBuf),
    /// A buffer needs room.
    #[error("buffer_frames = 0; at least 1, and for a playout delay of 500 ms at least 64")]
    NoBuffer,
    /// LAME's silence is not made of frames of the format; a fault in the program.
    #[error("no silent frame could be made at {0} kbit/s; choose another bitrate")]
    NoSilence(u32),
}

impl EncoderConfig {
    /// From the tables `[encoder]` and `[[output]]`.
    #[must_use]
    pub fn from_config(encoder: &config::Encoder, output: &config::Output) -> Self {
        let retry_ms = encoder.recovery_retry_minutes.saturating_mul(60_000);
        let (command, latency_samples, recovery_retry_ms) = match output.encoder {
            EncoderKind::Builtin => (builtin(output.bitrate_kbps), 1376, retry_ms.min(BUILTIN_RETRY_MS)),
            EncoderKind::Ffmpeg => (ffmpeg(&encoder.ffmpeg, output.bitrate_kbps), 3216, retry_ms),
        };
        Self {
            kind: output.encoder,
            command,
            bitrate_kbps: output.bitrate_kbps,
            enabled: encoder.enabled,
            buffer_frames: encoder.buffer_frames,
            latency_samples,
            collects_by_tick: ticks_in_ms(output.playout_delay_ms) >= COLLECT_BY_TICK_DELAY_TICKS,
            supervision: supervisor::Settings {
                stall_threshold_ms: encoder.stall_threshold_ms,
                backoff_ms: encoder.backoff_ms.clone(),
                restarts_max: encoder.max_restarts,
                recovery_retry_ms,
            },
        }
    }

    /// Looks for the executable as the system would, before anything is started. Later it may vanish and come back:
    /// that is for the supervisor.
    pub fn check_installed(&self) -> Result<(), ConfigError> {
        let Some(executable) = self.command.first().map(Path::new) else { return Err(ConfigError::EmptyCommand) };
        let is_executable =
            |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        let found = if executable.components().count() > 1 {
            is_executable(executable)
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders).any(|folder| is_executable(&folder.join(executable)))
        };
        if found { Ok(()) } else { Err(ConfigError::NotInstalled(executable.to_owned())) }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        format(self.bitrate_kbps).check()?;
        if self.command.is_empty() {
            return Err(ConfigError::EmptyCommand);
        }
        if self.buffer_frames == 0 {
            return Err(ConfigError::NoBuffer);
        }
        Ok(())
    }

    /// Frames that this much PCM, fed from a process's start, must produce.
    pub(super) fn frames_owed(&self, samples_fed: u64) -> u64 {
        samples_fed.checked_sub(self.latency_samples).map_or(0, |rest| rest / 1152 + 1)
    }
}

/// What every output sounds like so far: the tower's own rate, stereo.
pub(super) const fn format(bitrate_kbps: u32) -> Settings {
    Settings { sample_rate_hz: SAMPLE_RATE_HZ, channels: CHANNELS as u8, bitrate_kbps }
}

/// The tower's own executable, by its open file: replacing it on disk changes nothing (SPEC ENC-4).
fn builtin(bitrate_kbps: u32) -> Vec<OsString> {
    let bitrate = bitrate_kbps.to_string();
    ["/proc/self/exe", "encode", "--bitrate", &bitrate].map(OsString::from).to_vec()
}

/// `-probesize 32`: else the first frame takes a second. Never `-fflags nobuffer`: it throws PCM away.
fn ffmpeg(executable: &std::path::Path, bitrate_kbps: u32) -> Vec<OsString> {
    let bitrate = format!("{bitrate_kbps}k");
    let arguments = "-hide_banner -loglevel warning -nostdin \
                     -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 \
                     -c:a libmp3lame -b:a BITRATE -reservoir 0 -write_xing 0 -id3v2_version 0 \
                     -flush_packets 1 -f mp3 pipe:1";
    let arguments = arguments.split_whitespace().map(|word| if word == "BITRATE" { &bitrate } else { word });
    std::iter::once(executable.into()).chain(arguments.map(OsString::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_owed_when_its_last_sample_and_the_latency_are_in() {
        let config = EncoderConfig::from_config(&config::Encoder::default(), &config::Output::default());
        assert_eq!([0, 1375, 1376, 1376 + 1151, 1376 + 1152].map(|n| config.frames_owed(n)), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn the_builtin_encoder_is_retried_every_ten_seconds_ffmpeg_as_configured() {
        let encoder = config::Encoder::default();
        let retry_ms = |encoder_kind| {
            let output = config::Output { encoder: encoder_kind, ..Default::default() };
            EncoderConfig::from_config(&encoder, &output).supervision.recovery_retry_ms
        };
        assert_eq!((retry_ms(EncoderKind::Builtin), retry_ms(EncoderKind::Ffmpeg)), (10_000, 600_000));
    }
}
