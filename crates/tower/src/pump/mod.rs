//! The clock: one thread, one tick every 24 ms (SPEC PUMP).
