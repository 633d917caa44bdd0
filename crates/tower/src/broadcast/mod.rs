//! The broadcast loop: numbered frames, released when due, to every listener (SPEC ENC-11, LIS).
