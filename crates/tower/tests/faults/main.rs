//! Encoders that die, hang, lie and disagree, and what the off-air monitor and the operator do about it.

#[path = "../common/mod.rs"]
mod common;
mod scene;

mod alarms;
mod bad_ffmpeg;
mod busy_machine;
mod disagree;
mod double;
mod hostile_media;
mod hung_disk;
mod kills;
mod lies;
mod missing;
mod missing_ffmpeg;
mod off_air_monitor;
mod off_air_monitor_codecs;
mod operator_actions;
mod overload;
mod poison;
mod silence;
mod standstill;
mod unit_sandbox;
mod verdicts;
