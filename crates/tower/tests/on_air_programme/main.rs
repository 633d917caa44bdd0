//! What comes in and how it is heard: inputs, their rules, the changes between them, level and rate.

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod input_rules;
mod inputs;
mod producers;
mod rate;
mod sound;
