//! Configuration: defaults, then `tower.toml`, then `TOWER_*`, then flags (SPEC CFG-1).
//!
//! # Layout
//!
//! - `schema`, `input`, `output`, `webhook`, `tls`: the structs and their defaults; `keys`: what may stand in each place.
//! - `sources`, `file`, `env`: where values come from; `layers`: laying them over each other, each with its origin.
//! - `validate`, `mount`: rules between values, and paths of streams; `problem`: what is said when something is wrong.
//! - `runtime_dir`: where sockets live when nobody says where.
//!
//! [`load`] opens nothing but `tower.toml`, and reports every problem it finds, not the first.

mod env;
mod file;
mod input;
mod keys;
mod layers;
mod load;
mod mount;
mod output;
mod problem;
mod runtime_dir;
mod schema;
mod tls;
mod validate;
mod validate_inputs;
mod validate_webhooks;
mod webhook;

pub use env::{ENV_VARIABLES, EnvVariable};
pub use input::{Input, InputKind, SecondSource};
pub use keys::{BITRATES_KBPS, KEYS, Key, Valid};
pub use layers::{Given, Setting};
pub use load::{Loaded, Sources, load};
pub use mount::is_reserved_route;
pub use output::{EncoderKind, Latency, Output, Replay};
pub use problem::{ConfigError, Origin, Problem};
pub use runtime_dir::{admin_socket_path, default_station_socket, runtime_dir, station_socket_path};
pub use schema::*;
pub use tls::Tls;
pub use validate::{
    INPUTS_MAX, Invalid, OUTPUTS_MAX, WEBHOOKS_MAX, playout_delay_ms_max, playout_delay_ticks_min, validate,
};
pub use webhook::Webhook;
