//! What can be configured: one struct per table of `tower.toml`, with its default values.

use super::files::{Fallback, Play};
use super::input::{Input, Pacing, WhenFull};
use super::network::Network;
use super::output::Output;
use super::tls::Tls;
use super::user::User;
use super::webhook::Webhook;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// The whole configuration, after defaults, file, environment and flags have been laid over each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the tower listens and how many it admits.
    pub server: Server,
    /// A second port, over TLS.
    pub tls: Tls,
    /// The PCM socket of the station.
    pub station: Station,
    /// Doors for live programmes beside the station's socket.
    pub input: Vec<Input>,
    /// Files or folders that the tower plays as its own programme.
    pub play: Play,
    /// What happens between sources.
    pub router: Router,
    /// What is heard when there is no programme.
    pub fallback: Fallback,
    /// How encoder processes are supervised.
    pub encoder: Encoder,
    /// One entry per encoded stream; one default output when the list is empty.
    pub output: Vec<Output>,
    /// Who may do what.
    pub admin: Admin,
    /// People and programs beside the administrator.
    pub user: Vec<User>,
    /// Where events are posted to.
    pub webhook: Vec<Webhook>,
    /// When an alarm is raised.
    pub alarm: AlarmLimits,
    /// What the log looks like.
    pub log: Log,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// TCP port, 0 to let the system choose one.
    pub port: u16,
    /// Whether sources may come by Shoutcast 1, on the port behind `port`.
    pub icy: bool,
    /// Listeners in all; the next one gets 503.
    pub listeners_max: u32,
    /// Listeners from one address (IPv6: one /64); 0 means no limit.
    pub listeners_per_address_max: u32,
    /// Mbit/s that all listeners together are sent; a newcomer that would exceed it is refused. 0:
    /// no limit.
    pub mbit_max: f64,
    /// Base URL of the server to which such a newcomer is redirected; empty: it gets 503.
    pub overflow_url: String,
    /// Host names of the tower, beside its addresses and localhost, for browsers.
    pub names: Vec<String>,
    /// Networks of the proxies that may say whose a request is.
    pub trusted_proxies: Vec<Network>,
    /// Whether these begin every connection with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Threads that send to listeners; 0: one for each core but one, at most 8.
    pub shards: usize,
    /// Time between two sends to a listener, in ms; acts in whole ticks. `low` outputs are sent with every frame.
    pub period_ms: u64,
    /// With more listeners than this on one shard the period doubles,
    pub crowd_above: usize,
    /// and with fewer than this it is the shorter one again.
    pub crowd_below: usize,
    /// Where the tower keeps what outlives a restart; empty: `$STATE_DIRECTORY`, or nothing is
    /// kept.
    pub state_dir: PathBuf,
    /// Unix socket on which the command line reaches the API; empty: `tower-PORT.sock` in the runtime directory.
    pub admin_socket: PathBuf,
    /// Where the tower stands, for statistics.
    pub location: String,
    /// Whom to ask about it, for statistics.
    pub admin_contact: String,
}

impl Server {
    /// Whether `address` is a proxy's that may say for whom it speaks.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// Whether a proxy on this machine may name its client.
    #[must_use]
    pub fn trusts_loopback(&self) -> bool {
        self.trusted_proxies.iter().any(Network::meets_loopback)
    }
}

/// `[station]`: the Unix socket that takes raw PCM.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Station {
    /// Path of the socket; empty: `pcm.sock` in the runtime directory.
    pub socket: PathBuf,
    /// Ticks a producer must hold before it is on air, 1 to `capacity_ticks` - 1.
    pub preroll_ticks: usize,
    /// Ticks each producer's buffer holds, 2 to 2500 (one minute).
    pub capacity_ticks: usize,
    /// What a full buffer does.
    pub when_full: WhenFull,
    /// Whether the producer's clock is trusted.
    pub pacing: Pacing,
    /// Producers connected at the same time, 1 to 16.
    pub producers_max: usize,
    /// Higher inputs go on air before lower ones, 1 to 1000.
    pub priority: i32,
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
    /// What the station gives where it asks for its buffer, in plain or as `tower passwd` prints it; empty: nothing.
    pub password: String,
    /// Whether every client may use the station's routes without a password; false: this machine
    /// only.
    pub open: bool,
}

impl std::fmt::Debug for Station {
    /// Without the password, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// `[router]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Router {
    /// Silence between the last programme and the fallback, in ms; acts in whole ticks.
    pub grace_ms: u64,
    /// Length of the crossfade at every change, 1 to 10000 ms.
    pub fade_ms: u64,
}

/// `[encoder]`: supervision, the same for every output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encoder {
    /// False: no encoder process ever; prebuilt silence at the exact rate.
    pub enabled: bool,
    /// Frames in each output's frame buffer.
    pub buffer_frames: usize,
    /// A process that owes a frame this long, in ms, gets a replacement beside it.
    pub suspicion_ms: u64,
    /// In its place until the first frame of an external encoder.
    pub first_frame_ms: u64,
    /// A process that owes a frame this long, in ms, is given up.
    pub stall_threshold_ms: u64,
    /// Waits before the restarts of an encoder that dies before catching up, in ms.
    pub backoff_ms: Vec<u64>,
    /// Restarts with a wait, before the encoder is FAILED.
    pub max_restarts: u32,
    /// Minutes between attempts of a FAILED encoder.
    pub recovery_retry_minutes: u64,
    /// How long broadcast waits for a frame that is due before silence takes its place, in ms.
    pub hold_max_ms: u64,
    /// Ticks of history that a replacement is fed at most; fewer where the time is short.
    pub replay_ticks_max: u64,
    /// Memory that one encoder process may allocate, in MiB.
    pub memory_mib_max: u64,
    /// The ffmpeg executable.
    pub ffmpeg: PathBuf,
    /// Names of variables that encoders and decoders get of the tower's environment, beside
    /// harmless ones.
    pub environment: Vec<String>,
}

/// `[admin]`
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Password of the user `admin`, in plain or as `tower passwd` prints it; empty: a random token is made at each start and printed.
    pub password: String,
}

impl std::fmt::Debug for Admin {
    /// Without the password, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = if self.password.is_empty() { "" } else { "********" };
        f.debug_struct("Admin").field("password", &password).finish()
    }
}

/// `[alarm]`: when what the tower hears of itself is an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmLimits {
    /// Listeners hear nothing for so long, in ms.
    pub silence_ms: u64,
    /// What is quieter is silence, in dBFS.
    pub silence_dbfs: f32,
    /// What is sent has not been the programme for so long, in ms.
    pub differs_ms: u64,
    /// Its level is off by more than so many dB.
    pub differs_db: f32,
    /// So many frames are damaged, without a `clear_ms` between them.
    pub damaged_frames: u64,
    /// Frames have been late for so long, in ms.
    pub late_ms: u64,
    /// There has been no programme for so long, in ms.
    pub no_programme_ms: u64,
    /// Many listeners, which began to lag together, have lagged for so long, in ms.
    pub uplink_full_ms: u64,
    /// The machine has been too busy for so long, in ms.
    pub busy_ms: u64,
    /// Less than so many MiB are free.
    pub disk_free_mib: u64,
    /// An alarm is over when all has been well for so long, in ms.
    pub clear_ms: u64,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter such as `info` or `info,radio_encoder=debug`.
    pub level: String,
    /// Plain text or JSON lines.
    pub format: LogFormat,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8000,
            icy: false,
            listeners_max: 10_000,
            listeners_per_address_max: 0,
            mbit_max: 0.0,
            overflow_url: String::new(),
            names: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            shards: 0,
            period_ms: 504,
            crowd_above: 4000,
            crowd_below: 3500,
            state_dir: PathBuf::new(),
            admin_socket: PathBuf::new(),
            location: String::new(),
            admin_contact: String::new(),
        }
    }
}

impl Default for Station {
    fn default() -> Self {
        Self {
            socket: PathBuf::new(),
            preroll_ticks: 10,
            capacity_ticks: 100,
            when_full: WhenFull::Drop,
            pacing: Pacing::Buffer,
            producers_max: 8,
            priority: 20,
            grace_ms: None,
            fade_ms: None,
            silence_gate_ms: 0,
            silence_gate_dbfs: -60.0,
            gain_db: 0.0,
            password: String::new(),
            open: false,
        }
    }
}

impl Default for Router {
    fn default() -> Self {
        Self { grace_ms: 1500, fade_ms: 20 }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            enabled: true,
            buffer_frames: 200,
            suspicion_ms: 150,
            first_frame_ms: 1000,
            stall_threshold_ms: 2000,
            backoff_ms: vec![1000, 2000, 4000, 8000, 10_000],
            max_restarts: 5,
            recovery_retry_minutes: 10,
            hold_max_ms: 1000,
            replay_ticks_max: 200,
            memory_mib_max: 512,
            ffmpeg: PathBuf::from("ffmpeg"),
            environment: Vec::new(),
        }
    }
}

impl Default for AlarmLimits {
    fn default() -> Self {
        Self {
            silence_ms: 15_000,
            silence_dbfs: -60.0,
            differs_ms: 5000,
            differs_db: 6.0,
            damaged_frames: 1,
            late_ms: 2000,
            no_programme_ms: 300_000,
            uplink_full_ms: 5000,
            busy_ms: 5000,
            disk_free_mib: 16,
            clear_ms: 10_000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}
