//! The commands of `tower` (SPEC CFG-4).

pub mod feed;
