//! EncoderManager, supervisor and encoder processes (SPEC ENC).
