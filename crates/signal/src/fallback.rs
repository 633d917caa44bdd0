//! File, tone, silence (SPEC FALL).
