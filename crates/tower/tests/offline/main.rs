//! What needs no tower on air and no program from elsewhere: `cargo xtask check` runs these.

mod config_command;
mod config_docs;
mod config_loading;
mod folders;
mod playlists;
mod source_clocks;
mod tags;
