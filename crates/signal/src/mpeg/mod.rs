//! MPEG audio framing (SPEC MPEG).
