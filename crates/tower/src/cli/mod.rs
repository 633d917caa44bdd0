//! The commands of `tower` (SPEC CFG-4).
