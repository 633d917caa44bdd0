//! Answers that never end: a mount's stream and the operator's monitor, each from a frame boundary (SPEC LIS-1, LIS-2,
//! API-5).

use super::answer::CORS;
use super::overflow;
use crate::request::head::{BAD_REQUEST, Head};
use crate::setup::OutputState;
use crate::state::Tower;
use radio_encoder::Format;
use radio_fanout::{ListenerMeta, Mount, StartAt};
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ, ticks_in_ms};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

/// The longest burst a listener may ask for, in seconds.
const BURST_S_MAX: f64 = 30.0;
/// Bytes of audio between two titles, as every player knows it.
pub const METAINT: u16 = 16_000;

/// A socket that has asked for a stream.
pub struct Asker {
    /// The socket, taken from tokio.
    pub socket: std::net::TcpStream,
    /// Its peer.
    pub address: SocketAddr,
    /// What it asked.
    pub head: Head,
}

/// A complete answer, and the socket to send it on.
pub type NotAdmitted = (Vec<u8>, std::net::TcpStream);

/// Gives the socket to the fan-out engine: head, burst, then live.
///
/// # Errors
/// The refusal or redirect to send, with the socket to send it on.
pub fn join_output(tower: &Tower, output: &OutputState, asker: Asker) -> Result<(), NotAdmitted> {
    let Ok(burst_frames) = burst_frames(tower, output, &asker.head) else {
        return Err((BAD_REQUEST.to_bytes(), asker.socket));
    };
    let start = output.mount.start_at(StartAt::Behind(burst_frames));
    let format = Format::of(&output.config);
    let mut head = output_head(tower, output, &asker.head, start.frame);
    head.extend_from_slice(&format.opening(&output.config.name));
    let metaint = if asker.head.wants_titles && format.takes_titles() { METAINT } else { 0 };
    admit(tower, &output.mount, start, head, asker, metaint)
}

/// As [`join_output`], for the router's PCM as WAV, live or `?from=` a serial.
///
/// # Errors
/// The refusal to send, with the socket to send it on.
pub fn join_monitor(tower: &Tower, asker: Asker) -> Result<(), NotAdmitted> {
    let start_at = match asker.head.query_value("from").map(str::parse) {
        None => StartAt::Behind(0),
        Some(Ok(serial)) => StartAt::Frame(serial),
        Some(Err(_)) => return Err((BAD_REQUEST.to_bytes(), asker.socket)),
    };
    let start = tower.monitor.start_at(start_at);
    let mut head = monitor_head(tower, &asker.head, start.frame);
    head.extend_from_slice(&endless_wav_header());
    admit(tower, &tower.monitor, start, head, asker, 0)
}

fn admit(
    tower: &Tower,
    mount: &Mount,
    start: radio_fanout::Start,
    head: Vec<u8>,
    asker: Asker,
    metaint: u16,
) -> Result<(), NotAdmitted> {
    let Asker { socket, address, head: request } = asker;
    let meta = ListenerMeta { address: Some(address), user_agent: request.user_agent.clone(), metaint };
    match tower.fanout.admit(socket, mount, start, head, meta) {
        Ok(_) => {
            let listeners = tower.fanout.listeners_now();
            tower.listeners_peak.fetch_max(listeners, Relaxed);
            if let Some(event) = tower.open_files.note(listeners as u64) {
                tower.note(event);
            }
            Ok(())
        }
        Err(refused) => {
            let is_output = mount.name() != tower.monitor.name();
            Err((overflow::answer(tower, refused.reason, &request, is_output), refused.socket.into()))
        }
    }
}

/// Frames of burst: what the request or the mount says, but enough to outlast two send periods and a hold.
fn burst_frames(tower: &Tower, output: &OutputState, head: &Head) -> Result<u64, std::num::ParseFloatError> {
    let asked_ms = match head.query_value("burst") {
        Some(seconds) => (seconds.parse::<f64>()?.clamp(0.0, BURST_S_MAX) * 1000.0) as u64,
        None => output.config.burst_ms,
    };
    let mount = output.mount.config();
    let longer = if tower.fanout.is_crowded() { 2 * mount.period_ticks * (mount.crowd_stretch - 1) } else { 0 };
    Ok(ticks_in_ms(asked_ms).max(output.burst_frames_min + longer))
}

/// The head of a mount's answer to `request`, for a listener whose first frame is `frame`.
#[must_use]
pub fn output_head(tower: &Tower, output: &OutputState, request: &Head, frame: u64) -> Vec<u8> {
    let config = &output.config;
    let format = Format::of(config);
    let mut head = common_head(tower, request, format.content_type());
    let _ =
        write!(head, "icy-name: {}\r\nicy-br: {}\r\nicy-pub: 0\r\n", header_value(&config.name), config.bitrate_kbps);
    for (name, value) in
        [("icy-genre", &config.genre), ("icy-description", &config.description), ("icy-url", &config.url)]
    {
        if !value.is_empty() {
            let _ = write!(head, "{name}: {}\r\n", header_value(value));
        }
    }
    // Only to those who asked: whoever did not would take the titles for sound.
    if request.wants_titles && format.takes_titles() {
        let _ = write!(head, "icy-metaint: {METAINT}\r\n");
    }
    // What is numbered within the tower are ticks; of the codec's own frames, the first may begin in a later one.
    let first = format.grid().first_frame(frame);
    let _ = write!(head, "X-Tower-Frame: {first}\r\nX-Tower-Serial: {}\r\n\r\n", format.grid().tick_of(first));
    head.into_bytes()
}

fn monitor_head(tower: &Tower, request: &Head, serial: u64) -> Vec<u8> {
    let mut head = common_head(tower, request, "audio/wav");
    let _ = write!(head, "X-Tower-Serial: {serial}\r\n\r\n");
    head.into_bytes()
}

/// What every stream says. No length and no chunks: many radios parse neither. Nothing may be cached or buffered.
fn common_head(tower: &Tower, request: &Head, content_type: &str) -> String {
    format!(
        "{} 200 OK\r\nContent-Type: {content_type}\r\nServer: Radio Tower/{}\r\nDate: {}\r\n\
         Connection: close\r\nCache-Control: no-cache, no-store\r\nPragma: no-cache\r\n\
         Expires: Mon, 26 Jul 1997 05:00:00 GMT\r\nX-Accel-Buffering: no\r\n{CORS}X-Tower-Epoch: {}\r\n",
        version_for(request),
        env!("CARGO_PKG_VERSION"),
        httpdate::fmt_http_date(SystemTime::now()),
        tower.epoch,
    )
}

/// Players from before HTTP was what they expect of a stream, by the beginnings of their names.
const OLD_AGENTS: [&str; 5] = ["WinampMPEG", "Winamp/2", "NSPlayer", "RealMedia", "RealPlayer"];

/// What the status line begins with. Shoutcast's own is for old players only, and never for a proxy, which answers 502 to it.
fn version_for(request: &Head) -> &'static str {
    let is_old = OLD_AGENTS.iter().any(|agent| request.user_agent.starts_with(agent));
    let is_proxy = || ["via", "forwarded", "x-forwarded-for"].iter().any(|name| request.header(name).is_some());
    match request.minor_version {
        _ if is_old && !is_proxy() => "ICY",
        0 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// The answer to OPTIONS.
#[must_use]
pub fn options_answer(methods: &[&str]) -> Vec<u8> {
    let allowed = [methods, &["OPTIONS"]].concat().join(", ");
    format!(
        "HTTP/1.1 204 No Content\r\nAllow: {allowed}\r\nAccess-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
         {CORS}Connection: close\r\n\r\n"
    )
    .into_bytes()
}

/// `value` without the characters that would end a header.
fn header_value(value: &str) -> String {
    radio_base::text::cleaned(value).into_owned()
}

/// The header of a WAV whose end is not known: both lengths are the largest there are, as players expect of a pipe.
fn endless_wav_header() -> [u8; 44] {
    const BYTES_PER_SAMPLE: u16 = 2;
    let block = CHANNELS as u16 * BYTES_PER_SAMPLE;
    let mut header = [0; 44];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16u32.to_le_bytes());
    header[20..22].copy_from_slice(&1u16.to_le_bytes());
    header[22..24].copy_from_slice(&(CHANNELS as u16).to_le_bytes());
    header[24..28].copy_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
    header[28..32].copy_from_slice(&(SAMPLE_RATE_HZ * u32::from(block)).to_le_bytes());
    header[32..34].copy_from_slice(&block.to_le_bytes());
    header[34..36].copy_from_slice(&(BYTES_PER_SAMPLE * 8).to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..].copy_from_slice(&u32::MAX.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head;

    fn version(headers: &str) -> &'static str {
        let head = head::parse(format!("GET /stream HTTP/1.0\r\n{headers}\r\n").as_bytes());
        version_for(&head.expect("good").expect("whole"))
    }

    #[test]
    fn only_old_players_are_answered_as_shoutcast_does_and_no_proxy_is() {
        for old in ["WinampMPEG/5.66, Ultravox/2.1", "Winamp/2.9", "NSPlayer/4.1.0.3856", "RealMedia Player HelixDNA"] {
            assert_eq!(version(&format!("User-Agent: {old}\r\n")), "ICY", "{old}");
            assert_eq!(version(&format!("User-Agent: {old}\r\nVia: 1.1 somewhere\r\n")), "HTTP/1.0", "{old}");
        }
        for other in ["Mozilla/5.0", "VLC/3.0.18 LibVLC/3.0.18", "WinampForever", "Lavf/59", "x Winamp/2", ""] {
            assert_eq!(version(&format!("User-Agent: {other}\r\n")), "HTTP/1.0", "{other}");
        }
        assert_eq!(version(""), "HTTP/1.0");
    }
}
