//! Other people's programs around a tower: players, desktop DJ software, Icecast, reverse proxies.

#[path = "../common/mod.rs"]
mod common;
mod desktop;
mod player;

mod dj_desktop;
mod icecast;
mod media_players;
mod player_titles;
mod proxies;
