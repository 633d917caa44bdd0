//! The flags. Each flag of `serve` is a key of the configuration, so that it is checked and shown like one.

use super::decode::DecodeArgs;
use super::encode::EncodeArgs;
use super::feed::FeedArgs;
use super::verify::VerifyArgs;
use clap::{Args, Parser, Subcommand};
use radio_config::{ConfigError, Given, Loaded, Origin, Setting, Sources, load};
use std::path::PathBuf;
use toml::Value;

/// The 24/7 transmitter of an internet radio.
///
/// Without a command it is `tower serve`: on air on http://127.0.0.1:8000 with a tone, until a station feeds it.
#[derive(Debug, Parser)]
#[command(name = "tower", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Flags of `serve`, where no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `tower` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Be on air
    Serve(ServeArgs),
    /// Play audio into a tower's PCM socket in real time
    Feed {
        /// Which tower.
        #[command(flatten)]
        source: SourceArgs,
        /// What and how.
        #[command(flatten)]
        feed: FeedArgs,
    },
    /// Encode PCM from standard input to MP3 or Opus on standard output
    Encode(EncodeArgs),
    /// Decode a file or a stream to raw PCM on standard output
    Decode(DecodeArgs),
    /// Show what a running tower is doing
    Status(StatusArgs),
    /// Show what happens in a running tower, as it happens
    Events(EventsArgs),
    /// Have a running tower read its configuration again: all of it, or nothing
    Reload(ReloadArgs),
    /// Skip the song on air of a running tower
    Skip(SkipArgs),
    /// Say in one line whether a tower is well, for Nagios and the like (exit codes 0 to 3)
    Check(CheckArgs),
    /// Check that a live tower's stream is what one uninterrupted encoder makes of what is on air
    Verify {
        /// Which tower, where no URL is given.
        #[command(flatten)]
        source: SourceArgs,
        /// What and how.
        #[command(flatten)]
        verify: VerifyArgs,
    },
    /// Hash a password for the configuration
    Passwd(PasswdArgs),
    /// Show the effective configuration and where each value came from
    Config(ConfigArgs),
    /// Check this machine and the configuration, and say what to do
    Doctor(DoctorArgs),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// Configuration file [default: $TOWER_CONFIG, else ./tower.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any key of the configuration, such as --set output.0.latency=low
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

/// Flags of `tower serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Address to listen on
    #[arg(long, value_name = "IP")]
    pub host: Option<String>,
    /// TCP port, 0 to let the system choose
    #[arg(long)]
    pub port: Option<String>,
    /// Files or folders to play as the programme
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub play: Vec<PathBuf>,
    /// Files or folders to play when there is no programme
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub fallback: Vec<PathBuf>,
    /// Encoder of the first output: builtin or ffmpeg
    #[arg(long)]
    pub encoder: Option<String>,
    /// Bitrate of the first output in kbit/s
    #[arg(long, value_name = "KBPS")]
    pub bitrate: Option<String>,
    /// Playout delay of the first output
    #[arg(long, value_name = "MS")]
    pub playout_delay_ms: Option<String>,
    /// Unix socket that takes raw PCM
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Ticks of 24 ms a producer must hold before it is on air
    #[arg(long, value_name = "TICKS")]
    pub preroll_ticks: Option<String>,
    /// Clock of producers: buffer (the tower's own) or resample
    #[arg(long)]
    pub pacing: Option<String>,
    /// Password of the user `admin`; visible in the list of processes, unlike $TOWER_ADMIN_PASSWORD
    #[arg(long, value_name = "PASSWORD")]
    pub admin_password: Option<String>,
    /// Log filter, such as info or debug
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

/// Flags of `tower status`.
#[derive(Clone, Debug, Default, Args)]
pub struct StatusArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// TCP port of the tower that is asked
    #[arg(long)]
    pub port: Option<String>,
    /// Show it anew every second
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// Show it as the API gives it
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tower passwd`.
#[derive(Clone, Debug, Default, Args)]
pub struct PasswdArgs {
    /// Make a password, and show it on standard error
    #[arg(long)]
    pub generate: bool,
}

/// Flags of `tower reload`.
#[derive(Clone, Debug, Default, Args)]
pub struct ReloadArgs {
    /// Where the configuration comes from that says where the tower is found.
    #[command(flatten)]
    pub source: SourceArgs,
    /// TCP port of the tower that is told
    #[arg(long)]
    pub port: Option<String>,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Show the answer as the API gives it
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tower skip`.
#[derive(Clone, Debug, Default, Args)]
pub struct SkipArgs {
    /// Where the configuration comes from that says where the tower is found.
    #[command(flatten)]
    pub source: SourceArgs,
    /// TCP port of the tower that is told
    #[arg(long)]
    pub port: Option<String>,
    /// Show the answer as the API gives it
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tower events`.
#[derive(Clone, Debug, Default, Args)]
pub struct EventsArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// TCP port of the tower that is followed
    #[arg(long)]
    pub port: Option<String>,
    /// Also what happened before, as far as the tower remembers
    #[arg(long)]
    pub all: bool,
    /// Only these kinds, separated by commas, such as alarm,on_air
    #[arg(long, value_name = "KINDS")]
    pub kind: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tower check`.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// TCP port of the tower that is asked
    #[arg(long)]
    pub port: Option<String>,
    /// Only whether its clock ticks (exit code 0 or 1), for the health check of a container
    #[arg(long)]
    pub live: bool,
}

/// Flags of `tower config`.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// The flags that `serve` would get.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Show it as JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tower doctor`.
#[derive(Clone, Debug, Default, Args)]
pub struct DoctorArgs {
    /// The flags that `serve` would get.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Show it as JSON
    #[arg(long)]
    pub json: bool,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("there is no =; write it as server.port=8001")?;
    Ok((key.trim().into(), value.trim().into()))
}

fn setting(flag: &str, key: &str, given: Given) -> Setting {
    Setting { key: key.into(), given, origin: Origin::Flag { flag: flag.into() } }
}

impl SourceArgs {
    fn settings(&self) -> Vec<Setting> {
        self.set.iter().map(|(key, value)| setting(&format!("--set {key}"), key, Given::Toml(value.clone()))).collect()
    }

    /// The configuration, with `more` over it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self, more: Vec<Setting>) -> Result<Loaded, ConfigError> {
        load(&self.sources(more))
    }

    fn sources(&self, more: Vec<Setting>) -> Sources {
        let mut flags = self.settings();
        flags.extend(more);
        Sources::of_process(self.config.clone(), flags)
    }
}

impl SourceArgs {
    /// The configuration of a tower on `port`, if it is given.
    fn load_for(&self, port: Option<&String>) -> Result<Loaded, ConfigError> {
        let port = port.map(|port| setting("--port", "server.port", Given::Plain(port.clone())));
        self.load(port.into_iter().collect())
    }
}

/// Flags of `tower serve` with a key each.
pub const FLAGS: [(&str, &str); 12] = [
    ("--socket", "station.socket"),
    ("--host", "server.host"),
    ("--port", "server.port"),
    ("--encoder", "output.0.encoder"),
    ("--bitrate", "output.0.bitrate_kbps"),
    ("--playout-delay-ms", "output.0.playout_delay_ms"),
    ("--preroll-ticks", "station.preroll_ticks"),
    ("--pacing", "station.pacing"),
    ("--admin-password", "admin.password"),
    ("--log", "log.level"),
    ("--play", "play.paths"),
    ("--fallback", "fallback.paths"),
];

impl ServeArgs {
    /// The configuration with these flags over it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load(self.settings())
    }

    /// Where the configuration is read from.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.source.sources(self.settings())
    }

    fn settings(&self) -> Vec<Setting> {
        let path = |path: &PathBuf| Value::String(path.to_string_lossy().into_owned());
        let socket = self.socket.as_ref().map(|socket| socket.to_string_lossy().into_owned());
        let words = [
            ("--host", "server.host", &self.host),
            ("--port", "server.port", &self.port),
            ("--encoder", "output.0.encoder", &self.encoder),
            ("--bitrate", "output.0.bitrate_kbps", &self.bitrate),
            ("--playout-delay-ms", "output.0.playout_delay_ms", &self.playout_delay_ms),
            ("--socket", "station.socket", &socket),
            ("--preroll-ticks", "station.preroll_ticks", &self.preroll_ticks),
            ("--pacing", "station.pacing", &self.pacing),
            ("--admin-password", "admin.password", &self.admin_password),
            ("--log", "log.level", &self.log),
        ];
        let lists = [("--play", "play.paths", &self.play), ("--fallback", "fallback.paths", &self.fallback)];
        let words =
            words.into_iter().filter_map(|(flag, key, word)| Some(setting(flag, key, Given::Plain(word.clone()?))));
        let lists = lists.into_iter().filter(|(_, _, paths)| !paths.is_empty());
        let lists = lists
            .map(|(flag, key, paths)| setting(flag, key, Given::Value(Value::Array(paths.iter().map(path).collect()))));
        words.chain(lists).collect()
    }
}

impl ReloadArgs {
    /// The configuration of the tower that is told.
    ///
    /// # Errors
    /// Everything that is wrong with it: the tower would refuse it, too.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load_for(self.port.as_ref())
    }
}

impl SkipArgs {
    /// The configuration of the tower that is told.
    ///
    /// # Errors
    /// Everything that is wrong with it: the tower would refuse it, too.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load_for(self.port.as_ref())
    }
}

impl StatusArgs {
    /// The configuration of the tower that is asked.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load_for(self.port.as_ref())
    }
}

impl EventsArgs {
    /// The configuration of the tower that is followed.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load_for(self.port.as_ref())
    }
}

impl CheckArgs {
    /// The configuration of the tower that is asked.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.source.load_for(self.port.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_of_all_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve_with_its_flags() {
        let cli = Cli::parse_from(["tower", "--port", "9000", "--play", "a.mp3", "b.mp3"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.port.as_deref(), Some("9000"));
        assert_eq!(cli.serve.play.len(), 2);
    }
}
