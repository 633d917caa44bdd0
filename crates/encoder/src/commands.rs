//! What is configured of one output's encoder, and the command lines that follow from it.

use super::format::{ConfigError, Format};
use super::replay::SURE_ENOUGH_TICKS;
use radio_config::{Codec, EncoderKind, Replay};
use radio_signal::ogg::opus;
use radio_signal::supervisor::{self, Role};
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_SAMPLES, ticks_in_ms};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Between attempts of a FAILED encoder at most, where it is the built-in one, whose faults pass,
/// or nothing stands in for it, so that listeners hear silence meanwhile.
const SILENT_RETRY_MS: u64 = 10_000;

/// Everything that an [`EncoderManager`](super::EncoderManager) has to know.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    /// The encoder that was configured.
    pub main: Program,
    /// The built-in encoder beside it, where it is to stand in.
    pub stand_in: Option<Program>,
    /// What its frames are.
    pub format: Format,
    /// False: no process ever.
    pub enabled: bool,
    /// Capacity of the frame buffer, where none is passed in.
    pub buffer_frames: usize,
    /// Frame `n` is due this many ticks after its own tick.
    pub playout_delay_ticks: u64,
    /// After which silence takes its place, this much later.
    pub hold_ticks_max: u64,
    /// Ticks of history that a replacement is fed at most.
    pub replay_ticks_max: u64,
    /// Bytes that one process may allocate.
    pub memory_bytes_max: u64,
    /// When processes are given up and replaced.
    pub supervision: supervisor::Settings,
}

/// One encoder, as a program to be run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which encoder it is.
    pub kind: EncoderKind,
    /// The command that reads PCM and writes frames, and its arguments.
    pub command: Vec<OsString>,
    /// Names of variables that it gets beside those that every child gets.
    pub environment: Vec<String>,
    /// A frame is owed when the samples before it and this many more are in.
    pub latency_samples: u64,
    /// Before so many are in, it cannot have been made.
    pub latency_samples_min: u64,
    /// What a restarted process makes of the same PCM.
    pub replay: Replay,
    /// A process starts at a tick divisible by this, where one of its frames begins; and the frames
    /// of an encoder that works in segments begin a segment.
    pub start_grid_ticks: u64,
    /// Ticks after which a process has forgotten how it began, with most programmes.
    pub forgetting_ticks: u64,
}

/// Ticks of a segment of the built-in Opus encoder. A process that starts at a multiple of them
/// makes the same packets as any other from its second segment on.
const OPUS_SEGMENT_TICKS: u64 = opus::GRID.whole_ticks(radio_opus::SEGMENT_PACKETS as u64);

/// The playout delay from which a frame may come a tick later than it could.
const UNHURRIED_DELAY_TICKS: u64 = 6;

/// Whether there is such an executable, where the system would look for it.
#[must_use]
pub fn is_installed(executable: &Path) -> bool {
    let is_executable =
        |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if executable.components().count() > 1 {
        return is_executable(executable);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| is_executable(&folder.join(executable)))
}

impl EncoderConfig {
    /// From the tables `[encoder]` and `[[output]]`.
    #[must_use]
    pub fn from_config(encoder: &radio_config::Encoder, output: &radio_config::Output) -> Self {
        let own = Program::builtin(output);
        let main = match output.encoder {
            EncoderKind::Builtin => own.clone(),
            EncoderKind::Ffmpeg => Program::ffmpeg(encoder, output),
            EncoderKind::Command => Program::configured(encoder, output),
        };
        let retry_ms = encoder.recovery_retry_minutes.saturating_mul(60_000);
        let own_line = supervisor::LineSettings {
            first_frame_ms: encoder.suspicion_ms,
            recovery_retry_ms: retry_ms.min(SILENT_RETRY_MS),
        };
        let is_own = output.encoder == EncoderKind::Builtin;
        let format = Format::of(output);
        let stands_in = output.stand_in && !is_own && output.has_builtin();
        let other_line = supervisor::LineSettings {
            first_frame_ms: encoder.first_frame_ms,
            recovery_retry_ms: if stands_in { retry_ms } else { retry_ms.min(SILENT_RETRY_MS) },
        };
        Self {
            main,
            stand_in: stands_in.then_some(own),
            format,
            enabled: encoder.enabled,
            buffer_frames: encoder.buffer_frames,
            playout_delay_ticks: ticks_in_ms(output.playout_delay_ms),
            hold_ticks_max: ticks_in_ms(encoder.hold_max_ms),
            replay_ticks_max: encoder.replay_ticks_max,
            memory_bytes_max: encoder.memory_mib_max.saturating_mul(1024 * 1024),
            supervision: supervisor::Settings {
                main: if is_own { own_line.clone() } else { other_line },
                stand_in: stands_in.then_some(own_line),
                suspicion_ms: encoder.suspicion_ms,
                stall_threshold_ms: encoder.stall_threshold_ms,
                backoff_ms: encoder.backoff_ms.clone(),
                restarts_max: encoder.max_restarts,
            },
        }
    }

    /// Whether the playout delay is long enough for frames to be collected at the next tick, half as many wake-ups, and
    /// to be held back until the next one confirms them.
    #[must_use]
    pub const fn unhurried(&self) -> bool {
        self.playout_delay_ticks >= UNHURRIED_DELAY_TICKS
    }

    /// The program of a role.
    pub(super) fn program(&self, role: Role) -> &Program {
        match (&self.stand_in, role) {
            (Some(program), Role::StandIn) => program,
            _ => &self.main,
        }
    }

    /// A process of this role starts at a tick divisible by this.
    pub(super) fn start_grid_ticks(&self, role: Role) -> u64 {
        self.program(role).start_grid_ticks
    }

    /// Where any process of this output may start: the longer of two grids is a multiple of the
    /// other.
    pub(super) fn common_grid_ticks(&self) -> u64 {
        self.start_grid_ticks(Role::Main).max(self.start_grid_ticks(Role::StandIn))
    }

    /// Looks for the executable as the system would, before anything is started. Later it may vanish and come back:
    /// that is for the supervisor.
    pub fn check_installed(&self) -> Result<(), ConfigError> {
        let Some(executable) = self.main.command.first().map(Path::new) else { return Err(ConfigError::EmptyCommand) };
        let has_builtin = self.format.is_native() || self.format.codec == Codec::Opus;
        let remedy = if has_builtin { r#"encoder = "builtin""# } else { r#"codec = "opus" or "mp3" at 48000 Hz"# };
        if is_installed(executable) { Ok(()) } else { Err(ConfigError::NotInstalled(executable.to_owned(), remedy)) }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.format.check()?;
        if self.main.command.is_empty() {
            return Err(ConfigError::EmptyCommand);
        }
        if self.buffer_frames == 0 {
            return Err(ConfigError::NoBuffer);
        }
        Ok(())
    }

    /// Frames that this much PCM, fed from a process's start, must produce.
    pub(super) fn frames_owed(&self, role: Role, samples_fed: u64) -> u64 {
        self.frames_in(samples_fed, self.program(role).latency_samples)
    }

    /// Frames that can have been made of this much PCM; with more, one was delivered twice.
    pub(super) fn frames_possible(&self, role: Role, samples_fed: u64) -> u64 {
        self.frames_in(samples_fed, self.program(role).latency_samples_min)
    }

    fn frames_in(&self, samples: u64, latency_samples: u64) -> u64 {
        let confirmation = if self.unhurried() { self.format.confirmation_samples() } else { 0 };
        let rest = samples.checked_sub(latency_samples.saturating_add(confirmation));
        let grid = self.format.grid();
        rest.map_or(0, |rest| grid.whole_ticks(grid.frames_begun(rest)))
    }
}

impl Program {
    /// The tower's own executable, by its open file: replacing it on disk changes nothing (SPEC ENC-4).
    fn builtin(output: &radio_config::Output) -> Self {
        let bitrate = output.bitrate_kbps.to_string();
        let mono = output.channels == 1;
        let codec: &[&str] = if output.codec == Codec::Opus { &["--codec", "opus"] } else { &[] };
        let words = ["/proc/self/exe", "encode", "--bitrate", &bitrate].into_iter().chain(codec.iter().copied());
        let (latency_samples, start_grid_ticks, forgetting_ticks) = match output.codec {
            Codec::Opus => (radio_opus::LATENCY_SAMPLES as u64, OPUS_SEGMENT_TICKS, OPUS_SEGMENT_TICKS + 1),
            Codec::Mp3 | Codec::Aac | Codec::HeAac => {
                (1376, Format::of(output).grid().period_ticks(), SURE_ENOUGH_TICKS)
            }
        };
        Self {
            kind: EncoderKind::Builtin,
            command: words.chain(mono.then_some("--mono")).map(OsString::from).collect(),
            environment: Vec::new(),
            latency_samples,
            latency_samples_min: latency_samples,
            replay: Replay::Exact,
            start_grid_ticks,
            forgetting_ticks,
        }
    }

    /// `-probesize 32`: else the first frame takes a second. Never `-fflags nobuffer`: it throws PCM away. The mean of both
    /// channels is not rounded, nor is that of the built-in encoder, so that the bytes are the same. A page of Ogg holds
    /// one packet, or frames would come late.
    fn ffmpeg(encoder: &radio_config::Encoder, output: &radio_config::Output) -> Self {
        let executable = &encoder.ffmpeg;
        let mean = if output.channels == 1 { "-af aformat=fltp,pan=mono|c0=0.5*c0+0.5*c1" } else { "" };
        let codec = match output.codec {
            Codec::Mp3 => "-c:a libmp3lame -reservoir 0 -write_xing 0 -id3v2_version 0 -f mp3",
            Codec::Aac | Codec::HeAac => "-c:a aac -profile:a aac_low -f adts",
            Codec::Opus => "-c:a libopus -vbr off -application audio -frame_duration 20 -page_duration 1 -f ogg",
        };
        let line = format!(
            "-hide_banner -loglevel warning -nostdin -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 \
             {mean} -ar {} -b:a {}k {codec} -flush_packets 1 pipe:1",
            output.sample_rate_hz, output.bitrate_kbps
        );
        let (latency_samples, latency_samples_min) = match (output.codec, output.sample_rate_hz) {
            (Codec::Mp3, SAMPLE_RATE_HZ) => (3216, 1376),
            (Codec::Mp3, _) => (4608, 1376),
            (Codec::Aac | Codec::HeAac, _) => (4608, 1024),
            (Codec::Opus, _) => (3840, 960),
        };
        Self {
            kind: EncoderKind::Ffmpeg,
            command: std::iter::once(executable.into()).chain(line.split_whitespace().map(OsString::from)).collect(),
            environment: encoder.environment.clone(),
            latency_samples,
            latency_samples_min,
            replay: replay_of(output.codec),
            start_grid_ticks: Format::of(output).grid().period_ticks(),
            forgetting_ticks: SURE_ENOUGH_TICKS,
        }
    }

    fn configured(encoder: &radio_config::Encoder, output: &radio_config::Output) -> Self {
        Self {
            kind: EncoderKind::Command,
            command: output.command.iter().map(OsString::from).collect(),
            environment: encoder.environment.clone(),
            latency_samples: output.command_delay_ms.saturating_mul(u64::from(SAMPLE_RATE_HZ)) / 1000,
            latency_samples_min: TICK_SAMPLES as u64,
            replay: output.replay,
            start_grid_ticks: Format::of(output).grid().period_ticks(),
            forgetting_ticks: SURE_ENOUGH_TICKS,
        }
    }
}

/// What a restarted ffmpeg makes of the same PCM. LAME without its bit reservoir forgets its past
/// within 160 ticks. libopus does not: decisions with hysteresis (music or speech, the highest
/// coded band) may outlast any replay, and until both processes decide alike their frames differ
/// (docs/adr/0016).
const fn replay_of(codec: Codec) -> Replay {
    match codec {
        Codec::Mp3 => Replay::Exact,
        Codec::Aac | Codec::HeAac | Codec::Opus => Replay::Approx,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_owed_when_its_last_sample_and_the_latency_are_in() {
        let output = radio_config::Output { playout_delay_ms: 48, ..Default::default() };
        let config = EncoderConfig::from_config(&radio_config::Encoder::default(), &output);
        let owed = [0, 1375, 1376, 1376 + 1151, 1376 + 1152].map(|n| config.frames_owed(Role::Main, n));
        assert_eq!(owed, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn with_time_in_hand_a_frame_is_owed_when_the_next_one_has_confirmed_it() {
        let config = EncoderConfig::from_config(&radio_config::Encoder::default(), &radio_config::Output::default());
        assert_eq!([1376 + 1151, 1376 + 1152].map(|n| config.frames_owed(Role::Main, n)), [0, 1]);
    }

    #[test]
    fn only_mp3_is_promised_exact_of_ffmpeg() {
        let replay = |codec, channels| {
            let output = radio_config::Output { codec, channels, encoder: EncoderKind::Ffmpeg, ..Default::default() };
            EncoderConfig::from_config(&radio_config::Encoder::default(), &output).main.replay
        };
        for channels in [1, 2] {
            let promised = [Codec::Mp3, Codec::Aac, Codec::Opus].map(|codec| replay(codec, channels));
            assert_eq!(promised, [Replay::Exact, Replay::Approx, Replay::Approx], "{channels} channels");
        }
    }

    #[test]
    fn mp3_and_opus_have_a_stand_in_and_the_builtin_opus_encoder_starts_with_a_segment() {
        let of = |codec, encoder| {
            let output = radio_config::Output { codec, encoder, ..Default::default() };
            EncoderConfig::from_config(&radio_config::Encoder::default(), &output)
        };
        let stand_ins = [Codec::Mp3, Codec::Aac, Codec::Opus].map(|codec| of(codec, EncoderKind::Ffmpeg).stand_in);
        assert_eq!(stand_ins.map(|program| program.map(|it| it.start_grid_ticks)), [Some(1), None, Some(100)]);
        let opus = of(Codec::Opus, EncoderKind::Builtin);
        assert_eq!((opus.main.start_grid_ticks, opus.main.replay), (100, Replay::Exact));
        assert_eq!(of(Codec::Opus, EncoderKind::Ffmpeg).common_grid_ticks(), 100);
        assert_eq!(opus.main.command[4..], ["--codec", "opus"].map(OsString::from));
    }

    #[test]
    fn a_packet_of_opus_is_owed_when_its_last_sample_is_in() {
        let output = radio_config::Output { codec: Codec::Opus, ..Default::default() };
        let config = EncoderConfig::from_config(&radio_config::Encoder::default(), &output);
        // Slot 0 holds packets 0 and 1, slot 1 packet 2: complete with sample 768, 1728 and 2688.
        let owed = [0, 1727, 1728, 2687, 2688].map(|n| config.frames_owed(Role::Main, n));
        assert_eq!(owed, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn what_nothing_stands_in_for_is_retried_every_ten_seconds_others_as_configured() {
        let supervision = |encoder, codec| {
            let output = radio_config::Output { encoder, codec, ..Default::default() };
            EncoderConfig::from_config(&radio_config::Encoder::default(), &output).supervision
        };
        let retries_ms = |settings: supervisor::Settings| {
            (settings.main.recovery_retry_ms, settings.stand_in.map(|line| line.recovery_retry_ms))
        };
        assert_eq!(retries_ms(supervision(EncoderKind::Builtin, Codec::Mp3)), (10_000, None));
        assert_eq!(retries_ms(supervision(EncoderKind::Ffmpeg, Codec::Mp3)), (600_000, Some(10_000)));
        assert_eq!(retries_ms(supervision(EncoderKind::Ffmpeg, Codec::Opus)), (600_000, Some(10_000)));
        assert_eq!(retries_ms(supervision(EncoderKind::Ffmpeg, Codec::Aac)), (10_000, None));
    }
}
