//! What comes in: DJ software, inputs and the changes between them, the station's interface, titles.

#[path = "../common/mod.rs"]
mod common;
mod program;

mod changes;
mod children;
mod commands;
mod connections;
mod external_decoders;
mod ffmpeg_decoders;
mod he_aac;
mod input_rules;
mod inputs;
mod media;
mod mixed_playlist;
mod ogg_pauses;
mod producers;
mod source_clients;
mod source_requests;
mod station;
mod steady_inputs;
mod stream_damage;
mod stream_material;
mod stream_segments;
mod title_mounts;
mod titles;
