//! What a trusted proxy writes first: no panic, no more than the limit is ever wanted, and the cut makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_tower::http::proxy_header::{Parsed, V2_BYTES_MAX, parse};

fuzz_target!(|bytes: &[u8]| {
    let mut taken = 0;
    while let Ok(Parsed::Wants(more)) = parse(&bytes[..taken]) {
        assert!(more > 0 && taken + more <= V2_BYTES_MAX);
        if taken == bytes.len() {
            return;
        }
        taken = (taken + more).min(bytes.len());
    }
    let _more_than_a_header = parse(bytes);
});
