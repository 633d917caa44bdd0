//! The doors for PCM: Unix socket to router buffers (SPEC IN).
