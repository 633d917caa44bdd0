//! The buffer of encoded frames, slots by number, written once (SPEC ENC-2, ENC-3).
