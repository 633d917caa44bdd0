//! Start, stop, systemd, logs, and what happened (SPEC OPS).

pub mod events;
pub mod journal;
pub mod libraries;
pub mod logging;
pub mod open_files;
pub mod systemd;
