//! The tower as a process of the system: its open files and systemd (SPEC OPS).

pub mod open_files;
pub mod systemd;
