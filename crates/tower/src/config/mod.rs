//! Configuration: defaults, then `tower.toml`, then `TOWER_*`, then flags (SPEC CFG-1).
//!
//! # Layout
//!
//! - `schema`, `input`, `output`, `webhook`, `tls`: the structs and their defaults; `keys`: what may stand in each place.
//! - `sources`, `file`, `env`: where values come from; `layers`: laying them over each other, each with its origin.
//! - `validate`, `mount`, `network`: rules between values, paths of streams, and networks; `problem`: what is said when something is wrong.
//! - `exposed`: what is left open to everybody.
//! - `runtime_dir`: where sockets and state live when nobody says where; `home`: what `~` means.
//!
//! [`load()`] opens nothing but `tower.toml`, and reports every problem it finds, not the first.

mod env;
mod exposed;
mod file;
mod files;
mod home;
pub mod host;
mod input;
mod key_table;
mod key_table_lists;
mod key_table_server;
mod keys;
mod layers;
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

pub use env::{ENV_VARIABLES, EnvVariable};
pub use exposed::{StationAccess, configured_addresses};
pub use files::{Fallback, Joining, Play};
pub use input::{Input, InputKind, SecondSource};
pub use key_table::KEYS;
pub use keys::{BITRATES_KBPS, Key, Valid};
pub use layers::{Given, Setting};
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
pub use validate::{
    INPUTS_MAX, Invalid, OUTPUTS_MAX, TRUSTED_PROXIES_MAX, USERS_MAX, WEBHOOKS_MAX, playout_delay_ms_max,
    playout_delay_ticks_min, validate,
};
pub use webhook::Webhook;
