//! The stream itself: from start to stop, encoders and outputs, files, listeners, reload.

#[path = "../common/mod.rs"]
mod common;

mod codecs;
mod encoder;
mod files;
mod he_aac;
mod hostile_clients;
mod listener_load;
mod listeners;
mod opus;
mod outputs;
mod rate;
mod reload;
mod reload_faults;
mod replays;
mod service_manager;
mod shutdown;
mod sound;
mod startup_errors;
mod systemd_unit;
mod uplink;
mod verify;
