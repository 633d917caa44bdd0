//! What happened, in words for people. Scripts have the fields.

use super::Event;
use crate::text::seconds;
use radio_signal::units::TICK_MS;
use std::fmt::{self, Display, Formatter};

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let place = |address: &Option<String>| address.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        match self {
            Self::OnAir { source, before, reason, shortened_fade_ms, raised_preroll_ticks } => {
                write!(f, "{source} is on air after {before}: {reason}")?;
                if let Some(ms) = shortened_fade_ms {
                    write!(f, "; the fade was shortened to {ms} ms: {before} held no more")?;
                }
                raised_preroll_ticks.map_or(Ok(()), |ticks| {
                    write!(
                        f,
                        "; it ran dry because it sends in lumps longer than its pre-roll, which is {} ms from now on: configure \
                         preroll_ticks = {ticks}",
                        ticks * TICK_MS
                    )
                })
            }
            Self::Title { label: Some(label), .. } => write!(f, "now playing: {label}"),
            Self::Title { label: None, source } => write!(f, "now playing: {source}, which has no title"),
            Self::HoldBegan { mount, frame } => {
                write!(f, "{mount}: frame {frame} is due and not there; listeners hold")
            }
            Self::HoldEnded { mount, frame, held_ms, silent_frames } => write!(
                f,
                "{mount}: after frame {frame} listeners held for {held_ms} ms and got {silent_frames} silent frames"
            ),
            Self::Reanchored { lost_ms } => {
                write!(f, "the clock was re-anchored: this machine had stood still for {lost_ms} ms")
            }
            Self::EncoderState { mount, from, to, reason, starts, deaths } => {
                write!(f, "{mount}: {from} -> {to}: {reason} (starts {starts}, deaths {deaths})")
            }
            Self::EncoderCompared { mount } => {
                write!(f, "{mount}: the encoder runs and is compared with its stand-in")
            }
            Self::EncoderMissing { mount, error } => {
                write!(f, "ALARM encoder: {mount}: {error}; until then the built-in encoder stands in")
            }
            Self::Poison { mount, tick } => write!(
                f,
                "{mount}: ALARM: the PCM of tick {tick} is poison: it kills the encoder and was replaced by silence; keep the \
                 recording of that moment and report it to the encoder's makers"
            ),
            Self::ReplayUnmatched { mount, start_tick, compared, next_frame } => write!(
                f,
                "{mount}: ALARM: a restarted encoder does not give the promised bytes: of {compared} frames replayed from \
                 tick {start_tick} on, none is equal to the one that was sent; no sample is missing, but listeners hear \
                 another encode from frame {next_frame} on; for an encoder of kind \"command\" set replay = \
                 \"approx\", for another one run `tower doctor` and report its version with the recording of that \
                 moment"
            ),
            Self::AlarmRaised { alarm, mount, advice } => {
                write!(f, "ALARM {alarm}: ")?;
                prefix(f, mount.as_deref())?;
                f.write_str(advice)
            }
            Self::AlarmOver { alarm, mount, lasted_ms: Some(ms) } => {
                prefix(f, mount.as_deref())?;
                write!(f, "over after {}: {alarm}", seconds(*ms))
            }
            Self::AlarmOver { alarm, lasted_ms: None, .. } => write!(f, "over: {alarm}, the tower hears itself again"),
            Self::AlarmUnwatched { alarm, mount } => {
                prefix(f, mount.as_deref())?;
                write!(f, "over: {alarm}, which is watched no more")
            }
            Self::CertificateNew { .. } => f.write_str("a new certificate is in use for new connections"),
            Self::CertificateBad { error } => {
                write!(f, "ALARM certificate: the new one cannot be used, the old one stays: {error}")
            }
            Self::CertificateBack => f.write_str("the files of the certificate in use are there again"),
            Self::SourceConnected { input, source, address, program, content_type } => {
                let named = |text: &String, other| if text.is_empty() { String::from(other) } else { text.clone() };
                let (program, content_type) =
                    (named(program, "unnamed program"), named(content_type, "no content type"));
                write!(f, "{input}: source {source} at {address} connected with {program}, {content_type}")
            }
            Self::SourceLeft { input, source, address, end } => {
                write!(f, "{input}: source {source} at {address} left: {end}")
            }
            Self::SourceTakeovers { input, program, before, count } => write!(
                f,
                "{input}: {program} took the place of {before}, takeover {count} within a minute; if two programs use this \
                 mount, give one of them an [[input]] of its own"
            ),
            Self::ProducerConnected { input, source, address } => {
                write!(f, "{input}: producer {source}{} connected", place(address))
            }
            Self::ProducerLeft { input, source, address, dropped_frames } => {
                write!(f, "{input}: producer {source}{} left; {dropped_frames} frames were dropped", place(address))
            }
            Self::ProducerRefused { input, address, why } => {
                write!(f, "{input}: a producer{} is refused: {why}", place(address))
            }
            Self::PullConnected { input, source, url, content_type } => {
                write!(f, "{input}: source {source} connected to {url}, {content_type}")
            }
            Self::PullEnded { input, why, wait_s } => {
                write!(f, "{input}: no stream: {why}; trying again, after {wait_s} s at first")
            }
            Self::ProgramStarted { input, source, pid, executable } => {
                write!(f, "{input}: source {source} is process {pid}, {executable}")
            }
            Self::ProgramEnded { input, why, wait_ms: 0 } => {
                write!(f, "{input}: the program ended: {why}; it is started again at once")
            }
            Self::ProgramEnded { input, why, wait_ms } => {
                write!(f, "{input}: the program ended: {why}; it is started again after {wait_ms} ms at first")
            }
            Self::SocketPutBack { path } => write!(f, "the socket {path} was removed, and is put back"),
            Self::SocketGone { path, error } => {
                write!(f, "the socket {path} was removed, and is tried again: {error}")
            }
            Self::SocketReplaced { path } => {
                write!(f, "another program has replaced the socket {path}; restart the tower to have its own there")
            }
            Self::FilesNearLimit { listeners, percent, limit } => write!(
                f,
                "{listeners} listeners: {percent} % of the {limit} files that may be open are in use; raise LimitNOFILE in \
                 the systemd unit, or `ulimit -n`"
            ),
            Self::ListenersTurnedAway { path, is_redirected, count, figures } => {
                let done = if *is_redirected { "redirected to server.overflow_url" } else { "refused" };
                write!(f, "a listener of {path} was {done}")?;
                if *count > 1 {
                    write!(f, " ({count} newcomers since the last event)")?;
                }
                write!(
                    f,
                    ": {figures}; raise server.mbit_max if the uplink carries more, add outputs of lower bitrate, or add an \
                     edge server"
                )
            }
            Self::InputAllowed { input, allowed: true } => write!(f, "{input} may be on air again"),
            Self::InputAllowed { input, allowed: false } => write!(f, "{input} is taken off air"),
            Self::InputPreferred { input: Some(input) } => write!(f, "{input} goes before all other inputs"),
            Self::InputPreferred { input: None } => f.write_str("inputs go by their priority again"),
            Self::FallbackForced { forced: true } => f.write_str("the fallback is forced"),
            Self::FallbackForced { forced: false } => f.write_str("the fallback is released"),
            Self::EncoderRestarted { mount } => write!(f, "{mount}: the encoder is restarted"),
            Self::SongSkipped { skipped, next } => write!(f, "{skipped} is skipped; {next} follows"),
            Self::ListenerDropped { id, address } => {
                write!(f, "listener {id} at {} is sent away", address.as_deref().unwrap_or("nowhere"))
            }
            Self::SourceEnded { mount } => write!(f, "the source at {mount} is ended"),
            Self::TitleSet { label } => write!(f, "the title is set to {label}"),
            Self::LoggedIn => f.write_str("a user logged in at the dashboard"),
            Self::WrongPasswords { count: 1 } => f.write_str("a wrong password was given"),
            Self::WrongPasswords { count } => write!(f, "{count} wrong passwords were given"),
            Self::Reloaded { changes } => write!(f, "the configuration was read again: {}", changes.join("; ")),
            Self::ReloadRefused { why } => write!(f, "the configuration could not be reloaded: {why}"),
        }
    }
}

/// The output that something is about, in front of it.
fn prefix(f: &mut Formatter<'_>, mount: Option<&str>) -> fmt::Result {
    mount.map_or(Ok(()), |mount| write!(f, "{mount}: "))
}
