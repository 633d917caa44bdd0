//! When a numbered frame is released to listeners (SPEC PUMP-2, ENC-11).
