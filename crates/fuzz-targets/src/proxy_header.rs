//! The header of the PROXY protocol that a trusted proxy sends first.

use radio_tower::request::proxy_header::{Parsed, V2_BYTES_MAX, parse};

/// No bytes cause a panic, at most the limit is requested, and reading on always ends.
pub fn run(bytes: &[u8]) {
    let mut taken = 0;
    while let Ok(Parsed::Wants(more)) = parse(&bytes[..taken]) {
        assert!(more > 0 && taken + more <= V2_BYTES_MAX);
        if taken == bytes.len() {
            return;
        }
        taken = (taken + more).min(bytes.len());
    }
    let _more_than_a_header = parse(bytes);
}
