//! Does each encoder do what is wanted: tried, not guessed.

use super::Finding;
use radio_base::child_process::environment;
use radio_config::{BITRATES_KBPS, Config, EncoderKind, Output};
use radio_decode::board;
use radio_decode::ffmpeg;
use radio_decode::settings::DecoderSettings;
use radio_decode::settings::FfmpegSettings;
use radio_signal::ogg::Packets;
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_SAMPLES};
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// Frames that one second of PCM must give at least: 41 whole ticks, less what the encoder may keep.
const FRAMES_MIN: usize = 38;

/// Packets of Opus that one second must give: all, for the encoder's end flushes it.
const PACKETS_MIN: usize = 50;

/// Packets before the first one of sound.
const OPUS_HEADERS: usize = 2;

/// The tower's own encoder, started as the tower would start it, with a second of silence for each
/// codec.
pub(super) fn builtin() -> Finding {
    const CHECK: &str = "builtin encoder";
    let encoded = |codec: &str| {
        let second = vec![0; SAMPLE_RATE_HZ as usize * 4];
        let mut command = Command::new("/proc/self/exe");
        environment::restrict(&mut command, &[]);
        output_of(command.args(["encode", "--codec", codec]), second)
    };
    match (encoded("mp3"), encoded("opus")) {
        (Err(error), _) | (_, Err(error)) => Finding::problem(
            CHECK,
            format!("`tower encode`: {error}"),
            "is /proc mounted, and may programs start others here?",
        ),
        (Ok(mp3), Ok(opus)) => match (frames(&mp3), packets(&opus)) {
            (mp3, opus) if mp3 >= FRAMES_MIN && opus >= PACKETS_MIN => {
                Finding::ok(CHECK, format!("{mp3} frames of MP3 and {opus} packets of Opus from 1 s of PCM"))
            }
            (mp3, opus) => Finding::problem(
                CHECK,
                format!(
                    "{mp3} frames of MP3 and {opus} packets of Opus from 1 s of PCM, {FRAMES_MIN} and {PACKETS_MIN} or \
                     more expected"
                ),
                "run `tower encode </dev/zero | head -c 10000 | wc -c` and read what it says",
            ),
        },
    }
}

/// The tower's own decoder, started as the tower would start it, and its sandbox.
pub(super) fn decoder() -> Finding {
    const CHECK: &str = "decoder";
    match board::trial(&DecoderSettings::default()) {
        Err(error) => Finding::problem(CHECK, error, "is /proc mounted, and may programs start others here?"),
        Ok(sandbox) => match board::problem(sandbox) {
            None => Finding::ok(CHECK, "starts, in a whole sandbox"),
            Some(problem) => Finding::warning(
                CHECK,
                format!("starts {problem}: a file made to attack a decoder could do more"),
                "use a kernel of 5.13 or newer with Landlock and seccomp, and the shipped systemd unit",
            ),
        },
    }
}

/// Packets of sound in an Ogg stream of Opus.
fn packets(bytes: &[u8]) -> usize {
    let (mut packets, mut found) = (Packets::new(), 0usize);
    for piece in bytes.chunks(16 * 1024) {
        if packets.push(piece).is_err() {
            break;
        }
        found += std::iter::from_fn(|| packets.pop()).count();
    }
    found.saturating_sub(OPUS_HEADERS)
}

/// FFmpeg: needed if an output is encoded by it.
pub(super) fn ffmpeg(config: &Config) -> Finding {
    const CHECK: &str = "ffmpeg";
    let path = &config.encoder.ffmpeg;
    let needs = |output: &&Output| output.encoder == EncoderKind::Ffmpeg;
    let needed = config.output.iter().any(|output| needs(&output));
    let has_builtin = config.output.iter().filter(needs).all(Output::has_builtin);
    let bad = |found: String, remedy: &str| {
        if needed {
            let other = if has_builtin { "encoder = \"builtin\"" } else { "codec = \"opus\" or \"mp3\" at 48000 Hz" };
            Finding::problem(CHECK, found, format!("{remedy}, or use {other}"))
        } else {
            Finding::warning(CHECK, format!("{found}; no output needs it, but sources in HE-AAC do"), remedy)
        }
    };
    let ask = |what: &str| {
        let mut command = Command::new(path);
        environment::restrict(&mut command, &config.encoder.environment);
        output_of(command.args(["-hide_banner", what]), Vec::new())
    };
    match (ask("-version"), ask("-encoders")) {
        (Err(error), _) | (_, Err(error)) => {
            let remedy = "install it (Debian: apt install ffmpeg), or set encoder.ffmpeg to its path";
            bad(format!("{}: {error}", path.display()), remedy)
        }
        (Ok(version), Ok(encoders)) => {
            let version = String::from_utf8_lossy(&version);
            let version: String =
                version.split_whitespace().nth(2).unwrap_or("of unknown version").chars().take(40).collect();
            let settings = FfmpegSettings::from_config(&config.encoder);
            if !String::from_utf8_lossy(&encoders).contains("libmp3lame") {
                bad(format!("{version} has no libmp3lame"), "install a build that has it")
            } else if let Err(problem) = ffmpeg::trial(&DecoderSettings::default(), &settings) {
                Finding::warning(
                    CHECK,
                    format!("{version}, but it decodes no files in its sandbox ({problem})"),
                    "use a kernel of 5.13 or newer with Landlock, and FFmpeg itself as encoder.ffmpeg, not a script that \
                     starts it",
                )
            } else {
                Finding::ok(CHECK, format!("{version}, with libmp3lame; decodes files in its sandbox"))
            }
        }
    }
}

/// What `command` writes when it gets `input`; killed after five seconds.
fn output_of(command: &mut Command, input: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read all; that it has is seen by what it writes.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let result = stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).map(|_| bytes);
            // Nobody is there to hear it after the time-out.
            let _ = sender.send(result);
        });
    }
    let result = receiver.recv_timeout(TIMEOUT);
    if result.is_err() {
        let _ = child.kill();
    }
    let status = child.wait()?;
    match result {
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("not done after {} s", TIMEOUT.as_secs()))),
        Ok(Ok(bytes)) if status.success() => Ok(bytes),
        Ok(Ok(_)) => Err(io::Error::other(format!("ended with {status}"))),
        Ok(Err(error)) => Err(error),
    }
}

/// MPEG-1 Layer III frames that follow each other without a gap from the first byte on.
fn frames(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(rest) = frame_bytes(bytes).and_then(|length| bytes.get(length..)) {
        bytes = rest;
        count += 1;
    }
    count
}

/// Length of the frame whose header is at the start (ISO 11172-3, 2.4.2.3).
fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let &[0xFF, second, third, _] = bytes.first_chunk::<4>()? else {
        return None;
    };
    // MPEG-1, Layer III, with or without CRC.
    if second & 0xFE != 0xFA {
        return None;
    }
    let bitrate_kbps = *BITRATES_KBPS.get(usize::from(third >> 4).checked_sub(1)?)?;
    let rate_hz = *[44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
    Some(TICK_SAMPLES / 8 * bitrate_kbps as usize * 1000 / rate_hz + usize::from(third >> 1 & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_as_far_as_they_are_whole() {
        let frame = |third: u8, length: usize| [&[0xFF, 0xFB, third, 0x44][..], &vec![0; length - 4]].concat();
        // 128 kbit/s at 48 kHz: 384 bytes; 320 at 44.1 kHz with padding: 1045.
        let bytes = [frame(0x94, 384), frame(0xE2, 1045)].concat();
        assert_eq!(frames(&bytes), 2);
        assert_eq!(frames(&bytes[..1000]), 1);
        assert_eq!(frames(b"no frames here"), 0);
        assert_eq!(frames(&[]), 0);
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_is_an_error() {
        assert_eq!(output_of(&mut Command::new("cat"), b"through".to_vec()).unwrap(), b"through");
        assert!(
            output_of(&mut Command::new("false"), vec![0; 1 << 20]).unwrap_err().to_string().contains("exit status: 1")
        );
        assert!(output_of(&mut Command::new("/nowhere/ffmpeg"), Vec::new()).is_err());
    }

    #[test]
    fn ffmpeg_is_a_problem_only_where_it_is_needed() {
        let mut config = Config { output: vec![Output::default()], ..Config::default() };
        config.encoder.ffmpeg = "/nowhere/ffmpeg".into();
        assert_eq!(ffmpeg(&config).verdict, super::super::Verdict::Warning);
        config.output[0].encoder = EncoderKind::Ffmpeg;
        assert_eq!(ffmpeg(&config).verdict, super::super::Verdict::Problem);
    }
}
