//! Decodes for a person, by the same processes as the tower does: PCM to a writer, records as lines.

use super::intake::{Intake, Piece};
use super::process::{DecoderProcess, Job, Read};
use super::protocol::{Body, Outcome, Record, Request};
use super::settings::{DecoderSettings, timespec};
use crate::media::formats::Format;
use anyhow::{Context, anyhow, bail};
use radio_signal::units::SAMPLE_RATE_HZ;
use rustix::event::{PollFd, PollFlags};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};

/// How long a process is waited for before it is looked at again.
const LOOK_MS: i64 = 100;

/// What is decoded.
pub enum Input {
    /// A file, and the extension of its name.
    File(File, String),
    /// Standard input, and what it is said to be.
    Stream(Format),
}

/// Decodes `input` to its end. PCM goes to `pcm` as interleaved stereo at 48 kHz, 32-bit floats in
/// little-endian order; what is said of it goes to `lines`.
///
/// # Errors
/// The process cannot be started, or has failed. What is wrong with the input is a line, and no error,
/// unless nothing of it can be decoded.
pub fn decode(
    settings: &DecoderSettings,
    input: &Input,
    pcm: &mut dyn Write,
    lines: &mut dyn Write,
) -> anyhow::Result<()> {
    let job = match input {
        Input::File(..) => Job::Files,
        Input::Stream(format) => Job::Stream { format: *format, input_byte: 0, output_sample: 0 },
    };
    let (mut process, stdin) = DecoderProcess::start(settings, &job).context("the decoder cannot be started")?;
    if let Some(stdin) = stdin {
        std::thread::spawn(move || feed(&stdin));
    }
    if let Input::File(file, extension) = input {
        let play = Request::Play { file: 0, from_sample: 0, extension: extension.clone() };
        process.request(&play, Some(file.as_fd())).context("the decoder takes no file")?;
    }
    let (mut intake, mut outcome) = (Intake::new(0), None);
    loop {
        let mut pieces = Vec::new();
        let read = intake.take(&mut process, true, |piece| match piece {
            Piece::Pcm(values) => pieces.push(Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())),
            Piece::Record(record) => pieces.push(Err(record)),
        });
        for piece in pieces {
            let record = match piece {
                Ok(bytes) => {
                    let bytes: Vec<u8> = bytes;
                    match pcm.write_all(&bytes) {
                        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                        written => written?,
                    }
                    continue;
                }
                Err(record) => record,
            };
            say(&record, lines)?;
            match record.body {
                Body::NeedsFfmpeg { demuxer, .. } => {
                    let file = match input {
                        Input::File(file, _) => Some(file.as_fd()),
                        Input::Stream(_) => None,
                    };
                    process
                        .lend_ffmpeg(settings, demuxer, file)
                        .map_err(|reason| anyhow!("the decoder {}", reason.text()))?;
                }
                Body::FfmpegOver => process.end_ffmpeg().map_err(|reason| anyhow!("FFmpeg {}", reason.text()))?,
                Body::Ended { outcome: ended, .. } if matches!(input, Input::Stream(_)) => return result_of(ended),
                Body::Ended { outcome: ended, .. } => {
                    outcome = Some(ended);
                    process.request(&Request::Flush, None).context("the decoder takes no more")?;
                }
                Body::Flushed => return outcome.map_or(Ok(()), result_of),
                _ => {}
            }
        }
        match read {
            Ok(Read::Some) => {}
            Ok(Read::Nothing) => {
                let mut fds = Vec::new();
                process.poll_fds(true, &mut fds);
                let _ = rustix::event::poll(&mut fds, Some(&timespec(LOOK_MS)));
            }
            Ok(Read::Ended) => bail!("{}", process.last_words()),
            Err(reason) => bail!("the decoder {}", reason.text()),
        }
    }
}

fn result_of(outcome: Outcome) -> anyhow::Result<()> {
    match outcome {
        Outcome::Over | Outcome::Damaged(_) => Ok(()),
        Outcome::Empty => bail!("it holds no audio"),
        Outcome::Unreadable(reason) => bail!("it is not audio that can be played: {reason}"),
    }
}

fn say(record: &Record, lines: &mut dyn Write) -> std::io::Result<()> {
    if matches!(record.body, Body::Progress { .. } | Body::Cover(_) | Body::Head { .. }) {
        return Ok(());
    }
    let seconds = record.output_sample as f64 / f64::from(SAMPLE_RATE_HZ);
    writeln!(lines, "{seconds:.3} s, byte {}: {:?}", record.input_byte, record.body)
}

/// Copies standard input to the process until either ends.
fn feed(process: &OwnedFd) {
    let (stdin, mut bytes) = (std::io::stdin(), vec![0; 16 * 1024]);
    while let Ok(count @ 1..) = rustix::io::read(stdin.as_fd(), &mut bytes) {
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            match rustix::io::write(process, rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::AGAIN) => {
                    let _ = rustix::event::poll(&mut [PollFd::new(process, PollFlags::OUT)], Some(&timespec(LOOK_MS)));
                }
                Err(_) => return,
            }
        }
    }
}
