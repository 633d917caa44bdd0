//! When encoder processes are started, given up and replaced (SPEC ENC-6 to ENC-10).
