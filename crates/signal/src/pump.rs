//! The schedule of ticks (SPEC PUMP).
