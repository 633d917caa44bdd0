//! Whether the configured encoder and the built-in one, which stands in for it, make the same bytes of the same PCM
//! (SPEC ENC-4, ENC-11). Asked by trying, with the very commands and settings that are on air.

use super::commands::EncoderConfig;
use super::status::Agreement;
use radio_base::child_process::spawn::{self, Spawned};
use radio_config::{Codec, Replay};
use radio_lame::Encoder;
use radio_signal::mpeg::Packetizer;
use radio_signal::pcm::PcmFrame;
use radio_signal::units::TICK_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use std::io;
use std::time::{Duration, Instant};

/// Ticks of PCM that both encode: 6 s.
const TICKS: u64 = 250;

/// The last few frames of a pipe that stays open do not come.
const FRAMES: usize = TICKS as usize - 6;

/// Frames of a slow encoder may take so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Encodes the same PCM with both and compares. Takes some tenths of a second; not for a thread that is on air.
pub(super) fn check(config: &EncoderConfig) -> Agreement {
    if config.stand_in.is_none() {
        return Agreement::None;
    }
    // Another Opus encoder than the built-in one makes other packets, whatever it promises.
    if config.main.replay != Replay::Exact || config.format.codec != Codec::Mp3 {
        return Agreement::Approx;
    }
    let pcm: Vec<PcmFrame> = (0..TICKS).map(tick).collect();
    match (own_frames(config, &pcm), other_frames(config, &pcm)) {
        (Ok(own), Ok(other)) if own == other => {
            tracing::info!(frames = FRAMES, "the encoder and its stand-in give the same bytes");
            Agreement::Exact
        }
        (Ok(own), Ok(other)) => {
            let equal = own.iter().zip(&other).filter(|(own, other)| own == other).count();
            tracing::warn!(
                equal,
                frames = FRAMES,
                "the encoder and its stand-in give different bytes: a hand-over between them is smooth, not exact"
            );
            Agreement::Approx
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "the encoder could not be compared with its stand-in; tried again when it runs");
            Agreement::Unknown
        }
    }
}

/// Tones, noise, silence and level steps of 50 dB, so that encoders have something to differ in.
fn tick(serial: u64) -> PcmFrame {
    let mut frame = PcmFrame::SILENCE;
    let level = [12_000.0, 40.0, 3000.0, 0.0][(serial / 25 % 4) as usize];
    for (i, pair) in frame.0.chunks_exact_mut(2).enumerate() {
        let n = serial * 1152 + i as u64;
        let t = n as f64 / 48_000.0;
        // SplitMix64, so that it is the same noise on every machine.
        let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let noise = (z >> 40) as f64 / f64::from(1 << 24) - 0.5;
        pair[0] = (level * ((t * 1382.3).sin() + noise)) as i16;
        pair[1] = (level * ((t * 6911.5).sin() - noise)) as i16;
    }
    frame
}

fn own_frames(config: &EncoderConfig, pcm: &[PcmFrame]) -> io::Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(config.format.lame()).map_err(io::Error::other)?;
    let mut stream = Vec::new();
    for frame in pcm {
        encoder.encode_interleaved(&frame.0, &mut stream).map_err(io::Error::other)?;
    }
    let mut frames = Vec::new();
    Packetizer::new().packetize(&stream, |frame| frames.push(frame.bytes.to_vec()));
    frames.truncate(FRAMES);
    Ok(frames)
}

fn other_frames(config: &EncoderConfig, pcm: &[PcmFrame]) -> io::Result<Vec<Vec<u8>>> {
    let Spawned { mut child, pidfd: _, stdin, stdout, stderr: _stderr } =
        spawn::spawn(&config.main.command, &config.main.environment, config.memory_bytes_max)?;
    let mut bytes = vec![0; pcm.len() * TICK_BYTES];
    for (frame, place) in pcm.iter().zip(bytes.as_chunks_mut().0) {
        frame.write_le_bytes(place);
    }
    let mut left = &bytes[..];
    let (mut frames, mut packetizer, mut buffer) = (Vec::new(), Packetizer::new(), vec![0; 16 * 1024]);
    let end = Instant::now() + PATIENCE;
    let outcome = loop {
        let mut fds = vec![PollFd::new(&stdout, PollFlags::IN)];
        if !left.is_empty() {
            fds.push(PollFd::new(&stdin, PollFlags::OUT));
        }
        let wait = Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::event::poll(&mut fds, Some(&wait));
        match rustix::io::write(&stdin, left) {
            Ok(written) => left = &left[written..],
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => break Err(error.into()),
        }
        match rustix::io::read(&stdout, &mut buffer) {
            Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => packetizer.packetize(&buffer[..read], |frame| frames.push(frame.bytes.to_vec())),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => break Err(error.into()),
        }
        if frames.len() >= FRAMES {
            break Ok(());
        }
        if Instant::now() > end {
            break Err(io::ErrorKind::TimedOut.into());
        }
    };
    let _ = rustix::process::kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    frames.truncate(FRAMES);
    outcome.map(|()| frames)
}
