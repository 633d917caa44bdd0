//! Encoders that die, hang, lie and disagree: nothing of it is heard. A file has one way to go wrong.

#[path = "../fault_support/mod.rs"]
mod fault_support;

mod disagree;
mod double;
mod lies;
mod missing;
mod poison;
mod silence;
mod standstill;
