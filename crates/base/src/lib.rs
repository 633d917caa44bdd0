//! What every part of Radio Tower may use.
//!
//! # Layout (a module uses only those above it; `cargo xtask tidy` checks it)
//!
//! - [`text`]: lines of text, cleaned, and the charset of text that declares none.
//! - [`title`]: what a song is called.
//! - [`journal`]: what happened, as types.
//! - [`password`]: a password in plain or as an Argon2 hash.
//! - [`child_process`]: how processes are started, limited and watched.

pub mod child_process;
pub mod journal;
pub mod password;
pub mod text;
pub mod title;
