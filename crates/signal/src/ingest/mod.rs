//! Bytes and samples to frames, and the buffer of each producer (SPEC IN).
