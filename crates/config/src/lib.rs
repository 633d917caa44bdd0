//! Configuration: defaults, then `tower.toml`, then `TOWER_*`, then flags (SPEC CFG-1).
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! - `limits`: how many of each thing there may be.
//! - `problem`: where a value came from, and what is said when it is wrong; `check` collects what is wrong.
//! - `key`, `key_table_server`, `key_table_lists`, `key_table`: every key, what may stand there, and what it means;
//!   `keys` finds one.
//! - `network`, [`host`]: networks of addresses; names of the tower.
//! - `input`, `files`, `output`, `tls`, `user`, `webhook`, `schema`: the structs and their defaults.
//! - `runtime_dir`: where sockets and state live when nothing is said; `home`: what `~` means.
//! - `mount`: paths of streams; `validate_webhooks`, `validate_codec`, `validate_inputs`, `validate_users`, `validate`:
//!   rules between values.
//! - `exposed`: what is left open to everyone.
//! - `layers`: lays values over each other, each with its origin; `env`, `file`, `reading`: where they come from.
//! - `load`: all of it, from the file to a checked configuration; `reader`: the same again while on air.
//! - `masked`, [`shown`]: the configuration as it is shown.
//!
//! [`load()`] opens nothing but `tower.toml`, and reports every problem it finds, not the first.

mod check;
mod env;
mod exposed;
mod file;
mod files;
mod home;
pub mod host;
mod input;
mod key;
mod key_table;
mod key_table_lists;
mod key_table_server;
mod keys;
mod layers;
mod limits;
mod load;
mod masked;
mod mount;
mod network;
mod output;
mod problem;
mod reader;
mod reading;
mod runtime_dir;
mod schema;
pub mod shown;
mod tls;
mod user;
mod validate;
mod validate_codec;
mod validate_inputs;
mod validate_users;
mod validate_webhooks;
mod webhook;

pub use check::Invalid;
pub use env::{ENV_VARIABLES, EnvVariable};
pub use exposed::{StationAccess, configured_addresses};
pub use files::{Fallback, Joining, Play};
pub use input::{Input, InputKind, Pacing, SecondSource, WhenFull};
pub use key::{BITRATES_KBPS, Key, Valid};
pub use key_table::KEYS;
pub use layers::{Given, Setting};
pub use limits::{INPUTS_MAX, OUTPUTS_MAX, TRUSTED_PROXIES_MAX, USERS_MAX, WEBHOOKS_MAX};
pub use load::{Loaded, Sources, load, load_again};
pub use masked::{MASK, masked};
pub use mount::is_reserved_route;
pub use network::Network;
pub use output::{Charset, Codec, EncoderKind, Latency, Output, Replay};
pub use problem::{ConfigError, Origin, Problem};
pub use reader::{Reader, Unreadable};
pub use runtime_dir::{admin_socket_path, default_station_socket, runtime_dir, state_dir, station_socket_path};
pub use schema::*;
pub use tls::Tls;
pub use user::{ADMIN, Role, STATION, User};
pub use validate::{playout_delay_ms_max, playout_delay_ticks_min, validate};
pub use webhook::Webhook;
