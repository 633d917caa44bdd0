//! The tower as a process of the system: its open files and systemd (SPEC OPS).
//!
//! Used by `serve`. It knows nothing of sound.

pub mod open_files;
pub mod systemd;
