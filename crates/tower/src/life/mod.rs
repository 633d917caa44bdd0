//! Start, stop, systemd, logs (SPEC OPS).
