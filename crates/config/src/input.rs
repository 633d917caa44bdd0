//! `[[input]]`: where programmes come from beside the station's socket, each with a name and a priority (SPEC ROUTER-1).

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What happens to PCM that comes while a producer's buffer is full (SPEC IN-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// The newest frame is dropped and counted; the producer is never blocked.
    Drop,
    /// Reading stops, so that the producer is slowed by its own socket.
    Wait,
}

impl From<WhenFull> for radio_signal::router::WhenFull {
    fn from(configured: WhenFull) -> Self {
        match configured {
            WhenFull::Drop => Self::Drop,
            WhenFull::Wait => Self::Wait,
        }
    }
}

/// How a producer's clock relates to the tower's (SPEC IN-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// Samples are played as they are: same machine, same clock.
    Buffer,
    /// The fill is held by resampling within +-1 %.
    Resample,
}

/// `[[input]]`. Which keys mean something depends on its kind.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Name in `/status`, in metrics and in the journal.
    pub name: String,
    /// Of what kind it is.
    pub kind: InputKind,
    /// `icecast`: where a source connects to, beginning with `/`.
    pub mount: String,
    /// `icecast`: the user that a source gives. `url`: the user to give.
    pub user: String,
    /// `icecast`: the password that a source gives; there is none by default, and there must be one. `url`: the password
    /// to give; empty: none.
    pub password: String,
    /// `pcm_tcp`: where to listen.
    pub address: SocketAddr,
    /// `pcm_unix`: path of the socket.
    pub socket: PathBuf,
    /// `pcm_tcp`, `pcm_unix`: whether the producer's clock is trusted. None: as its kind has it.
    pub pacing: Option<Pacing>,
    /// `pcm_tcp`, `pcm_unix`: producers connected at the same time.
    pub producers_max: usize,
    /// `playlist`: files, folders and lists of them.
    pub paths: Vec<PathBuf>,
    /// `playlist`: shuffle each round.
    pub shuffle: bool,
    /// `playlist`: length of the crossfade between two songs, in ms; 0: none.
    pub crossfade_ms: u64,
    /// `playlist`: loudness to which songs are brought, in LUFS. None: they stay as they are.
    pub loudness_lufs: Option<f32>,
    /// `url`: the stream to pull.
    pub url: String,
    /// `command`: the executable and its arguments.
    pub command: Vec<String>,
    /// Higher ones go on air before lower ones. None: as its kind has it.
    pub priority: Option<i32>,
    /// Ticks a source must hold before it is on air, and for which it must have been there.
    pub preroll_ticks: usize,
    /// Ticks its buffer holds: the longest burst that is taken.
    pub capacity_ticks: usize,
    /// What a full buffer does; a playlist always waits.
    pub when_full: WhenFull,
    /// Grace of this input alone, in ms: while it lasts, no lower input follows. None: lower inputs follow at once.
    pub grace_ms: Option<u64>,
    /// Crossfade of this input alone, in ms. None: the router's.
    pub fade_ms: Option<u64>,
    /// Nothing but silence for so long, in ms, counts as absence; 0: never.
    pub silence_gate_ms: u64,
    /// What never is louder than this is silence, in dBFS.
    pub silence_gate_dbfs: f32,
    /// Louder by so much, in dB.
    pub gain_db: f32,
    /// Titles are shown so much later than the sound that arrives with them, in ms; negative: earlier.
    pub title_delay_ms: i64,
    /// `icecast`: what becomes of a second source that knows the password.
    pub second_source: SecondSource,
    /// A source that delivers no byte for this long, in ms, is ended.
    pub timeout_ms: u64,
}

impl std::fmt::Debug for Input {
    /// Without the password, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Where an input's sound comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A mount to which DJ software connects as it does to Icecast.
    Icecast,
    /// An address that takes PCM.
    PcmTcp,
    /// A Unix socket that takes PCM, beside the station's.
    PcmUnix,
    /// Files that the tower plays.
    Playlist,
    /// A stream of another server that the tower pulls.
    Url,
    /// A program that the tower runs, which writes PCM.
    Command,
}

impl InputKind {
    /// As it is configured.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icecast => "icecast",
            Self::PcmTcp => "pcm_tcp",
            Self::PcmUnix => "pcm_unix",
            Self::Playlist => "playlist",
            Self::Url => "url",
            Self::Command => "command",
        }
    }

    /// Whether producers of PCM connect to it.
    #[must_use]
    pub const fn is_pcm(self) -> bool {
        matches!(self, Self::PcmTcp | Self::PcmUnix)
    }
}

/// What becomes of a source that comes while another is connected to the same mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondSource {
    /// It takes over; the first is ended.
    Takeover,
    /// It is told that the mount is busy.
    Refuse,
}

impl Input {
    /// Its place among the others: live before music.
    #[must_use]
    pub fn priority(&self) -> i32 {
        let by_kind = if self.kind == InputKind::Playlist { 10 } else { 30 };
        self.priority.unwrap_or(by_kind)
    }

    /// Whether the producer's clock is trusted: on the same machine it is the tower's (SPEC IN-7).
    #[must_use]
    pub fn pacing(&self) -> Pacing {
        let by_kind = if self.kind == InputKind::PcmUnix { Pacing::Buffer } else { Pacing::Resample };
        self.pacing.unwrap_or(by_kind)
    }

    /// Length of its crossfades, in ms; that of the router where it has none of its own.
    #[must_use]
    pub fn fade_ms(&self, router_fade_ms: u64) -> u64 {
        self.fade_ms.unwrap_or(router_fade_ms)
    }

    /// Whether what runs for this one can go on for `new`: all else is looked up when somebody connects.
    #[must_use]
    pub fn goes_on_as(&self, new: &Self) -> bool {
        let is_same = self.name == new.name && self.kind == new.kind;
        is_same
            && match self.kind {
                InputKind::Icecast => true,
                InputKind::PcmTcp => self.address == new.address,
                InputKind::PcmUnix => self.socket == new.socket,
                InputKind::Playlist => {
                    // Its buffer is made for its crossfade.
                    self.paths == new.paths && self.joining() == new.joining() && self.fade_ms == new.fade_ms
                }
                InputKind::Command => self.command == new.command && self.timeout_ms == new.timeout_ms,
                InputKind::Url => {
                    let settings = |input: &Self| (input.user.clone(), input.password.clone(), input.timeout_ms);
                    self.url == new.url && settings(self) == settings(new)
                }
            }
    }
}

impl Default for Input {
    fn default() -> Self {
        Self {
            name: "live".into(),
            kind: InputKind::Icecast,
            mount: "/live".into(),
            user: "source".into(),
            password: String::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8010)),
            socket: PathBuf::new(),
            pacing: None,
            producers_max: 4,
            paths: Vec::new(),
            shuffle: false,
            crossfade_ms: 0,
            loudness_lufs: None,
            url: String::new(),
            command: Vec::new(),
            priority: None,
            preroll_ticks: 20,
            capacity_ticks: 500,
            when_full: WhenFull::Drop,
            grace_ms: None,
            fade_ms: None,
            silence_gate_ms: 0,
            silence_gate_dbfs: -60.0,
            gain_db: 0.0,
            title_delay_ms: 0,
            second_source: SecondSource::Takeover,
            timeout_ms: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_goes_on_unless_it_would_do_something_else() {
        let of = |kind| Input { kind, ..Input::default() };
        let louder = |input: &Input| Input { gain_db: 3.0, priority: Some(7), ..input.clone() };
        let kinds = [InputKind::Icecast, InputKind::PcmTcp, InputKind::PcmUnix, InputKind::Playlist, InputKind::Url];
        for kind in kinds.into_iter().chain([InputKind::Command]) {
            assert!(of(kind).goes_on_as(&louder(&of(kind))));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let url = of(InputKind::Url);
        assert!(!url.goes_on_as(&Input { url: "http://x/".into(), ..url.clone() }));
        assert!(!url.goes_on_as(&of(InputKind::PcmTcp)));
    }
}
