//! `tower verify`: whether a live tower's stream is, byte for byte, what one uninterrupted encoder makes of what is on
//! air (SPEC ENC-9, API-5, CFG-4).
//!
//! ```text
//!   /stream          --> frames, counted from X-Tower-Frame ---------+
//!                                                                     +--> comparison --> verdict
//!   /admin/monitor   --> PCM --> an encoder of our own --> frames ----+
//!   from 200 ticks earlier       (warm by the time it counts)
//! ```
//!
//! - `target`, `answer`: which tower, and one request to it.
//! - `reference`: the monitor's PCM through an encoder of our own.
//! - `compare`: the comparison, pure.
//! - `follow`: both sides into the comparison, for a while.
//! - `progress`, `verdict`: what is shown.
//!
//! Memory is bounded whatever the length: `follow::EVENTS_MAX` pieces, `compare::WAITING_FRAMES_MAX` frames a side.

mod answer;
mod compare;
mod follow;
mod progress;
mod reference;
mod target;
mod verdict;

use super::{colours_wanted, print};
use crate::http::routes;
use answer::Answer;
use anyhow::{Context, bail};
use compare::Comparison;
use follow::{Broken, Event, Followed};
use progress::Progress;
use radio_config::{EncoderKind, Loaded};
use radio_encoder::EncoderConfig;
use radio_signal::mpeg::FrameHeader;
use radio_signal::mpeg::header::Version;
use radio_signal::units::SAMPLE_RATE_HZ;
use reference::Reference;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};
use target::Target;
use verdict::{Report, Verdict};

/// Frames after which an encoder that began later gives the bytes of one that has always run (SPEC ENC-9).
const WARM_UP_FRAMES: u64 = 200;

/// How long a tower that hung up is looked for.
const COMEBACK_TIME: Duration = Duration::from_secs(5);
const COMEBACK_PERIOD: Duration = Duration::from_millis(250);

const STATUS_BYTES_MAX: u64 = 4 << 20;

/// Which encoder makes the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum With {
    /// The tower's own.
    Builtin,
    /// FFmpeg with libmp3lame: somebody else's judgement.
    Ffmpeg,
}

/// Flags of `tower verify`.
///
/// Exit code: 0 all identical, 1 differences, 2 it could not be verified.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// A tower's mount, such as http://admin:PASSWORD@127.0.0.1:8000/stream?burst=30 [default: the configured tower]
    pub url: Option<String>,
    /// Encoder that makes the reference
    #[arg(long, value_enum, default_value_t = With::Builtin)]
    pub with: With,
    /// How long to follow; Ctrl-C ends it earlier, with the verdict so far
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub seconds: u64,
    /// Give the verdict as one JSON object
    #[arg(long)]
    pub json: bool,
    /// User of the monitor [default: admin]
    #[arg(long)]
    pub user: Option<String>,
    /// Password of the monitor, or the token that the tower prints; visible in the list of processes, unlike
    /// $TOWER_ADMIN_PASSWORD
    #[arg(long)]
    pub password: Option<String>,
    /// Another address of the tower's monitor, if the mount is reached through a proxy or relay
    #[arg(long, value_name = "URL")]
    pub monitor: Option<String>,
}

/// Follows a tower and prints the verdict.
#[must_use]
pub fn run(args: &VerifyArgs, loaded: &Loaded) -> ExitCode {
    let verdict = match verify(args, &loaded.config) {
        Ok(report) => {
            let text = if args.json { json!(report).to_string() + "\n" } else { report.text(colours_wanted()) };
            print(&text);
            report.verdict
        }
        Err(error) => {
            let reason = format!("{error:#}");
            if args.json {
                print(&(json!({ "verdict": Verdict::Unverified, "reason": reason }).to_string() + "\n"));
            } else {
                eprintln!("tower: could not verify: {reason}");
            }
            Verdict::Unverified
        }
    };
    ExitCode::from(verdict.exit_code())
}

fn verify(args: &VerifyArgs, config: &radio_config::Config) -> anyhow::Result<Report> {
    let (target, monitor_target) = targets(args, config)?;
    let mut stream = Answer::get(&target)?;
    let (frame, serial) = (stream.number("x-tower-frame")?, stream.number("x-tower-serial")?);
    let epoch = stream.header("x-tower-epoch").context("the stream has no header X-Tower-Epoch")?.to_owned();
    let header = follow::first_header(&mut stream)?;
    if (header.version, header.sample_rate_hz) != (Version::Mpeg1, SAMPLE_RATE_HZ) {
        bail!("only MP3 at 48 kHz can be compared; the stream has {} Hz", header.sample_rate_hz);
    }

    let from = serial.saturating_sub(WARM_UP_FRAMES);
    let monitor = Answer::get(&monitor_target.at(&format!("{}?from={from}", routes::MONITOR)))?;
    if monitor.header("x-tower-epoch") != Some(epoch.as_str()) {
        bail!("stream and monitor are of different lives of the tower: it was restarted just now, try again");
    }
    // Frame numbers and serials run alike at 48 kHz; where the monitor begins is known by its serial.
    let monitor_serial = monitor.number("x-tower-serial")?;
    let reference_first = (monitor_serial + frame).checked_sub(serial).context("the monitor begins before frame 0")?;
    // An encoder that has heard everything since tick 0 needs no warming up.
    let compare_from = if monitor_serial == 0 { reference_first } else { reference_first + WARM_UP_FRAMES };

    let restarts_before = encoder_restarts(&target);
    let (sender, events) = sync_channel(follow::EVENTS_MAX);
    let command = encoder_command(args.with, config, &header)?;
    let mut reference = Reference::start(monitor, &command, sender.clone())?;
    follow::read_stream(stream, sender.clone());
    on_ctrl_c(sender);
    let span = Duration::from_secs(args.seconds);
    let comparison = Comparison::new(frame, reference_first, compare_from);
    let followed = follow::follow(comparison, &events, span, &mut Progress::new(span, args.json));

    let restarts = restarts_before.zip(encoder_restarts(&target));
    let (reason, epoch_changed) = match &followed.broken {
        None => (None, Some(false)),
        Some(broken) => explain(broken, &target, &epoch, &mut reference),
    };
    let (verdict, reason) = judge(&followed, reason);
    Ok(Report {
        verdict,
        reason,
        url: target.to_string(),
        with: name(args.with),
        epoch,
        epoch_changed,
        bitrate_kbps: header.bitrate_kbps,
        seconds: followed.elapsed.as_secs_f64(),
        compared: followed.tally.compared(),
        tally: followed.tally,
        stray_bytes: followed.stray_bytes,
        longest_gap_ms: followed.longest_gap.as_millis() as u64,
        encoder_restarts: restarts.and_then(|(before, after)| after.checked_sub(before)),
    })
}

const fn name(with: With) -> &'static str {
    match with {
        With::Builtin => "builtin",
        With::Ffmpeg => "ffmpeg",
    }
}

/// Stream and monitor, with their credentials.
fn targets(args: &VerifyArgs, config: &radio_config::Config) -> anyhow::Result<(Target, Target)> {
    let mut target = match &args.url {
        Some(url) => Target::parse(url)?,
        None => configured(config),
    };
    let monitor_url = args.monitor.as_deref().map(Target::parse).transpose().context("--monitor")?;
    let mut monitor = monitor_url.unwrap_or_else(|| target.clone());
    // A mount is public: its listeners are not asked for a password, so none travels to it.
    let (user, password) = (target.user.take(), target.password.take());
    monitor.user = args.user.clone().or(monitor.user).or(user);
    let of_environment = || std::env::var("TOWER_ADMIN_PASSWORD").ok();
    monitor.password = args.password.clone().or(monitor.password).or(password).or_else(of_environment);
    Ok((target, monitor))
}

/// The tower that the configuration is for, on this machine.
fn configured(config: &radio_config::Config) -> Target {
    let host = config.server.host;
    let host = if host.is_unspecified() { "127.0.0.1".into() } else { host.to_string() };
    let path = config.output.first().map_or("/stream".into(), |output| output.mount.clone());
    let password = Some(config.admin.password.clone()).filter(|password| !password.is_empty());
    Target { host, port: config.server.port, path, user: None, password }
}

/// As the tower itself starts its encoders, so that the very same path is compared.
fn encoder_command(
    with: With,
    config: &radio_config::Config,
    header: &FrameHeader,
) -> anyhow::Result<Vec<std::ffi::OsString>> {
    let encoder = match with {
        With::Builtin => EncoderKind::Builtin,
        With::Ffmpeg => EncoderKind::Ffmpeg,
    };
    let (bitrate_kbps, channels) = (u32::from(header.bitrate_kbps), header.channels());
    let output = radio_config::Output { encoder, bitrate_kbps, channels, ..radio_config::Output::default() };
    let encoder = EncoderConfig::from_config(&config.encoder, &output);
    encoder.check_installed()?;
    Ok(encoder.main.command)
}

/// Encoders replaced so far, by `/status`; a count that cannot be had is left out of the verdict.
fn encoder_restarts(target: &Target) -> Option<u64> {
    let body = Answer::get(&target.at("/status")).ok()?.read_to_end(STATUS_BYTES_MAX).ok()?;
    let status: Value = serde_json::from_slice(&body).ok()?;
    // A mount answers with and without its ending.
    let bare = |mount: &str| mount.strip_suffix(".mp3").unwrap_or(mount).to_owned();
    let mount = |output: &&Value| output["mount"].as_str().map(bare) == Some(bare(target.mount()));
    status["outputs"].as_array()?.iter().find(mount)?["encoder"]["restarts"].as_u64()
}

fn on_ctrl_c(events: SyncSender<Event>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            let _nobody_follows_any_more = events.send(Event::Interrupted);
        }
    });
}

/// Why it ended before its time, what to do, and whether the tower has begun another life.
fn explain(broken: &Broken, target: &Target, epoch: &str, reference: &mut Reference) -> (Option<String>, Option<bool>) {
    let (Broken::Stream(how) | Broken::Monitor(how)) = broken else {
        let reason = match broken {
            Broken::Encoder => {
                format!("our own encoder ended ({}); `tower doctor` tries both encoders", reference.obituary())
            }
            _ => "stream and monitor are more than a minute apart: one of them stands still, or this machine is too \
                  busy to encode; see `behind_ticks_max` in /status"
                .into(),
        };
        return (Some(reason), Some(false));
    };
    let deadline = Instant::now() + COMEBACK_TIME;
    let now = loop {
        match Answer::get(target) {
            Ok(answer) => break answer.header("x-tower-epoch").map(|now| now != epoch),
            Err(_) if Instant::now() > deadline => break None,
            Err(_) => std::thread::sleep(COMEBACK_PERIOD),
        }
    };
    let what = match now {
        Some(true) => "the tower was restarted: verify its new life",
        Some(false) => {
            "the tower is the same: look for this listener among `listeners.dropped_*` in /status, and at the log"
        }
        None => "the tower does not answer any more: look at its log",
    };
    (Some(format!("{how}; {what}")), now)
}

fn judge(followed: &Followed, reason: Option<String>) -> (Verdict, Option<String>) {
    if !followed.tally.is_clean() || followed.stray_bytes > 0 {
        return (Verdict::Different, reason);
    }
    if reason.is_some() {
        return (Verdict::Unverified, reason);
    }
    if followed.tally.compared() == 0 {
        let remedy = "nothing could be compared in this time; give more --seconds";
        return (Verdict::Unverified, Some(remedy.into()));
    }
    (Verdict::Identical, None)
}
