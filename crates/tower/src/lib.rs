//! The program `tower`: doors to the world around [`radio_signal`], and the wiring between them.
//!
//! # Layout, in the order of the signal path
//!
//! [`ingest`], [`source`] and [`files`] fill buffers; [`pump`] owns the clock and asks the router what is on air; [`encoder`] turns
//! ticks into numbered frames; [`broadcast`] releases them when due; [`http`] is the door for listeners and operators, [`tls`] another to the same rooms.
//! [`serve`] joins them; [`titles`] says what is playing. [`state`] is what the doors share, [`setup`] the part of it that the configuration makes and [`reload`] replaces, [`ear`] what the tower hears
//! of itself, [`decode`] the processes that decode files and sources, [`media`] how they read its formats, [`desk`] what its operator wants, [`recent`] its last ten minutes, [`metrics`] its figures for Prometheus,
//! [`webhook`] who elsewhere is told what happens, [`station_events`] what the station has to say, [`text`] cleans lines of text. [`config`], [`cli`] and [`process`] are about the program itself.

pub mod broadcast;
pub mod child_process;
pub mod cli;
pub mod config;
pub mod decode;
pub mod desk;
pub mod ear;
pub mod encoder;
pub mod feeds;
pub mod files;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod logging;
pub mod media;
pub mod metrics;
pub mod password;
pub mod process;
pub mod pump;
pub mod recent;
pub mod reload;
pub mod serve;
pub mod setup;
pub mod source;
pub mod state;
pub mod station_events;
pub mod status;
pub mod text;
pub mod title;
pub mod titles;
pub mod tls;
pub mod uplink;
pub mod webhook;
